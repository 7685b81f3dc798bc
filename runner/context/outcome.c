/*
 * Outcomes as the protocol spells them. An interrupted step has no outcome of its own, whatever its
 * script's exit status was: the reason for the interrupt decides.
 */
#include "runner/context/outcome.h"

const char *outcome_text(enum outcome o)
{
	static const char *const texts[] = { "success", "failure", "cancelled", "timed_out",
		"skipped" };

	return texts[o];
}

const char *outcome_result(enum outcome o)
{
	return outcome_text(o == OUTCOME_TIMED_OUT ? OUTCOME_FAILURE : o);
}

enum outcome interrupt_outcome(enum interrupt why)
{
	if (why == INTERRUPT_FAILED)
		return OUTCOME_FAILURE;
	return why == INTERRUPT_TIMED_OUT ? OUTCOME_TIMED_OUT : OUTCOME_CANCELLED;
}
