/* See leg.h. */
#include "workflow/leg.h"

#include "base/limits.h"
#include "workflow/render.h"

enum { LABEL_MAX = 100 };

struct expr_value leg_matrix(const struct pairs *row, struct expr_arena *a)
{
	CLEAN_STR char *text = matrix_row_json(row);
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(text, strlen(text), NULL, &e);

	return doc ? expr_from_json(a, json_root(doc), 0) : expr_object(a);
}

/* What cannot be rendered before the jobs it needs have run keeps its text. */
static char *base_name(const struct workflow_job *job, const struct expr_context *c)
{
	const char *text = job->name ? job->name : job->key;
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_NAME);
	unsigned flags = 0;
	struct err e = { 0 };

	if (render_text(text, strlen(text), c, &out, &flags, &e) < 0 || out.len == 0)
		return xstrdup(text);
	return buf_take(&out);
}

char *leg_name(
	const struct workflow_job *job, const struct pairs *row, const struct expr_context *c)
{
	CLEAN_STR char *base = base_name(job, c), *values = matrix_row_text(row);
	bool rendered = job->name && render_has_expression(job->name, strlen(job->name));

	return row->n == 0 || rendered ? TAKE(base) : xasprintf("%s (%s)", base, values);
}

bool leg_label_valid(const char *label)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = strlen(label);

	return n >= 1 && n <= LABEL_MAX && strspn(label, chars) == n;
}

static int add_label(struct strv *ret, const char *text, const char *label, struct err *e)
{
	if (!leg_label_valid(label))
		return err_set(e, ERR_INPUT,
			"runs-on: \"%.100s\" gives \"%.100s\", expected 1 to %d of A-Z a-z 0-9 _ . "
			"-",
			text, label, LABEL_MAX);
	if (!strv_contains(ret, label))
		strv_add(ret, label);
	return 0;
}

/* An array's labels, by way of its JSON. */
static int add_array(struct strv *ret, const char *text, const struct expr_value *v, struct err *e)
{
	CLEAN_BUF struct buf json = BUF_INIT(KIB(64));

	if (expr_write_json(&json, v, EXPR_JSON_EXACT) < 0)
		return err_set(e, ERR_LIMIT, "runs-on: \"%.100s\" gives too many labels", text);
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&json), json.len, NULL, e);
	if (!doc)
		return -1;
	json_array_each (item, json_root(doc))
		if (add_label(ret, text, item->type == JSON_STRING ? item->string : "", e) < 0)
			return -1;
	return 0;
}

int leg_runs_on(const struct workflow_job *job, const struct expr_context *c, struct strv *ret,
	struct err *e)
{
	strv_each (text, &job->runs_on) {
		CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
		struct expr_value v;

		if (render_value(text, strlen(text), c, a, &v, e) < 0)
			return err_wrap(e, "runs-on");
		int rc = v.kind == EXPR_ARRAY ? add_array(ret, text, &v, e)
					      : add_label(ret, text, expr_text(a, &v).ptr, e);
		if (rc < 0)
			return -1;
	}
	if (ret->n == 0 || ret->n > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "runs-on: %zu labels, expected 1 to %d", ret->n,
			LIMIT_LABELS);
	return 0;
}

void leg_strategy_write(struct json_writer *w, const struct leg_place *p)
{
	json_key(w, "strategy");
	json_begin_object(w);
	json_kv_bool(w, "fail-fast", p->fail_fast);
	json_kv_int(w, "max-parallel", p->max_parallel ? p->max_parallel : p->legs);
	json_kv_int(w, "job-index", p->leg);
	json_kv_int(w, "job-total", p->legs);
	json_end_object(w);
}
