/*
 * WAL with synchronous=FULL: an acknowledged log chunk or status survives a power loss; readers
 * never wait. The write lock is taken when a transaction begins (BEGIN IMMEDIATE): a transaction
 * that reads first and writes later can then neither deadlock nor act on stale rows.
 */
#include "coordinator/sql/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#define LOCK_TRY_US (2 * USEC_PER_MSEC)

static int lite_fail(struct store *s, struct err *e, const char *what)
{
	int code = sqlite3_extended_errcode(s->db);
	bool locked = (code & 0xff) == SQLITE_BUSY;
	bool twin = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;

	return err_set(e,
		twin     ? ERR_CONFLICT
		: locked ? ERR_TIMEOUT
			 : ERR_INTERNAL,
		"store: %s: %s", what, sqlite3_errmsg(s->db));
}

static int run_text(struct store *s, const char *text, const char *what, struct err *e)
{
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return lite_fail(s, e, what);
	return 0;
}

/* ---- the file ---- */

/* The file is made here so that it never exists with wider permissions. One that is there is not
 * touched: closing it would take away the locks that another connection of this process has on it,
 * and then another process would take the journal of committed changes for nobody's and drop it. */
static int file_make(const char *path, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_set_errno(e, errno, "store: %s", path);
	return 0;
}

/* SQLite's own waits grow to a tenth of a second: whoever asks more often then gets the lock. */
static int on_busy(void *data, int tries)
{
	if (!sql_wait_more(data, tries == 0))
		return 0;
	usleep(tries == 0 ? LOCK_TRY_US / 4 : LOCK_TRY_US);
	return 1;
}

static int set_pragmas(struct store *s, struct err *e)
{
	sqlite3_busy_handler(s->db, on_busy, s);
	sqlite3_extended_result_codes(s->db, 1);
	return run_text(s,
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		"PRAGMA secure_delete=ON;"
		"PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
		"PRAGMA journal_size_limit=16777216;",
		"open", e);
}

static int lite_open(struct store *s, const char *path, bool make, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	sqlite3 *db = NULL;

	if (make && file_make(path, e) < 0)
		return -1;
	if (access(path, F_OK) < 0)
		return err_set_errno(e, errno, "store: %s", path);
	int rc = sqlite3_open_v2(path, &db, flags, NULL);
	s->db = db;
	if (rc != SQLITE_OK)
		return err_set(e, ERR_IO, "store: %s: %s", path,
			db ? sqlite3_errmsg(db) : "out of memory");
	return set_pragmas(s, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

/* Not before: dropping a table would take with it what refers to it. */
static int lite_schema_ready(struct store *s, struct err *e)
{
	return run_text(s, "PRAGMA foreign_keys=ON", "open", e);
}

static int lite_sync_later(struct store *s, struct err *e)
{
	return run_text(s, "PRAGMA synchronous=NORMAL", "synchronous", e);
}

static void lite_close(struct store *s)
{
	sqlite3_close_v2(s->db);
	s->db = NULL;
}

/* ---- statements ---- */

/* BEGIN IMMEDIATE takes the lock and so is not "read only", but changes nothing. */
static int lite_prepare(struct store *s, const char *text, const char *types UNUSED, void **ret_st,
	bool *ret_writes, struct err *e)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
		return lite_fail(s, e, "prepare");
	*ret_st = st;
	*ret_writes = !sqlite3_stmt_readonly(st) && !str_starts(text, "BEGIN");
	return 0;
}

static size_t lite_parameters(void *st)
{
	return (size_t)sqlite3_bind_parameter_count(st);
}

static int bind_one(sqlite3_stmt *st, int i, const struct sql_value *v)
{
	switch (v->kind) {
	case VALUE_NULL:
		return sqlite3_bind_null(st, i);
	case VALUE_INT:
		return sqlite3_bind_int64(st, i, v->number);
	case VALUE_TEXT: /* borrowed: statements run before the caller's text goes */
		return sqlite3_bind_text(
			st, i, v->bytes, (int)v->len, v->owned ? SQLITE_TRANSIENT : SQLITE_STATIC);
	case VALUE_BYTES:
		return sqlite3_bind_blob64(st, i, v->bytes, v->len, SQLITE_STATIC);
	}
	BUG("value kind %d", v->kind);
}

static int lite_start(struct query *q, const struct sql_values *v, struct err *e)
{
	for (size_t i = 0; i < v->n; i++)
		if (bind_one(q->st, (int)i + 1, &v->v[i]) != SQLITE_OK)
			return lite_fail(q->s, e, "bind");
	return 0;
}

static int lite_next(struct query *q, struct err *e)
{
	int rc = sqlite3_step(q->st);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return lite_fail(q->s, e, "step");
	if (q->s->wait.since_us && !sqlite3_stmt_readonly(q->st))
		sql_wait_over(q->s);
	return rc == SQLITE_ROW;
}

static void lite_finish(void *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

static void lite_drop(void *st)
{
	sqlite3_finalize(st);
}

/* ---- columns ---- */

static int64_t lite_int(struct query *q, int i)
{
	return sqlite3_column_int64(q->st, i);
}

static struct slice lite_text(struct query *q, int i)
{
	const void *p = sqlite3_column_text(q->st, i);

	return (struct slice){ p, (size_t)sqlite3_column_bytes(q->st, i) };
}

static struct slice lite_bytes(struct query *q, int i)
{
	const void *p = sqlite3_column_blob(q->st, i);

	return (struct slice){ p, (size_t)sqlite3_column_bytes(q->st, i) };
}

static const char *lite_name(struct query *q, int i)
{
	return sqlite3_column_name(q->st, i);
}

static enum value_kind lite_kind(struct query *q, int i)
{
	switch (sqlite3_column_type(q->st, i)) {
	case SQLITE_NULL:
		return VALUE_NULL;
	case SQLITE_INTEGER:
		return VALUE_INT;
	case SQLITE_BLOB:
		return VALUE_BYTES;
	default:
		return VALUE_TEXT;
	}
}

/* ---- changes ---- */

static int64_t lite_changes(struct store *s)
{
	return sqlite3_changes(s->db);
}

static int lite_script(struct store *s, const char *text, struct err *e)
{
	return run_text(s, text, "script", e);
}

static int lite_triggers(struct store *s, bool on, struct err *e)
{
	int rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, (int)on, NULL);

	return rc == SQLITE_OK ? 0 : lite_fail(s, e, "triggers");
}

static int lite_begin(struct store *s, struct err *e)
{
	return sql_run(s, e, "BEGIN IMMEDIATE", "");
}

/* A disk that is full makes the database roll back everything by itself. */
static bool lite_in_transaction(const struct store *s)
{
	return !sqlite3_get_autocommit(s->db);
}

const struct sql_engine sqlite_engine = {
	.open = lite_open,
	.schema_ready = lite_schema_ready,
	.sync_later = lite_sync_later,
	.close = lite_close,
	.prepare = lite_prepare,
	.parameters = lite_parameters,
	.start = lite_start,
	.next = lite_next,
	.finish = lite_finish,
	.drop = lite_drop,
	.column_int = lite_int,
	.column_text = lite_text,
	.column_bytes = lite_bytes,
	.column_name = lite_name,
	.column_kind = lite_kind,
	.triggers = lite_triggers,
	.changes = lite_changes,
	.script = lite_script,
	.begin = lite_begin,
	.in_transaction = lite_in_transaction,
	.fail = lite_fail,
};
