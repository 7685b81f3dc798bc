/*
 * A workflow file at the head of a branch or tag, for runs that no push starts: by hand and by
 * time.
 */
#ifndef COORDINATOR_TRIGGER_BRANCH_FILE_H
#define COORDINATOR_TRIGGER_BRANCH_FILE_H

#include "coordinator/queue/run_create.h"
#include "coordinator/repo/repo.h"
#include "coordinator/trigger/trigger.h"
#include "workflow/workflow.h"

struct branch_file {
	char *ref; /* refs/heads/trunk */
	struct commit_info head;
	struct repo_files files;
	const char *path; /* of the file, in files */
	struct workflow workflow;
};
void branch_file_release(struct branch_file *b);
#define CLEAN_BRANCH_FILE CLEANUP(branch_file_release)

/* ref NULL: the default branch; name: "smoke.yml" or its whole path. ERR_NOT_FOUND: no such file or
 * ref; ERR_INPUT: a broken file, its lines in problems. *b starts zeroed and is the caller's to
 * release, also after an error. */
int branch_file_load(struct branch_file *b, const struct trigger *t, const struct repo_row *repo,
	const char *ref, const char *name, struct strv *problems, struct err *e) CHECK_RESULT;
struct branch_event {
	const char *name, *payload; /* "schedule"; JSON text */
	const char *actor;          /* NULL: unknown */
	const char *inputs;         /* JSON object, typed; NULL: none */
};
/* Plans and stores a run of it. ERR_INPUT and ERR_LIMIT are the author's. */
int branch_file_run(const struct branch_file *b, const struct trigger *t,
	const struct repo_row *repo, const struct branch_event *ev, struct run_created *ret,
	struct err *e) CHECK_RESULT;
/* Stores a failed run instead, with the reason where its author looks for the result. */
int branch_file_fail(const struct branch_file *b, const struct trigger *t,
	const struct repo_row *repo, const struct branch_event *ev, const char *why,
	struct run_created *ret, struct err *e) CHECK_RESULT;

#endif
