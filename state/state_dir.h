/*
 * The runner's state directory (runner.state_dir, 0700): who we are and what our jobs keep outside
 * their workspace.
 *
 *   lock           held by the one supervisor of this directory; a second one is refused
 *   instance_id    random, made once; the label value on everything we create in the engine
 *   jobs/<job>/    one folder a job: log spools, ctl/ (0711) with the boxes' sockets
 */
#ifndef STATE_STATE_DIR_H
#define STATE_STATE_DIR_H

#include "base/err.h"

struct state_dir {
	char *path;
	char *instance_id;
	int lock_fd; /* -1: not the supervisor */
};
#define STATE_DIR_INIT        \
	{                     \
		.lock_fd = -1 \
	}

/* Supervisor: creates what is missing and takes the lock (ERR_CONFLICT: another runner has it). */
int state_dir_own(struct state_dir *s, const char *path, struct err *e) CHECK_RESULT;
/* Job process: reads the instance id only. */
int state_dir_join(struct state_dir *s, const char *path, struct err *e) CHECK_RESULT;
void state_dir_release(struct state_dir *s);

/* Job process: jobs/<job>/ and its ctl/ fresh and empty; *ret_dir is owned by the caller. */
int state_dir_job_make(
	const struct state_dir *s, int64_t job, char **ret_dir, struct err *e) CHECK_RESULT;
int state_dir_job_remove(const struct state_dir *s, int64_t job, struct err *e) CHECK_RESULT;
/* Supervisor at start: removes job folders that a crash left; nothing can be alive in them. */
int state_dir_sweep(const struct state_dir *s, uint64_t *ret_removed, struct err *e) CHECK_RESULT;

#endif
