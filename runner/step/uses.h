/* A `uses` step: which actions there are. Job process. */
#ifndef RUNNER_STEP_USES_H
#define RUNNER_STEP_USES_H

#include "runner/context/text.h"

/* Runs the current step to its end on its log and says how it went; an interrupt ends the wait. */
enum outcome step_uses(struct job *j, struct step_text *t);
/* A script, or an action that runs something in the image. */
bool step_wants_box(const struct step_spec *s);

#endif
