/*
 * A workflow file as typed values. The dialect is the one of PROTOCOL.md; anything outside of it is
 * an error, and all errors of a file are listed at once, each as
 *   file:line:column: jobs.build.steps[0].run: what is wrong, expected what
 *
 * Pure: bytes in, struct or problems out. Expressions (`${{ }}`, `if`) stay text here. What is not
 * given is NULL, empty or false; workflow_parse fills in no defaults but timeout_minutes.
 */
#ifndef WORKFLOW_WORKFLOW_H
#define WORKFLOW_WORKFLOW_H

#include "workflow/filter.h"
#include "workflow/matrix.h"
#include "workflow/value.h"

enum { WORKFLOW_JOBS_MAX = 256, WORKFLOW_PROBLEMS_MAX = 100, WORKFLOW_TIMEOUT_DEFAULT = 360 };

/* `read-all` and `write-all` are spelled out scope by scope. */
struct workflow_permissions {
	bool given;
	struct pairs scopes; /* "contents" → "read" */
};

/* Of the whole workflow or of one job. */
struct workflow_concurrency {
	char *group; /* text with expressions; NULL: none */
	struct workflow_bool cancel_in_progress;
	unsigned line, column; /* where the group stands */
};

struct workflow_run_defaults {
	char *shell, *working_directory;
};

struct workflow_push {
	bool given;
	struct filter branches, tags, paths;
};

struct workflow_pull_request {
	bool given;
	struct filter branches, paths;
	struct strv types;
};

/* What may happen to a pull request, each behind a blank. */
#define WORKFLOW_PULL_ACTIONS                                                              \
	" assigned unassigned labeled unlabeled opened edited closed reopened synchronize" \
	" converted_to_draft ready_for_review locked unlocked review_requested"            \
	" review_request_removed auto_merge_enabled auto_merge_disabled milestoned"        \
	" demilestoned enqueued dequeued"
bool workflow_pull_action(const char *name) CHECK_RESULT; /* one of them */
/* Whether the action is among its types, or without any among opened, synchronize, reopened. */
bool workflow_pull_wanted(const struct workflow_pull_request *p, const char *action) CHECK_RESULT;

enum workflow_input_type { INPUT_STRING, INPUT_BOOLEAN, INPUT_NUMBER, INPUT_CHOICE };

struct workflow_input {
	char *name, *description, *fallback; /* fallback: `default`, NULL if absent */
	bool required;
	enum workflow_input_type type;
	struct strv options;
};

struct workflow_dispatch {
	bool given;
	struct workflow_input *inputs;
	size_t n_inputs;
};

struct workflow_cron {
	char *fields;          /* "5 4 * * MON-FRI", checked by cron_check */
	unsigned line, column; /* of the file */
};

struct workflow_on {
	struct workflow_push push;
	struct workflow_pull_request pull_request;
	struct workflow_dispatch dispatch;
	struct workflow_cron *crons;
	size_t n_crons;
};

struct workflow_step {
	char *id, *name, *condition; /* condition: `if` */
	char *run, *uses;            /* exactly one */
	char *working_directory, *shell;
	struct pairs env, with;
	struct workflow_bool continue_on_error;
	struct workflow_number timeout_minutes; /* 0: none of its own */
};

struct workflow_environment {
	char *name, *url; /* texts with expressions; NULL: none */
};

struct workflow_job {
	char *key, *name, *condition;
	struct strv runs_on, needs;
	struct workflow_number timeout_minutes; /* 1..4320 */
	struct workflow_bool continue_on_error;
	struct workflow_concurrency concurrency;
	struct workflow_environment environment;
	struct workflow_permissions permissions;
	struct pairs env;
	struct pairs outputs; /* name → text with expressions */
	struct workflow_run_defaults defaults;
	struct workflow_strategy strategy;
	struct workflow_step *steps;
	size_t n_steps;
};

struct workflow {
	char *name;
	char *run_name; /* text with expressions; NULL: none */
	struct workflow_on on;
	struct workflow_permissions permissions;
	struct pairs env;
	struct workflow_concurrency concurrency;
	struct workflow_run_defaults defaults;
	struct workflow_job *jobs; /* in the order of the file */
	size_t n_jobs;
};

/* file is only for the messages. 0 and *ret filled; or -1, *ret empty, at least one line added to
 * problems (at most WORKFLOW_PROBLEMS_MAX and one line that says there are more). */
int workflow_parse(const char *file, const char *text, size_t n, struct workflow *ret,
	struct strv *problems) CHECK_RESULT;
void workflow_release(struct workflow *w);
#define CLEAN_WORKFLOW CLEANUP(workflow_release)

/* NULL if there is no job of that key. */
const struct workflow_job *workflow_job_find(const struct workflow *w, const char *key);
/* Looks a dispatch input up; NULL if the workflow has none of that name. */
const struct workflow_input *workflow_input_find(const struct workflow *w, const char *name);
/* What an input comes to: the given value (NULL: none), its default, or what "nothing" is for its
 * type. NULL: it is required and has none. */
const char *workflow_input_value(const struct workflow_input *in, const char *given);
/* Whether value fits the input's type and options; the error says what was expected. */
int workflow_input_check(
	const struct workflow_input *in, const char *value, struct err *e) CHECK_RESULT;
/* The `inputs` context as a JSON object: a boolean input is true or false, a number a number, any
 * other a text. values: checked; an input without one is left out. The caller frees it. */
char *workflow_inputs_json(
	const struct workflow *w, const struct pairs *values, struct err *e) CHECK_RESULT;

#endif
