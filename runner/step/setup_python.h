/* actions/setup-python (docs/ACTIONS.md); its inputs are t->with. Job process. */
#ifndef RUNNER_STEP_SETUP_PYTHON_H
#define RUNNER_STEP_SETUP_PYTHON_H

#include "runner/context/text.h"

enum outcome use_setup_python(struct job *j, const struct step_text *t);

#endif
