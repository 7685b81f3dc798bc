/*
 * Statements: prepared once and cached, bound by a type string, stepped; the same for every engine
 * (engine.h). For this folder and the rooms whose files hold SQL only.
 *
 * Types: i int64_t · t const char *, which must be UTF-8 (ERR_INPUT; NULL: null) · b const void *,
 * size_t · w struct wall (0: null) · y bool · v const struct strv * and p const struct pairs * (as
 * JSON text, NULL: empty)
 * The SQL must be a literal: statements are found again by its address.
 */
#ifndef COORDINATOR_SQL_SQL_H
#define COORDINATOR_SQL_SQL_H

#include <stdarg.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct row_type;   /* row.h */
struct sql_engine; /* engine.h */
struct sql_values; /* value.h */

/* More than this program has; beyond it a statement is compiled each time, with one warning. */
enum { STATEMENTS_MAX = 384 };
struct statement {
	const char *sql;
	const struct row_type *type; /* NULL: sql is the whole statement */
	void *st;                    /* the engine's */
	bool writes;                 /* changes rows */
	bool busy;
};
struct store {
	const struct sql_engine *engine;
	void *db; /* the engine's connection; SQLite: sqlite3 */
	struct statement cache[STATEMENTS_MAX];
	size_t n_cache;
	bool cache_full; /* said so */
	struct {
		atomic_int_fast64_t since_us;     /* another process has the lock; 0: none */
		struct mono until, default_until; /* until.us 0: the default */
		int64_t patience_us;
		bool (*ends)(void *data); /* NULL: never */
		void *ends_data;
	} wait;
	bool in_tx;       /* a store_tx is open that joined no other */
	int64_t instance; /* instance/lease.h: on whose behalf; 0: of no serve */
	struct {
		struct mono since; /* of the transaction that is open */
		int64_t us;        /* of those before, since this connection gave way */
	} held;
	struct {
		bool on, open; /* open: its transaction was begun */
		bool kept;     /* something in it that is not rolled back */
		bool lost;     /* the database took some of it back by itself */
	} group;
};

struct query {
	struct store *s;
	void *st;
	struct statement *cached; /* NULL: dropped at the end */
	bool writes;
};
void query_end(struct query *q); /* harmless on a zeroed one */
#define CLEAN_QUERY CLEANUP(query_end)

int sql_query(struct store *s, struct query *q, struct err *e, const char *sql, const char *types,
	...) CHECK_RESULT;
/* type: the columns of a SELECT whose rest is sql (row_select); NULL: sql is all of it. */
int sql_start(struct store *s, struct query *q, const struct row_type *type, const char *sql,
	const char *types, va_list *ap, struct err *e) CHECK_RESULT;
/* With values at hand, each of the kind that its letter of types (i, t, b) names or null; borrowed
 * until the statement ends. */
int sql_query_values(struct store *s, struct query *q, struct err *e, const char *sql,
	const char *types, const struct sql_values *v) CHECK_RESULT;
int sql_next(struct query *q, struct err *e) CHECK_RESULT; /* 1 row, 0 end, -1 */
/* Runs to the end and drops rows. */
int sql_run(struct store *s, struct err *e, const char *sql, const char *types, ...) CHECK_RESULT;
/* First column of the first row into *ret; 1, or 0 without a row, -1. */
int sql_int(struct store *s, int64_t *ret, struct err *e, const char *sql, const char *types,
	...) CHECK_RESULT;
/* Before a change: begins the transaction of a group (store.h) that has none yet. */
int sql_group_enter(struct store *s, struct err *e) CHECK_RESULT;
/* For what the two databases do not say alike. */
bool sql_is_postgres(const struct store *s);
int64_t sql_changes(struct store *s);
/* Several statements without values, one after the other: a migration. */
int sql_script(struct store *s, struct err *e, const char *text) CHECK_RESULT;
/* ERR_CONFLICT for a broken uniqueness, ERR_TIMEOUT for a lock, else ERR_INTERNAL with the
 * database's words. */
int sql_fail(struct store *s, struct err *e, const char *what);

/* One column of the row that sql_next found. */
int64_t col_int(struct query *q, int i);
char *col_text(struct query *q, int i); /* NULL for null; the caller's */
/* Borrowed until the next step; the text's ptr is NULL for null and ends with a NUL. */
struct slice col_slice(struct query *q, int i);
struct slice col_bytes(struct query *q, int i);
const char *col_name(struct query *q, int i);

/* ---- many rows as they are ---- */

/* Triggers of every table do nothing, or work again. In PostgreSQL for everybody, from the commit
 * on; SQLite: for this connection. */
int sql_triggers(struct store *s, bool on, struct err *e) CHECK_RESULT;
/* PostgreSQL alone. sql: COPY … FROM STDIN; rows in the text form of that. In a transaction, which
 * a failure ends. */
int sql_copy_in(struct store *s, struct err *e, const char *sql, struct slice rows) CHECK_RESULT;

#define COLUMN_JSON_MAX MIB(8) /* of a list or map in a column */

#endif
