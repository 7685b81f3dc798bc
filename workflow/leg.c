/*
 * A text of a job is rendered before the job runs only if its values are known by then. A text
 * that needs outputs of other jobs keeps its `${{ }}`.
 */
#include "workflow/leg.h"

#include "base/codec.h"
#include "base/limits.h"
#include "workflow/expr/render.h"

struct expr_value leg_matrix(const struct pairs *row, struct expr_arena *a)
{
	CLEAN_STR char *text = matrix_row_json(row);
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(text, strlen(text), NULL, &e);

	return doc ? expr_from_json(a, json_root(doc), 0) : expr_object(a);
}

struct expr_value leg_needs(const struct json_value *needs, struct expr_arena *a)
{
	struct expr_value all = expr_object(a);

	if (!needs || needs->type != JSON_OBJECT)
		return all;
	json_array_each (need, needs) {
		const struct json_value *outputs = json_get(need, "outputs");
		const char *result = json_get_string(need, "result");
		struct expr_value one = expr_object(a);

		expr_set(a, &one, "result", result ? expr_string(a, result, 0) : expr_null());
		expr_set(a, &one, "outputs",
			outputs && outputs->type == JSON_OBJECT
				? expr_from_json(a, outputs, EXPR_TAINTED)
				: expr_object(a));
		expr_set(a, &all, need->key, one);
	}
	return all;
}

int leg_rows(const struct workflow_job *job, const struct expr_context *c, struct matrix *ret,
	bool *ret_tainted, struct err *e)
{
	CLEANUP(strategy_release) struct workflow_strategy own = { 0 };
	const struct workflow_strategy *s = &job->strategy;
	unsigned flags = 0;

	if (s->template) {
		if (matrix_render(s, c, &own, &flags, e) < 0)
			return -1;
		s = &own;
	}
	*ret_tainted = flags & EXPR_TAINTED;
	return matrix_expand(s, ret, e) < 0 ? err_wrap(e, "strategy: matrix") : 0;
}

bool leg_waits(const struct workflow_job *job)
{
	const char *const texts[] = { job->strategy.fail_fast.expression,
		job->strategy.max_parallel.expression, job->name, job->timeout_minutes.expression,
		job->continue_on_error.expression, job->concurrency.group,
		job->concurrency.cancel_in_progress.expression, job->environment.name,
		job->environment.url };
	/* a template is JSON, whose expressions may be escaped: the word alone decides, and a job
	 * that waits in vain loses nothing */
	bool found = job->strategy.template && strcasestr(job->strategy.template, "needs");

	if (!job->needs.n)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		found |= render_names_context(texts[i], "needs");
	strv_each (label, &job->runs_on)
		found |= render_names_context(label, "needs");
	return found;
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

static int add_label(struct strv *ret, const char *text, const char *label, struct err *e)
{
	if (!label_valid(label))
		return err_set(e, ERR_INPUT,
			"runs-on: \"%.100s\" gives \"%.100s\", expected " LABEL_RULE, text, label);
	if (strv_contains(ret, label))
		return 0;
	if (ret->n == LIMIT_JOB_LABELS)
		return err_set(e, ERR_LIMIT, "runs-on: more than %d labels", LIMIT_JOB_LABELS);
	strv_add(ret, label);
	return 0;
}

static int add_items(struct strv *ret, const char *text, const struct json_value *v, struct err *e)
{
	if (v->type != JSON_ARRAY)
		return add_label(ret, text, v->type == JSON_STRING ? v->string : "", e);
	json_array_each (item, v)
		if (add_label(ret, text, item->type == JSON_STRING ? item->string : "", e) < 0)
			return -1;
	return 0;
}

/* A list of labels, or a map of group and labels; by way of its JSON. */
static int add_several(
	struct strv *ret, const char *text, const struct expr_value *v, struct err *e)
{
	CLEAN_BUF struct buf json = BUF_INIT(KIB(64));

	if (expr_write_json(&json, v, EXPR_JSON_EXACT) < 0)
		return err_set(e, ERR_LIMIT, "runs-on: \"%.100s\" gives too many labels", text);
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&json), json.len, NULL, e);
	if (!doc)
		return -1;
	if (v->kind == EXPR_ARRAY)
		return add_items(ret, text, json_root(doc), e);
	json_array_each (member, json_root(doc)) {
		if (!str_eq(member->key, "group") && !str_eq(member->key, "labels"))
			return err_set(e, ERR_INPUT,
				"runs-on: \"%.100s\" gives a map with \"%.100s\", expected group "
				"and "
				"labels",
				text, member->key);
		if (add_items(ret, text, member, e) < 0)
			return -1;
	}
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
		int rc = v.kind >= EXPR_ARRAY ? add_several(ret, text, &v, e)
					      : add_label(ret, text, expr_text(a, &v).ptr, e);
		if (rc < 0)
			return -1;
	}
	if (ret->n == 0 || ret->n > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "runs-on: %zu labels, expected 1 to %d", ret->n,
			LIMIT_LABELS);
	return 0;
}

static int64_t parallel(const struct leg_place *p)
{
	return p->max_parallel ? p->max_parallel : p->legs;
}

void leg_strategy_write(struct json_writer *w, const struct leg_place *p)
{
	json_key(w, "strategy");
	json_begin_object(w);
	json_kv_bool(w, "fail-fast", p->fail_fast);
	json_kv_int(w, "max-parallel", parallel(p));
	json_kv_int(w, "job-index", p->leg);
	json_kv_int(w, "job-total", p->legs);
	json_end_object(w);
}

struct expr_value leg_strategy(const struct leg_place *p, struct expr_arena *a)
{
	struct expr_value o = expr_object(a);

	expr_set(a, &o, "fail-fast", expr_boolean(p->fail_fast));
	expr_set(a, &o, "max-parallel", expr_number((double)parallel(p)));
	expr_set(a, &o, "job-index", expr_number((double)p->leg));
	expr_set(a, &o, "job-total", expr_number((double)p->legs));
	return o;
}

int leg_place_render(const struct workflow_strategy *s, const struct expr_context *c,
	struct leg_place *ret, struct err *e)
{
	*ret = (struct leg_place){ .fail_fast = true };
	if (!s->given)
		return 0;
	if (workflow_bool_render(&s->fail_fast, c, &ret->fail_fast, e) < 0)
		return err_wrap(e, "strategy: fail-fast");
	if (workflow_number_render(&s->max_parallel, c, MATRIX_ROWS_MAX, &ret->max_parallel, e) < 0)
		return err_wrap(e, "strategy: max-parallel");
	return 0;
}
