/*
 * Who may read /metrics: whoever shows the token of server.metrics_token_file; without one, callers
 * on this machine, unless a proxy stands before serve: then everybody seems to be one.
 */
#ifndef COORDINATOR_SERVE_METRICS_ACCESS_H
#define COORDINATOR_SERVE_METRICS_ACCESS_H

#include "coordinator/serve/config.h"

/* ERR_INPUT for a file that others can read, or whose token is none. */
int metrics_access_open(
	const struct serve_config *c, struct metrics_access *ret, struct err *e) CHECK_RESULT;

#endif
