/*
 * Leases: who may touch a job's workspace right now. A lease is a small file that stands outside
 * every workspace and an exclusive flock on it; only the lock counts. The supervisor takes a job's
 * lease before the workspace is made and gives it up after the clean-up; the job process inherits
 * the descriptor, so the lock lives until the last of both has gone. Every cleaner takes the same
 * lock without waiting and holds it while it deletes: what is in use can never be deleted, neither
 * a claimed job without a process yet nor one whose supervisor was killed, and process ids, which
 * mean somebody else by now, are never asked.
 *
 * The file <folder>/<run>-<job> holds one JSON object for people and logs (state, instance, since);
 * what it says is never taken for proof of life. Folder 0700, files 0600.
 */
#ifndef STATE_LEASE_H
#define STATE_LEASE_H

#include "base/buf.h"
#include "base/err.h"

enum lease_state { LEASE_CLAIMED, LEASE_RUNNING, LEASE_CLEANING };

struct lease {
	int fd; /* holds the lock, close-on-exec: pass it on with proc_fd; -1: no lease */
	char *path;
};
#define LEASE_INIT       \
	{                \
		.fd = -1 \
	}

/* <state_dir>/leases, made when missing. */
char *lease_folder(const char *state_dir, struct err *e) CHECK_RESULT;
/* "<run>-<job>"; both are above 0. */
char *lease_name(int64_t run, int64_t job) CHECK_RESULT;
/* False when it is not a lease's name. */
bool lease_parse_name(const char *name, int64_t *ret_run, int64_t *ret_job);

/* Takes the lock without waiting, whoever asks, runner or cleaner; a missing file is made, so that
 * nobody else takes it meanwhile. ERR_CONFLICT: somebody holds it. */
int lease_take(const char *folder, const char *name, struct lease *ret, struct err *e) CHECK_RESULT;
/* Whether somebody holds it, seen without taking it, making a file, or getting into the way of who
 * is just taking it: a record that is younger than that, or empty and young, counts as held, as
 * does what cannot be inspected. young_s -1: the lock alone, for a cleaner that takes the lease
 * itself before it touches anything. */
bool lease_is_held(const char *folder, const char *name, int64_t young_s);
/* Rewrites the record in place; a crash meanwhile leaves a torn record, never a lost lock. */
int lease_note(
	struct lease *l, enum lease_state state, const char *instance, struct err *e) CHECK_RESULT;
/* Nothing of the job is left: removes the file, then gives the lock up. */
void lease_end(struct lease *l);
/* Gives the lock up and leaves the file: the remains are somebody else's work now. */
void lease_drop(struct lease *l);

/* Names of all leases in the folder, held or not, sorted; other files are left out. */
int lease_list(const char *folder, struct strv *ret, struct err *e) CHECK_RESULT;

#endif
