/*
 * One leg of a job's matrix: what its `matrix` and `strategy` contexts are, and the texts of a job
 * that are rendered before it runs (its name, its labels). A job without a matrix has one leg with
 * an empty row. Shared by local runs and the coordinator. Pure.
 */
#ifndef WORKFLOW_LEG_H
#define WORKFLOW_LEG_H

#include "workflow/expr/expr.h"
#include "workflow/workflow.h"

/* The row as a value for the `matrix` context; it lives in a. */
struct expr_value leg_matrix(const struct pairs *row, struct expr_arena *a);

/* The `needs` context of its JSON: a result and outputs of each. The outputs may hold what an event
 * brought: they are tainted. Anything but an object is an empty one. */
struct expr_value leg_needs(const struct json_value *needs, struct expr_arena *a);

/* The rows of the job's matrix. c: contexts without a matrix, for one with expressions.
 * *ret_tainted: it holds values from outside. */
int leg_rows(const struct workflow_job *job, const struct expr_context *c, struct matrix *ret,
	bool *ret_tainted, struct err *e) CHECK_RESULT;
/* Whether its legs can only be made when the jobs that it needs are over: something that is
 * rendered before the job runs names `needs`. */
bool leg_waits(const struct workflow_job *job);

/* What people call it: "test (linux, 3.11)", or the job's name as its author wrote it with
 * expressions. c: contexts with `matrix`. A name that cannot be rendered yet keeps its text. */
char *leg_name(const struct workflow_job *job, const struct pairs *row,
	const struct expr_context *c) CHECK_RESULT;

/* `runs-on` rendered. An expression may give several labels (a list), or a map of group and labels;
 * a group is one more label. ERR_INPUT for what is no label in the end. */
int leg_runs_on(const struct workflow_job *job, const struct expr_context *c, struct strv *ret,
	struct err *e) CHECK_RESULT;

/* The `strategy` context as key and object for an open JSON object. */
struct leg_place {
	bool fail_fast;
	int64_t max_parallel; /* 0: all of them */
	int64_t leg, legs;
};
void leg_strategy_write(struct json_writer *w, const struct leg_place *p);
struct expr_value leg_strategy(const struct leg_place *p, struct expr_arena *a);
/* What `strategy` says besides its matrix; c: contexts without a matrix. */
int leg_place_render(const struct workflow_strategy *s, const struct expr_context *c,
	struct leg_place *ret, struct err *e) CHECK_RESULT;

#endif
