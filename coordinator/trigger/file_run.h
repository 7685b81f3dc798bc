/*
 * A run of one workflow file for an event of the repository: of a push or of a pull request. A file
 * that cannot be planned becomes a failed run with the reason, as its author looks for it there.
 * In the caller's transaction.
 */
#ifndef COORDINATOR_TRIGGER_FILE_RUN_H
#define COORDINATOR_TRIGGER_FILE_RUN_H

#include "base/ids.h"
#include "coordinator/trigger/notes.h"
#include "coordinator/trigger/trigger.h"

/* Borrowed; what all files of the event share. */
struct file_event {
	const struct trigger *t;
	const struct repo_row *repo;
	const char *name, *payload; /* push; JSON text */
	const char *sha, *ref;
	const char *actor; /* NULL: unknown */
	/* of a pull request (store/run.h); number 0: of none */
	int64_t pull_number;
	const char *pull_head;
	enum run_trust trust;
	bool awaits_approval;
};
/* What the event has started so far. */
struct file_runs {
	struct ids runs;
	size_t jobs;
	struct push_notes notes; /* of what was refused or waits */
};
void file_runs_release(struct file_runs *r);

int file_run_make(const struct file_event *ev, const char *file, const struct workflow *w,
	struct file_runs *made, struct err *e) CHECK_RESULT;
/* name NULL: the file's path. A run that has failed with these lines. */
int file_run_broken(const struct file_event *ev, const char *file, const char *name,
	const struct strv *problems, struct file_runs *made, struct err *e) CHECK_RESULT;

#endif
