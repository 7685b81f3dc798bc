/*
 * SQL plumbing shared by store_*.c only: cached prepared statements, binding by a type string,
 * column readers. Nobody else includes it.
 *
 * Types: i int64_t · t const char * (NULL: null) · b const void *, size_t · w struct wall (0: null)
 *        y bool · v const struct strv * and p const struct pairs * (as JSON text, NULL: empty)
 */
#ifndef COORDINATOR_STORE_SQL_H
#define COORDINATOR_STORE_SQL_H

#include <sqlite3.h>

#include "coordinator/store.h"

enum { STATEMENTS_MAX = 160 };
struct statement {
	const char *sql; /* a literal: found by address */
	sqlite3_stmt *st;
	bool busy;
};
struct store {
	sqlite3 *db;
	struct statement cache[STATEMENTS_MAX];
	size_t n_cache;
};

struct query {
	struct store *s;
	sqlite3_stmt *st;
	struct statement *cached; /* NULL: finalize at the end */
};
void query_end(struct query *q); /* harmless on a zeroed one */
#define CLEAN_QUERY CLEANUP(query_end)

int sql_query(struct store *s, struct query *q, struct err *e, const char *sql, const char *types,
	...) CHECK_RESULT;
int sql_next(struct query *q, struct err *e) CHECK_RESULT; /* 1 row, 0 end, -1 */
/* Runs to the end and drops rows. */
int sql_run(struct store *s, struct err *e, const char *sql, const char *types, ...) CHECK_RESULT;
/* First column of the first row into *ret; 1, or 0 without a row, -1. */
int sql_int(struct store *s, int64_t *ret, struct err *e, const char *sql, const char *types,
	...) CHECK_RESULT;
int64_t sql_changes(struct store *s);
int64_t sql_last_id(struct store *s);
/* ERR_CONFLICT for a broken uniqueness, else ERR_INTERNAL with the database's words. */
int sql_fail(struct store *s, struct err *e, const char *what);

int64_t col_int(struct query *q, int i);
char *col_text(struct query *q, int i); /* NULL for null; the caller's */
struct wall col_wall(struct query *q, int i);
int col_strv(struct query *q, int i, struct strv *ret, struct err *e) CHECK_RESULT;
int col_pairs(struct query *q, int i, struct pairs *ret, struct err *e) CHECK_RESULT;
/* status in column i, conclusion in i + 1. */
int col_state(struct query *q, int i, struct state *ret, struct err *e) CHECK_RESULT;

/* store_schema.c */
int schema_migrate(struct store *s, struct err *e) CHECK_RESULT;
/* The SQL of one migration, from 1; NULL beyond the last: tests make old files with it. */
const char *schema_step(size_t number);

/* store_settle.c */
/* What the change of a job's state means for the others of its run, and for the run. */
int run_settle(struct store *s, int64_t run_id, struct wall now, struct state *ret,
	struct err *e) CHECK_RESULT;
/* Cancels a queued job; the caller settles the run. */
int job_cancel_queued(struct store *s, int64_t job_id, struct wall now, struct err *e) CHECK_RESULT;
/* Ends the open steps of a job that ended so. */
int job_steps_close(struct store *s, int64_t job_id, struct state job, struct wall now,
	struct err *e) CHECK_RESULT;

/* Adds one zeroed element to a {v, n} list and gives its address. */
#define LIST_ADD(list)                                                                 \
	__extension__({                                                                \
		(list)->v = xrealloc((list)->v, ((list)->n + 1) * sizeof(*(list)->v)); \
		memset(&(list)->v[(list)->n], 0, sizeof(*(list)->v));                  \
		&(list)->v[(list)->n++];                                               \
	})

#endif
