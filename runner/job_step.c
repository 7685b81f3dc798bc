/*
 * One step to its end: condition, checkout or script, log, statuses. Sequential code that waits on
 * the loop; interruptions come through job_end, which makes the waits here return.
 */
#include "runner/job.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runner/channel.h"

/* Between a kill through the engine and giving up on hearing of the box's end. */
#define KILL_PATIENCE_US (60 * USEC_PER_SEC)

const char *outcome_text(enum outcome o)
{
	static const char *const texts[] = { "success", "failure", "cancelled", "timed_out",
		"skipped" };

	return texts[o];
}

/* What a cause makes of a step that was running. */
static enum outcome interrupted(const struct job *j)
{
	return j->cause == CAUSE_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED;
}

static enum outcome step_fails(struct job *j, const struct err *e)
{
	step_log_line(j->log, "[shithub] error: %s", e->text);
	return j->cause != CAUSE_NONE ? interrupted(j) : OUTCOME_FAILURE;
}

/* ---- conditions ---- */

/* Strips `${{ … }}` and blanks. */
static char *bare_condition(const char *text)
{
	size_t n = strlen(text);

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	while (n && strchr(" \t\r\n", *text))
		text++, n--;
	if (n >= 5 && str_starts(text, "${{") && memcmp(text + n - 2, "}}", 2) == 0) {
		CLEAN_STR char *inner = xmemdup0(text + 3, n - 5);

		return bare_condition(inner);
	}
	return xmemdup0(text, n);
}

/* 1 run, 0 skip, -1 not understood. */
static int step_wanted(const struct job *j, const struct step_spec *s, struct err *e)
{
	bool fine = !j->failed && j->cause == CAUSE_NONE;
	const struct {
		const char *text;
		bool value;
	} known[] = {
		{ "", fine },
		{ "success()", fine },
		{ "true", fine },
		{ "always()", true },
		{ "failure()", j->failed && j->cause == CAUSE_NONE },
		{ "cancelled()", j->cause == CAUSE_CANCELLED },
		{ "!cancelled()", j->cause != CAUSE_CANCELLED },
		{ "false", false },
	};
	CLEAN_STR char *text = bare_condition(s->condition ? s->condition : "");

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(text, known[i].text))
			return known[i].value;
	return err_set(e, ERR_INPUT,
		"if: \"%s\" is not supported, expected one of success() failure() always() "
		"cancelled() true false",
		s->condition);
}

/* ---- checkout ---- */

struct checkout_wait {
	struct job *job;
	struct checkout_result result;
};

static void on_checkout_line(void *data, const char *line)
{
	struct checkout_wait *w = data;

	step_log_line(w->job->log, "%s", line);
}

static void on_checkout_done(void *data, const struct checkout_result *r)
{
	struct checkout_wait *w = data;

	w->result = *r;
	w->job->step_over = true;
}

/* The supervisor starts the child; we keep the other end of its socket. */
static int request_child(struct job *j, struct err *e)
{
	struct channel_message m = { .type = CHANNEL_CHECKOUT, .fd = -1 };
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(e, errno, "socket for the checkout");
	m.fd = pair[1];
	rc = channel_send(j->channel, &m, e);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return -1;
	}
	return pair[0];
}

/* actions/checkout's inputs that mean something here; what we would have to ignore is an error. */
static int read_inputs(const struct step_spec *s, struct checkout_request *r, struct err *e)
{
	r->depth = 1;
	for (size_t i = 0; i < s->with.n; i++) {
		const char *key = s->with.v[i].key, *value = s->with.v[i].value;

		if (str_eq(key, "path")) {
			r->path = value;
		} else if (str_eq(key, "fetch-depth")) {
			if (!parse_i64(value, 0, 100000, &r->depth))
				return err_set(e, ERR_INPUT,
					"fetch-depth \"%s\": expected a whole number from 0 to "
					"100000",
					value);
		} else if (!(str_eq(key, "clean") || str_eq(key, "persist-credentials"))) {
			return err_set(e, ERR_INPUT,
				"actions/checkout: input \"%s\" is not supported, expected "
				"fetch-depth, path, clean or persist-credentials",
				key);
		}
	}
	return 0;
}

static enum outcome run_checkout(struct job *j, const struct step_spec *s)
{
	struct checkout_wait w = { .job = j };
	struct checkout_request r = { .url = j->spec->checkout_url,
		.token = j->spec->checkout_token,
		.sha = j->spec->head_sha,
		.ref = j->spec->head_ref,
		.workspace = j->workspace,
		.ca_file = j->config->server.ca_file };
	struct err e = { 0 };
	int fd;

	if (read_inputs(s, &r, &e) < 0 || checkout_request_check(&r, &e) < 0)
		return step_fails(j, &e);
	fd = request_child(j, &e);
	if (fd < 0)
		return step_fails(j, &e);
	j->step_over = false;
	j->checkout = checkout_start(j->loop, fd, &r, on_checkout_line, on_checkout_done, &w, &e);
	if (!j->checkout)
		return step_fails(j, &e);
	if (loop_wait(j->loop, &j->step_over, MONO_NEVER, &e) < 0)
		return step_fails(j, &e);
	checkout_free(TAKE(j->checkout));
	if (j->cause != CAUSE_NONE)
		return interrupted(j);
	return w.result.ok ? OUTCOME_SUCCESS : step_fails(j, &w.result.error);
}

/* ---- scripts ---- */

struct script_wait {
	struct job *job;
	struct step_result result;
};

static void on_output(void *data, const char *p, size_t n)
{
	struct script_wait *w = data;

	step_log_bytes(w->job->log, p, n);
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct script_wait *w = data;

	w->result = *r;
	w->job->step_over = true;
}

static int refuse_expressions(const struct step_spec *s, struct err *e)
{
	if (strstr(s->run, "${{"))
		return err_set(e, ERR_INPUT, "run: expressions (${{ … }}) are not supported");
	for (size_t i = 0; i < s->env.n; i++)
		if (strstr(s->env.v[i].value, "${{"))
			return err_set(e, ERR_INPUT,
				"env.%s: expressions (${{ … }}) are not supported",
				s->env.v[i].key);
	return 0;
}

/* A box of its own for each step, or the same one again (isolation = job). */
static size_t box_place(const struct job *j, size_t index)
{
	return j->config->engine.isolation == ISOLATION_JOB ? 0 : index;
}

static struct step_box *take_box(struct job *j, size_t index)
{
	job_prepare_boxes(j, index);
	return TAKE(j->ahead[box_place(j, index)]);
}

static void give_back(struct job *j)
{
	struct step_box *box = TAKE(j->box);

	if (j->config->engine.isolation == ISOLATION_JOB && j->cause == CAUSE_NONE)
		j->ahead[0] = box;
	else
		step_box_free(box);
}

static enum outcome judge(struct job *j, const struct step_result *r)
{
	if (r->output_cut)
		step_log_line(j->log,
			"[shithub] a background process still held the output open; %s",
			j->config->engine.isolation == ISOLATION_JOB ? "what it writes is dropped"
								     : "it was ended");
	if (j->cause != CAUSE_NONE)
		return interrupted(j);
	if (r->oom)
		step_log_line(j->log, "[shithub] killed: out of memory, limit %" PRIu64 " MiB",
			j->config->engine.memory >> 20);
	if (r->end == STEP_EXITED && r->code == 0)
		return OUTCOME_SUCCESS;
	if (r->end == STEP_EXITED)
		step_log_line(j->log, "[shithub] exit code %d", r->code);
	else if (r->end == STEP_SIGNALED)
		step_log_line(j->log, "[shithub] killed by signal %d", r->code);
	else if (r->infra.class != ERR_NONE)
		step_log_line(j->log, "[shithub] error: platform failure: %s", r->infra.text);
	else if (!r->oom)
		step_log_line(
			j->log, "[shithub] error: the step's container ended without a status");
	return OUTCOME_FAILURE;
}

static int launch(struct job *j, const struct step_spec *s, struct script_wait *w, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	CLEAN_STR char *dir = s->working_directory
				      ? xasprintf("%s/%s", BOX_WORKSPACE, s->working_directory)
				      : xstrdup(BOX_WORKSPACE);
	struct step_launch l = { .argv = &argv,
		.script = s->run,
		.script_len = strlen(s->run),
		.env = &env,
		.working_dir = dir,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = w };

	strv_split(&argv, "bash,--noprofile,--norc,-e,-o,pipefail,{0}", ',');
	step_env(j, s, &env);
	return step_box_launch(j->box, &l, e);
}

static enum outcome run_script(struct job *j, size_t index)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	struct script_wait w = { .job = j };
	enum outcome o;
	struct err e = { 0 };

	if (refuse_expressions(s, &e) < 0)
		return step_fails(j, &e);
	j->box = take_box(j, index);
	if (!j->box)
		return interrupted(j);
	j->step_over = false;
	if (launch(j, s, &w, &e) < 0) {
		step_box_free(TAKE(j->box));
		return step_fails(j, &e);
	}
	if (j->config->engine.isolation == ISOLATION_STEP)
		job_prepare_boxes(j, index + 1);
	if (j->cause != CAUSE_NONE) /* it came while the box was made ready */
		step_box_kill(j->box);
	if (loop_wait(j->loop, &j->step_over, MONO_NEVER, &e) < 0)
		BUG("waiting for a step: %s", e.text);
	loop_timer_set(j->grace, MONO_NEVER);
	o = judge(j, &w.result);
	give_back(j);
	return o;
}

/* ---- the step as a whole ---- */

static enum outcome run_step(struct job *j, size_t index)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	struct err e = { 0 };

	if (!str_empty(s->run))
		return run_script(j, index);
	if (str_eq(s->uses, "actions/checkout@v4"))
		return run_checkout(j, s);
	err_set(&e, ERR_INPUT, "uses: \"%s\" is not supported, expected actions/checkout@v4",
		s->uses);
	return step_fails(j, &e);
}

static void report_skipped(struct job *j, const struct step_spec *s)
{
	report_step_status(j->report, s->id,
		&(struct report_status){ .status = "skipped", .conclusion = "skipped" });
}

static void report_end(struct job *j, const struct step_spec *s, enum outcome o, struct wall start)
{
	report_step_status(j->report, s->id,
		&(struct report_status){
			.status = o == OUTCOME_CANCELLED ? "cancelled" : "completed",
			.conclusion = outcome_text(o),
			.started_at = start,
			.completed_at = wall_now() });
}

/* continue_on_error turns a failed outcome into a good conclusion. */
static void remember(struct job *j, const struct step_spec *s, enum outcome o)
{
	if (o == OUTCOME_FAILURE && !s->continue_on_error)
		j->failed = true;
}

enum outcome job_step(struct job *j, size_t index)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	struct wall start = wall_now();
	enum outcome o = OUTCOME_FAILURE;
	struct err e = { 0 };
	int wanted = step_wanted(j, s, &e);

	if (wanted == 0) {
		report_skipped(j, s);
		return OUTCOME_SKIPPED;
	}
	report_step_status(j->report, s->id,
		&(struct report_status){ .status = "running", .started_at = start });
	j->log = &j->logs[index];
	if (step_log_open(j->log, j->dir, (int64_t)index, j->mask, j->report, s->id,
		    j->config->runner.step_log_limit, &e) < 0) {
		log_error("job", "step_log", F_ERR(&e));
	} else {
		o = wanted < 0 ? step_fails(j, &e) : run_step(j, index);
		step_log_close(j->log);
	}
	j->log = NULL;
	if (o == OUTCOME_FAILURE && s->continue_on_error)
		o = OUTCOME_SUCCESS;
	else
		remember(j, s, o);
	report_end(j, s, o, start);
	return o;
}
