/*
 * The gate transport: the box's container is started ahead, its process 1 connects to our socket
 * and waits. A launch is one message and one pipe.
 *
 * A step is over when two things are known: how it ended (the gate's EXIT, or what the engine says
 * when the gate died without one) and that its output is complete (end of the pipe). Left-over
 * processes can hold the pipe open after EXIT: they get BOX_DRAIN_US, which lets a `> >(tee log)`
 * finish, then
 * - isolation "step": the connection is closed, which ends the gate and with it the container; what
 *   the pipe still holds is read to its end;
 * - isolation "job": they may be services for later steps. The result goes out, their pipe is read
 *   and dropped from then on, so that they neither block nor die of SIGPIPE.
 */
#include "engine/step_box_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/codec.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/gate_client.h"

enum phase { PHASE_CONNECT, PHASE_RUN, PHASE_DRAIN, PHASE_CUT, PHASE_LEFT, PHASE_ASK, PHASE_KILL };

/* How soon after its start a container is inspected when its gate is not here yet, and how often a
 * dead gate's container is asked for its exit code until the engine has it. */
#define CONNECT_LOOK_US (300 * USEC_PER_MSEC)
#define ASK_US (20 * USEC_PER_MSEC)
enum { PIPE_SIZE = 1 << 20, ASK_TRIES = 250, LEFTOVERS_MAX = 64 };

struct leftover {
	struct leftover *next;
	int fd;
	struct loop_source *source;
	char *buf; /* the job's */
};

struct box_gate {
	struct step_box *box;
	struct box_container *container;
	struct gate_client *client;
	struct http_exchange *ask;
	struct loop_source *timer, *pipe_source;
	int pipe; /* read end, -1 */
	enum phase phase;
	int asked;
	bool ended; /* how it ended is known */
	bool eof;   /* output is complete, or cut */
	bool left;  /* quiet processes are left, whose end is worth a word */
	struct leftover *leftovers;
};

static void gate_ask(struct box_gate *g);

static void phase_set(struct box_gate *g, enum phase phase, int64_t us)
{
	g->phase = phase;
	loop_timer_set(g->timer, us < 0 ? MONO_NEVER : mono_add(mono_now(), us));
}

/* ---- end of a step ---- */

static void pipe_close(struct box_gate *g)
{
	loop_source_unref(&g->pipe_source);
	close_fdp(&g->pipe);
}

/* The last touch: on_exit may free the box. */
static void maybe_finish(struct box_gate *g)
{
	struct step_box *b = g->box;
	bool again;

	if (!g->ended || !g->eof)
		return;
	if (g->left && !b->killed && !b->result.output_cut) {
		if (g->phase != PHASE_LEFT)
			phase_set(g, PHASE_LEFT, BOX_LEFT_US);
		return;
	}
	pipe_close(g);
	phase_set(g, PHASE_RUN, -1);
	again = b->job->config->engine.isolation == ISOLATION_JOB && g->client && !b->killed;
	if (!again)
		gate_client_free(TAKE(g->client)); /* ends what is left in the container */
	box_finish(b, again);
}

static void gone(struct box_gate *g, const struct err *infra)
{
	g->box->result.end = STEP_GONE;
	g->box->result.code = SIGKILL;
	if (infra)
		g->box->result.infra = *infra;
	g->ended = true;
}

static void on_leftover(struct loop_source *s, int fd, uint32_t events UNUSED, void *data)
{
	struct leftover *l = data;
	ssize_t n = read(fd, l->buf, BOX_READ_MAX);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	loop_source_unref(&s);
	l->source = NULL;
	close_fdp(&l->fd); /* the entry itself goes with the box */
}

/* Hands the pipe of processes that outlive their step to a reader that drops what comes. */
static void leave_behind(struct box_gate *g)
{
	struct leftover *l;
	int n = 0;

	for (l = g->leftovers; l; l = l->next)
		n += l->fd >= 0;
	if (n >= LEFTOVERS_MAX) {
		pipe_close(g);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	loop_source_unref(&g->pipe_source);
	*l = (struct leftover){
		.next = g->leftovers, .fd = TAKE_FD(g->pipe), .buf = g->box->job->read_buf
	};
	l->source = loop_io(g->box->job->loop, l->fd, EPOLLIN, on_leftover, l);
	g->leftovers = l;
}

static void leftovers_close(struct box_gate *g)
{
	while (g->leftovers) {
		struct leftover *l = g->leftovers;

		g->leftovers = l->next;
		loop_source_unref(&l->source);
		close_fdp(&l->fd);
		free(l);
	}
}

/* The drain is over and the pipe is still open. */
static void cut(struct box_gate *g)
{
	struct step_box *b = g->box;

	b->result.output_cut = true;
	if (g->phase == PHASE_DRAIN && b->job->config->engine.isolation == ISOLATION_STEP) {
		gate_client_free(TAKE(g->client));
		phase_set(g, PHASE_CUT, BOX_DRAIN_US);
		return;
	}
	if (g->phase == PHASE_DRAIN)
		leave_behind(g);
	g->eof = true;
	maybe_finish(g);
}

/* Nothing more is awaited of what the step left. */
static void left_over(struct box_gate *g)
{
	g->left = false;
	maybe_finish(g);
}

static void on_emptied(void *data)
{
	left_over(data);
}

static void stuck(struct box_gate *g)
{
	struct err e = { 0 };

	err_set(&e, ERR_TIMEOUT, "the engine did not end the step container within %d s",
		(int)(BOX_KILL_US / USEC_PER_SEC));
	gone(g, &e);
	g->box->result.output_cut = !g->eof;
	g->eof = true;
	maybe_finish(g);
}

static void on_timer(struct loop_source *s UNUSED, void *data)
{
	struct box_gate *g = data;

	switch (g->phase) {
	case PHASE_CONNECT:
	case PHASE_ASK:
		gate_ask(g);
		break;
	case PHASE_DRAIN:
	case PHASE_CUT:
		cut(g);
		break;
	case PHASE_LEFT:
		g->box->result.left_ended = true;
		left_over(g);
		break;
	case PHASE_KILL:
		stuck(g);
		break;
	case PHASE_RUN:
		break;
	}
}

/* How it ended is known; the output has BOX_DRAIN_US to end too. */
static void ended(struct box_gate *g)
{
	g->ended = true;
	if (!g->eof)
		phase_set(g, PHASE_DRAIN, BOX_DRAIN_US);
	maybe_finish(g);
}

/* ---- a gate that died ---- */

static const char *exit_words(int code)
{
	static const struct {
		int code;
		const char *words;
	} table[] = {
		{ GATE_EXIT_OK, "its gate ended by itself" },
		{ GATE_EXIT_CONNECT, "its gate could not connect to the control socket" },
		{ GATE_EXIT_PROTO, "its gate refused a message" },
		{ GATE_EXIT_USAGE, "its gate was started wrongly" },
		{ GATE_EXIT_SYSTEM, "its gate was refused a basic system call (seccomp profile?)" },
		{ 128 + SIGKILL, "it was killed from outside" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].code == code)
			return table[i].words;
	}
	return "its process 1 ended";
}

/* What the engine knows about the end, as the step's result or the reason it never began. */
static void gate_check_state(struct box_gate *g, const struct container_state *st)
{
	struct step_box *b = g->box;
	struct err e = { 0 };

	if (!st->exists)
		err_set(&e, ERR_ENGINE, "step container was removed from outside");
	else if (st->oom_killed)
		err_set(&e, ERR_LIMIT, "step container ran out of memory");
	else
		err_set(&e, ERR_PROTO, "step container ended: %s (exit code %d)%s%s",
			exit_words(st->exit_code), st->exit_code, *st->error ? ": " : "",
			st->error);
	if (b->state != BOX_RUNNING) {
		box_settle(b, &e);
		return;
	}
	b->result.oom = st->oom_killed;
	gone(g, st->oom_killed ? NULL : &e);
	ended(g);
}

static void judge_failed(struct box_gate *g, struct err *e)
{
	err_wrap(e, "step container ended and the engine cannot say why");
	if (g->box->state != BOX_RUNNING) {
		box_settle(g->box, e);
		return;
	}
	gone(g, e);
	ended(g);
}

static void on_asked(struct http_exchange *x, void *data)
{
	struct box_gate *g = data;
	struct container_state st;
	struct err e = { 0 };
	int rc = engine_inspect_end(g->box->job->engine, x, &st, &e);
	long status = http_result(x)->status;
	int64_t pause;

	http_exchange_free(TAKE(g->ask));
	if (rc == 0)
		box_outage_end(&g->box->job->containers.outage, mono_now());
	else if (status >= 500)
		e.class = ERR_NET; /* an engine that is about to end, or not yet up */
	if (g->phase == PHASE_CONNECT && g->client && gate_client_connected(g->client))
		return; /* it came meanwhile */
	if (rc < 0 && box_ask_later(g->box, &e, &pause))
		phase_set(g, g->phase, pause);
	else if (rc < 0)
		judge_failed(g, &e);
	else if (!st.running || g->asked >= ASK_TRIES)
		gate_check_state(g, &st);
	else if (g->phase == PHASE_CONNECT)
		phase_set(g, PHASE_CONNECT, CONNECT_LOOK_US);
	else
		phase_set(g, PHASE_ASK, ASK_US);
}

static void gate_ask(struct box_gate *g)
{
	struct err e = { 0 };

	g->asked += g->phase == PHASE_ASK;
	g->ask = engine_inspect_begin(
		g->box->job->engine, box_container_id(g->container), on_asked, g, &e);
	if (!g->ask)
		judge_failed(g, &e);
}

/* ---- gate events ---- */

static void on_connected(void *data)
{
	struct box_gate *g = data;

	phase_set(g, PHASE_RUN, -1);
	box_settle(g->box, NULL);
}

static void on_failed(void *data, const struct err *e)
{
	struct box_gate *g = data;

	gone(g, e);
	ended(g);
}

static void on_exited(void *data, const struct gate_exit_status *s)
{
	struct box_gate *g = data;
	struct step_result *r = &g->box->result;

	if (WIFSIGNALED(s->status)) {
		r->end = STEP_SIGNALED;
		r->code = WTERMSIG(s->status);
	} else {
		r->end = STEP_EXITED;
		r->code = WEXITSTATUS(s->status);
	}
	r->oom = s->oom_kills > 0;
	g->left = s->left && g->box->job->config->engine.isolation == ISOLATION_STEP;
	ended(g);
}

/* Process 1 is gone. Before EXIT that is the step's end; after it nothing depends on it. */
static void on_closed(void *data, const struct err *e)
{
	struct box_gate *g = data;

	gate_client_free(TAKE(g->client));
	if (e->class)
		log_warn("box", "gate_closed", F_STR("step", g->box->step_id), F_ERR(e));
	if (g->ended && g->box->state == BOX_RUNNING)
		return;
	g->asked = 0;
	g->phase = PHASE_ASK;
	gate_ask(g);
}

/* ---- prepare, launch ---- */

static void on_up(void *data)
{
	struct box_gate *g = data;

	if (g->client && !gate_client_connected(g->client))
		phase_set(g, PHASE_CONNECT, CONNECT_LOOK_US);
}

static void on_start_failed(void *data, const struct err *e)
{
	box_settle(((struct box_gate *)data)->box, e);
}

static int prepare(struct step_box *b, struct err *e)
{
	static const struct gate_events gate_events = { .connected = on_connected,
		.failed = on_failed,
		.exited = on_exited,
		.closed = on_closed,
		.emptied = on_emptied };
	static const struct box_container_events events = { .up = on_up,
		.failed = on_start_failed };
	struct box_gate *g = xcalloc(1, sizeof(*g));
	struct box_plan plan;

	g->box = b;
	g->pipe = -1;
	g->timer = loop_timer(b->job->loop, MONO_NEVER, on_timer, g);
	b->impl = g;
	box_job_plan(b, &plan);
	strv_add(&plan.argv, GATE_BINARY);
	strv_add(&plan.argv, GATE_MODE_SERVE);
	strv_add(&plan.argv, GATE_SOCKET);
	g->container = box_container_new(&b->job->containers, &plan, b->job->control_dir, e);
	if (!g->container)
		return -1;
	const char *control = box_container_control(g->container);
	box_plan_mount(box_container_plan(g->container), control, GATE_CONTROL, true);
	g->client = gate_client_listen(b->job->loop, control, &gate_events, g, e);
	if (!g->client)
		return -1;
	box_container_after(g->container, b->job->holder);
	box_container_begin(g->container, &events, g);
	return 0;
}

static void on_pipe(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	struct box_gate *g = data;
	struct step_box *b = g->box;
	char *buf = b->job->read_buf;
	size_t budget = BOX_READ_MAX;

	while (budget > 0) {
		ssize_t n = read(fd, buf, budget);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			g->eof = true;
			pipe_close(g);
			maybe_finish(g);
			return;
		}
		if (!box_output(b, buf, (size_t)n))
			return;
		budget -= (size_t)n;
	}
}

/* The read end is ours and non-blocking; the write end crosses to the step. */
static int pipe_open(struct box_gate *g, int *ret_write, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "output pipe");
	g->pipe = fds[0];
	*ret_write = fds[1];
	IGNORE_RESULT(fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE), "fewer, larger reads; a bonus");
	/* the step's uid is not ours and may open /dev/stdout by name */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 || fchmod(fds[1], 0666) < 0)
		return err_set_errno(e, errno, "output pipe");
	g->pipe_source = loop_io(g->box->job->loop, g->pipe, EPOLLIN, on_pipe, g);
	return 0;
}

static char *script_path(const struct step_launch *l)
{
	unsigned char raw[8];
	char hex[2 * sizeof(raw) + 1];

	if (!l->script)
		return NULL;
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), hex);
	return xasprintf(
		GATE_SCRIPT_ROOT "/%s/%s", hex, l->script_name ? l->script_name : "script");
}

static int launch(struct step_box *b, const struct step_launch *l, struct err *e)
{
	static const struct strv none = { 0 };
	CLEAN_STR char *path = script_path(l);
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_FD int output = -1;
	struct box_gate *g = b->impl;

	box_argv(l->argv, path, &argv);
	struct gate_request r = { .argv = &argv,
		.env = l->env ? l->env : &none,
		.cwd = l->working_dir,
		.script_path = path,
		.script = l->script,
		.script_len = l->script ? l->script_len : 0 };
	g->ended = g->eof = false;
	if (pipe_open(g, &output, e) < 0 ||
		gate_client_run(g->client, &r, TAKE_FD(output), e) < 0) {
		pipe_close(g);
		return -1;
	}
	return 0;
}

/* ---- signal, kill, release ---- */

static void signal_all(struct step_box *b, int sig)
{
	struct box_gate *g = b->impl;

	if (g->client)
		gate_client_signal(g->client, sig);
}

static void on_kill_answer(void *data, const struct err *e)
{
	struct box_gate *g = data;

	if (e)
		log_warn("box", "kill_failed", F_STR("step", g->box->step_id), F_ERR(e));
	g->ended = true;
	maybe_finish(g);
}

/* Closing the connection ends process 1 and so the container at once; the engine's kill says the
 * same with authority, and its answer is waited for. */
static void kill_box(struct step_box *b)
{
	struct box_gate *g = b->impl;

	gate_client_free(TAKE(g->client));
	http_exchange_free(TAKE(g->ask));
	if (!g->ended)
		gone(g, NULL); /* else its own end stands, only its left-overs are killed */
	g->ended = false;
	phase_set(g, PHASE_KILL, BOX_KILL_US);
	box_container_kill(g->container, on_kill_answer, g);
}

static void release(struct step_box *b)
{
	struct box_gate *g = b->impl;

	if (!g)
		return;
	gate_client_free(TAKE(g->client));
	http_exchange_free(TAKE(g->ask));
	loop_source_unref(&g->timer);
	pipe_close(g);
	leftovers_close(g);
	box_container_discard(TAKE(g->container));
}

static struct box_container *container_of_box(const struct step_box *b)
{
	const struct box_gate *g = b->impl;

	return g ? g->container : NULL;
}

const struct box_transport box_gate_transport = {
	.prepare = prepare,
	.launch = launch,
	.signal = signal_all,
	.kill = kill_box,
	.container = container_of_box,
	.release = release,
};
