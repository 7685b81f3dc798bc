/*
 * One step to its end: condition, texts, script or action, log, statuses. Sequential code that
 * waits on the loop; interruptions come through job_interrupt, which makes the waits return.
 */
#include "runner/step_kinds.h"

#include "base/log.h"
#include "runner/step_files.h"

const char *outcome_text(enum outcome o)
{
	static const char *const texts[] = { "success", "failure", "cancelled", "timed_out",
		"skipped" };

	return texts[o];
}

enum outcome step_interrupted(const struct job *j)
{
	if (j->interrupt == INTERRUPT_FAILED)
		return OUTCOME_FAILURE;
	return j->interrupt == INTERRUPT_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED;
}

enum outcome step_fails(struct job *j, const struct err *e)
{
	if (j->interrupt != INTERRUPT_NONE)
		return step_interrupted(j);
	progress_error(j->progress, e, str_empty(j->spec->steps.v[j->index].uses));
	step_log_line(j->log, "[shithub] error: %s", e->text);
	return OUTCOME_FAILURE;
}

/* What the script wrote into its command files counts however it ended; files that cannot be read
 * make a good step fail. */
static enum outcome with_files(struct job *j, enum outcome o)
{
	struct err e = { 0 };

	enum outcome failed;

	if (step_files_take(j, j->index, &e) == 0)
		return o;
	failed = step_fails(j, &e);
	return o == OUTCOME_SUCCESS ? failed : o;
}

static enum outcome run_step(struct job *j)
{
	CLEANUP(step_text_release) struct step_text t = { 0 };
	struct err e = { 0 };

	if (job_setup_rest(j, &e) < 0 || step_text_render(j, j->index, &t, &e) < 0)
		return step_fails(j, &e);
	if (!str_empty(j->spec->steps.v[j->index].uses))
		return step_uses(j, &t);
	return with_files(j, step_script(j, &t));
}

static void report_skipped(struct job *j, const struct step_spec *s)
{
	report_step_status(j->report, s->id,
		&(struct report_status){ .status = "skipped", .conclusion = "skipped" });
}

static void report_end(struct job *j, const struct step_run *r, struct wall start)
{
	report_step_status(j->report, j->spec->steps.v[j->index].id,
		&(struct report_status){
			.status = r->conclusion == OUTCOME_CANCELLED ? "cancelled" : "completed",
			.conclusion = outcome_text(r->conclusion),
			.started_at = start,
			.completed_at = wall_now() });
}

/* The step becomes the one that runs: its log, its own deadline, nothing interrupted yet. */
static int begin(struct job *j, size_t index, struct err *e)
{
	const struct step_spec *s = &j->spec->steps.v[index];

	j->index = index;
	j->interrupt = INTERRUPT_NONE;
	j->step_over = j->launched = false;
	j->log = &j->runs[index].log;
	if (s->timeout_minutes)
		loop_timer_set(j->step_deadline,
			mono_add(mono_now(), s->timeout_minutes * 60 * USEC_PER_SEC));
	return step_log_open(j->log, j->dir, (int64_t)index, j->mask, j->report, s->id,
		j->config->runner.step_log_limit, e);
}

static void end(struct job *j)
{
	step_log_close(j->log);
	j->log = NULL;
	loop_timer_set(j->grace, MONO_NEVER);
	loop_timer_set(j->step_deadline, MONO_NEVER);
}

/* continue-on-error turns a bad outcome into a good conclusion; a cancelled step stays one. */
static void conclude(struct job *j, enum outcome o)
{
	struct step_run *r = &j->runs[j->index];
	bool forgiven = j->spec->steps.v[j->index].continue_on_error &&
			((o == OUTCOME_FAILURE && j->cause != CAUSE_WORKSPACE) ||
				(o == OUTCOME_TIMED_OUT && j->cause == CAUSE_NONE));

	r->ended = true;
	r->outcome = o;
	r->conclusion = forgiven ? OUTCOME_SUCCESS : o;
	if (r->conclusion == OUTCOME_FAILURE || r->conclusion == OUTCOME_TIMED_OUT)
		j->failed = true;
}

void job_step(struct job *j, size_t index)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	struct wall start = wall_now();
	struct err e = { 0 };
	int wanted = j->no_more ? 0 : step_condition(j, index, &e);
	enum outcome o;

	step_name_render(j, index);
	if (wanted == 0) {
		j->runs[index].ended = true;
		j->runs[index].outcome = j->runs[index].conclusion = OUTCOME_SKIPPED;
		report_skipped(j, s);
		return;
	}
	report_step_status(j->report, s->id,
		&(struct report_status){ .status = "running", .started_at = start });
	progress_step_begin(j->progress, index, j->spec->steps.n,
		!str_empty(s->name)   ? s->name
		: !str_empty(s->uses) ? s->uses
				      : "run");
	if (begin(j, index, &e) < 0) {
		log_error("job", "step_log", F_ERR(&e));
		o = OUTCOME_FAILURE;
	} else {
		o = wanted < 0 ? step_fails(j, &e) : run_step(j);
	}
	end(j);
	progress_step_end(j->progress);
	conclude(j, o);
	report_end(j, &j->runs[index], start);
}
