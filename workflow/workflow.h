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

enum { WORKFLOW_JOBS_MAX = 256, WORKFLOW_PROBLEMS_MAX = 100, WORKFLOW_TIMEOUT_DEFAULT = 360 };

/* `read-all` and `write-all` are spelled out scope by scope. */
struct workflow_permissions {
	bool given;
	struct pairs scopes; /* "contents" → "read" */
};

struct workflow_concurrency {
	char *group; /* NULL: none */
	bool cancel_in_progress;
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

struct workflow_on {
	struct workflow_push push;
	struct workflow_pull_request pull_request;
	struct workflow_dispatch dispatch;
	struct strv crons;
};

struct workflow_step {
	char *id, *name, *condition; /* condition: `if` */
	char *run, *uses;            /* exactly one */
	char *working_directory, *shell;
	struct pairs env, with;
	bool continue_on_error;
	int64_t timeout_minutes; /* 0: none of its own */
};

struct workflow_job {
	char *key, *name, *condition;
	struct strv runs_on, needs;
	int64_t timeout_minutes; /* 1..4320 */
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

/* Looks a dispatch input up; NULL if the workflow has none of that name. */
const struct workflow_input *workflow_input_find(const struct workflow *w, const char *name);
/* Whether value fits the input's type and options; the error says what was expected. */
int workflow_input_check(
	const struct workflow_input *in, const char *value, struct err *e) CHECK_RESULT;

#endif
