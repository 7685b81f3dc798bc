/*
 * A step fails in one place, whatever failed: an error that an interrupt caused (a cancelled wait,
 * a killed child) must not show as a failure, and an error of the platform is counted for the
 * operator.
 */
#include "runner/context/job.h"

enum outcome step_fails(struct job *j, const struct err *e)
{
	const struct current_step *s = &j->step;

	if (current_step_interrupted(s))
		return interrupt_outcome(s->interrupt);
	progress_error(j->out.progress, e, str_empty(j->spec->steps.v[s->index].uses));
	step_log_line(s->log, "[shithub] error: %s", e->text);
	return OUTCOME_FAILURE;
}
