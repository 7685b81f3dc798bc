/*
 * One leg of a job's matrix: what its `matrix` and `strategy` contexts are, and the texts of a job
 * that are rendered before it runs (its name, its labels). A job without a matrix has one leg with
 * an empty row. Shared by local runs and the coordinator. Pure.
 */
#ifndef WORKFLOW_LEG_H
#define WORKFLOW_LEG_H

#include "workflow/expr.h"
#include "workflow/workflow.h"

/* The row as a value for the `matrix` context; it lives in a. */
struct expr_value leg_matrix(const struct pairs *row, struct expr_arena *a);

/* What people call it: "test (linux, 3.11)", or the job's name as its author wrote it with
 * expressions. c: contexts with `matrix`. A name that cannot be rendered yet keeps its text. */
char *leg_name(const struct workflow_job *job, const struct pairs *row,
	const struct expr_context *c) CHECK_RESULT;

/* `runs-on` rendered; a label that is one expression may become several (an array). ERR_INPUT for
 * what is no label in the end. */
int leg_runs_on(const struct workflow_job *job, const struct expr_context *c, struct strv *ret,
	struct err *e) CHECK_RESULT;
bool leg_label_valid(const char *label); /* ^[A-Za-z0-9_.-]{1,100}$ */

/* The `strategy` context as key and object for an open JSON object. */
struct leg_place {
	bool fail_fast;
	int64_t max_parallel; /* 0: all of them */
	int64_t leg, legs;
};
void leg_strategy_write(struct json_writer *w, const struct leg_place *p);

#endif
