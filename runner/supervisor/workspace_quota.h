/* The limits of runner.project_ids, where we may set them. Supervisor only; a few system calls. */
#ifndef RUNNER_SUPERVISOR_WORKSPACE_QUOTA_H
#define RUNNER_SUPERVISOR_WORKSPACE_QUOTA_H

#include "config/runner_config.h"

/* Logs what became of it; without runner.project_ids nothing. */
void workspace_quota_set(const struct runner_config *c);

#endif
