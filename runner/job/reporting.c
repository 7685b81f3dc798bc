/*
 * Reports are tried for as long as the job's token can live: a coordinator that is restarted
 * meanwhile must not cost a result. A host that is stopping does not wait that long; what is left
 * then stays on disk for the recover process of the next start.
 */
#include "runner/job/reporting.h"

#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "runner/report/session.h"
#include "runner/report/terminal.h"

#define CANCEL_POLL_US (5 * USEC_PER_SEC)
#define REPORT_DEADLINE_US (14 * 60 * USEC_PER_SEC)
#define SHUTDOWN_DEADLINE_US (20 * USEC_PER_SEC)

/* ---- the reader ---- */

static void on_cancel(void *data, const char *why, bool force)
{
	struct job *j = data;

	if (force)
		job_end_now(j);
	else
		job_cancel(j, why ? why : "cancelled by the coordinator");
}

static void on_gone(void *data)
{
	job_cancel(data, "cancelled: nobody reads the output any more");
}

static void on_lost(void *data, const char *why)
{
	log_error("job", "token_chain_lost", F_STR("error", why));
	job_end(data, CAUSE_LOST);
}

struct report *reporting_open(struct job *j, int64_t job_id, const char *token)
{
	if (j->place.local)
		return terminal_report_new(&(struct terminal_report_spec){ .loop = j->loop,
			.job = j->spec,
			.state_dir = j->place.state.path,
			.fd = STDOUT_FILENO,
			.shared = j->place.shared_output,
			.color = terminal_color(STDOUT_FILENO),
			.on_gone = on_gone,
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
		.dir = j->place.journal ? j->place.dir : NULL,
		.steps = j->spec ? j->spec->steps.n : 1 });
}

/* ---- statuses ---- */

void reporting_job(struct job_reports *out, enum outcome o, struct wall start)
{
	report_job_status(out->report,
		&(struct report_status){ .hand_back = out->hand_back && o == OUTCOME_FAILURE,
			.status = o == OUTCOME_CANCELLED ? "cancelled" : "completed",
			.conclusion = outcome_text(o),
			.started_at = start,
			.completed_at = wall_now() });
}

void reporting_skip_steps(struct report *r, const struct job_spec *spec, size_t from)
{
	for (size_t i = from; i < spec->steps.n; i++)
		report_step_status(r, spec->steps.v[i].id,
			&(struct report_status){ .status = "skipped", .conclusion = "skipped" });
}

void reporting_fail_before_steps(struct job *j, const struct err *why)
{
	struct step_spec *first = &j->spec->steps.v[0];
	CLEAN_STR char *ended = job_end_text(j);
	struct wall now = wall_now();
	struct err e = { 0 };

	log_error("job", "not_started", F_ERR(why));
	progress_error(j->out.progress, why, true);
	j->state.failed = true;
	report_step_status(j->out.report, first->id,
		&(struct report_status){ .status = "running", .started_at = now });
	if (step_log_open(&j->runs[0].log, j->place.dir, 0, j->out.mask, j->out.report, first->id,
		    j->config->runner.step_log_limit, &e) == 0) {
		step_log_line(&j->runs[0].log, "[shithub] %s%s",
			ended ? "" : "error: ", ended ? ended : why->text);
		step_log_close(&j->runs[0].log);
	}
	report_step_status(j->out.report, first->id,
		&(struct report_status){ .status = "completed",
			.conclusion = "failure",
			.started_at = now,
			.completed_at = wall_now() });
	reporting_skip_steps(j->out.report, j->spec, 1);
}

void reporting_explain(struct job *j, const char *why)
{
	CLEAN_STR char *line = xasprintf("[shithub] %s", why);
	struct step_log *log = &j->runs[0].log;
	struct err e = { 0 };

	if (report_note(j->out.report, line))
		return;
	if (step_log_open(log, j->place.dir, 0, j->out.mask, j->out.report, j->spec->steps.v[0].id,
		    j->config->runner.step_log_limit, &e) < 0) {
		log_error("job", "step_log", F_ERR(&e));
		return;
	}
	step_log_line(log, "%s", line);
	step_log_close(log);
}

void reporting_malformed(struct job *j, const struct claim_identity *id, const struct err *why)
{
	struct step_log log = { 0 };
	struct err e = { 0 };
	struct wall now = wall_now();

	j->out.mask = mask_new();
	j->out.report = reporting_open(j, id->job_id, id->token);
	if (step_log_open(&log, j->place.dir, 0, j->out.mask, j->out.report, id->step_id,
		    LIMIT_STEP_LOG, &e) < 0) {
		log_error("job", "step_log", F_ERR(&e));
	} else {
		step_log_line(&log, "[shithub] error: this job could not be read: %s", why->text);
		step_log_close(&log);
	}
	reporting_job(&j->out, OUTCOME_FAILURE, now);
	reporting_deliver(j);
	step_log_release(&log);
}

/* ---- delivery ---- */

/* In slices: a stop signal that comes meanwhile shortens the wait. */
void reporting_deliver(struct job *j)
{
	struct mono begin = loop_now(j->loop);
	struct err e = { 0 };
	int64_t patience;
	int rc;

	report_poll_cancel(j->out.report, false);
	do {
		e = (struct err){ 0 };
		rc = report_flush(j->out.report, mono_add(loop_now(j->loop), USEC_PER_SEC), &e);
		patience = j->state.cause == CAUSE_SHUTDOWN ? SHUTDOWN_DEADLINE_US
							    : REPORT_DEADLINE_US;
	} while (rc < 0 && err_is(&e, ERR_TIMEOUT) &&
		 mono_diff(loop_now(j->loop), begin) < patience);
	if (rc < 0)
		log_error("job", "reports_undelivered", F_ERR(&e));
	j->out.undelivered = rc < 0 && j->place.journal && j->state.cause == CAUSE_SHUTDOWN &&
			     err_is(&e, ERR_TIMEOUT);
}
