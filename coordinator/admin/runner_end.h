/* Verbs that take runners out of the pool and bring them back. */
#ifndef COORDINATOR_ADMIN_RUNNER_END_H
#define COORDINATOR_ADMIN_RUNNER_END_H

#include "coordinator/admin/admin.h"

int admin_runner_drain(int argc, char **argv);
int admin_runner_undrain(int argc, char **argv);
int admin_runner_revoke(int argc, char **argv);

/* The result of a verb on one runner: the runner as it is then, or a line that says what it is. */
int admin_runner_show(struct admin *a, int64_t id, const char *done, struct err *e) CHECK_RESULT;

#endif
