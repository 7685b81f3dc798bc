/* See job.h. */
#include "runner/job.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "runner/channel.h"
#include "runner/job_outputs.h"
#include "runner/local_report.h"
#include "runner/role.h"
#include "runner/step_text.h"
#include "runner/workspace_watch.h"

#define CANCEL_POLL_US (5 * USEC_PER_SEC)
/* Reports are tried as long as the token chain can live; a stopping host does not wait that long.
 */
#define REPORT_DEADLINE_US (14 * 60 * USEC_PER_SEC)
/* always() and cancelled() steps of a job that was cancelled or timed out, all together. */
#define LAST_CALL_US (5 * 60 * USEC_PER_SEC)
#define SHUTDOWN_DEADLINE_US (20 * USEC_PER_SEC)

/* ---- interrupts and causes ---- */

static void on_grace(struct loop_source *src, void *data)
{
	struct job *j = data;

	(void)src;
	if (j->box)
		step_box_kill(j->box);
}

void job_interrupt(struct job *j, enum interrupt why)
{
	if (!j->log || j->interrupt != INTERRUPT_NONE)
		return;
	j->interrupt = why;
	if (j->checkout) {
		checkout_free(TAKE(j->checkout));
		j->step_over = true;
	}
	if (j->acting)
		j->step_over = true;
	if (!j->box)
		return;
	if (!j->launched || j->config->runner.stop_grace_us == 0 || j->cause == CAUSE_LOST ||
		why == INTERRUPT_FAILED) {
		step_box_kill(j->box);
		return;
	}
	step_box_signal(j->box, SIGTERM);
	loop_timer_set(j->grace, mono_add(loop_now(j->loop), j->config->runner.stop_grace_us));
}

/* A step whose condition holds for a cancelled job too, always() say, is left alone. */
static bool outlives_cancel(struct job *j)
{
	struct err ignored = { 0 };
	bool outlives;

	if (j->cause != CAUSE_CANCELLED || !j->log)
		return false;
	j->in_callback = true;
	outlives = step_condition(j, j->index, &ignored) == 1;
	j->in_callback = false;
	return outlives;
}

static enum interrupt interrupt_of(enum job_cause cause)
{
	if (cause == CAUSE_WORKSPACE)
		return INTERRUPT_FAILED;
	return cause == CAUSE_TIMED_OUT ? INTERRUPT_TIMED_OUT : INTERRUPT_CANCELLED;
}

void job_end(struct job *j, enum job_cause cause)
{
	static const char *const names[] = { "none", "cancelled", "timed_out", "shutdown",
		"workspace_limit", "lost" };

	if (cause == CAUSE_SHUTDOWN || cause == CAUSE_LOST || cause == CAUSE_WORKSPACE)
		j->no_more = true;
	if (j->cause == CAUSE_NONE) {
		j->cause = cause;
		job_journal_cause(j, names[cause]);
		log_info("job", "ending", F_STR("cause", names[cause]));
	} else if (!j->no_more) {
		return;
	}
	loop_timer_set(j->deadline, MONO_NEVER);
	loop_timer_set(j->last_call, mono_add(loop_now(j->loop), LAST_CALL_US));
	if (j->no_more || !outlives_cancel(j))
		job_interrupt(j, interrupt_of(cause));
}

/* Steps that run although the job was cancelled have had their time. */
static void on_last_call(struct loop_source *src, void *data)
{
	struct job *j = data;

	(void)src;
	j->no_more = true;
	job_interrupt(j, INTERRUPT_CANCELLED);
}

static void on_step_deadline(struct loop_source *src, void *data)
{
	(void)src;
	job_interrupt(data, INTERRUPT_TIMED_OUT);
}

static void on_deadline(struct loop_source *src, void *data)
{
	(void)src;
	job_end(data, CAUSE_TIMED_OUT);
}

static void on_term(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct job *j = data;

	(void)src, (void)si;
	if (j->cause == CAUSE_SHUTDOWN && j->box) /* asked again: no more grace */
		step_box_kill(j->box);
	job_end(j, CAUSE_SHUTDOWN);
}

static void on_cancel(void *data)
{
	job_end(data, CAUSE_CANCELLED);
}

static void on_lost(void *data, const char *why)
{
	log_error("job", "token_chain_lost", F_STR("error", why));
	job_end(data, CAUSE_LOST);
}

/* ---- secrets ---- */

static void mask_value(struct job *j, const char *name, const char *value, struct strv *too_short)
{
	bool is_short = false;
	struct err e = { 0 };

	if (mask_add(j->mask, value, strlen(value), &is_short, &e) < 0)
		log_warn("job", "mask_value", F_STR("name", name), F_ERR(&e));
	else if (is_short && name)
		strv_add(too_short, name);
}

static void load_mask(struct job *j, struct strv *too_short)
{
	j->mask = mask_new();
	for (size_t i = 0; i < j->spec->secrets.n; i++)
		mask_value(j, j->spec->secrets.v[i].key, j->spec->secrets.v[i].value, too_short);
	strv_each (value, &j->spec->mask_values)
		mask_value(j, NULL, value, too_short);
	mask_value(j, NULL, j->spec->token, too_short);
	if (j->spec->checkout_token)
		mask_value(j, NULL, j->spec->checkout_token, too_short);
}

/* ---- statuses ---- */

static void report_job(struct job *j, enum outcome o, struct wall start)
{
	report_job_status(
		j->report, &(struct report_status){
				   .status = o == OUTCOME_CANCELLED ? "cancelled" : "completed",
				   .conclusion = outcome_text(o),
				   .started_at = start,
				   .completed_at = wall_now() });
}

static enum outcome job_outcome(const struct job *j)
{
	if (j->cause == CAUSE_TIMED_OUT)
		return OUTCOME_TIMED_OUT;
	if (j->cause == CAUSE_WORKSPACE)
		return OUTCOME_FAILURE;
	if (j->cause != CAUSE_NONE)
		return OUTCOME_CANCELLED;
	return j->failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
}

/* In slices: a stop signal that comes meanwhile shortens what is left. */
static void deliver(struct job *j)
{
	struct mono begin = loop_now(j->loop);
	struct err e = { 0 };
	int64_t patience;
	int rc;

	report_poll_cancel(j->report, false);
	do {
		e = (struct err){ 0 };
		rc = report_flush(j->report, mono_add(loop_now(j->loop), USEC_PER_SEC), &e);
		patience = j->cause == CAUSE_SHUTDOWN ? SHUTDOWN_DEADLINE_US : REPORT_DEADLINE_US;
	} while (rc < 0 && err_is(&e, ERR_TIMEOUT) &&
		 mono_diff(loop_now(j->loop), begin) < patience);
	if (rc < 0)
		log_error("job", "reports_undelivered", F_ERR(&e));
	j->undelivered =
		rc < 0 && j->journal && j->cause == CAUSE_SHUTDOWN && err_is(&e, ERR_TIMEOUT);
}

static void skip_steps(struct job *j, size_t from)
{
	for (size_t i = from; i < j->spec->steps.n; i++)
		report_step_status(j->report, j->spec->steps.v[i].id,
			&(struct report_status){ .status = "skipped", .conclusion = "skipped" });
}

/* The platform failed before the first step could run: its reason is the first step's log. */
static void fail_before_steps(struct job *j, const struct err *why)
{
	struct step_spec *first = &j->spec->steps.v[0];
	struct wall now = wall_now();
	struct err e = { 0 };

	log_error("job", "not_started", F_ERR(why));
	progress_error(j->progress, why, true);
	j->failed = true;
	report_step_status(j->report, first->id,
		&(struct report_status){ .status = "running", .started_at = now });
	if (step_log_open(&j->runs[0].log, j->dir, 0, j->mask, j->report, first->id,
		    j->config->runner.step_log_limit, &e) == 0) {
		step_log_line(&j->runs[0].log, "[shithub] error: %s", why->text);
		step_log_close(&j->runs[0].log);
	}
	report_step_status(j->report, first->id,
		&(struct report_status){ .status = "completed",
			.conclusion = "failure",
			.started_at = now,
			.completed_at = wall_now() });
	skip_steps(j, 1);
}

/* ---- the job ---- */

static void note_short_secrets(const struct strv *names)
{
	strv_each (name, names)
		log_warn("job", "secret_short", F_STR("name", name),
			F_STR("effect", "masked as a whole value only"));
}

/* To the coordinator, or in a local run to the terminal. */
static struct report *open_report(struct job *j, int64_t job_id, const char *token)
{
	if (j->local)
		return local_report_new(&(struct local_report_spec){ .loop = j->loop,
			.job = j->spec,
			.fd = STDOUT_FILENO,
			.color = local_color(STDOUT_FILENO),
			.on_gone = on_cancel,
			.data = j });
	return session_new(&(struct session_spec){ .loop = j->loop,
		.http = j->http,
		.base_url = j->config->server.base_url,
		.job_id = job_id,
		.token = token,
		.cancel_poll_us = CANCEL_POLL_US,
		.on_cancel = on_cancel,
		.on_lost = on_lost,
		.data = j,
		.dir = j->journal ? j->dir : NULL,
		.steps = j->spec ? j->spec->steps.n : 1 });
}

static void run_steps(struct job *j)
{
	job_prepare_boxes(j, 0);
	for (size_t i = 0; i < j->spec->steps.n; i++)
		job_step(j, i);
	job_free_boxes(j);
}

/* 1 run the steps, 0 the job's condition says no, -1 it cannot run. */
static int job_prepare(struct job *j, struct err *e)
{
	int wanted;

	job_context_setup(j);
	if (job_env_render(j, e) < 0)
		return -1;
	wanted = job_condition(j, e);
	if (wanted == 1 && job_setup(j, e) < 0)
		return -1;
	return wanted;
}

static enum outcome run_job(struct job *j)
{
	int wanted;
	CLEANUP(strv_release) struct strv too_short = { 0 };
	struct wall start = wall_now();
	struct err e = { 0 };
	enum outcome o;

	load_mask(j, &too_short);
	j->report = open_report(j, j->spec->id, j->spec->token);
	note_short_secrets(&too_short);
	report_job_status(
		j->report, &(struct report_status){ .status = "running", .started_at = start });
	report_poll_cancel(j->report, true);
	loop_timer_set(
		j->deadline, mono_add(mono_now(), j->spec->timeout_minutes * 60 * USEC_PER_SEC));
	wanted = job_prepare(j, &e);
	if (wanted < 0)
		fail_before_steps(j, &e);
	else if (wanted)
		run_steps(j);
	else
		skip_steps(j, 0);
	o = wanted ? job_outcome(j) : OUTCOME_SKIPPED;
	if (wanted == 1 && j->cause != CAUSE_LOST)
		job_outputs_report(j);
	report_job(j, o, start);
	deliver(j);
	return o;
}

/* A claim that cannot be a job, but says whose it is: reported, so that nobody waits for it. */
static void report_malformed(struct job *j, const struct claim_identity *id, const struct err *why)
{
	struct step_log log = { 0 };
	struct err e = { 0 };
	struct wall now = wall_now();

	j->mask = mask_new();
	j->report = open_report(j, id->job_id, id->token);
	if (step_log_open(&log, j->dir, 0, j->mask, j->report, id->step_id, LIMIT_STEP_LOG, &e) <
		0) {
		log_error("job", "step_log", F_ERR(&e));
	} else {
		step_log_line(&log, "[shithub] error: this job could not be read: %s", why->text);
		step_log_close(&log);
	}
	report_job(j, OUTCOME_FAILURE, now);
	deliver(j);
	step_log_release(&log);
}

/* ---- life ---- */

static int read_claim(struct buf *claim, struct err *e)
{
	int rc = fd_read_all(ROLE_FD_CLAIM, claim, e);

	close(ROLE_FD_CLAIM);
	return rc < 0 ? err_wrap(e, "claim") : 0;
}

static void fill_progress(void *data, struct progress *p)
{
	const struct job *j = data;

	p->masked = j->mask ? mask_count(j->mask) : 0;
	p->queued = 0;
	for (size_t i = 0; j->runs && i < j->spec->steps.n; i++)
		p->queued += spool_pending(&j->runs[i].log.spool);
}

/* A job that can only be reported needs no folder, which may be why it can only be reported. */
static int find_folder(struct job *j, int64_t job_id, struct err *e)
{
	if (j->journal)
		j->dir = state_dir_job_path(&j->state, job_id);
	else if (j->local || !j->no_workspace)
		return state_dir_job_make(&j->state, job_id, &j->dir, e);
	return 0;
}

static int setup_process(struct job *j, int64_t job_id, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = j->config->server.ca_file };

	if (state_dir_join(&j->state, j->config->runner.state_dir, e) < 0 ||
		find_folder(j, job_id, e) < 0)
		return -1;
	j->loop = loop_new(e);
	j->http = j->loop ? http_new(j->loop, &http, e) : NULL;
	if (!j->http)
		return -1;
	j->deadline = loop_timer(j->loop, MONO_NEVER, on_deadline, j);
	j->step_deadline = loop_timer(j->loop, MONO_NEVER, on_step_deadline, j);
	j->grace = loop_timer(j->loop, MONO_NEVER, on_grace, j);
	j->last_call = loop_timer(j->loop, MONO_NEVER, on_last_call, j);
	j->term = loop_signal(j->loop, SIGTERM, on_term, j);
	j->progress = progress_sender_new(&(struct progress_sender_spec){
		.loop = j->loop, .channel = j->channel, .fill = fill_progress, .data = j });
	return 0;
}

static void teardown(struct job *j, int64_t job_id)
{
	struct err e = { 0 };

	workspace_watch_free(j->watch);
	job_free_boxes(j);
	box_job_close(j->boxes);
	for (size_t i = 0; j->runs && i < j->spec->steps.n; i++) {
		if (j->undelivered)
			spool_leave(&j->runs[i].log.spool);
		step_log_release(&j->runs[i].log);
		pairs_release(&j->runs[i].outputs);
	}
	free(j->runs);
	expr_arena_free(j->kept);
	flagged_env_release(&j->job_env);
	pairs_release(&j->env);
	strv_release(&j->path);
	report_free(j->report);
	mask_free(j->mask);
	engine_free(j->engine);
	loop_source_free(j->deadline);
	loop_source_free(j->step_deadline);
	loop_source_free(j->grace);
	loop_source_free(j->last_call);
	loop_source_free(j->term);
	http_free(j->http);
	loop_free(j->loop);
	/* with a journal it goes when the workspace has gone, by the supervisor */
	if (j->dir && !j->journal && state_dir_job_remove(&j->state, job_id, &e) < 0)
		log_warn("job", "folder_kept", F_ERR(&e));
	state_dir_release(&j->state);
	job_spec_free(j->spec);
	free(j->dir);
	free(j->files_dir);
	free(j->workspace);
	free(j->seccomp);
	free(j->gate_path);
	image_release(&j->image);
}

static void report_to_supervisor(const struct job *j, const char *conclusion)
{
	struct channel_message m = { .type = CHANNEL_REPORT, .fd = -1 };
	struct err e = { 0 };

	snprintf(m.text, sizeof(m.text), "%s", conclusion);
	if (channel_send(j->channel, &m, &e) < 0)
		log_warn("job", "supervisor_gone", F_ERR(&e));
}

static int live(struct job *j, bool cut)
{
	CLEAN_BUF struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES + 1);
	CLEANUP(claim_identity_release) struct claim_identity id = { 0 };
	struct err e = { 0 };
	const char *conclusion = "failure";

	if (read_claim(&claim, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "job: %s", e.text);
	claim_identity_scan(buf_cstr(&claim), claim.len, &id);
	CLEAN_STR char *job_id = xasprintf("%" PRId64, id.job_id);
	log_context("job", job_id);
	if (setup_process(j, id.job_id, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "job: %s", e.text);
	if (cut)
		err_set(&e, ERR_LIMIT, "the claim is larger than %zu MiB", LIMIT_CLAIM_BYTES >> 20);
	else
		j->spec = job_spec_parse(buf_cstr(&claim), claim.len, &e);
	wipe(claim.data, claim.len);
	if (j->spec) {
		wipe_charp(&id.token);
		job_journal_started(j);
		j->runs = xcalloc(j->spec->steps.n, sizeof(*j->runs));
		for (size_t i = 0; i < j->spec->steps.n; i++)
			j->runs[i].log.spool.fd = -1;
		conclusion = outcome_text(run_job(j));
	} else {
		log_error("job", "claim_malformed", F_ERR(&e));
		report_malformed(j, &id, &e);
	}
	progress_sender_free(TAKE(j->progress));
	if (!report_final_accepted(j->report))
		conclusion = j->undelivered ? "undelivered" : "lost";
	report_to_supervisor(j, conclusion);
	teardown(j, id.job_id);
	return EXIT_OK;
}

int job_role_main(int argc, char **argv)
{
	struct job j = { .channel = ROLE_FD_CHANNEL, .state = STATE_DIR_INIT };
	bool cut = false;
	const struct cli_flag flags[] = {
		{ "local", CLI_BOOL, &j.local, .help = "report to standard output" },
		{ "claim-cut", CLI_BOOL, &cut, .help = "the claim is not whole" },
		{ "journal", CLI_BOOL, &j.journal, .help = "go on with the supervisor's journal" },
		{ "no-workspace", CLI_STRING, &j.no_workspace, "TEXT", "why there is no workspace" }
	};
	struct runner_config config = { 0 };
	int rc = role_begin(argc, argv, flags, ARRAY_LEN(flags), &config);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : -rc;
	j.config = &config;
	rc = live(&j, cut);
	runner_config_release(&config);
	return rc;
}
