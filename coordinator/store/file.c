/*
 * All pages in one step: that is one read transaction, which in WAL mode neither waits for writers
 * nor lets them wait. Steps with pauses would begin anew whenever somebody writes.
 */
#include "coordinator/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "coordinator/sql/sql.h"
#include "coordinator/store/ids.h"

static int pages_copy(struct store *s, sqlite3 *to, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");

	if (!b)
		return err_set(e, ERR_INTERNAL, "store: copy: %s", sqlite3_errmsg(to));
	int step = sqlite3_backup_step(b, -1), end = sqlite3_backup_finish(b);
	if (step != SQLITE_DONE || end != SQLITE_OK)
		return err_set(e, ERR_IO, "store: copy: %s", sqlite3_errmsg(to));
	/* a copy stands alone: no file beside it belongs to it */
	if (sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return err_set(e, ERR_IO, "store: copy: %s", sqlite3_errmsg(to));
	return 0;
}

int store_copy(struct store *s, const char *path, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	sqlite3 *to = NULL;

	if (fd < 0)
		return err_set_errno(e, errno, "%s", path);
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		rc = err_set(e, ERR_IO, "%s: %s", path, to ? sqlite3_errmsg(to) : "no memory");
	else
		rc = pages_copy(s, to, e);
	sqlite3_close(to);
	if (rc == 0 && fsync(fd) < 0)
		return err_set_errno(e, errno, "%s", path);
	return rc;
}

/* ---- checking: pragmas give rows like queries do ---- */

int store_quick_check(struct store *s, struct buf *out, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e, "PRAGMA quick_check(20)", "") < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *line = col_text(&q, 0);

		if (!str_eq(line, "ok"))
			buf_addf(out, "%s%s", out->len ? "\n" : "", line ? line : "?");
	}
	return rc;
}

int store_foreign_keys(struct store *s, int64_t *ret_n, struct buf *out, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	*ret_n = 0;
	if (sql_query(s, &q, e, "PRAGMA foreign_key_check", "") < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *table = col_text(&q, 0);

		if ((*ret_n)++ == 0)
			buf_addf(out, "%s", table ? table : "?");
	}
	return rc;
}

/* ---- after a restore ---- */

/* How many rows were made after the backup stands nowhere but in the store that is lost, so it is
 * bounded by time. */
static int64_t rows_since(struct wall backup_at, struct wall now)
{
	int64_t seconds = (now.us - backup_at.us) / USEC_PER_SEC;

	return RESTORED_ROWS_BURST + (seconds > 0 ? seconds * RESTORED_ROWS_SECOND : 0);
}

/* A job's tokens name how often it came back to the queue (struct job_row, returns). The time of
 * the restore is added to that: a number that was never there before. */
int store_restored(struct store *s, struct wall backup_at, struct wall now, int64_t *ret_skipped,
	struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t n = rows_since(backup_at, now);

	if (store_begin(s, &tx, e) < 0 || store_ids_skip(s, n, e) < 0 ||
		sql_run(s, e, "UPDATE workflow_jobs SET restored = ? WHERE status = 'queued'", "i",
			now.us / USEC_PER_SEC) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	*ret_skipped = n;
	return 0;
}
