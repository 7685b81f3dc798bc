/*
 * The attach transport, for engines on another kernel, where no descriptor crosses: the container
 * is made at launch with the step's environment, its script stands in the control folder, its
 * output comes through the engine. The gate is its process 1 here too ("exec"), for signals to
 * reach everything and for both streams to keep their order.
 *
 * Measured order, each deviation loses something: create → attach → (its 200 is seen) → start →
 * read to the end → inspect until it is not running. The end of the stream is no proof of exit (an
 * engine that dies looks the same), hence the inspect; a stream that is not read stalls the
 * engine's kill and inspect, hence output is never paused. Every launch makes a fresh container,
 * also with isolation "job".
 */
#include "engine/step_box_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/demux.h"

/* After the stream's end the exit code is there within milliseconds; slower only when the stream
 * was lost while the step runs on. */
#define ASK_FIRST_US (3 * USEC_PER_MSEC)
#define ASK_MAX_US (1 * USEC_PER_SEC)
#define DOUBT_US (500 * USEC_PER_MSEC)
#define SCRIPT_FOLDER GATE_CONTROL

struct box_attach {
	struct step_box *box;
	struct box_container *container;
	struct http_exchange *stream, *ask;
	struct loop_source *timer;
	struct demux demux;
	struct err error; /* what went wrong with the stream */
	int64_t pause_us;
	bool settled, up; /* launch waits for these */
	bool stream_ended, kill_overdue;
	bool broken; /* a stream before this one ended while the step ran */
	bool doubted;
	size_t oom_words; /* how much of GATE_OOM_WORDS came */
	struct err launch_error;
};

static void attach_ask(struct box_attach *a);
static void stream_again(struct box_attach *a);

/* ---- end of a step ---- */

static void finish(struct box_attach *a)
{
	loop_timer_set(a->timer, MONO_NEVER);
	box_finish(
		a->box, a->box->job->config->engine.isolation == ISOLATION_JOB && !a->box->killed);
}

static void finish_gone(struct box_attach *a, const struct err *infra)
{
	a->box->result.end = STEP_GONE;
	a->box->result.code = SIGKILL;
	if (infra)
		a->box->result.infra = *infra;
	finish(a);
}

static void attach_check_state(struct box_attach *a, const struct container_state *st)
{
	struct step_result *r = &a->box->result;
	struct err e = { 0 };

	r->oom = st->oom_killed || a->oom_words == sizeof(GATE_OOM_WORDS) - 1;
	r->output_lost = a->broken || a->error.class != ERR_NONE;
	if (a->box->killed) {
		finish_gone(a, NULL);
	} else if (st->exists && st->exit_code == 128 + SIGKILL && !r->oom && !a->doubted) {
		a->doubted = true; /* a removal kills first: in a moment it may be gone */
		loop_timer_set(a->timer, mono_add(mono_now(), DOUBT_US));
	} else if (!st->exists) {
		err_set(&e, ERR_ENGINE, "step container was removed from outside");
		finish_gone(a, &e);
	} else {
		r->end = STEP_EXITED;
		r->code = st->exit_code;
		finish(a);
	}
}

static void on_asked(struct http_exchange *x, void *data)
{
	struct box_attach *a = data;
	struct container_state st;
	struct err e = { 0 };
	int rc = engine_inspect_end(a->box->job->engine, x, &st, &e);
	long status = http_result(x)->status;
	int64_t pause;

	http_exchange_free(TAKE(a->ask));
	if (rc == 0)
		box_outage_end(&a->box->job->containers.outage, mono_now());
	else if (status >= 500)
		e.class = ERR_NET; /* an engine that is about to end, or not yet up */
	if (rc < 0 && box_ask_later(a->box, &e, &pause)) {
		a->broken = true; /* an engine that dies ends its streams in good order */
		loop_timer_set(a->timer, mono_add(mono_now(), pause));
	} else if (rc < 0) {
		err_wrap(&e, "output ended and the engine cannot say why");
		finish_gone(a, &e);
	} else if (st.exists && st.running && a->kill_overdue) {
		err_set(&e, ERR_TIMEOUT, "the engine did not end the step container within %d s",
			(int)(BOX_KILL_US / USEC_PER_SEC));
		finish_gone(a, &e);
	} else if (st.exists && st.running && a->pause_us >= ASK_MAX_US && !a->box->killed) {
		stream_again(a);
	} else if (st.exists && st.running) {
		loop_timer_set(a->timer, mono_add(mono_now(), a->pause_us));
		a->pause_us = a->pause_us * 2 > ASK_MAX_US ? ASK_MAX_US : a->pause_us * 2;
	} else {
		attach_check_state(a, &st);
	}
}

static void attach_ask(struct box_attach *a)
{
	struct err e = { 0 };

	if (a->ask)
		return;
	a->ask = engine_inspect_begin(
		a->box->job->engine, box_container_id(a->container), on_asked, a, &e);
	if (!a->ask)
		finish_gone(a, &e);
}

/* Polling for the exit code, or a kill that took too long. */
static void on_timer(struct loop_source *s UNUSED, void *data)
{
	struct box_attach *a = data;

	if (a->box->killed && !a->stream_ended)
		a->kill_overdue = true;
	attach_ask(a);
}

/* ---- stream ---- */

/* The step's own stderr is joined with its stdout: what comes here is the gate's, or the engine's
 * runtime complains and people should see it. */
static void on_payload(void *data, enum demux_stream stream, const char *p, size_t n)
{
	static const char words[] = GATE_OOM_WORDS;
	struct box_attach *a = data;

	while (stream == DEMUX_STDERR && n && a->oom_words < sizeof(words) - 1 &&
		words[a->oom_words] == *p) {
		a->oom_words++;
		p++;
		n--;
	}
	if (n)
		box_output(a->box, p, n);
}

static int on_body(void *data, const char *p, size_t n)
{
	struct box_attach *a = data;
	struct step_box *b = a->box;
	struct err e = { 0 };

	if (demux_feed(&a->demux, p, n, &e) == 0)
		return b->freed ? -1 : 0;
	a->error = e;
	return -1;
}

static void on_headers(void *data, long status)
{
	struct box_attach *a = data;

	/* the engine registers the stream before it answers: now nothing can be lost */
	if (status == 200 && !a->settled)
		box_container_start(a->container);
}

static void settle(struct box_attach *a, const struct err *e)
{
	if (a->settled)
		return;
	if (e)
		a->launch_error = *e;
	a->up = !e;
	a->settled = true;
}

static void on_stream_end(struct http_exchange *x, void *data)
{
	struct box_attach *a = data;
	const struct http_result *r = http_result(x);
	struct err e = { 0 };

	a->stream_ended = true;
	if (r->status != 200) {
		engine_exchange_error(a->box->job->engine, x, &e);
		settle(a, &e);
	} else if (a->error.class == ERR_NONE && r->outcome != HTTP_DONE) {
		err_set(&a->error, ERR_NET, "output stream: %s", r->error);
	} else if (a->error.class == ERR_NONE && demux_end(&a->demux, &a->error) < 0) {
		err_wrap(&a->error, "output stream");
	}
	if (a->error.class)
		log_warn("box", "output_cut", F_STR("step", a->box->step_id), F_ERR(&a->error));
	http_exchange_free(TAKE(a->stream));
	if (!a->up)
		return; /* the start's own answer tells; if it comes, the end is asked for then */
	a->pause_us = a->broken ? ASK_MAX_US / 2 : ASK_FIRST_US;
	attach_ask(a);
}

/* ---- container ---- */

static void kill_box(struct step_box *b)
{
	struct box_attach *a = b->impl;

	box_container_kill(a->container, NULL, NULL); /* not created yet: on_up comes back here */
	if (!a->stream_ended)
		loop_timer_set(a->timer, mono_add(mono_now(), BOX_KILL_US));
}

static void stream_begin(struct box_attach *a, struct err *e)
{
	struct engine_attach cb = { .on_body = on_body, .on_headers = on_headers, .data = a };

	demux_init(&a->demux, on_payload, a);
	a->stream = engine_attach_begin(
		a->box->job->engine, box_container_id(a->container), &cb, on_stream_end, e);
}

static void on_created(void *data)
{
	struct box_attach *a = data;
	struct err e = { 0 };

	stream_begin(a, &e);
	if (!a->stream)
		settle(a, &e);
}

/* The stream is gone and the step runs on, seconds later: the engine was restarted. What it wrote
 * meanwhile is lost, the rest need not be. */
static void stream_again(struct box_attach *a)
{
	struct err e = { 0 };

	a->broken = true;
	a->error = (struct err){ 0 };
	a->stream_ended = false;
	stream_begin(a, &e);
	if (a->stream)
		return;
	a->stream_ended = true;
	loop_timer_set(a->timer, mono_add(mono_now(), ASK_MAX_US));
}

static void on_up(void *data)
{
	struct box_attach *a = data;

	settle(a, NULL);
	if (a->box->killed)
		kill_box(a->box);
	if (a->stream_ended) {
		a->pause_us = ASK_FIRST_US;
		attach_ask(a);
	}
}

static void on_failed(void *data, const struct err *e)
{
	settle(data, e);
}

static void launch_release(struct box_attach *a)
{
	http_exchange_free(TAKE(a->stream));
	http_exchange_free(TAKE(a->ask));
	box_container_discard(TAKE(a->container));
	loop_timer_set(a->timer, MONO_NEVER);
}

static int script_write(
	const char *folder, const struct step_launch *l, const char *name, struct err *e)
{
	CLEAN_STR char *path = path_join(folder, name);
	CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set_errno(e, errno, "script %s", path);
	if (fd_write_all(fd, l->script, l->script_len, e) < 0)
		return err_wrap(e, "script %s", path);
	/* read by the step's uid; a 0700 folder stands above on the host */
	if (fchmod(fd, 0555) < 0)
		return err_set_errno(e, errno, "script %s", path);
	return 0;
}

static void plan_command(struct box_plan *p, const struct step_launch *l, const char *path)
{
	strv_add(&p->argv, GATE_BINARY);
	strv_add(&p->argv, GATE_MODE_EXEC);
	strv_add(&p->argv, l->working_dir);
	box_argv(l->argv, path, &p->argv);
	if (l->env)
		strv_each (entry, l->env)
			strv_add(&p->env, entry);
}

static int container_make(struct box_attach *a, const struct step_launch *l, struct err *e)
{
	static const struct box_container_events events = {
		.created = on_created, .up = on_up, .failed = on_failed
	};
	const char *name = l->script_name ? l->script_name : "script";
	CLEAN_STR char *path = l->script ? xasprintf("%s/%s", SCRIPT_FOLDER, name) : NULL;
	struct box_job *j = a->box->job;
	struct box_plan plan;

	box_job_plan(a->box, &plan);
	plan_command(&plan, l, path);
	a->container = box_container_new(&j->containers, &plan, j->control_dir, e);
	if (!a->container)
		return -1;
	const char *control = box_container_control(a->container);
	if (l->script && script_write(control, l, name, e) < 0)
		return -1;
	box_plan_mount(box_container_plan(a->container), control, GATE_CONTROL, true);
	box_container_after(a->container, j->holder);
	box_container_begin(a->container, &events, a);
	return 0;
}

/* ---- the transport ---- */

static int prepare(struct step_box *b, struct err *e UNUSED)
{
	struct box_attach *a = xcalloc(1, sizeof(*a));

	a->box = b;
	a->timer = loop_timer(b->job->loop, MONO_NEVER, on_timer, a);
	b->impl = a;
	box_settle(b, NULL);
	return 0;
}

static int launch(struct step_box *b, const struct step_launch *l, struct err *e)
{
	struct box_attach *a = b->impl;

	launch_release(a); /* of the launch before */
	a->settled = a->up = a->stream_ended = a->kill_overdue = a->broken = a->doubted = false;
	a->error = (struct err){ 0 };
	a->oom_words = 0;
	if (container_make(a, l, e) == 0 && box_wait(b->job, &a->settled, e) == 0) {
		if (b->freed)
			return -1;
		if (a->up)
			return 0;
		if (e) /* of a holder that failed, its own */
			*e = b->job->holder_failed ? b->job->holder_error : a->launch_error;
	}
	launch_release(a);
	return -1;
}

static void signal_all(struct step_box *b, int sig)
{
	struct box_attach *a = b->impl;

	box_container_signal(a->container, sig);
}

static void release(struct step_box *b)
{
	struct box_attach *a = b->impl;

	if (!a)
		return;
	launch_release(a);
	loop_source_unref(&a->timer);
	a->settled = true;
}

static struct box_container *container_of_box(const struct step_box *b)
{
	const struct box_attach *a = b->impl;

	return a ? a->container : NULL;
}

const struct box_transport box_attach_transport = {
	.prepare = prepare,
	.launch = launch,
	.signal = signal_all,
	.kill = kill_box,
	.container = container_of_box,
	.release = release,
};
