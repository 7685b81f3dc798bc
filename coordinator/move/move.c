/* Each table is read once from the source and, at the end, once from the destination; what was
 * there before a copy was cut off once more from both. */
#include "coordinator/move/move.h"

#include <inttypes.h>

#include "coordinator/move/bookmark.h"
#include "coordinator/move/counter.h"
#include "coordinator/move/digest.h"
#include "coordinator/move/put.h"
#include "coordinator/move/side.h"
#include "coordinator/sql/place.h"

#define TELL_US (3 * USEC_PER_SEC)

struct move {
	const struct move_options *o;
	int64_t page;
	struct shape shape;
	struct side from, to;
	struct bookmark mark;
	struct move_done *done;
	struct mono told;
};
/* One table on its way. */
struct carry {
	struct shape_table *table;
	struct digest digest; /* of the source's rows so far */
	struct digest *other; /* NULL, or of the same rows */
	struct put put;
};

void move_done_release(struct move_done *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].name);
	free(d->v);
	*d = (struct move_done){ 0 };
}

static void move_close(struct move *m)
{
	side_close(&m->from);
	side_close(&m->to);
	shape_release(&m->shape);
	bookmark_release(&m->mark);
}

static void PRINTF_LIKE(2, 3) tell(const struct move *m, const char *fmt, ...)
{
	va_list ap;
	char line[200];

	if (!m->o->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	m->o->tell(m->o->data, line);
}

/* Now and then. */
static void tell_rows(struct move *m, const char *what, size_t i, int64_t rows)
{
	struct mono now = mono_now();

	if (mono_diff(now, m->told) < TELL_US)
		return;
	m->told = now;
	tell(m, "%s: table %zu of %zu, %s: %" PRId64 " rows", what, i + 1, m->shape.n,
		m->shape.v[i].name, rows);
}

/* ---- rows from one to the other ---- */

static int on_source_row(void *data, const struct sql_values *row, struct err *e)
{
	struct carry *c = data;

	digest_row(&c->digest, row);
	if (c->other) {
		digest_row(c->other, row);
		return 0;
	}
	return put_row(&c->put, row, e);
}

static int page_copy(
	struct move *m, struct carry *c, struct page_place *at, int64_t *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(m->to.store, &tx, e) < 0 ||
		page_read(m->from.store, c->table, at, m->page, on_source_row, c, ret, e) < 0 ||
		put_flush(&c->put, e) < 0 ||
		bookmark_set(m->to.store, c->table->name, c->digest.rows, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int differs(const struct shape_table *t, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
		"table %s: what an earlier copy left in the destination is not what the source has "
		"now; begin again with an empty destination",
		t->name);
}

/* The first n rows of the source, which a copy before this one brought: are they what is there? */
static int source_again(struct move *m, struct carry *c, int64_t n, const char *there,
	struct page_place *at, struct err *e)
{
	struct digest again;
	char digest[SHA256_HEX_MAX];
	int64_t got = 1, left = n;
	int rc = 0;

	digest_begin(&again);
	c->other = &again;
	for (; rc == 0 && left > 0 && got > 0; left -= got)
		rc = page_read(m->from.store, c->table, at, left < m->page ? left : m->page,
			on_source_row, c, &got, e);
	c->other = NULL;
	digest_end(&again, digest);
	if (rc == 0 && (again.rows != n || !str_eq(digest, there)))
		rc = differs(c->table, e);
	return rc;
}

static int found_check(struct move *m, struct carry *c, struct page_place *at, struct err *e)
{
	CLEANUP(page_place_release) struct page_place end = { 0 };
	char digest[SHA256_HEX_MAX];
	struct digest d;

	digest_begin(&d);
	int rc = digest_read(m->to.store, c->table, INT64_MAX, m->page, &end, &d, e);
	digest_end(&d, digest);
	if (rc < 0 || d.rows == 0)
		return rc;
	if (str_eq(c->table->name, m->mark.at_table) && d.rows != m->mark.rows)
		return differs(c->table, e);
	return source_again(m, c, d.rows, digest, at, e);
}

static int rows_copy(
	struct move *m, struct carry *c, size_t i, struct page_place *at, struct err *e)
{
	int64_t n = 1;

	if (m->done->resumed && found_check(m, c, at, e) < 0)
		return -1;
	while (n > 0) {
		if (page_copy(m, c, at, &n, e) < 0)
			return -1;
		tell_rows(m, "copying", i, c->digest.rows);
	}
	return 0;
}

static int table_copy(struct move *m, size_t i, struct err *e)
{
	struct carry c = { .table = &m->shape.v[i] };
	struct move_table *to = &m->done->v[i];
	CLEANUP(page_place_release) struct page_place at = { 0 };

	to->name = xstrdup(c.table->name);
	m->done->n++;
	digest_begin(&c.digest);
	put_begin(&c.put, m->to.store, c.table);
	int rc = rows_copy(m, &c, i, &at, e);
	put_end(&c.put);
	digest_end(&c.digest, to->digest);
	if (rc < 0 || counter_get(m->from.store, c.table, &to->counter, e) < 0)
		return -1;
	to->rows = c.digest.rows;
	m->done->rows += to->rows;
	if (at.behind && at.key.v[0].kind == VALUE_INT && at.key.v[0].number > to->counter)
		to->counter = at.key.v[0].number;
	return 0;
}

/* ---- the end ---- */

static int table_compare(struct move *m, size_t i, struct err *e)
{
	const struct move_table *want = &m->done->v[i];
	CLEANUP(page_place_release) struct page_place at = { 0 };
	char digest[SHA256_HEX_MAX];
	struct digest d;

	digest_begin(&d);
	int rc = digest_read(m->to.store, &m->shape.v[i], INT64_MAX, m->page, &at, &d, e);
	digest_end(&d, digest);
	tell_rows(m, "comparing", i, d.rows);
	if (rc < 0)
		return -1;
	if (d.rows != want->rows || !str_eq(digest, want->digest))
		return err_set(e, ERR_CONFLICT,
			"table %s: the destination has %" PRId64
			" rows of digest %s, the source %" PRId64
			" of %s; begin again with an empty destination",
			want->name, d.rows, digest, want->rows, want->digest);
	return 0;
}

static int finish(struct move *m, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(m->to.store, &tx, e) < 0)
		return -1;
	for (size_t i = 0; i < m->shape.n; i++)
		if (counter_set(m->to.store, &m->shape.v[i], m->done->v[i].counter, e) < 0)
			return -1;
	return bookmark_end(m->to.store, e) < 0 ? -1 : store_commit(&tx, e);
}

/* ---- the beginning ---- */

static int begin(struct move *m, struct err *e)
{
	bool to_file = !sql_is_postgres(m->to.store);

	if (shape_read(to_file ? m->to.store : m->from.store, &m->shape, e) < 0 ||
		bookmark_get(m->to.store, &m->mark, e) < 0)
		return -1;
	m->done->v = xcalloc(m->shape.n, sizeof(*m->done->v));
	m->done->resumed = m->mark.source != NULL;
	if (!m->mark.source)
		return bookmark_begin(m->to.store, &m->shape, m->o->from, e) < 0
			       ? err_wrap(e, "--to")
			       : 0;
	if (!str_eq(m->mark.source, m->o->from))
		return err_set(e, ERR_CONFLICT,
			"--to: a copy from %s into it is not finished: go on with that one, or "
			"begin "
			"with an empty destination",
			m->mark.source);
	tell(m, "going on with a copy that was cut off in table %s",
		*m->mark.at_table ? m->mark.at_table : "(the first)");
	return sql_triggers(m->to.store, false, e);
}

static int sides_open(struct move *m, struct err *e)
{
	CLEAN_STR char *from = store_place_of(m->o->from, e);
	CLEAN_STR char *to = from ? store_place_of(m->o->to, e) : NULL;

	if (!to)
		return -1;
	if (store_place_is_file(from) == store_place_is_file(to))
		return err_set(e, ERR_INPUT,
			"--from and --to: expected one sqlite:/FOLDER and one postgres://…; %s",
			store_place_is_file(from)
				? "a folder is copied by `shithubd backup` and `restore`"
				: "a database is copied by pg_dump and pg_restore");
	int rc = m->o->snapshot ? side_open_snapshot(&m->from, m->o->from, e)
				: side_open_source(&m->from, m->o->from, e);
	return rc < 0 ? -1 : side_open_destination(&m->to, m->o->to, e);
}

static int everything(struct move *m, struct err *e)
{
	CLEAN_TX struct store_tx tx = {
		0
	}; /* keeps everybody else from writing, to be taken back */

	if (!m->o->snapshot && store_begin(m->from.store, &tx, e) < 0)
		return err_wrap(e, "--from");
	for (size_t i = 0; i < m->shape.n; i++)
		if (table_copy(m, i, e) < 0)
			return -1;
	for (size_t i = 0; i < m->shape.n; i++)
		if (table_compare(m, i, e) < 0)
			return -1;
	return finish(m, e);
}

int move_run(const struct move_options *o, struct move_done *ret, struct err *e)
{
	CLEANUP(move_close)
	struct move m = { .o = o,
		.page = o->page ? o->page : MOVE_PAGE,
		.from = SIDE_INIT,
		.to = SIDE_INIT,
		.done = ret,
		.told = mono_now() };

	*ret = (struct move_done){ 0 };
	return sides_open(&m, e) < 0 || begin(&m, e) < 0 ? -1 : everything(&m, e);
}
