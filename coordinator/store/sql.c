/*
 * Statements over SQLite: the only file beside store.c, row.c and schema.c that knows its API.
 *
 * Compiling a statement costs more than most of them take to run, so each is kept and found again
 * by the address of its literal. Values are bound by a type string, and their number is checked
 * against the statement's: a forgotten one is a bug that shows at the first call. Texts are
 * borrowed for the time of the statement.
 */
#include "coordinator/store/sql.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/store/row.h"

#define SELECT_MAX KIB(16)

int sql_fail(struct store *s, struct err *e, const char *what)
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

static struct statement *cache_find(struct store *s, const struct row_type *type, const char *sql)
{
	for (size_t i = 0; i < s->n_cache; i++)
		if (s->cache[i].sql == sql && s->cache[i].type == type)
			return &s->cache[i];
	return NULL;
}

/* The text is made only when the statement is not at hand. */
static int statement_compile(struct store *s, struct query *q, const struct row_type *type,
	const char *sql, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(SELECT_MAX);

	if (type) {
		buf_adds(&text, "SELECT ");
		row_columns(type, &text);
		buf_addf(&text, " %s", sql);
	}
	if (sqlite3_prepare_v3(s->db, type ? buf_cstr(&text) : sql, -1, SQLITE_PREPARE_PERSISTENT,
		    &q->st, NULL) != SQLITE_OK)
		return sql_fail(s, e, "prepare");
	return 0;
}

static void statement_keep(
	struct store *s, struct query *q, const struct row_type *type, const char *sql)
{
	if (s->n_cache < STATEMENTS_MAX) {
		q->cached = &s->cache[s->n_cache++];
		*q->cached =
			(struct statement){ .sql = sql, .type = type, .st = q->st, .busy = true };
	} else if (!s->cache_full) {
		s->cache_full = true;
		log_warn("store", "statement_cache_full", F_INT("statements", STATEMENTS_MAX),
			F_STR("first_without", sql));
	}
}

static int statement_take(struct store *s, struct query *q, const struct row_type *type,
	const char *sql, struct err *e)
{
	struct statement *c = cache_find(s, type, sql);

	q->s = s;
	if (c && !c->busy) {
		c->busy = true;
		q->cached = c;
		q->st = c->st;
		return 0;
	}
	if (statement_compile(s, q, type, sql, e) < 0)
		return -1;
	if (!c)
		statement_keep(s, q, type, sql);
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

int sql_group_enter(struct store *s, struct err *e)
{
	if (!s->group.on)
		return 0;
	if (s->group.lost || (s->group.open && sqlite3_get_autocommit(s->db)))
		return err_set(e, ERR_INTERNAL, "store: the database took back what was changed");
	if (s->group.open)
		return 0;
	s->group.opening = true; /* BEGIN IMMEDIATE counts as a change itself */
	s->group.open = sql_run(s, e, "BEGIN IMMEDIATE", "") == 0;
	s->group.opening = false;
	s->held.since = mono_now();
	return s->group.open ? 0 : -1;
}

int sql_start(struct store *s, struct query *q, const struct row_type *type, const char *sql,
	const char *types, va_list *ap, struct err *e)
{
	if (statement_take(s, q, type, sql, e) < 0)
		return -1;
	if ((size_t)sqlite3_bind_parameter_count(q->st) != strlen(types))
		BUG("%zu values for: %s", strlen(types), sql);
	for (int i = 0; types[i]; i++)
		if (bind_one(q, i + 1, types[i], ap, e) < 0)
			return -1;
	if (sqlite3_stmt_readonly(q->st) || s->group.opening)
		return 0;
	s->group.kept |= s->group.on && !s->in_tx;
	return sql_group_enter(s, e);
}

int sql_query(
	struct store *s, struct query *q, struct err *e, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int rc = sql_start(s, q, NULL, sql, types, &ap, e);
	va_end(ap);
	return rc;
}

int sql_next(struct query *q, struct err *e)
{
	int rc = sqlite3_step(q->st);

	if (q->s->wait.since_us && (rc == SQLITE_ROW || rc == SQLITE_DONE) &&
		!sqlite3_stmt_readonly(q->st))
		q->s->wait.since_us = 0;
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : sql_fail(q->s, e, "step");
}

int sql_run(struct store *s, struct err *e, const char *sql, const char *types, ...)
{
	CLEAN_QUERY struct query q = { 0 };
	va_list ap;

	va_start(ap, types);
	int rc = sql_start(s, &q, NULL, sql, types, &ap, e);
	va_end(ap);
	if (rc < 0)
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
	int rc = sql_start(s, &q, NULL, sql, types, &ap, e);
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

struct slice col_bytes(struct query *q, int i)
{
	const char *p = sqlite3_column_blob(q->st, i);

	return (struct slice){ p ? p : "", (size_t)sqlite3_column_bytes(q->st, i) };
}
