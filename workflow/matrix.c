/*
 * Combinations are numbered and made from their number, so nothing is stored before the cap on
 * rows was checked. Rows that `include` adds come after them and are never changed by a later
 * entry.
 */
#include "workflow/matrix.h"

#include "base/json.h"
#include "base/limits.h"
#include "workflow/expr/expr.h"

static void entries_release(struct matrix_entries *l)
{
	for (size_t i = 0; i < l->n; i++)
		pairs_release(&l->v[i]);
	free(l->v);
	*l = (struct matrix_entries){ 0 };
}

void strategy_release(struct workflow_strategy *s)
{
	for (size_t i = 0; i < s->n_axes; i++) {
		free(s->axes[i].name);
		strv_release(&s->axes[i].values);
	}
	free(s->axes);
	free(s->template);
	free(s->fail_fast.expression);
	free(s->max_parallel.expression);
	entries_release(&s->include);
	entries_release(&s->exclude);
	*s = (struct workflow_strategy){ 0 };
}

void matrix_release(struct matrix *m)
{
	for (size_t i = 0; i < m->n; i++)
		pairs_release(&m->rows[i]);
	free(m->rows);
	*m = (struct matrix){ 0 };
}

static void merge(struct pairs *into, const struct pairs *from)
{
	for (size_t i = 0; i < from->n; i++)
		pairs_set(into, from->v[i].key, from->v[i].value);
}

/* 0 when there are no axes; MATRIX_ROWS_MAX + 1 stands for any larger number. */
static size_t count_combinations(const struct workflow_strategy *s)
{
	size_t n = s->n_axes > 0;

	for (size_t i = 0; i < s->n_axes; i++) {
		n *= s->axes[i].values.n;
		if (n > MATRIX_ROWS_MAX)
			return MATRIX_ROWS_MAX + 1;
	}
	return n;
}

/* ---- comparing ---- */

/* All values of a strategy, read once: rows and entries are compared more often. */
struct values {
	struct expr_arena *arena;
	struct expr_value **axes;               /* as s->axes[].values */
	struct expr_value **exclude, **include; /* as the pairs of the entries */
};

static struct expr_value read_value(struct values *v, const char *json)
{
	CLEAN_JSON struct json_doc *doc = json_parse(json, strlen(json), NULL, NULL);

	if (!doc)
		BUG("a matrix value that is no JSON");
	return expr_from_json(v->arena, json_root(doc), 0);
}

static struct expr_value **read_entries(struct values *v, const struct matrix_entries *l)
{
	struct expr_value **ret = xcalloc(l->n + 1, sizeof(struct expr_value *));

	for (size_t i = 0; i < l->n; i++) {
		ret[i] = xcalloc(l->v[i].n + 1, sizeof(**ret));
		for (size_t k = 0; k < l->v[i].n; k++)
			ret[i][k] = read_value(v, l->v[i].v[k].value);
	}
	return ret;
}

static void values_init(struct values *v, const struct workflow_strategy *s)
{
	v->arena = expr_arena_new();
	v->axes = xcalloc(s->n_axes + 1, sizeof(struct expr_value *));
	for (size_t i = 0; i < s->n_axes; i++) {
		v->axes[i] = xcalloc(s->axes[i].values.n + 1, sizeof(**v->axes));
		strv_each (json, &s->axes[i].values)
			v->axes[i][json_i] = read_value(v, json);
	}
	v->exclude = read_entries(v, &s->exclude);
	v->include = read_entries(v, &s->include);
}

static void rows_free(struct expr_value **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i]);
	free(rows);
}

static void values_release(struct values *v, const struct workflow_strategy *s)
{
	rows_free(v->axes, s->n_axes);
	rows_free(v->exclude, s->exclude.n);
	rows_free(v->include, s->include.n);
	expr_arena_free(v->arena);
}

static size_t axis_find(const struct workflow_strategy *s, const char *name)
{
	size_t i = 0;

	while (i < s->n_axes && !str_eq(s->axes[i].name, name))
		i++;
	return i;
}

/* Which value of the axis the combination has. */
static size_t digit(const struct workflow_strategy *s, size_t number, size_t axis)
{
	for (size_t i = s->n_axes - 1; i > axis; i--)
		number /= s->axes[i].values.n;
	return number % s->axes[axis].values.n;
}

/* Whether the combination has the values of the entry, as far as they are about axes. */
static bool fits(const struct workflow_strategy *s, const struct values *v, size_t number,
	const struct pairs *entry, const struct expr_value *wanted)
{
	for (size_t i = 0; i < entry->n; i++) {
		size_t axis = axis_find(s, entry->v[i].key);

		if (axis < s->n_axes &&
			!expr_has_leaves(&v->axes[axis][digit(s, number, axis)], &wanted[i]))
			return false;
	}
	return true;
}

static bool excluded(const struct workflow_strategy *s, const struct values *v, size_t number)
{
	for (size_t i = 0; i < s->exclude.n; i++)
		if (fits(s, v, number, &s->exclude.v[i], v->exclude[i]))
			return true;
	return false;
}

/* ---- rows ---- */

/* The rows that the axes made stand first; numbers are those of their combinations. */
struct rows {
	struct matrix m;
	size_t numbers[MATRIX_ROWS_MAX], combinations;
};

/* The combination of that number: the last axis is its lowest digit. */
static void fill_combination(const struct workflow_strategy *s, size_t number, struct pairs *row)
{
	for (size_t i = 0; i < s->n_axes; i++)
		pairs_set(row, s->axes[i].name, s->axes[i].values.v[digit(s, number, i)]);
}

static int add_include(const struct workflow_strategy *s, const struct values *v, struct rows *r,
	size_t at, struct err *e)
{
	const struct pairs *entry = &s->include.v[at];
	bool found = false;

	for (size_t i = 0; i < r->combinations; i++) {
		if (!fits(s, v, r->numbers[i], entry, v->include[at]))
			continue;
		found = true;
		for (size_t k = 0; k < entry->n; k++)
			if (axis_find(s, entry->v[k].key) == s->n_axes)
				pairs_set(&r->m.rows[i], entry->v[k].key, entry->v[k].value);
	}
	if (found)
		return 0;
	if (r->m.n == MATRIX_ROWS_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d combinations with include", MATRIX_ROWS_MAX);
	merge(&r->m.rows[r->m.n++], entry);
	return 0;
}

static int expand(const struct workflow_strategy *s, const struct values *v, size_t n,
	struct rows *r, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (excluded(s, v, i))
			continue;
		r->numbers[r->m.n] = i;
		fill_combination(s, i, &r->m.rows[r->m.n++]);
	}
	r->combinations = r->m.n;
	for (size_t i = 0; i < s->include.n; i++)
		if (add_include(s, v, r, i, e) < 0)
			return -1;
	return 0;
}

int matrix_expand(const struct workflow_strategy *s, struct matrix *ret, struct err *e)
{
	struct rows r = { .m.rows = xcalloc(MATRIX_ROWS_MAX, sizeof(*r.m.rows)) };
	size_t n = count_combinations(s);
	struct values v;
	int rc = n <= MATRIX_ROWS_MAX
			 ? 0
			 : err_set(e, ERR_LIMIT, "more than %d combinations of the axes",
				   MATRIX_ROWS_MAX);

	if (rc == 0) {
		values_init(&v, s);
		rc = expand(s, &v, n, &r, e);
		values_release(&v, s);
	}
	if (!s->has_matrix)
		r.m.n = 1;
	*ret = r.m;
	if (rc < 0)
		matrix_release(ret);
	return rc;
}

int matrix_check(const struct workflow_strategy *s, struct err *e)
{
	CLEAN_MATRIX struct matrix m = { 0 };

	for (size_t i = 0; i < s->exclude.n; i++)
		for (size_t k = 0; k < s->exclude.v[i].n; k++)
			if (axis_find(s, s->exclude.v[i].v[k].key) == s->n_axes)
				return err_set(e, ERR_INPUT,
					"exclude: no list \"%.100s\" in this matrix, expected a "
					"name "
					"of one",
					s->exclude.v[i].v[k].key);
	if (matrix_expand(s, &m, e) < 0)
		return -1;
	return m.n ? 0 : err_set(e, ERR_INPUT, "no combination is left, expected at least one");
}

char *matrix_value_text(const char *json)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(json, strlen(json), NULL, &e);

	if (doc && json_root(doc)->type == JSON_STRING)
		return xstrdup(json_root(doc)->string);
	return xstrdup(json);
}

char *matrix_row_text(const struct pairs *row)
{
	struct buf out = BUF_INIT(MATRIX_BYTES_MAX * 2);

	for (size_t i = 0; i < row->n; i++) {
		CLEAN_STR char *text = matrix_value_text(row->v[i].value);

		buf_addf(&out, "%s%s", i ? ", " : "", text);
	}
	return buf_take(&out);
}

char *matrix_row_json(const struct pairs *row)
{
	struct buf out = BUF_INIT(MIB(1));

	buf_addc(&out, '{');
	for (size_t i = 0; i < row->n; i++) /* names are [A-Za-z0-9_-]: nothing to escape */
		buf_addf(&out, "%s\"%s\":%s", i ? "," : "", row->v[i].key, row->v[i].value);
	buf_addc(&out, '}');
	if (!buf_ok(&out))
		BUG("a matrix row larger than its file");
	return buf_take(&out);
}
