/*
 * The supervisor: heartbeats, claims, one slot per claimed job, drain. Holds the registration token
 * and never reads job content or logs. One per state directory.
 *
 * Stop: the first SIGTERM or SIGINT drains (no new claim, running jobs finish, then the end), a
 * second one or runner.drain_timeout cancels the running jobs with grace, another one kills them.
 * SIGHUP loads the configuration again. People ask through the control socket (control.h), machines
 * through metrics.listen (monitor.h); systemd is told through notify.h.
 */
#ifndef RUNNER_SUPERVISOR_SUPERVISOR_H
#define RUNNER_SUPERVISOR_SUPERVISOR_H

#include "runner/supervisor/settings.h"

struct supervisor_spec {
	struct settings *settings; /* in force; the caller keeps its own reference */
	struct settings_source source;
	bool once;            /* one job, then end */
	bool exit_on_refusal; /* also for a token that was good before */
};
/* Runs until stopped; an exit code. EXIT_REFUSED when the coordinator refuses the token at the
 * start. */
int supervisor_run(const struct supervisor_spec *spec, struct err *e);

#endif
