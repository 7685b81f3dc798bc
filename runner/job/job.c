/*
 * The main path is sequential code that waits on the loop, so that it can be read from top to
 * bottom. What comes from outside at any time is a cause (context/cause.h): it wakes the waits, and
 * the path checks for it. Everything that was opened is closed at one place, in the reverse order,
 * and each part of the job knows how.
 */
#include "runner/job/job.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "runner/context/journal.h"
#include "runner/context/outputs.h"
#include "runner/context/secrets.h"
#include "runner/context/text.h"
#include "runner/helper/workspace_watch.h"
#include "runner/ipc/role.h"
#include "runner/job/reporting.h"
#include "runner/job/setup.h"
#include "runner/job/step.h"
#include "runner/step/boxes.h"

/* ---- the job ---- */

static int hide_secrets(struct mask *m, const struct job_spec *spec, struct err *e)
{
	CLEANUP(strv_release) struct strv too_short = { 0 };
	int rc = secrets_hide(m, spec, &too_short, e);

	strv_each (name, &too_short)
		log_warn("job", "secret_short", F_STR("name", name),
			F_STR("effect", "masked as a whole value only"));
	return rc;
}

static void run_steps(struct job *j)
{
	boxes_prepare(j, 0);
	for (size_t i = 0; i < j->spec->steps.n; i++)
		job_step(j, i);
	if (j->state.cause != CAUSE_LOST && job_outputs_report(j) < 0)
		j->state.failed = true;
	job_steps_end(j);
	boxes_free(j->runs, j->spec->steps.n);
}

/* 1 run the steps, 0 the job's condition says no, -1 it cannot run. */
static int prepare_job(struct job *j, struct workspace_watch **ret_watch, struct err *e)
{
	int wanted;

	if (hide_secrets(j->out.mask, j->spec, e) < 0)
		return -1;
	job_values_init(&j->values, j->spec->event_payload);
	if (job_env_render(j, e) < 0)
		return -1;
	wanted = job_condition(j, e);
	if (wanted == 1 && job_setup(j, ret_watch, e) < 0) {
		if (j->state.cause == CAUSE_NONE && j->spec->run_id > 0)
			job_reports_platform(&j->out, e);
		return -1;
	}
	return wanted;
}

/* From the running status to the last one. */
static enum outcome run_job(struct job *j)
{
	struct workspace_watch *watch = NULL;
	struct report *report = j->out.report;
	struct wall start = wall_now();
	struct err e = { 0 };
	enum outcome o;
	int wanted;

	report_job_status(
		report, &(struct report_status){ .status = "running", .started_at = start });
	report_poll_cancel(report, true);
	job_timers_start(&j->timers, j->spec->timeout_minutes);
	wanted = prepare_job(j, &watch, &e);
	if (wanted < 0)
		reporting_fail_before_steps(j, &e);
	else if (wanted)
		run_steps(j);
	else
		reporting_skip_steps(report, j->spec, 0);
	o = wanted ? job_state_outcome(&j->state) : OUTCOME_SKIPPED;
	reporting_job(&j->out, o, start);
	reporting_deliver(j);
	workspace_watch_free(watch);
	return o;
}

static enum outcome run_parsed(struct job *j)
{
	job_journal_started(&j->place, j->spec);
	j->runs = step_runs_new(j->spec->steps.n);
	j->out.mask = mask_new();
	if (j->place.local)
		mask_show_hex(j->out.mask);
	j->out.report = reporting_open(j, j->spec->id, j->spec->token);
	return run_job(j);
}

/* ---- life ---- */

static int read_claim(struct buf *claim, struct err *e)
{
	int rc = fd_read_all(ROLE_FD_CLAIM, claim, e);

	close(ROLE_FD_CLAIM);
	return rc < 0 ? err_wrap(e, "claim") : 0;
}

static struct job_spec *parse_claim(const struct buf *claim, bool cut, struct err *e)
{
	if (!cut)
		return job_spec_parse(buf_cstr(claim), claim->len, e);
	err_set(e, ERR_LIMIT, "the claim is larger than %zu MiB", LIMIT_CLAIM_BYTES >> 20);
	return NULL;
}

static void fill_progress(void *data, struct progress *p)
{
	const struct job *j = data;

	p->masked = j->out.mask ? mask_count(j->out.mask) : 0;
	p->queued = 0;
	for (size_t i = 0; j->runs && i < j->spec->steps.n; i++)
		p->queued += spool_pending(&j->runs[i].log.spool);
}

static int setup_process(struct job *j, int64_t job_id, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = j->config->server.ca_file,
		.home = j->config->server.base_url };

	if (job_place_open(&j->place, j->config->runner.state_dir, job_id, e) < 0)
		return -1;
	j->loop = loop_new(e);
	j->http = j->loop ? http_new(j->loop, &http, e) : NULL;
	if (!j->http)
		return -1;
	job_timers_init(&j->timers, j);
	j->out.heartbeat = job_heartbeat_new(j->loop, j->out.channel);
	j->out.progress = progress_sender_new(&(struct progress_sender_spec){
		.loop = j->loop, .channel = j->out.channel, .fill = fill_progress, .data = j });
	return 0;
}

static void teardown(struct job *j)
{
	size_t steps = j->spec ? j->spec->steps.n : 0;

	boxes_free(j->runs, steps);
	job_engine_release(&j->engine);
	step_runs_free(j->runs, steps, j->out.undelivered);
	job_values_release(&j->values);
	job_reports_release(&j->out);
	job_timers_release(&j->timers);
	http_free(j->http);
	loop_free(j->loop);
	job_place_release(&j->place);
	job_spec_free(j->spec);
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
	j->spec = parse_claim(&claim, cut, &e);
	wipe(claim.data, claim.len);
	if (j->spec) {
		wipe_charp(&id.token);
		conclusion = outcome_text(run_parsed(j));
	} else {
		log_error("job", "claim_malformed", F_ERR(&e));
		reporting_malformed(j, &id, &e);
	}
	if (!report_final_accepted(j->out.report))
		conclusion = j->out.undelivered ? "undelivered" : "lost";
	job_reports_end(&j->out, conclusion);
	teardown(j);
	return EXIT_OK;
}

int job_role_main(int argc, char **argv)
{
	struct job j = { .out.channel = ROLE_FD_CHANNEL, .place = JOB_PLACE_INIT };
	bool cut = false;
	const struct cli_flag flags[] = { { "local", CLI_BOOL, &j.place.local,
						  .help = "report to standard output" },
		{ "shared-output", CLI_BOOL, &j.place.shared_output,
			.help = "with --local: other jobs report there too" },
		{ "claim-cut", CLI_BOOL, &cut, .help = "the claim is not whole" },
		{ "journal", CLI_BOOL, &j.place.journal,
			.help = "go on with the supervisor's journal" },
		{ "no-workspace", CLI_STRING, &j.place.no_workspace, "TEXT",
			"why there is no workspace" } };
	struct runner_config config = { 0 };
	int rc = role_begin(argc, argv, flags, ARRAY_LEN(flags), &config);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : -rc;
	j.config = &config;
	rc = live(&j, cut);
	runner_config_release(&config);
	return rc;
}
