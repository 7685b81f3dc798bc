/*
 * Statements over any engine.
 *
 * Compiling a statement costs more than most of them take to run, so each is kept and found again
 * by the address of its literal. Values are bound by a type string, and their number is checked
 * against the statement's: a forgotten one is a bug that shows at the first call. Texts are
 * borrowed for the time of the statement.
 */
#include "coordinator/sql/sql.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/sql/engine.h"
#include "coordinator/sql/row.h"

#define SELECT_MAX KIB(16)

int sql_fail(struct store *s, struct err *e, const char *what)
{
	return s->engine->fail(s, e, what);
}

bool sql_wait_more(struct store *s, bool first)
{
	struct mono now = mono_now();

	if (!s->wait.since_us)
		s->wait.since_us = now.us;
	if (first)
		s->wait.default_until = mono_add(now, s->wait.patience_us);
	struct mono until = s->wait.until.us ? s->wait.until : s->wait.default_until;
	return mono_diff(until, now) > 0 && !(s->wait.ends && s->wait.ends(s->wait.ends_data));
}

void sql_wait_over(struct store *s)
{
	if (s->wait.since_us)
		s->wait.since_us = 0;
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
	const char *sql, const char *types, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(SELECT_MAX);

	if (type) {
		buf_adds(&text, "SELECT ");
		row_columns(type, &text);
		buf_addf(&text, " %s", sql);
	}
	return s->engine->prepare(s, type ? buf_cstr(&text) : sql, types, &q->st, &q->writes, e);
}

static void statement_keep(
	struct store *s, struct query *q, const struct row_type *type, const char *sql)
{
	if (s->n_cache < STATEMENTS_MAX) {
		q->cached = &s->cache[s->n_cache++];
		*q->cached = (struct statement){ sql, type, q->st, q->writes, true };
	} else if (!s->cache_full) {
		s->cache_full = true;
		log_warn("store", "statement_cache_full", F_INT("statements", STATEMENTS_MAX),
			F_STR("first_without", sql));
	}
}

static int statement_take(struct store *s, struct query *q, const struct row_type *type,
	const char *sql, const char *types, struct err *e)
{
	struct statement *c = cache_find(s, type, sql);

	q->s = s;
	if (c && !c->busy) {
		c->busy = true;
		q->cached = c;
		q->st = c->st;
		q->writes = c->writes;
		return 0;
	}
	if (statement_compile(s, q, type, sql, types, e) < 0)
		return -1;
	if (!c)
		statement_keep(s, q, type, sql);
	return 0;
}

void query_end(struct query *q)
{
	if (q->cached) {
		q->s->engine->finish(q->st);
		q->cached->busy = false;
	} else if (q->st) {
		q->s->engine->drop(q->st);
	}
	*q = (struct query){ 0 };
}

int sql_group_enter(struct store *s, struct err *e)
{
	if (!s->group.on)
		return 0;
	if (s->group.lost || (s->group.open && !s->engine->in_transaction(s)))
		return err_set(e, ERR_INTERNAL, "store: the database took back what was changed");
	if (s->group.open)
		return 0;
	s->group.open = s->engine->begin(s, e) == 0;
	s->held.since = mono_now();
	return s->group.open ? 0 : -1;
}

static int statement_start(
	struct query *q, const char *sql, const struct sql_values *v, struct err *e)
{
	struct store *s = q->s;

	if (s->engine->parameters(q->st) != v->n)
		BUG("%zu values for: %s", v->n, sql);
	if (q->writes) {
		s->group.kept |= s->group.on && !s->in_tx;
		if (sql_group_enter(s, e) < 0)
			return -1;
	}
	return s->engine->start(q, v, e);
}

int sql_start(struct store *s, struct query *q, const struct row_type *type, const char *sql,
	const char *types, va_list *ap, struct err *e)
{
	struct sql_values values;

	if (statement_take(s, q, type, sql, types, e) < 0)
		return -1;
	int rc = values_read(&values, types, ap, e);
	if (rc == 0)
		rc = statement_start(q, sql, &values, e);
	values_release(&values);
	return rc;
}

int sql_query_values(struct store *s, struct query *q, struct err *e, const char *sql,
	const char *types, const struct sql_values *v)
{
	return statement_take(s, q, NULL, sql, types, e) < 0 ? -1 : statement_start(q, sql, v, e);
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
	return q->s->engine->next(q, e);
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

int sql_script(struct store *s, struct err *e, const char *text)
{
	return s->engine->script(s, text, e);
}

bool sql_is_postgres(const struct store *s)
{
	return s->engine->postgres;
}

int64_t sql_changes(struct store *s)
{
	return s->engine->changes(s);
}

/* ---- columns ---- */

int64_t col_int(struct query *q, int i)
{
	return q->s->engine->column_int(q, i);
}

struct slice col_slice(struct query *q, int i)
{
	return q->s->engine->column_text(q, i);
}

char *col_text(struct query *q, int i)
{
	struct slice text = col_slice(q, i);

	return text.ptr ? xmemdup0(text.ptr, text.len) : NULL;
}

struct slice col_bytes(struct query *q, int i)
{
	struct slice bytes = q->s->engine->column_bytes(q, i);

	return bytes.ptr ? bytes : (struct slice){ "", 0 };
}

const char *col_name(struct query *q, int i)
{
	return q->s->engine->column_name(q, i);
}

enum value_kind col_kind(struct query *q, int i)
{
	return q->s->engine->column_kind(q, i);
}

/* ---- many rows ---- */

int sql_triggers(struct store *s, bool on, struct err *e)
{
	return s->engine->triggers(s, on, e);
}

int sql_copy_in(struct store *s, struct err *e, const char *sql, struct slice rows)
{
	return s->engine->copy_in(s, sql, rows, e);
}
