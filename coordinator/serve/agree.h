/* Settings that serves on one store should have alike. */
#ifndef COORDINATOR_SERVE_AGREE_H
#define COORDINATOR_SERVE_AGREE_H

#include "coordinator/app/app.h"
#include "coordinator/serve/config.h"

/* Says in the log which differ from those of the serve that started last, if another one lives, and
 * leaves its own for the next one. Nothing is refused: an operator who changes a setting restarts
 * one serve after the other. Called when the instance is registered. */
int settings_agree(struct app *a, const struct serve_config *c, struct err *e) CHECK_RESULT;

#endif
