/*
 * The runner's state directory (runner.state_dir): who we are and what our jobs keep outside
 * their workspace.
 *
 *   lock           held by the one supervisor of this directory; a second one is refused
 *   instance_id    random, made once; the label value on everything we create in the engine
 *   jobs/<job>/    one folder a job: journal, chain, outbox (their headers say what for), log
 *                  spools, ctl/ (0711) with the boxes' sockets
 *   pulls/<hash>   locks of image pulls, runner/context/image.h
 *   leases/        who is at a job now, state/lease.h
 *   damaged/       journals that could not be read, set aside
 *   workspaces/    the default workspace root
 *
 * The directory is 0711, because the step user has to pass it on the way to that root; everything
 * else in it is 0600 or 0700.
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

/* jobs/<job>/ and its ctl/ fresh and empty; *ret_dir is owned by the caller. */
int state_dir_job_make(
	const struct state_dir *s, int64_t job, char **ret_dir, struct err *e) CHECK_RESULT;
/* Its name; owned by the caller. */
char *state_dir_job_path(const struct state_dir *s, int64_t job) CHECK_RESULT;
int state_dir_job_remove(const struct state_dir *s, int64_t job, struct err *e) CHECK_RESULT;
/* Ids of all job folders, sorted as text. */
int state_dir_jobs(const struct state_dir *s, struct strv *ret, struct err *e) CHECK_RESULT;
/* Keeps jobs/<job>/journal as damaged/<job>, over an older one. */
int state_dir_set_aside(const struct state_dir *s, int64_t job, struct err *e) CHECK_RESULT;
/* A local run at start: removes job folders that a crash left; nothing can be alive in them. */
int state_dir_sweep(const struct state_dir *s, uint64_t *ret_removed, struct err *e) CHECK_RESULT;

#endif
