/*
 * Sequential code that waits on the loop; interruptions come through job_interrupt, which makes the
 * waits return. Whatever happens, the step's log is closed before its last status is queued, so
 * that a reader who sees the status has the whole log.
 */
#include "runner/job/step.h"

#include "base/log.h"
#include "runner/context/files.h"
#include "runner/job/reporting.h"
#include "runner/job/setup.h"
#include "runner/step/script.h"
#include "runner/step/uses.h"

/* What the script wrote into its command files counts however it ended; files that cannot be read
 * make a good step fail. */
static enum outcome with_files(struct job *j, enum outcome o)
{
	struct err e = { 0 };

	enum outcome failed;

	if (step_files_take(j, &e) == 0)
		return o;
	failed = step_fails(j, &e);
	return o == OUTCOME_SUCCESS ? failed : o;
}

static enum outcome run_step(struct job *j)
{
	CLEANUP(step_text_release) struct step_text t = { 0 };
	struct err e = { 0 };

	if (job_setup_rest(j, &e) < 0 || step_text_render(j, j->step.index, &t, &e) < 0)
		return step_fails(j, &e);
	if (!str_empty(j->spec->steps.v[j->step.index].uses))
		return step_uses(j, &t);
	return with_files(j, step_script(j, &t));
}

/* ---- the last status ---- */

static void report_end(struct report *r, const struct step_spec *s, struct step_run *run)
{
	bool skipped = run->outcome == OUTCOME_SKIPPED;
	bool cancelled = run->conclusion == OUTCOME_CANCELLED;

	run->reported = true;
	report_step_status(r, s->id,
		&(struct report_status){ .status = skipped     ? "skipped"
						   : cancelled ? "cancelled"
							       : "completed",
			.conclusion = outcome_text(run->conclusion),
			.started_at = run->started_at,
			.completed_at = run->completed_at });
}

/* The log of the last step that ran stays open until the next one runs or none will: whatever the
 * job has to say in between belongs there. */
static void finish_steps(struct job *j)
{
	if (j->step.log)
		current_step_end(&j->step);
	for (size_t i = 0; i < j->spec->steps.n; i++)
		if (j->runs[i].ended && !j->runs[i].reported)
			report_end(j->out.report, &j->spec->steps.v[i], &j->runs[i]);
}

void job_steps_end(struct job *j)
{
	CLEAN_STR char *why = job_end_text(j);

	if (why && j->step.log)
		step_log_line(j->step.log, "[shithub] %s", why);
	else if (why)
		reporting_explain(j, why);
	finish_steps(j);
}

/* ---- one step ---- */

/* The step becomes the one that runs, with its log and its own deadline. */
static int begin(struct job *j, size_t index, struct err *e)
{
	const struct step_spec *s = &j->spec->steps.v[index];

	current_step_begin(&j->step, index, &j->runs[index].log);
	if (s->timeout_minutes)
		job_timers_start_step(&j->timers, s->timeout_minutes);
	return step_log_open(j->step.log, j->place.dir, (int64_t)index, j->out.mask, j->out.report,
		s->id, j->config->runner.step_log_limit, e);
}

/* continue-on-error turns a bad outcome into a good conclusion; a cancelled step stays one. */
static void conclude(struct job *j, enum outcome o)
{
	struct step_run *r = &j->runs[j->step.index];
	bool forgiven = j->spec->steps.v[j->step.index].continue_on_error &&
			((o == OUTCOME_FAILURE && j->state.cause != CAUSE_WORKSPACE) ||
				(o == OUTCOME_TIMED_OUT && j->state.cause == CAUSE_NONE));

	r->ended = true;
	r->outcome = o;
	r->conclusion = forgiven ? OUTCOME_SUCCESS : o;
	if (r->conclusion == OUTCOME_FAILURE || r->conclusion == OUTCOME_TIMED_OUT)
		j->state.failed = true;
}

static void explain_interrupt(struct job *j)
{
	CLEAN_STR char *why = current_step_interrupted(&j->step) ? job_interrupt_text(j) : NULL;

	if (why)
		step_log_line(j->step.log, "[shithub] %s", why);
}

/* wanted: what its condition says; -1 with the reason in why. */
static enum outcome run_to_its_end(struct job *j, size_t index, int wanted, struct err *why)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	struct err e = { 0 };
	enum outcome o = OUTCOME_FAILURE;

	progress_step_begin(j->out.progress, index, j->spec->steps.n,
		!str_empty(s->name)   ? s->name
		: !str_empty(s->uses) ? s->uses
				      : "run");
	if (begin(j, index, &e) < 0)
		log_error("job", "step_log", F_ERR(&e));
	else
		o = wanted < 0 ? step_fails(j, why) : run_step(j);
	explain_interrupt(j);
	job_timers_end_step(&j->timers);
	progress_step_end(j->out.progress);
	return o;
}

void job_step(struct job *j, size_t index)
{
	struct step_run *r = &j->runs[index];
	struct err e = { 0 };
	int wanted = j->state.no_more ? 0 : step_condition(j, index, &e);

	step_name_render(j, index);
	if (wanted > 0 && step_limits_render(j, index, &e) < 0)
		wanted = -1;
	if (wanted == 0) {
		step_run_skip(r);
		return;
	}
	finish_steps(j);
	r->started_at = wall_now();
	report_step_status(j->out.report, j->spec->steps.v[index].id,
		&(struct report_status){ .status = "running", .started_at = r->started_at });
	conclude(j, run_to_its_end(j, index, wanted, &e));
	r->completed_at = wall_now();
}
