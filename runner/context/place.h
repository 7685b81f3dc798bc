/*
 * Where a job keeps things on the host: the runner's state directory, the job's own folder in it,
 * the command files there, the workspace. Job process.
 */
#ifndef RUNNER_CONTEXT_PLACE_H
#define RUNNER_CONTEXT_PLACE_H

#include "state/state_dir.h"

struct job_place {
	struct state_dir state;
	int64_t job_id;
	bool local;               /* a local run: no coordinator, a terminal instead */
	bool shared_output;       /* other jobs write to the same terminal */
	bool journal;             /* the supervisor began one in our folder */
	const char *no_workspace; /* the supervisor's reason; NULL: there is one */
	char *dir;                /* our folder; NULL: there is none, nor a workspace */
	char *files;              /* command files, seen by every box as /shithub/files */
	char *tools;              /* what actions provide, seen read-only as /shithub/tools */
	char *workspace;
	char *own; /* the folder that holds it and what else steps share */
};
#define JOB_PLACE_INIT                  \
	{                               \
		.state = STATE_DIR_INIT \
	}

/* Finds our folder in the state directory or makes it. local, journal and no_workspace are set. */
int job_place_open(
	struct job_place *p, const char *state_dir, int64_t job_id, struct err *e) CHECK_RESULT;
/* Removes the folder, unless there is a journal: then the supervisor removes it after the
 * workspace. */
void job_place_release(struct job_place *p);

#endif
