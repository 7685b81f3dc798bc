/* How a step ended, in the wire's words where they exist. Pure. */
#ifndef RUNNER_CONTEXT_OUTCOME_H
#define RUNNER_CONTEXT_OUTCOME_H

enum outcome {
	OUTCOME_SUCCESS,
	OUTCOME_FAILURE,
	OUTCOME_CANCELLED,
	OUTCOME_TIMED_OUT,
	OUTCOME_SKIPPED
};
const char *outcome_text(enum outcome o);
/* The same for expressions, which know no timeout: it is a failure there. */
const char *outcome_result(enum outcome o);

/* Why the running step was interrupted; the first reason stays. */
enum interrupt { INTERRUPT_NONE, INTERRUPT_CANCELLED, INTERRUPT_TIMED_OUT, INTERRUPT_FAILED };

/* What an interrupt (not NONE) makes of the step that it ended. */
enum outcome interrupt_outcome(enum interrupt why);

#endif
