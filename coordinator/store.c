/*
 * The store's plumbing: opening, transactions, statements.
 *
 * WAL with synchronous=FULL: an acknowledged log chunk or status survives a power loss; readers
 * never wait. The write lock is taken when a transaction begins (BEGIN IMMEDIATE): a transaction
 * that reads first and writes later can then neither deadlock nor act on stale rows.
 */
#include "coordinator/store_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"

#define BUSY_TIMEOUT_MS 10000
#define COLUMN_JSON_MAX MIB(8)

int sql_fail(struct store *s, struct err *e, const char *what)
{
	int code = sqlite3_extended_errcode(s->db);
	bool twin = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
	return err_set(e, twin ? ERR_CONFLICT : ERR_INTERNAL, "store: %s: %s", what,
		sqlite3_errmsg(s->db));
}

/* The file is made here so that it never exists with wider permissions. */
static int file_make(const char *path, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(e, errno, "store: %s", path);
	return 0;
}

static int pragmas(struct store *s, struct err *e)
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

struct store *store_open(const char *path, struct err *e)
{
	CLEAN_STORE struct store *s = xcalloc(1, sizeof(*s));
	if (file_make(path, e))
		return NULL;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
		err_set(e, ERR_IO, "store: %s: %s", path,
			s->db ? sqlite3_errmsg(s->db) : "out of memory");
		return NULL;
	}
	if (pragmas(s, e) || schema_migrate(s, e) || foreign_keys(s, e)) {
		err_wrap(e, "%s", path);
		return NULL;
	}
	return TAKE(s);
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
	if (!tx->joined && sql_run(s, e, "BEGIN IMMEDIATE", ""))
		return -1;
	tx->store = s;
	return 0;
}

int store_commit(struct store_tx *tx, struct err *e)
{
	if (!tx->joined && sql_run(tx->store, e, "COMMIT", ""))
		return -1; /* still open: the cleanup rolls back */
	tx->store = NULL;
	return 0;
}

void store_rollback(struct store_tx *tx)
{
	if (!tx->store || tx->joined)
		return;
	/* The database may have rolled back by itself after an error. */
	if (!sqlite3_get_autocommit(tx->store->db) && sql_run(tx->store, NULL, "ROLLBACK", ""))
		BUG("rollback: %s", sqlite3_errmsg(tx->store->db));
	tx->store = NULL;
}

/* ---- statements ---- */

static struct statement *cache_find(struct store *s, const char *sql)
{
	for (size_t i = 0; i < s->n_cache; i++)
		if (s->cache[i].sql == sql)
			return &s->cache[i];
	return NULL;
}

static int statement_prepare(struct store *s, struct query *q, const char *sql, struct err *e)
{
	struct statement *c = cache_find(s, sql);
	q->s = s;
	if (c && !c->busy) {
		c->busy = true;
		q->cached = c;
		q->st = c->st;
		return 0;
	}
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->st, NULL) !=
		SQLITE_OK)
		return sql_fail(s, e, "prepare");
	if (!c && s->n_cache < STATEMENTS_MAX) {
		q->cached = &s->cache[s->n_cache++];
		*q->cached = (struct statement){ .sql = sql, .st = q->st, .busy = true };
	}
	return 0;
}

void query_end(struct query *q)
{
	if (q->cached) {
		sqlite3_reset(q->st);
		sqlite3_clear_bindings(q->st);
		q->cached->busy = false;
	} else {
		sqlite3_finalize(q->st);
	}
	*q = (struct query){ 0 };
}

static int json_text(const struct strv *v, const struct pairs *p, struct buf *out, struct err *e)
{
	struct json_writer w;
	json_writer_init(&w, out, false);
	if (p) {
		json_begin_object(&w);
		for (size_t i = 0; i < p->n; i++)
			json_kv_str(&w, p->v[i].key, p->v[i].value);
		json_end_object(&w);
	} else {
		json_begin_array(&w);
		for (size_t i = 0; v && i < v->n; i++)
			json_str(&w, v->v[i]);
		json_end_array(&w);
	}
	return json_writer_finish(&w, e);
}

static int bind_json(
	struct query *q, int i, const struct strv *v, const struct pairs *p, struct err *e)
{
	struct buf b = BUF_INIT(COLUMN_JSON_MAX);
	int rc = json_text(v, p, &b, e);
	if (rc == 0 && sqlite3_bind_text(q->st, i, buf_cstr(&b), (int)b.len, SQLITE_TRANSIENT) !=
			       SQLITE_OK)
		rc = sql_fail(q->s, e, "bind");
	buf_release_wipe(&b);
	return rc;
}

static int bind_one(struct query *q, int i, char type, va_list *ap, struct err *e)
{
	static const struct pairs none;
	int rc;
	switch (type) {
	case 'i':
		rc = sqlite3_bind_int64(q->st, i, va_arg(*ap, int64_t));
		break;
	case 'y':
		rc = sqlite3_bind_int64(q->st, i, va_arg(*ap, int) != 0);
		break;
	case 't': /* borrowed: statements run before the caller's text goes */
		rc = sqlite3_bind_text(q->st, i, va_arg(*ap, const char *), -1, SQLITE_STATIC);
		break;
	case 'b': {
		const void *p = va_arg(*ap, const void *);
		size_t n = va_arg(*ap, size_t);
		rc = sqlite3_bind_blob64(q->st, i, p ? p : "", n, SQLITE_STATIC);
		break;
	}
	case 'w': {
		struct wall t = va_arg(*ap, struct wall);
		rc = t.us ? sqlite3_bind_int64(q->st, i, t.us) : sqlite3_bind_null(q->st, i);
		break;
	}
	case 'v':
		return bind_json(q, i, va_arg(*ap, const struct strv *), NULL, e);
	case 'p': {
		const struct pairs *p = va_arg(*ap, const struct pairs *);
		return bind_json(q, i, NULL, p ? p : &none, e);
	}
	default:
		BUG("bind type '%c'", type);
	}
	return rc == SQLITE_OK ? 0 : sql_fail(q->s, e, "bind");
}

static int query_start(struct store *s, struct query *q, const char *sql, const char *types,
	va_list *ap, struct err *e)
{
	if (statement_prepare(s, q, sql, e))
		return -1;
	if ((size_t)sqlite3_bind_parameter_count(q->st) != strlen(types))
		BUG("%zu values for: %s", strlen(types), sql);
	for (int i = 0; types[i]; i++)
		if (bind_one(q, i + 1, types[i], ap, e))
			return -1;
	return 0;
}

int sql_query(
	struct store *s, struct query *q, struct err *e, const char *sql, const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	int rc = query_start(s, q, sql, types, &ap, e);
	va_end(ap);
	return rc;
}

int sql_next(struct query *q, struct err *e)
{
	int rc = sqlite3_step(q->st);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : sql_fail(q->s, e, "step");
}

int sql_run(struct store *s, struct err *e, const char *sql, const char *types, ...)
{
	CLEAN_QUERY struct query q = { 0 };
	va_list ap;
	va_start(ap, types);
	int rc = query_start(s, &q, sql, types, &ap, e);
	va_end(ap);
	if (rc)
		return -1;
	do {
		rc = sql_next(&q, e);
	} while (rc > 0);
	return rc;
}

int sql_int(struct store *s, int64_t *ret, struct err *e, const char *sql, const char *types, ...)
{
	CLEAN_QUERY struct query q = { 0 };
	va_list ap;
	va_start(ap, types);
	int rc = query_start(s, &q, sql, types, &ap, e);
	va_end(ap);
	if (rc == 0)
		rc = sql_next(&q, e);
	if (rc > 0)
		*ret = col_int(&q, 0);
	return rc;
}

int64_t sql_changes(struct store *s)
{
	return sqlite3_changes(s->db);
}

int64_t sql_last_id(struct store *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

/* ---- columns ---- */

int64_t col_int(struct query *q, int i)
{
	return sqlite3_column_int64(q->st, i);
}

char *col_text(struct query *q, int i)
{
	const void *p = sqlite3_column_text(q->st, i);
	return p ? xmemdup0(p, (size_t)sqlite3_column_bytes(q->st, i)) : NULL;
}

struct wall col_wall(struct query *q, int i)
{
	return (struct wall){ col_int(q, i) };
}

static struct json_doc *col_json(struct query *q, int i, struct err *e)
{
	const char *p = (const char *)sqlite3_column_text(q->st, i);
	struct json_limits lim = { .bytes = COLUMN_JSON_MAX };
	struct json_doc *d = json_parse(p ? p : "null", p ? strlen(p) : 4, &lim, e);
	if (!d)
		err_wrap(e, "store: column %s", sqlite3_column_name(q->st, i));
	return d;
}

int col_strv(struct query *q, int i, struct strv *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *d = col_json(q, i, e);
	if (!d)
		return -1;
	const struct json_value *list = json_root(d);
	if (list->type == JSON_NULL)
		return 0;
	json_array_each (item, list)
		strv_add(ret, item->string);
	return 0;
}

int col_pairs(struct query *q, int i, struct pairs *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *d = col_json(q, i, e);
	if (!d)
		return -1;
	const struct json_value *map = json_root(d);
	if (map->type == JSON_NULL)
		return 0;
	json_array_each (item, map)
		pairs_set_n(ret, item->key, item->string, item->len);
	return 0;
}

int col_state(struct query *q, int i, struct state *ret, struct err *e)
{
	const char *status = (const char *)sqlite3_column_text(q->st, i);
	if (status_parse(status, &ret->status, e))
		return err_wrap(e, "store");
	const char *conclusion = (const char *)sqlite3_column_text(q->st, i + 1);
	if (conclusion_parse(conclusion, &ret->conclusion, e))
		return err_wrap(e, "store");
	return 0;
}
