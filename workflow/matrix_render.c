/*
 * A matrix with expressions: kept as JSON whose texts hold them, it becomes axes and entries once
 * their contexts are known. What the file's reader checks with a place is checked here again, as an
 * output of another job may hold anything.
 */
#include "workflow/matrix.h"

#include "workflow/expr/render.h"
#include "workflow/reader.h"

enum { RENDERED_MAX = 2 * MATRIX_BYTES_MAX };

/* ---- filling in ---- */

struct filling {
	struct json_writer out;
	const struct expr_context *context;
	unsigned flags;
};

static int put_text(struct filling *f, const char *text, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_BUF struct buf json = BUF_INIT(RENDERED_MAX);
	struct expr_value v;

	if (!render_has_expression(text, strlen(text))) {
		json_str(&f->out, text);
		return 0;
	}
	if (render_value(text, strlen(text), f->context, a, &v, e) < 0)
		return -1;
	f->flags |= expr_all_flags(&v);
	if (expr_write_json(&json, &v, EXPR_JSON_EXACT) < 0)
		return err_set(e, ERR_LIMIT, "\"%.100s\" gives more than %d KiB", text,
			RENDERED_MAX >> 10);
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&json), json.len, NULL, e);
	if (!doc)
		return -1;
	json_copy(&f->out, json_root(doc));
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): JSON_WRITER_DEPTH levels at most */
static int put(struct filling *f, const struct json_value *v, struct err *e)
{
	bool object = v->type == JSON_OBJECT;
	int rc = 0;

	if (v->type == JSON_STRING)
		return put_text(f, v->string, e);
	if (!object && v->type != JSON_ARRAY) {
		json_copy(&f->out, v);
		return 0;
	}
	if (object)
		json_begin_object(&f->out);
	else
		json_begin_array(&f->out);
	for (size_t i = 0; rc == 0 && i < v->count; i++) {
		if (object)
			json_key(&f->out, v->items[i]->key);
		rc = put(f, v->items[i], e);
		if (rc < 0 && object)
			err_wrap(e, "%s", v->items[i]->key);
	}
	if (object)
		json_end_object(&f->out);
	else
		json_end_array(&f->out);
	return rc;
}

/* ---- reading ---- */

static int read_value(
	struct workflow_strategy *s, const struct json_value *v, char **ret, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(MATRIX_BYTES_MAX - s->bytes);
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_copy(&w, v);
	if (json_writer_finish(&w, NULL) < 0)
		return err_set(e, ERR_LIMIT,
			"value too deep or matrix too large, expected at most %d levels and %d KiB",
			JSON_WRITER_DEPTH, MATRIX_BYTES_MAX >> 10);
	s->bytes += out.len;
	*ret = buf_take(&out);
	return 0;
}

static int expect(const struct json_value *v, enum json_type type, const char *what, struct err *e)
{
	if (v->type == type)
		return 0;
	return err_set(e, ERR_INPUT, "%s found, expected %s", json_type_name(v->type), what);
}

static int expect_name(const char *name, struct err *e)
{
	if (is_name(name, "-"))
		return 0;
	return err_set(
		e, ERR_INPUT, "bad name \"%.100s\", expected letters, digits, '_' and '-'", name);
}

static int read_axis(struct workflow_strategy *s, const struct json_value *v, struct err *e)
{
	struct matrix_axis *axis = &s->axes[s->n_axes];

	if (expect(v, JSON_ARRAY, "a list of values", e) < 0)
		return -1;
	if (v->count == 0)
		return err_set(e, ERR_INPUT, "empty list, expected at least one value");
	axis->name = xstrdup(v->key);
	s->n_axes++;
	for (size_t i = 0; i < v->count; i++) {
		char *json = NULL;

		if (read_value(s, v->items[i], &json, e) < 0)
			return -1;
		strv_add_take(&axis->values, json);
	}
	return 0;
}

static int read_entry(
	struct workflow_strategy *s, const struct json_value *v, struct pairs *entry, struct err *e)
{
	if (expect(v, JSON_OBJECT, "a map of names to values", e) < 0)
		return -1;
	if (v->count == 0)
		return err_set(e, ERR_INPUT, "empty map, expected at least one name");
	for (size_t i = 0; i < v->count; i++) {
		const struct json_value *member = v->items[i];
		CLEAN_STR char *json = NULL;

		if (expect_name(member->key, e) < 0 || read_value(s, member, &json, e) < 0)
			return -1;
		pairs_set(entry, member->key, json);
	}
	return 0;
}

/* null: there is none. */
static int read_entries(struct workflow_strategy *s, const struct json_value *v,
	struct matrix_entries *l, struct err *e)
{
	if (v->type == JSON_NULL)
		return 0;
	if (expect(v, JSON_ARRAY, "a list of maps", e) < 0)
		return -1;
	l->v = xcalloc(v->count + 1, sizeof(*l->v));
	for (size_t i = 0; i < v->count; i++)
		if (read_entry(s, v->items[i], &l->v[l->n++], e) < 0)
			return -1;
	return 0;
}

static int read_member(struct workflow_strategy *s, const struct json_value *v, struct err *e)
{
	if (str_eq(v->key, "include"))
		return read_entries(s, v, &s->include, e);
	if (str_eq(v->key, "exclude"))
		return read_entries(s, v, &s->exclude, e);
	return expect_name(v->key, e) < 0 ? -1 : read_axis(s, v, e);
}

static int read_matrix(struct workflow_strategy *s, const struct json_value *v, struct err *e)
{
	if (expect(v, JSON_OBJECT, "a map of lists", e) < 0)
		return -1;
	if (v->count > MATRIX_AXES_MAX)
		return err_set(
			e, ERR_LIMIT, "%zu keys, expected at most %d", v->count, MATRIX_AXES_MAX);
	s->axes = xcalloc(v->count + 1, sizeof(*s->axes));
	for (size_t i = 0; i < v->count; i++)
		if (read_member(s, v->items[i], e) < 0)
			return err_wrap(e, "%s", v->items[i]->key);
	return matrix_check(s, e);
}

int matrix_render(const struct workflow_strategy *s, const struct expr_context *c,
	struct workflow_strategy *ret, unsigned *ret_flags, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(RENDERED_MAX);
	CLEAN_JSON struct json_doc *template =
		json_parse(s->template, strlen(s->template), NULL, e);
	struct filling f = { .context = c };

	*ret = (struct workflow_strategy){ .has_matrix = true };
	if (!template)
		return -1;
	json_writer_init(&f.out, &text, false);
	int rc = put(&f, json_root(template), e);
	if (json_writer_finish(&f.out, rc < 0 ? NULL : e) < 0 || rc < 0)
		return err_wrap(e, "strategy: matrix");
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&text), text.len, NULL, e);
	if (!doc || read_matrix(ret, json_root(doc), e) < 0) {
		strategy_release(ret);
		return err_wrap(e, "strategy: matrix");
	}
	*ret_flags = f.flags;
	return 0;
}
