/*
 * Opening the file, and transactions.
 *
 * WAL with synchronous=FULL: an acknowledged log chunk or status survives a power loss; readers
 * never wait. The write lock is taken when a transaction begins (BEGIN IMMEDIATE): a transaction
 * that reads first and writes later can then neither deadlock nor act on stale rows.
 */
#include "coordinator/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "coordinator/store/schema.h"
#include "coordinator/store/sql.h"

#define LOCK_WAIT_US (10 * USEC_PER_SEC)
#define LOCK_TRY_US (2 * USEC_PER_MSEC)
#define HELD_MAX_US (5 * USEC_PER_MSEC)

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
	struct store *s = data;
	struct mono now = mono_now();

	if (!s->wait.since_us)
		s->wait.since_us = now.us;
	if (tries == 0)
		s->wait.default_until = mono_add(now, s->wait.patience_us);
	struct mono until = s->wait.until.us ? s->wait.until : s->wait.default_until;
	if (mono_diff(until, now) <= 0 || (s->wait.ends && s->wait.ends(s->wait.ends_data)))
		return 0;
	usleep(tries == 0 ? LOCK_TRY_US / 4 : LOCK_TRY_US);
	return 1;
}

void store_patience(struct store *s, int64_t us)
{
	s->wait.patience_us = us;
}

void store_wait_until(struct store *s, struct mono until)
{
	s->wait.until = until;
}

void store_wait_ends(struct store *s, bool (*ends)(void *data), void *data)
{
	s->wait.ends = ends;
	s->wait.ends_data = data;
}

void store_give_way(struct store *s)
{
	if (s->held.us < HELD_MAX_US)
		return;
	usleep(LOCK_TRY_US + USEC_PER_MSEC); /* longer than anybody pauses between two tries */
	s->held.us = 0;
}

int64_t store_locked_us(const struct store *s)
{
	int64_t since = s->wait.since_us;

	return since ? mono_now().us - since : 0;
}

static int set_pragmas(struct store *s, struct err *e)
{
	static const char sql[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				  "PRAGMA secure_delete=ON;"
				  "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
				  "PRAGMA journal_size_limit=16777216;";

	sqlite3_busy_handler(s->db, on_busy, s);
	sqlite3_extended_result_codes(s->db, 1);
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s, e, "open");
	return 0;
}

/* Not before the schema is up to date: dropping a table would take with it what refers to it. */
static int foreign_keys(struct store *s, struct err *e)
{
	if (sqlite3_exec(s->db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s, e, "open");
	return 0;
}

static struct store *file_open(const char *path, struct err *e)
{
	CLEAN_STORE struct store *s = xcalloc(1, sizeof(*s));
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;

	s->wait.patience_us = LOCK_WAIT_US;
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
		err_set(e, ERR_IO, "store: %s: %s", path,
			s->db ? sqlite3_errmsg(s->db) : "out of memory");
		return NULL;
	}
	if (set_pragmas(s, e) < 0) {
		err_wrap(e, "%s", path);
		return NULL;
	}
	return TAKE(s);
}

struct store *store_open_as_is(const char *path, struct err *e)
{
	if (access(path, F_OK) < 0) {
		err_set_errno(e, errno, "store: %s", path);
		return NULL;
	}
	return file_open(path, e);
}

struct store *store_open(const char *path, struct err *e)
{
	CLEAN_STORE struct store *s = NULL;

	if (file_make(path, e) < 0)
		return NULL;
	s = file_open(path, e);
	if (!s)
		return NULL;
	if (schema_migrate(s, e) < 0 || foreign_keys(s, e) < 0) {
		err_wrap(e, "%s", path);
		return NULL;
	}
	return TAKE(s);
}

int store_sync_later(struct store *s, struct err *e)
{
	if (sqlite3_exec(s->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s, e, "synchronous");
	return 0;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_cache; i++)
		sqlite3_finalize(s->cache[i].st);
	sqlite3_close_v2(s->db);
	free(s);
}

/* ---- transactions ---- */

/* A disk that is full makes the database roll back everything by itself. */
static bool rolled_back(const struct store *s)
{
	return sqlite3_get_autocommit(s->db);
}

static void undo(struct store *s, const char *sql)
{
	if (!rolled_back(s) && sql_run(s, NULL, sql, "") < 0)
		BUG("%s: %s", sql, sqlite3_errmsg(s->db));
}

int store_begin(struct store *s, struct store_tx *tx, struct err *e)
{
	tx->joined = s->in_tx;
	if (!tx->joined &&
		(sql_group_enter(s, e) < 0 ||
			sql_run(s, e, s->group.on ? "SAVEPOINT tx" : "BEGIN IMMEDIATE", "") < 0))
		return -1;
	if (!tx->joined && !s->group.on)
		s->held.since = mono_now();
	s->in_tx = true;
	tx->store = s;
	return 0;
}

static void tx_ended(struct store *s)
{
	if (!s->group.on)
		s->held.us += mono_diff(mono_now(), s->held.since);
	s->in_tx = false;
}

int store_commit(struct store_tx *tx, struct err *e)
{
	struct store *s = tx->store;

	if (!tx->joined && sql_run(s, e, s->group.on ? "RELEASE tx" : "COMMIT", "") < 0)
		return -1; /* still open: the cleanup rolls back */
	if (!tx->joined)
		tx_ended(s);
	s->group.kept |= s->group.on && !s->in_tx;
	tx->store = NULL;
	return 0;
}

void store_rollback(struct store_tx *tx)
{
	struct store *s = tx->store;

	if (!s || tx->joined)
		return;
	if (s->group.on) {
		undo(s, "ROLLBACK TO tx");
		undo(s, "RELEASE tx");
	} else {
		undo(s, "ROLLBACK");
	}
	tx_ended(s);
	tx->store = NULL;
}

/* ---- group commit ---- */

void store_group_begin(struct store *s)
{
	if (s->group.on || s->in_tx)
		BUG("a group inside another transaction");
	s->group.on = true;
}

bool store_group_changed(const struct store *s)
{
	return s->group.kept || s->group.lost;
}

static int group_commit(struct store *s, struct err *e)
{
	if (!s->group.open)
		return 0;
	bool kept = s->group.kept;
	s->group.open = s->group.kept = false;
	s->held.us += mono_diff(mono_now(), s->held.since);
	if (!kept) { /* the disk need not hear of it */
		undo(s, "ROLLBACK");
		return 0;
	}
	if (rolled_back(s)) {
		s->group.lost = true;
		return err_set(e, ERR_INTERNAL, "store: the database took back what was changed");
	}
	if (sql_run(s, e, "COMMIT", "") == 0)
		return 0;
	undo(s, "ROLLBACK");
	s->group.lost = true;
	return -1;
}

int store_group_flush(struct store *s, struct err *e)
{
	if (s->group.open && s->in_tx)
		BUG("a group is committed inside a transaction");
	return group_commit(s, e);
}

void store_group_drop(struct store *s)
{
	s->group.kept = false;
}

int store_group_end(struct store *s, struct err *e)
{
	bool lost = s->group.lost;
	int rc = group_commit(s, e);

	if (rc == 0 && lost)
		rc = err_set(e, ERR_INTERNAL, "store: an earlier commit of the group failed");
	memset(&s->group, 0, sizeof(s->group));
	return rc;
}
