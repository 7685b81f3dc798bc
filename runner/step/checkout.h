/* actions/checkout (docs/ACTIONS.md); its inputs are t->with. Job process. */
#ifndef RUNNER_STEP_CHECKOUT_H
#define RUNNER_STEP_CHECKOUT_H

#include "runner/context/text.h"

enum outcome use_checkout(struct job *j, const struct step_text *t);

#endif
