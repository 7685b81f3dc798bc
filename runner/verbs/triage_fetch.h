/*
 * A run as its coordinator shows it, fed into triage: of each job the step that failed first, and
 * that step's log when it is a checkout or the first step. Reads only. The access token goes to
 * server.base_url and nowhere else. Blocks.
 */
#ifndef RUNNER_VERBS_TRIAGE_FETCH_H
#define RUNNER_VERBS_TRIAGE_FETCH_H

#include "config/runner_config.h"
#include "hygiene/workdir/triage.h"

struct triage_source {
	const struct runner_config *config;
	const char *token;
	int64_t run;
	const char *repo; /* NULL, or what the run's repository must be */
};
int triage_fetch(struct triage *t, const struct triage_source *from, struct err *e) CHECK_RESULT;

#endif
