/*
 * Every statement is prepared once for a connection and executed in batches of one round trip:
 *   reads                          the statement
 *   writes in a transaction        SAVEPOINT, statement, RELEASE; ROLLBACK TO after a failure
 *   writes alone                   BEGIN and the lock; then statement, COMMIT
 * All rows are there when a statement has started, so others may run between two of them.
 */
#include "coordinator/sql/postgres.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/sql/dialect.h"
#include "coordinator/sql/link.h"
#include "coordinator/sql/pg_value.h"

#define LOCK_SLICE_US (4 * USEC_PER_MSEC)
#define TEXT_MAX KIB(32)

struct pg {
	struct link link;
	unsigned n_names;
	int64_t changes;
	struct strv dropped; /* names of statements that go with the next batch */
};
struct pg_statement {
	struct pg *pg;
	char *text; /* in PostgreSQL's dialect */
	Oid types[SQL_VALUES_MAX];
	size_t n_types;
	bool reads, writes; /* neither: it is about a transaction */
	char name[16];
	unsigned generation; /* of the connection that has it prepared; 0: none */
	PGresult *rows;      /* of the use that is on */
	int row;             /* that next found */
};

static bool in_transaction(const struct store *s)
{
	const struct pg *pg = s->db;
	PGTransactionStatusType t = PQtransactionStatus(pg->link.conn);

	return !link_lost(&pg->link) && (t == PQTRANS_INTRANS || t == PQTRANS_INERROR);
}

/* A transaction was begun, and nobody has ended it: without it nothing may run in its place. */
static bool transaction_wanted(const struct store *s)
{
	return s->in_tx || s->group.open;
}

/* ---- opening ---- */

static int pg_open(struct store *s, const char *target, bool make UNUSED, struct err *e)
{
	struct pg *pg = xcalloc(1, sizeof(*pg));

	s->db = pg;
	return dsn_parse(target, &pg->link.dsn, e) < 0 ? -1 : link_up(&pg->link, e);
}

static int pg_schema_ready(struct store *s, struct err *e UNUSED)
{
	((struct pg *)s->db)->link.served = true;
	return 0;
}

static int pg_sync_later(struct store *s, struct err *e)
{
	struct pg *pg = s->db;

	pg->link.sync_later = true;
	link_text(&pg->link, "SET synchronous_commit = off");
	return link_flush(&pg->link, e);
}

static int pg_keep(struct store *s, bool alone, struct err *e)
{
	struct pg *pg = s->db;

	return link_keep(&pg->link, alone ? LINK_ALONE : LINK_SHARED, e);
}

static void pg_close(struct store *s)
{
	struct pg *pg = s->db;

	if (!pg)
		return;
	link_release(&pg->link);
	strv_release(&pg->dropped);
	free(pg);
	s->db = NULL;
}

static int pg_fail(struct store *s, struct err *e, const char *what)
{
	const struct pg *pg = s->db;

	const char *text = pg->link.last.text;

	return err_set(e, pg->link.last.class ? pg->link.last.class : ERR_INTERNAL, "store: %s: %s",
		what, str_starts(text, "store: ") ? text + strlen("store: ") : text);
}

/* ---- preparing ---- */

static int columns_check(const struct pg_statement *st, const PGresult *described, struct err *e)
{
	for (int i = 0; i < PQnfields(described); i++)
		if (!pg_type_known(PQftype(described, i)))
			return err_set(e, ERR_INTERNAL,
				"store: column %s is of a type that is not read (oid %u): %s",
				PQfname(described, i), PQftype(described, i), st->text);
	if ((size_t)PQnparams(described) != st->n_types)
		BUG("%zu values for: %s", st->n_types, st->text);
	return 0;
}

/* What was dropped meanwhile goes along, at most one a time. */
static int statement_prepare(struct pg_statement *st, struct err *e)
{
	struct pg *pg = st->pg;
	PGresult *r[LINK_BATCH_MAX] = { 0 };
	size_t at = 1;

	snprintf(st->name, sizeof(st->name), "s%u", ++pg->n_names);
	if (pg->dropped.n) {
		CLEAN_STR char *text = xasprintf("DEALLOCATE %s", pg->dropped.v[--pg->dropped.n]);

		link_text(&pg->link, text);
		free(pg->dropped.v[pg->dropped.n]);
		pg->dropped.v[pg->dropped.n] = NULL;
		at++;
	}
	link_prepare(&pg->link, st->name, st->text, st->n_types, st->types);
	link_describe(&pg->link, st->name);
	int rc = link_send(&pg->link, e) < 0 ? -1 : link_results(&pg->link, r, e);
	if (rc == 0)
		rc = columns_check(st, r[at], e);
	for (size_t i = 0; i < LINK_BATCH_MAX; i++)
		PQclear(r[i]);
	if (rc == 0)
		st->generation = pg->link.generation;
	return rc;
}

static int statement_ready_once(struct store *s, struct pg_statement *st, struct err *e)
{
	struct pg *pg = st->pg;

	if (link_lost(&pg->link)) {
		if (transaction_wanted(s))
			return pg_fail(s, e, "the transaction is lost");
		strv_release(&pg->dropped);
		if (link_up(&pg->link, e) < 0)
			return -1;
	}
	return st->generation == pg->link.generation ? 0 : statement_prepare(st, e);
}

/* Nothing was changed: a connection that turns out to be lost can be made anew. */
static bool again(const struct store *s)
{
	const struct pg *pg = s->db;

	return link_lost(&pg->link) && !pg->link.refused_at.us && !transaction_wanted(s);
}

/* Of the connection that there is; in a transaction no other will do. */
static int statement_ready(struct store *s, struct pg_statement *st, struct err *e)
{
	int rc = statement_ready_once(s, st, e);

	return rc < 0 && again(s) ? statement_ready_once(s, st, e) : rc;
}

static bool is_control(const char *text)
{
	static const char *const words[] = { "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_starts(text, words[i]))
			return true;
	return false;
}

static void statement_free(struct pg_statement *st)
{
	PQclear(st->rows);
	free(st->text);
	free(st);
}

static int pg_prepare(struct store *s, const char *text, const char *types, void **ret_st,
	bool *ret_writes, struct err *e)
{
	struct pg_statement *st = xcalloc(1, sizeof(*st));
	struct buf out = BUF_INIT(TEXT_MAX);

	dialect_postgres(text, &out);
	st->pg = s->db;
	st->text = buf_take(&out);
	st->writes = dialect_writes(text);
	st->reads = !st->writes && !is_control(text);
	for (const char *t = types; *t && st->n_types < SQL_VALUES_MAX; t++)
		st->types[st->n_types++] = pg_type_of(*t);
	if (!is_control(text) && statement_ready(s, st, e) < 0) {
		statement_free(st);
		return -1;
	}
	*ret_st = st;
	*ret_writes = st->writes;
	return 0;
}

static size_t pg_parameters(void *st)
{
	return ((struct pg_statement *)st)->n_types;
}

static void pg_finish(void *data)
{
	struct pg_statement *st = data;

	PQclear(st->rows);
	st->rows = NULL;
}

static void pg_drop(void *data)
{
	struct pg_statement *st = data;

	if (!st)
		return;
	if (st->generation && st->generation == st->pg->link.generation)
		strv_add(&st->pg->dropped, st->name);
	statement_free(st);
}

/* ---- the lock ---- */

/* BEGIN, and the lock if it is free: *ret_got. */
static int begin_try(struct pg *pg, bool *ret_got, struct err *e)
{
	PGresult *r[LINK_BATCH_MAX] = { 0 };
	CLEAN_STR char *take =
		xasprintf("SELECT pg_try_advisory_xact_lock(%" PRId64 ")", pg->link.lock_key);

	link_text(&pg->link, "BEGIN");
	link_text(&pg->link, take);
	int rc = link_send(&pg->link, e) < 0 ? -1 : link_results(&pg->link, r, e);
	int64_t got = 0;
	if (rc == 0)
		rc = pg_number(PQftype(r[1], 0), PQgetvalue(r[1], 0, 0),
			(size_t)PQgetlength(r[1], 0, 0), &got);
	*ret_got = got != 0;
	PQclear(r[0]);
	PQclear(r[1]);
	return rc;
}

/* One that is interrupted by us has failed, unless it came first. */
static int lock_await(struct store *s, struct err *e)
{
	struct pg *pg = s->db;
	PGresult *r[LINK_BATCH_MAX] = { 0 };
	bool cancelled = false;
	int rc;

	while ((rc = link_wait(&pg->link, LOCK_SLICE_US, e)) == 0)
		if (!cancelled && !sql_wait_more(s, false)) {
			cancelled = true;
			link_cancel(&pg->link);
		}
	if (rc > 0)
		rc = link_results(&pg->link, r, e);
	PQclear(r[0]);
	return rc;
}

/* Waits in the server's queue, which is fair, but looks up every few milliseconds. */
static int lock_wait(struct store *s, struct err *e)
{
	struct pg *pg = s->db;
	CLEAN_STR char *take =
		xasprintf("SELECT pg_advisory_xact_lock(%" PRId64 ")", pg->link.lock_key);

	if (!sql_wait_more(s, true))
		return err_set(e, ERR_TIMEOUT, "store: another connection has the write lock");
	link_text(&pg->link, "SET LOCAL statement_timeout = 0");
	if (link_flush(&pg->link, e) < 0)
		return -1;
	link_text(&pg->link, take);
	if (link_send(&pg->link, e) < 0 || lock_await(s, e) < 0)
		return -1;
	link_text(&pg->link, "SET LOCAL statement_timeout = " STATEMENT_TIMEOUT);
	return link_flush(&pg->link, e);
}

static void roll_back(struct pg *pg)
{
	if (link_lost(&pg->link))
		return;
	link_text(&pg->link, "ROLLBACK");
	if (link_flush(&pg->link, NULL) < 0 && !link_lost(&pg->link))
		BUG("ROLLBACK: %s", pg->link.last.text);
}

/* A connection that turns out to be lost at a BEGIN takes nothing with it. */
static int pg_begin(struct store *s, struct err *e)
{
	struct pg *pg = s->db;
	bool got = false;
	int rc = link_up(&pg->link, e);

	if (rc == 0)
		rc = begin_try(pg, &got, e);
	if (rc < 0 && again(s))
		rc = link_up(&pg->link, e) < 0 ? -1 : begin_try(pg, &got, e);
	if (rc == 0 && !got)
		rc = lock_wait(s, e);
	if (rc < 0)
		roll_back(pg);
	else
		sql_wait_over(s);
	return rc;
}

/* ---- running ---- */

/* Sends the batch that holds the statement as its command `at` and keeps its rows. */
static int batch_run(struct pg_statement *st, size_t at, struct err *e)
{
	struct pg *pg = st->pg;
	PGresult *r[LINK_BATCH_MAX] = { 0 };
	int rc = link_send(&pg->link, e) < 0 ? -1 : link_results(&pg->link, r, e);

	if (rc == 0) {
		st->rows = r[at];
		r[at] = NULL;
	}
	if (rc == 0 && st->writes)
		pg->changes = strtoll(PQcmdTuples(st->rows), NULL, 10);
	for (size_t i = 0; i < LINK_BATCH_MAX; i++)
		PQclear(r[i]);
	return rc;
}

static int run_within(
	struct store *s, struct pg_statement *st, const struct sql_values *v, struct err *e)
{
	struct pg *pg = st->pg;

	if (statement_ready(s, st, e) < 0)
		return -1;
	link_text(&pg->link, "SAVEPOINT one");
	link_execute(&pg->link, st->name, v);
	link_text(&pg->link, "RELEASE one");
	if (batch_run(st, 1, e) == 0)
		return 0;
	struct err why = pg->link.last;
	if (!link_lost(&pg->link)) {
		link_text(&pg->link, "ROLLBACK TO one");
		link_text(&pg->link, "RELEASE one");
		IGNORE_RESULT(link_flush(&pg->link, NULL), "the transaction fails by itself then");
	}
	pg->link.last = why;
	return -1;
}

static int run_alone(
	struct store *s, struct pg_statement *st, const struct sql_values *v, struct err *e)
{
	struct pg *pg = st->pg;

	if (pg_begin(s, e) < 0)
		return -1;
	int rc = statement_ready(s, st, e);
	if (rc == 0 && !in_transaction(s)) /* in another connection, without the lock */
		rc = pg_fail(s, e, "the transaction is lost");
	if (rc == 0) {
		link_execute(&pg->link, st->name, v);
		link_text(&pg->link, "COMMIT");
		rc = batch_run(st, 0, e);
	}
	if (rc < 0) {
		struct err why = pg->link.last;

		roll_back(pg);
		pg->link.last = why;
	}
	return rc;
}

static int run_read_once(
	struct store *s, struct pg_statement *st, const struct sql_values *v, struct err *e)
{
	if (statement_ready(s, st, e) < 0)
		return -1;
	link_execute(&st->pg->link, st->name, v);
	return batch_run(st, 0, e);
}

/* A connection that turns out to be lost costs a read nothing, but in a transaction. */
static int run_read(
	struct store *s, struct pg_statement *st, const struct sql_values *v, struct err *e)
{
	int rc = run_read_once(s, st, v, e);

	return rc < 0 && again(s) ? run_read_once(s, st, v, e) : rc;
}

/* A transaction that has failed answers its COMMIT with ROLLBACK, as if that were no failure. */
static int run_control(struct store *s, struct pg_statement *st, struct err *e)
{
	struct link *l = &st->pg->link;

	if (link_lost(l))
		return pg_fail(s, e, "the transaction is lost");
	link_text(l, st->text);
	if (batch_run(st, 0, e) < 0)
		return -1;
	if (str_eq(st->text, "COMMIT") && !str_eq(PQcmdStatus(st->rows), "COMMIT"))
		return err_set(e, ERR_INTERNAL, "store: a statement of the transaction had failed");
	return 0;
}

static int pg_start(struct query *q, const struct sql_values *v, struct err *e)
{
	struct pg_statement *st = q->st;

	pg_finish(st);
	st->row = -1;
	if (st->reads)
		return run_read(q->s, st, v, e);
	if (!st->writes)
		return run_control(q->s, st, e);
	return in_transaction(q->s) || transaction_wanted(q->s) ? run_within(q->s, st, v, e)
								: run_alone(q->s, st, v, e);
}

static int pg_next(struct query *q, struct err *e UNUSED)
{
	struct pg_statement *st = q->st;

	if (st->row + 1 >= PQntuples(st->rows))
		return 0;
	st->row++;
	return 1;
}

/* ---- columns ---- */

static int64_t pg_int(struct query *q, int i)
{
	const struct pg_statement *st = q->st;
	int64_t n = 0;

	if (!PQgetisnull(st->rows, st->row, i) &&
		pg_number(PQftype(st->rows, i), PQgetvalue(st->rows, st->row, i),
			(size_t)PQgetlength(st->rows, st->row, i), &n) < 0)
		BUG("column %s is no whole number: %s", PQfname(st->rows, i), st->text);
	return n;
}

static struct slice pg_bytes(struct query *q, int i)
{
	const struct pg_statement *st = q->st;

	if (PQgetisnull(st->rows, st->row, i))
		return (struct slice){ NULL, 0 };
	if (pg_type_is_number(PQftype(st->rows, i)))
		BUG("column %s is a number, not a text: %s", PQfname(st->rows, i), st->text);
	return (struct slice){ PQgetvalue(st->rows, st->row, i),
		(size_t)PQgetlength(st->rows, st->row, i) };
}

static const char *pg_name(struct query *q, int i)
{
	return PQfname(((struct pg_statement *)q->st)->rows, i);
}

static enum value_kind pg_kind(struct query *q, int i)
{
	const struct pg_statement *st = q->st;

	if (PQgetisnull(st->rows, st->row, i))
		return VALUE_NULL;
	return pg_type_kind(PQftype(st->rows, i));
}

/* ---- changes ---- */

static int64_t pg_changes(struct store *s)
{
	return ((struct pg *)s->db)->changes;
}

/* It may take as long as it takes: a migration of a large table. */
static int pg_script(struct store *s, const char *text, struct err *e)
{
	struct pg *pg = s->db;

	if (link_lost(&pg->link) && transaction_wanted(s))
		return pg_fail(s, e, "the transaction is lost");
	if (link_up(&pg->link, e) < 0)
		return -1;
	if (!in_transaction(s))
		return link_script(&pg->link, text, e);
	link_text(&pg->link, "SET LOCAL statement_timeout = 0");
	return link_flush(&pg->link, e) < 0 ? -1 : link_script(&pg->link, text, e);
}

static int pg_triggers(struct store *s, bool on, struct err *e)
{
	return pg_script(s, on ? LINK_TRIGGERS("ENABLE") : LINK_TRIGGERS("DISABLE"), e);
}

static int pg_copy_in(struct store *s, const char *sql, struct slice rows, struct err *e)
{
	struct pg *pg = s->db;

	if (!in_transaction(s))
		return pg_fail(s, e, "the transaction is lost");
	return link_copy_in(&pg->link, sql, rows, e);
}

const struct sql_engine postgres_engine = {
	.postgres = true,
	.open = pg_open,
	.schema_ready = pg_schema_ready,
	.sync_later = pg_sync_later,
	.keep = pg_keep,
	.close = pg_close,
	.prepare = pg_prepare,
	.parameters = pg_parameters,
	.start = pg_start,
	.next = pg_next,
	.finish = pg_finish,
	.drop = pg_drop,
	.column_int = pg_int,
	.column_text = pg_bytes,
	.column_bytes = pg_bytes,
	.column_name = pg_name,
	.column_kind = pg_kind,
	.triggers = pg_triggers,
	.copy_in = pg_copy_in,
	.changes = pg_changes,
	.script = pg_script,
	.begin = pg_begin,
	.in_transaction = in_transaction,
	.fail = pg_fail,
};
