/*
 * A commit as the field's forges show it: commit statuses and check runs, derived from the runs of
 * that commit. Each job of the newest run of each workflow file and event is one entry; a run
 * without jobs (its file is broken) is one of its own.
 *
 * status       state     check run
 * queued       pending   queued
 * running      pending   in_progress
 * success, skipped, neutral   success   completed with that conclusion
 * failure, timed_out, action_required, cancelled   failure   completed with that conclusion
 * a failure that the workflow allows   success   completed, neutral
 * no jobs, but problems   error   completed, failure
 */
#ifndef COORDINATOR_VIEW_CHECK_H
#define COORDINATOR_VIEW_CHECK_H

#include "base/json.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"

/* From best to worst, so that the combined state is the largest but for pending. */
enum check_state { CHECK_SUCCESS, CHECK_PENDING, CHECK_FAILURE, CHECK_ERROR };
const char *check_state_text(enum check_state s);

/* job NULL: of the run itself. */
enum check_state check_state_of(const struct run_row *run, const struct job_row *job);
/* "CI / build (push)"; the caller's. */
char *check_context(const struct run_row *run, const struct job_row *job);
/* A few words for people: "failed after 3.2 s"; the caller's. */
char *check_description(const struct run_row *run, const struct job_row *job);

struct check {
	const struct run_row *run;
	const struct job_row *job; /* NULL: the run has none */
};
struct checks {
	struct run_list runs;
	struct job_list *jobs; /* of each run */
	struct check *v;
	size_t n;
};
void checks_release(struct checks *c);
/* The entries of the runs in c->runs, which the caller has filled. */
int checks_load(struct store *s, struct checks *c, struct err *e) CHECK_RESULT;
/* Pending without entries; failure when one failed or is an error; pending while one is. */
enum check_state checks_combined(const struct checks *c);

/* Where the answers point to: base URL without a slash at its end. */
struct check_place {
	const char *url;
	const struct repo_row *repo;
	bool pages; /* `serve` has pages for browsers */
};
/* What a person opens: the page of the run or of its job (NULL: none), or what the API says of the
 * run where there are no pages; the caller's. */
char *check_page_url(const struct check_place *at, int64_t run_id, const struct job_row *job);
/* What the entry is called: its job's id or, without a job, its run's, negated. */
int64_t check_id(const struct check *c);
/* The combined status of GitHub and Forgejo, an object, with the entries from..to. */
void checks_write_statuses(struct json_writer *w, const struct checks *c, const char *sha,
	const struct check_place *at, size_t from, size_t to);
/* Objects of the two lists. */
void check_write_status(struct json_writer *w, const struct check *c, const struct check_place *at);
void check_write_run(struct json_writer *w, const struct check *c, const struct check_place *at,
	const struct annotation_counts *annotations);
/* Member "repository" of the caller's open object. */
void kv_repository(struct json_writer *w, const struct check_place *at);
/* "queued", "in_progress" or "completed"; the conclusion is NULL before the end. */
const char *check_run_status(struct state s);
const char *check_run_conclusion(const struct job_row *job);

#endif
