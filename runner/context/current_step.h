/*
 * The step that runs now: what an interrupt must reach. Written by the main path, which waits for
 * `over`, and by interrupts (context/cause.h). Job process.
 */
#ifndef RUNNER_CONTEXT_CURRENT_STEP_H
#define RUNNER_CONTEXT_CURRENT_STEP_H

#include "base/loop.h"
#include "runner/context/outcome.h"

struct current_step {
	size_t index;
	struct step_log *log; /* NULL: no step runs */
	struct step_box *box;
	struct checkout *checkout;
	bool over;     /* what the main path waits for has come, or an interrupt */
	bool launched; /* the script runs; before that nothing can be asked to end politely */
	bool asked;    /* it got SIGTERM and has its grace */
	bool acting;   /* an action waits for something that an interrupt may simply end */
	enum interrupt interrupt;
};

/* Makes it the one that runs, nothing interrupted yet. */
void current_step_begin(struct current_step *s, size_t index, struct step_log *log);
/* Its log is closed. */
void current_step_end(struct current_step *s);

static inline bool current_step_interrupted(const struct current_step *s)
{
	return s->interrupt != INTERRUPT_NONE;
}
/* For an action: waits until somebody sets `over`, or for an interrupt, which is ERR_CANCELLED. */
int current_step_wait(struct current_step *s, struct loop *l, struct err *e) CHECK_RESULT;

#endif
