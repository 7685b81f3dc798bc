/*
 * The supervisor: heartbeats, claims, one slot per claimed job, drain. Holds the registration token
 * and never reads job content or logs. One per state directory.
 *
 * Stop: the first SIGTERM or SIGINT drains (no new claim, running jobs finish), a second one
 * cancels the running jobs. systemd is told READY, STATUS and STOPPING.
 */
#ifndef RUNNER_SUPERVISOR_H
#define RUNNER_SUPERVISOR_H

#include "config/runner_config.h"

struct supervisor_spec {
	const struct runner_config *config;
	const struct strv *job_env; /* see slot.h */
	bool once;                  /* one job, then end */
};
/* Runs until stopped; an exit code. EXIT_REFUSED when the coordinator refuses the token. */
int supervisor_run(const struct supervisor_spec *spec, struct err *e);

#endif
