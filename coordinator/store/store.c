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

#define BUSY_TIMEOUT_MS 10000

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

static int set_pragmas(struct store *s, struct err *e)
{
	static const char sql[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
				  "PRAGMA secure_delete=ON;"
				  "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
				  "PRAGMA journal_size_limit=16777216;";

	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
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

int store_begin(struct store *s, struct store_tx *tx, struct err *e)
{
	tx->joined = !sqlite3_get_autocommit(s->db);
	if (!tx->joined && sql_run(s, e, "BEGIN IMMEDIATE", "") < 0)
		return -1;
	tx->store = s;
	return 0;
}

int store_commit(struct store_tx *tx, struct err *e)
{
	if (!tx->joined && sql_run(tx->store, e, "COMMIT", "") < 0)
		return -1; /* still open: the cleanup rolls back */
	tx->store = NULL;
	return 0;
}

void store_rollback(struct store_tx *tx)
{
	if (!tx->store || tx->joined)
		return;
	/* The database may have rolled back by itself after an error. */
	if (!sqlite3_get_autocommit(tx->store->db) && sql_run(tx->store, NULL, "ROLLBACK", "") < 0)
		BUG("rollback: %s", sqlite3_errmsg(tx->store->db));
	tx->store = NULL;
}
