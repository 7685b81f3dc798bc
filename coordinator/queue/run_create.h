/*
 * Making runs from a typed spec. In a spec everything is borrowed, and nothing is NULL unless it
 * says so.
 */
#ifndef COORDINATOR_QUEUE_RUN_CREATE_H
#define COORDINATOR_QUEUE_RUN_CREATE_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/run.h"
#include "coordinator/store/store.h"

/* concurrency.h; group NULL: none. At most CONCURRENCY_GROUP_MAX bytes. */
struct concurrency_spec {
	const char *group;
	bool cancel_in_progress;
};
struct run_step_spec {
	const char *step_id;           /* the workflow's `id`, NULL: none */
	const char *name;              /* NULL: none */
	const char *cond;              /* `if`, NULL: none */
	const char *run, *uses;        /* exactly one */
	const char *working_directory; /* NULL: none */
	const char *shell;             /* NULL: default */
	int64_t timeout_minutes;       /* 0: none */
	bool continue_on_error;
	const char *timeout_expression, *continue_expression; /* instead of them; NULL: none */
	const struct pairs *env, *with;                       /* NULL: empty */
};
struct run_job_spec {
	const char *key;
	const char *name;             /* NULL: the key */
	const struct strv *runs_on;   /* labels, all of them needed; at least one */
	const struct strv *needs;     /* keys of other jobs of the run; NULL: none */
	const char *cond;             /* NULL: none */
	int64_t timeout_minutes;      /* 0: the default, 360 */
	const char *permissions_json; /* NULL: {} */
	const struct pairs *env;      /* workflow's and job's, merged; NULL: empty */
	const struct run_step_spec *steps;
	size_t n_steps;
	/* A leg of a matrix: jobs of the same key, one after the other; legs 0: no matrix. */
	int64_t leg, legs;
	const char *matrix_json; /* NULL: {} */
	bool fail_fast;
	int64_t max_parallel;        /* 0: no limit */
	bool asks_status;            /* cond calls a status function */
	const struct pairs *outputs; /* name → text with expressions; NULL: none */
	struct concurrency_spec concurrency;
	bool continue_on_error;                    /* its failure is none for the others */
	const char *environment, *environment_url; /* NULL: none */
	bool matrix_tainted;                       /* the matrix holds values from outside */
	/* unfold.h: it stands for its legs until its needs are over, and may be without labels */
	enum { UNFOLD_NEVER, UNFOLD_WAITS, UNFOLD_DONE } unfolds;
};
struct run_created {
	int64_t run_id, run_index;
};
struct run_spec {
	int64_t repo_id;
	struct run_created reserved; /* store_run_reserve; 0: it gets the next ones */
	const char *workflow_file;   /* .shithub/workflows/smoke.yml */
	const char *workflow_name;   /* NULL: the file's path */
	const char *run_name;        /* NULL: none */
	const char *event;           /* push, pull_request, schedule, workflow_dispatch */
	const char *event_payload;   /* JSON text */
	const char *inputs;          /* JSON text, an object; NULL: none */
	const char *head_sha, *head_ref;
	const char *actor;       /* who caused it, NULL: unknown */
	int64_t attempt;         /* of the same run again; 0 and 1: the first */
	const char *first_actor; /* who caused the first; NULL: the actor */
	int64_t parent_run_id;   /* 0: no re-run */
	/* Not NULL: the run is stored as completed/failure with this text (lines) and has no jobs,
	 * because its workflow file is broken, or (refused) because the run was not admitted or
	 * could not be planned when its event came. */
	const char *problems;
	bool refused;
	struct concurrency_spec concurrency;
	const struct run_job_spec *jobs;
	size_t n_jobs;
	/* of a pull request (store/run.h); number 0: of none */
	int64_t pull_number;
	const char *pull_head;
	enum run_trust trust;
	bool awaits_approval;
};
/* The numbers of a run that is yet to be created, for texts that name them. In the transaction that
 * creates it. */
int store_run_reserve(
	struct store *s, int64_t repo_id, struct run_created *ret, struct err *e) CHECK_RESULT;
/* Of a run whose code may run now: its first jobs become ready, unless it waits for its concurrency
 * group. For this folder. */
int run_let_start(struct store *s, int64_t run_id, bool has_group, struct wall now,
	struct err *e) CHECK_RESULT;
/* Whoever plans a run has asked policy_admits before; one with problems is always stored. */
int store_run_create(struct store *s, const struct run_spec *spec, struct wall now,
	struct run_created *ret, struct err *e) CHECK_RESULT;

#endif
