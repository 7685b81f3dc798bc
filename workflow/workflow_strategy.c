/*
 * `strategy:` of a job. What matrix_expand would refuse is found here, so that it is reported with
 * its place in the file.
 */
#include <math.h>

#include "base/json.h"
#include "workflow/parts.h"

#define EXACT_INTEGERS 9007199254740992.0 /* 2^53 */

static void write_scalar(struct json_writer *w, const struct yaml_node *n)
{
	struct yaml_value v = yaml_value(n);

	if (v.type == YAML_NULL)
		json_null(w);
	else if (v.type == YAML_BOOLEAN)
		json_bool(w, v.boolean);
	else if (v.type == YAML_TEXT)
		json_strn(w, n->text, n->len);
	else if (fabs(v.number) < EXACT_INTEGERS && v.number == (double)(int64_t)v.number)
		json_int(w, (int64_t)v.number);
	else
		json_double(w, v.number);
}

/* NOLINTNEXTLINE(misc-no-recursion): LIMIT_WORKFLOW_DEPTH levels at most */
static void write_value(struct json_writer *w, const struct yaml_node *n)
{
	if (n->kind == YAML_SCALAR) {
		write_scalar(w, n);
		return;
	}
	if (n->kind == YAML_MAP)
		json_begin_object(w);
	else
		json_begin_array(w);
	for (size_t i = 0; i < n->count; i++) {
		if (n->kind == YAML_MAP)
			json_key(w, n->keys[i]->text);
		write_value(w, n->items[i]);
	}
	if (n->kind == YAML_MAP)
		json_end_object(w);
	else
		json_end_array(w);
}

/* NOLINTNEXTLINE(misc-no-recursion): LIMIT_WORKFLOW_DEPTH levels at most */
static bool has_expression(const struct yaml_node *n)
{
	if (n->kind == YAML_SCALAR)
		return strstr(n->text, "${{");
	for (size_t i = 0; i < n->count; i++)
		if (has_expression(n->items[i]))
			return true;
	return false;
}

/* NULL after a problem. All values together are capped, as aliases can repeat them and each row
 * copies its own. */
static char *value_json(struct reader *r, const struct yaml_node *n, struct workflow_strategy *s)
{
	CLEAN_BUF struct buf out = BUF_INIT(MATRIX_BYTES_MAX - s->bytes);
	struct json_writer w;

	json_writer_init(&w, &out, false);
	write_value(&w, n);
	if (json_writer_finish(&w, NULL) < 0) {
		reader_problem(r, n,
			"value too deep or matrix too large, expected at most %d levels and %d KiB",
			JSON_WRITER_DEPTH, MATRIX_BYTES_MAX >> 10);
		return NULL;
	}
	s->bytes += out.len;
	return buf_take(&out);
}

static bool check_key(struct reader *r, const struct yaml_node *key)
{
	if (is_name(key->text, "-"))
		return true;
	reader_problem(r, key, "bad name, expected letters, digits, '_' and '-'");
	return false;
}

static void read_axis(struct reader *r, const struct yaml_node *key, const struct yaml_node *n,
	struct workflow_strategy *s)
{
	struct matrix_axis *axis = &s->axes[s->n_axes];

	if (!check_key(r, key) || !reader_kind(r, n, YAML_LIST, "a list of values"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty list, expected at least one value");
	axis->name = xstrdup(key->text);
	s->n_axes++;
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push_index(r, i);
		char *json = value_json(r, n->items[i], s);

		if (json)
			strv_add_take(&axis->values, json);
		reader_pop(r, mark);
	}
}

static void read_entry(struct reader *r, const struct yaml_node *n, struct workflow_strategy *s,
	struct pairs *entry)
{
	if (!reader_kind(r, n, YAML_MAP, "a map of names to values"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty map, expected at least one name");
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push(r, n->keys[i]->text);
		CLEAN_STR char *json =
			check_key(r, n->keys[i]) ? value_json(r, n->items[i], s) : NULL;

		if (json)
			pairs_set(entry, n->keys[i]->text, json);
		reader_pop(r, mark);
	}
}

static void read_entries(struct reader *r, const struct yaml_node *n, struct workflow_strategy *s,
	struct matrix_entries *l)
{
	if (!reader_kind(r, n, YAML_LIST, "a list of maps"))
		return;
	l->v = xcalloc(n->count + 1, sizeof(*l->v));
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push_index(r, i);

		read_entry(r, n->items[i], s, &l->v[l->n++]);
		reader_pop(r, mark);
	}
}

static bool has_axis(const struct workflow_strategy *s, const char *name)
{
	for (size_t i = 0; i < s->n_axes; i++)
		if (str_eq(s->axes[i].name, name))
			return true;
	return false;
}

static void check_excludes(
	struct reader *r, const struct yaml_node *n, const struct workflow_strategy *s)
{
	for (size_t i = 0; i < s->exclude.n; i++)
		for (size_t k = 0; k < s->exclude.v[i].n; k++)
			if (!has_axis(s, s->exclude.v[i].v[k].key))
				reader_problem(r, n->items[i],
					"no list \"%.100s\" in this matrix, expected a name of one",
					s->exclude.v[i].v[k].key);
}

static void check_size(
	struct reader *r, const struct yaml_node *n, const struct workflow_strategy *s)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	struct err e = { 0 };

	if (matrix_expand(s, &m, &e) < 0)
		reader_problem(r, n, "%s, expected fewer", e.text);
	else if (m.n == 0)
		reader_problem(r, n, "no combination is left, expected at least one");
}

static void read_key(struct reader *r, const struct yaml_node *key, const struct yaml_node *n,
	struct workflow_strategy *s)
{
	if (str_eq(key->text, "include"))
		read_entries(r, n, s, &s->include);
	else if (str_eq(key->text, "exclude"))
		read_entries(r, n, s, &s->exclude);
	else
		read_axis(r, key, n, s);
}

/* What is known of a matrix with expressions before they are evaluated. */
static void read_template(struct reader *r, const struct yaml_node *n, struct workflow_strategy *s)
{
	if (n->kind == YAML_LIST)
		reader_problem(r, n, "a list found, expected a map of lists");
	for (size_t i = 0; n->kind == YAML_MAP && i < n->count; i++) {
		const struct yaml_node *item = n->items[i];
		size_t mark = reader_push(r, n->keys[i]->text);

		if (check_key(r, n->keys[i]) &&
			!(item->kind == YAML_SCALAR && has_expression(item)))
			reader_kind(r, item, YAML_LIST, "a list of values");
		reader_pop(r, mark);
	}
	s->template = value_json(r, n, s);
}

static void read_matrix(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_strategy *s = target;
	size_t before = r->n_problems;

	s->has_matrix = true;
	if (has_expression(n)) {
		read_template(r, n, s);
		return;
	}
	if (!reader_kind(r, n, YAML_MAP, "a map of lists"))
		return;
	if (n->count > MATRIX_AXES_MAX) {
		reader_problem(r, n, "%zu keys, expected at most %d", n->count, MATRIX_AXES_MAX);
		return;
	}
	s->axes = xcalloc(n->count + 1, sizeof(*s->axes));
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push(r, n->keys[i]->text);

		read_key(r, n->keys[i], n->items[i], s);
		reader_pop(r, mark);
	}
	if (r->n_problems != before)
		return;
	check_excludes(r, yaml_get(n, "exclude"), s);
	if (r->n_problems == before)
		check_size(r, n, s);
}

static void read_parallel(struct reader *r, const struct yaml_node *n, void *target)
{
	read_number_value(r, n, MATRIX_ROWS_MAX, target);
}

void read_strategy(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "matrix", read_matrix, 0 },
		{ "fail-fast", read_bool_value, offsetof(struct workflow_strategy, fail_fast) },
		{ "max-parallel", read_parallel, offsetof(struct workflow_strategy, max_parallel) },
	};
	struct workflow_strategy *s = target;

	s->given = s->fail_fast.value = true;
	s->line = n->at.line;
	s->column = n->at.column;
	reader_map(r, n, fields, ARRAY_LEN(fields), s);
}
