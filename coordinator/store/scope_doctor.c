/*
 * A repair in one transaction: the write lock is taken before the rows are read, the backup is made
 * under it, and the update names every value that was read. What is in the backup is therefore what
 * was there before the update, and nobody can come between.
 */
#include "coordinator/store/scope_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/sql/row.h"
#include "coordinator/sql/sqlite.h"
#include "coordinator/store/store.h"

#define BUSY_TIMEOUT_MS 10000

/* The two shapes of a table of runners; owner and repository as texts, "0" for none. */
struct layout {
	const char *table;
	const char *select; /* id, name, owner, repository, deleted; bound: the name */
	const char *update; /* bound: id, name, owner, repository */
	bool ours;          /* has an audit table */
};
static const struct layout layouts[] = {
	{ "action_runner",
		"SELECT id, name, CAST(coalesce(owner_id, 0) AS TEXT),"
		" CAST(coalesce(repo_id, 0) AS TEXT), nullif(CAST(deleted AS TEXT), '0')"
		" FROM action_runner WHERE name = ? ORDER BY id",
		"UPDATE action_runner SET owner_id = 0 WHERE id = ? AND name = ?"
		" AND CAST(owner_id AS TEXT) = ? AND CAST(repo_id AS TEXT) = ?"
		" AND coalesce(deleted, 0) = 0",
		false },
	{ "runners",
		"SELECT id, name, coalesce(scope_owner, '0'),"
		" CAST(coalesce(scope_repo_id, 0) AS TEXT), CAST(revoked_at / 1000000 AS TEXT)"
		" FROM runners WHERE name = ? ORDER BY id",
		"UPDATE runners SET scope_owner = NULL WHERE id = ? AND name = ?"
		" AND scope_owner = ? AND CAST(scope_repo_id AS TEXT) = ?"
		" AND revoked_at IS NULL",
		true },
};

static const char *const verdict_words[] = {
	[SCOPE_OK] = "OK",
	[SCOPE_REPAIRABLE] = "REPAIRABLE",
	[SCOPE_MISSING] = "MISSING",
	[SCOPE_AMBIGUOUS] = "AMBIGUOUS",
	[SCOPE_UNKNOWN] = "UNKNOWN",
	[SCOPE_REPAIRED] = "REPAIRED",
	[SCOPE_CHANGED] = "CHANGED",
};

const char *scope_verdict_text(enum scope_verdict v)
{
	return verdict_words[v];
}

void scope_report_release(struct scope_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		free(r->v[i].owner);
		free(r->v[i].repo);
		free(r->v[i].deleted);
	}
	free(r->v);
	free(r->why);
	free(r->backup);
	*r = (struct scope_report){ 0 };
}

/* ---- the file ---- */

static int db_try(const char *uri, int flags, sqlite3 **ret)
{
	if (sqlite3_open_v2(uri, ret, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return -1;
	sqlite3_busy_timeout(*ret, BUSY_TIMEOUT_MS);
	return sqlite3_exec(*ret, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) ==
			       SQLITE_OK
		       ? 0
		       : -1;
}

/* "file:" with what a URI gives a meaning written as %XX. */
static void uri_make(const char *path, bool immutable, struct buf *out)
{
	buf_adds(out, "file:");
	for (const char *c = path; *c; c++)
		if (strchr("%?#", *c))
			buf_addf(out, "%%%02X", (unsigned char)*c);
		else
			buf_addc(out, *c);
	buf_adds(out, immutable ? "?immutable=1" : "");
}

static bool file_there(const char *path, const char *suffix)
{
	CLEAN_STR char *full = xasprintf("%s%s", path, suffix);
	struct stat st;

	return stat(full, &st) == 0 && st.st_size > 0;
}

/* A write-ahead log wants files beside it. In a folder that cannot be written to, and when no log
 * is there, nobody writes: the file can be read as it is. */
static int db_open(const char *path, bool write, sqlite3 **ret, struct err *e)
{
	CLEAN_BUF struct buf plain = BUF_INIT(KIB(16)), still = BUF_INIT(KIB(16));

	uri_make(path, false, &plain);
	uri_make(path, true, &still);
	if (db_try(buf_cstr(&plain), write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, ret) ==
		0)
		return 0;
	err_set(e, ERR_IO, "%s: %s", path, *ret ? sqlite3_errmsg(*ret) : "out of memory");
	if (write || !file_there(path, "") || file_there(path, "-wal"))
		return -1;
	sqlite3_close(*ret);
	*ret = NULL;
	if (db_try(buf_cstr(&still), SQLITE_OPEN_READONLY, ret) < 0)
		return -1;
	err_clear(e);
	return 0;
}

static const struct layout *layout_find(struct store *s, const char *path, struct err *e)
{
	int64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(layouts); i++) {
		if (sql_int(s, &n, e,
			    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
			    "t", layouts[i].table) < 0)
			return NULL;
		if (n)
			return &layouts[i];
	}
	err_set(e, ERR_NOT_FOUND, "%s: neither a table action_runner nor a table runners", path);
	return NULL;
}

/* ---- the verdict ---- */

static int rows_read(struct store *s, const struct layout *l, const char *name,
	struct scope_report *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e, l->select, "t", name) < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		struct scope_row *r = LIST_ADD(ret);

		r->id = col_int(&q, 0);
		r->name = col_text(&q, 1);
		r->owner = col_text(&q, 2);
		r->repo = col_text(&q, 3);
		r->deleted = col_text(&q, 4);
	}
	return rc;
}

static void verdict_set(struct scope_report *r, enum scope_verdict v, char *why)
{
	free(r->why);
	r->verdict = v;
	r->why = why;
}

/* The one that is not deleted, NULL without a single one. */
static const struct scope_row *verdict_find(struct scope_report *r, const struct scope_spec *spec)
{
	const struct scope_row *active = NULL;
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (!r->v[i].deleted) {
			active = &r->v[i];
			n++;
		}
	if (n != 1) {
		verdict_set(r, n ? SCOPE_AMBIGUOUS : SCOPE_MISSING,
			xasprintf("%zu active registrations of %s; expected 1", n, spec->name));
		return NULL;
	}
	bool repo = str_eq(active->repo, spec->repo);
	if (repo && str_eq(active->owner, "0"))
		verdict_set(r, SCOPE_OK,
			xasprintf("active deploy runner has owner_id=0 repo_id=%s", spec->repo));
	else if (repo && strcasecmp(active->owner, spec->owner) == 0)
		verdict_set(r, SCOPE_REPAIRABLE,
			xasprintf(
				"active deploy runner has owner_id=%s; expected 0", active->owner));
	else
		verdict_set(r, SCOPE_UNKNOWN,
			xasprintf("active deploy runner has owner_id=%s repo_id=%s; expected "
				  "owner_id=0 repo_id=%s",
				active->owner, active->repo, spec->repo));
	return active;
}

/* ---- the backup ---- */

static int backup_copy(sqlite3 *from, const char *path, struct err *e)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(path, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");

		rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
		if (b && sqlite3_backup_finish(b) != SQLITE_OK && rc == SQLITE_DONE)
			rc = SQLITE_ERROR;
	}
	if (rc != SQLITE_DONE)
		err_set(e, ERR_IO, "backup %s: %s", path, sqlite3_errstr(rc));
	sqlite3_close(to);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int folder_sync(const char *path, struct err *e)
{
	CLEAN_STR char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	CLEAN_FD int fd =
		open(slash ? (*dir ? dir : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_set_errno(e, errno, "backup: folder of %s", path);
	return 0;
}

/* "<folder>/<file>.scope-20260131T120000123Z": never a file that is there already. */
static char *backup_path(const struct scope_spec *spec)
{
	const char *slash = strrchr(spec->db, '/'), *name = slash ? slash + 1 : spec->db;
	char text[WALL_TEXT_MAX], when[WALL_TEXT_MAX];
	size_t n = 0;

	wall_format(spec->now, text);
	for (const char *c = text; *c; c++)
		if (!strchr("-:.", *c))
			when[n++] = *c;
	when[n] = '\0';
	if (spec->backup_dir)
		return xasprintf("%s/%s.scope-%s", spec->backup_dir, name, when);
	return xasprintf("%s.scope-%s", spec->db, when);
}

/* Read by a connection of its own: one that is about to write cannot be the source. */
static int backup_read(const char *db, const char *path, struct err *e)
{
	sqlite3 *from = NULL;
	int rc = db_open(db, false, &from, e) < 0 ? -1 : backup_copy(from, path, e);

	sqlite3_close(from);
	return rc;
}

static int backup_make(const struct scope_spec *spec, char **ret, struct err *e)
{
	CLEAN_STR char *path = backup_path(spec);
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_set_errno(e, errno, "backup %s", path);
	if (fchmod(fd, 0600) < 0 || backup_read(spec->db, path, e) < 0)
		return e->class ? -1 : err_set_errno(e, errno, "backup %s", path);
	if (fsync(fd) < 0)
		return err_set_errno(e, errno, "backup %s", path);
	*ret = TAKE(path);
	return folder_sync(*ret, e);
}

/* ---- the repair ---- */

/* Exactly one row changed, or the caller rolls back. */
static int repair(struct store *s, const struct layout *l, const struct scope_row *row,
	struct scope_report *ret, struct err *e)
{
	int before = sqlite3_total_changes(s->db);

	if (sql_run(s, e, l->update, "ittt", row->id, row->name, row->owner, row->repo) < 0)
		return -1;
	int changed = sqlite3_total_changes(s->db) - before;
	if (changed == 1 && sql_changes(s) == 1)
		verdict_set(ret, SCOPE_REPAIRED,
			xasprintf("active deploy runner had owner_id=%s; now 0", row->owner));
	else
		verdict_set(ret, SCOPE_CHANGED,
			xasprintf("the update changed %d rows; expected 1; rolled back", changed));
	return 0;
}

static int apply(struct store *s, const struct layout *l, const struct scope_spec *spec,
	struct scope_report *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || rows_read(s, l, spec->name, ret, e) < 0)
		return -1;
	const struct scope_row *row = verdict_find(ret, spec);
	if (ret->verdict != SCOPE_REPAIRABLE)
		return 0;
	if (backup_make(spec, &ret->backup, e) < 0 || repair(s, l, row, ret, e) < 0)
		return -1;
	if (ret->verdict != SCOPE_REPAIRED)
		return 0;
	if (l->ours && store_audit_record(s, spec->audit, spec->now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int scope_doctor(const struct scope_spec *spec, struct scope_report *ret, struct err *e)
{
	CLEAN_STORE struct store *s = xcalloc(1, sizeof(*s));
	sqlite3 *db = NULL;

	s->engine = &sqlite_engine;
	int rc = db_open(spec->db, spec->apply, &db, e);
	s->db = db;
	if (rc < 0)
		return -1;
	const struct layout *l = layout_find(s, spec->db, e);
	if (!l)
		return -1;
	if (spec->apply)
		return apply(s, l, spec, ret, e);
	if (rows_read(s, l, spec->name, ret, e) < 0)
		return -1;
	verdict_find(ret, spec);
	return 0;
}
