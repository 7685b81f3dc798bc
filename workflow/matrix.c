/* See matrix.h. */
#include "workflow/matrix.h"

#include "base/json.h"
#include "base/limits.h"

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

/* The combination of that number: the last axis is its lowest digit. */
static void fill_combination(const struct workflow_strategy *s, size_t number, struct pairs *row)
{
	size_t below = 1;

	for (size_t i = 0; i < s->n_axes; i++)
		below *= s->axes[i].values.n;
	for (size_t i = 0; i < s->n_axes; i++) {
		const struct matrix_axis *a = &s->axes[i];

		below /= a->values.n;
		pairs_set(row, a->name, a->values.v[number / below % a->values.n]);
	}
}

static bool has_all(const struct pairs *row, const struct pairs *wanted)
{
	for (size_t i = 0; i < wanted->n; i++)
		if (!str_eq(pairs_get(row, wanted->v[i].key), wanted->v[i].value))
			return false;
	return true;
}

static bool excluded(const struct workflow_strategy *s, const struct pairs *row)
{
	for (size_t i = 0; i < s->exclude.n; i++)
		if (has_all(row, &s->exclude.v[i]))
			return true;
	return false;
}

static bool contradicts(
	const struct workflow_strategy *s, const struct pairs *row, const struct pairs *entry)
{
	for (size_t i = 0; i < s->n_axes; i++) {
		const char *name = s->axes[i].name, *value = pairs_get(entry, name);

		if (value && !str_eq(value, pairs_get(row, name)))
			return true;
	}
	return false;
}

/* combinations: how many rows the axes made; those behind them came from include. */
static int add_include(const struct workflow_strategy *s, struct matrix *m, size_t combinations,
	const struct pairs *entry, struct err *e)
{
	bool fits = false;

	for (size_t i = 0; i < combinations; i++) {
		if (contradicts(s, &m->rows[i], entry))
			continue;
		merge(&m->rows[i], entry);
		fits = true;
	}
	if (fits)
		return 0;
	if (m->n == MATRIX_ROWS_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d combinations with include", MATRIX_ROWS_MAX);
	merge(&m->rows[m->n++], entry);
	return 0;
}

int matrix_expand(const struct workflow_strategy *s, struct matrix *ret, struct err *e)
{
	CLEAN_MATRIX struct matrix m = { .rows = xcalloc(MATRIX_ROWS_MAX, sizeof(*m.rows)) };
	size_t n = count_combinations(s), combinations;

	if (n > MATRIX_ROWS_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d combinations of the axes", MATRIX_ROWS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct pairs row = { 0 };

		fill_combination(s, i, &row);
		if (excluded(s, &row))
			pairs_release(&row);
		else
			m.rows[m.n++] = row;
	}
	combinations = m.n;
	for (size_t i = 0; i < s->include.n; i++)
		if (add_include(s, &m, combinations, &s->include.v[i], e) < 0)
			return -1;
	if (!s->has_matrix)
		m.n = 1;
	*ret = TAKE_VALUE(m, ((struct matrix){ 0 }));
	return 0;
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
