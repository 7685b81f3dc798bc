/*
 * Do our folders lie where this process may write at all? A service's file system is read-only but
 * for a few paths of its unit; a folder elsewhere is refused before anything is made or locked,
 * with the line that the unit lacks. Supervisor, before anything else; other problems with the
 * folders are the first job's to report.
 */
#ifndef RUNNER_SUPERVISOR_OWN_PATHS_H
#define RUNNER_SUPERVISOR_OWN_PATHS_H

#include "config/runner_config.h"

/* ERR_CONFLICT names the key, the path and the remedy. */
int own_paths_check(const struct runner_config *c, struct err *e) CHECK_RESULT;

#endif
