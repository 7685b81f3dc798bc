/*
 * What a database engine does for sql.c and store.c: statements, rows and the primitive operations
 * of transactions. Everything else, such as the cache of statements and the commits of a group, is
 * written once above it. A connection belongs to one thread. Errors are those of sql_fail.
 */
#ifndef COORDINATOR_SQL_ENGINE_H
#define COORDINATOR_SQL_ENGINE_H

#include "coordinator/sql/sql.h"
#include "coordinator/sql/value.h"

struct sql_engine {
	bool postgres; /* speaks its dialect, else SQLite's */
	/* make: what is not there is made, so far as the engine can. ERR_NOT_FOUND without. Sets
	 * store.db, also when it fails. */
	int (*open)(struct store *s, const char *target, bool make, struct err *e);
	/* The schema is this program's: from now on rows that refer to none are refused. */
	int (*schema_ready)(struct store *s, struct err *e);
	int (*sync_later)(struct store *s, struct err *e);
	/* alone: store_open_to_copy, else store_open_to_serve; NULL: whoever has the folder of the
	 * file has it alone. */
	int (*keep)(struct store *s, bool alone, struct err *e);
	void (*close)(struct store *s); /* after its statements are dropped; db NULL fine */

	/* types: of the values that come. *ret_writes: it changes rows. */
	int (*prepare)(struct store *s, const char *text, const char *types, void **ret_st,
		bool *ret_writes, struct err *e);
	size_t (*parameters)(void *st);
	/* The values may go once this returned, borrowed ones once the statement ended. */
	int (*start)(struct query *q, const struct sql_values *v, struct err *e);
	int (*next)(struct query *q, struct err *e); /* 1 row, 0 end, -1 */
	void (*finish)(void *st);                    /* of one use */
	void (*drop)(void *st);                      /* NULL fine */

	/* Of the row that next found; texts and bytes borrowed until the next step, ptr NULL for
	 * null. Text ends with a NUL that len does not count. */
	int64_t (*column_int)(struct query *q, int i);
	struct slice (*column_text)(struct query *q, int i);
	struct slice (*column_bytes)(struct query *q, int i);
	const char *(*column_name)(struct query *q, int i);
	enum value_kind (*column_kind)(struct query *q, int i);

	int64_t (*changes)(struct store *s); /* rows, of the last statement that writes */
	/* Several statements without values, one after the other. */
	int (*script)(struct store *s, const char *text, struct err *e);
	int (*triggers)(struct store *s, bool on, struct err *e); /* sql_triggers */
	/* sql_copy_in; NULL: rows go in by statements alone. */
	int (*copy_in)(struct store *s, const char *sql, struct slice rows, struct err *e);
	/* Begins a transaction that has the write lock of the whole store. */
	int (*begin)(struct store *s, struct err *e);
	/* false: none, also when the database ended it by itself */
	bool (*in_transaction)(const struct store *s);
	int (*fail)(struct store *s, struct err *e, const char *what);
};

/* Asked by an engine whenever another connection has the lock; first: of this wait. False: it has
 * waited as long as it may (store_patience). */
bool sql_wait_more(struct store *s, bool first);
void sql_wait_over(struct store *s); /* it has the lock */

#endif
