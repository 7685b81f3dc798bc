/* A `run` step: its script in a box of the job. Job process. */
#ifndef RUNNER_STEP_SCRIPT_H
#define RUNNER_STEP_SCRIPT_H

#include "runner/context/text.h"

/* Runs the current step to its end on its log and says how it went; an interrupt ends the wait. */
enum outcome step_script(struct job *j, const struct step_text *t);

#endif
