/*
 * One step runs at a time, so there is one of these for a job. An interrupt may come from any
 * callback while the main path waits. It only sets flags and ends what runs; the main path, woken
 * by `over`, draws the conclusions.
 */
#include "runner/context/current_step.h"

#include "runner/log/step_log.h"

void current_step_begin(struct current_step *s, size_t index, struct step_log *log)
{
	s->index = index;
	s->interrupt = INTERRUPT_NONE;
	s->over = s->launched = s->asked = false;
	s->log = log;
}

void current_step_end(struct current_step *s)
{
	step_log_close(s->log);
	s->log = NULL;
}

int current_step_wait(struct current_step *s, struct loop *l, struct err *e)
{
	int rc = 0;

	s->acting = true;
	if (!current_step_interrupted(s))
		rc = loop_wait(l, &s->over, MONO_NEVER, e);
	s->acting = false;
	if (rc == 0 && current_step_interrupted(s))
		rc = err_set(e, ERR_CANCELLED, "interrupted");
	return rc;
}
