/*
 * One resolved configuration and the environment that its job processes inherit, counted by who
 * uses it: a job keeps the settings that it began with, whatever is loaded meanwhile. Read-only
 * once loaded. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_SETTINGS_H
#define RUNNER_SUPERVISOR_SETTINGS_H

#include "config/runner_options.h"

struct settings {
	unsigned refs;
	struct runner_config config;
	struct strv job_env;
};

/* Where settings come from, each time they are loaded. */
struct settings_source {
	const struct runner_args *args; /* stays the caller's */
	char *const *environ;
};

struct settings_report {
	struct strv problems; /* one line each; not empty: refused */
	struct strv warnings;
	struct strv
		fixed; /* keys that differ from running's and need a restart; the old value stays */
};
void settings_report_release(struct settings_report *r);

/* running: what is in force now, NULL at the start. NULL: report->problems says why. */
struct settings *settings_load(const struct settings_source *from, const struct settings *running,
	struct settings_report *report) CHECK_RESULT;
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s); /* NULL fine; the last one wipes */

#endif
