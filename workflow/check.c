/*
 * One walk over the tree of the file, not over the structs: the tree has the places, and a value
 * that its reader refused must not look like one that is missing.
 */
#include "workflow/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "workflow/keys.h"

struct check {
	struct reader *r;
	const struct yaml_doc *doc;
	struct key_segment path[LIMIT_WORKFLOW_DEPTH + 1];
	size_t depth;
	/* the value that is being checked */
	const struct yaml_node *value;
	const struct key_rule *rule;
};

PRINTF_LIKE(3, 4)
static void problem(const struct check *c, size_t place, const char *fmt, ...)
{
	CLEAN_STR char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	reader_problem_at(c->r, yaml_place(c->doc, c->value, place), "%s", text ? text : fmt);
}

static struct slice shown(struct slice s)
{
	return (struct slice){ s.ptr, s.len < 100 ? s.len : 100 };
}

/* ---- jobs and steps that exist ---- */

static const struct yaml_node *jobs_of(const struct check *c)
{
	return yaml_get(yaml_doc_root(c->doc), "jobs");
}

/* The job that the value belongs to; NULL outside of jobs. */
static const struct yaml_node *own_job(const struct check *c)
{
	bool inside = c->depth > 1 && str_eq(c->path[0].key, "jobs") && c->path[1].key;

	return inside ? yaml_get(jobs_of(c), c->path[1].key) : NULL;
}

/* How many steps run before the value is evaluated. */
static size_t steps_before(const struct check *c, const struct yaml_node *steps)
{
	bool inside = c->depth > 3 && str_eq(c->path[2].key, "steps") && !c->path[3].key;

	return inside ? c->path[3].index : steps->count;
}

static bool names_one(struct slice name, const struct yaml_node *n, struct buf *known)
{
	if (!n || n->kind != YAML_SCALAR)
		return false;
	buf_addf(known, " %s", n->text);
	return expr_same_name(slice_of(n->text), name);
}

static const struct yaml_node *list_item(const struct yaml_node *n, size_t i)
{
	return n->kind == YAML_LIST ? n->items[i] : n;
}

static bool job_needs(const struct yaml_node *job, struct slice name, struct buf *known)
{
	const struct yaml_node *needs = yaml_get(job, "needs");
	size_t n = !needs ? 0 : needs->kind == YAML_LIST ? needs->count : 1;

	for (size_t i = 0; i < n; i++)
		if (names_one(name, list_item(needs, i), known))
			return true;
	return false;
}

static bool step_exists(const struct check *c, struct slice id, struct buf *known)
{
	const struct yaml_node *steps = yaml_get(own_job(c), "steps");

	if (!steps || steps->kind != YAML_LIST)
		return false;
	for (size_t i = 0; i < steps_before(c, steps); i++)
		if (names_one(id, yaml_get(steps->items[i], "id"), known))
			return true;
	return false;
}

static bool has_output(const struct check *c, struct slice job, struct slice name)
{
	const struct yaml_node *jobs = jobs_of(c), *outputs = NULL;

	for (size_t i = 0; jobs && jobs->kind == YAML_MAP && i < jobs->count; i++)
		if (expr_same_name(slice_of(jobs->keys[i]->text), job))
			outputs = yaml_get(jobs->items[i], "outputs");
	for (size_t i = 0; outputs && outputs->kind == YAML_MAP && i < outputs->count; i++)
		if (expr_same_name(slice_of(outputs->keys[i]->text), name))
			return true;
	return false;
}

/* ---- members ---- */

static const char *none_if_empty(const struct buf *known)
{
	return known->len ? buf_cstr(known) : " (none)";
}

/* place: of the context; a member's offset counts from there. */
static size_t member_place(const struct expr_use *u, size_t place, size_t member)
{
	return place - u->offset + u->member_offsets[member];
}

static void check_needs_member(const struct check *c, const struct expr_use *u, size_t place)
{
	CLEAN_BUF struct buf known = BUF_INIT(600);
	struct slice job = shown(u->members[0]), what = shown(u->members[1]),
		     output = shown(u->members[2]);

	if (!job_needs(own_job(c), u->members[0], &known))
		problem(c, member_place(u, place, 0),
			"this job does not need a job \"%.*s\", expected one of its needs:%s",
			(int)job.len, job.ptr, none_if_empty(&known));
	else if (u->n_members > 1 && !expr_same_name(what, SLICE("result")) &&
		 !expr_same_name(what, SLICE("outputs")))
		problem(c, member_place(u, place, 1),
			"a job that is needed has no \"%.*s\", expected result or outputs",
			(int)what.len, what.ptr);
	else if (u->n_members > 2 && expr_same_name(what, SLICE("outputs")) &&
		 !has_output(c, u->members[0], u->members[2]))
		problem(c, member_place(u, place, 2),
			"an output \"%.*s\" that job \"%.*s\" does not declare is not supported, "
			"expected a name under its outputs",
			(int)output.len, output.ptr, (int)job.len, job.ptr);
}

static void check_steps_member(const struct check *c, const struct expr_use *u, size_t place)
{
	static const char *const members[] = { "outputs", "outcome", "conclusion" };
	CLEAN_BUF struct buf known = BUF_INIT(600);
	struct slice id = shown(u->members[0]), what = shown(u->members[1]);

	if (!step_exists(c, u->members[0], &known)) {
		problem(c, member_place(u, place, 0),
			"no step before this place has the id \"%.*s\", expected one of:%s",
			(int)id.len, id.ptr, none_if_empty(&known));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (u->n_members < 2 || expr_same_name(what, slice_of(members[i])))
			return;
	problem(c, member_place(u, place, 1),
		"a step has no \"%.*s\", expected outputs, outcome or conclusion", (int)what.len,
		what.ptr);
}

/* ---- contexts and functions ---- */

static void check_context(const struct check *c, const struct expr_use *u, size_t place)
{
	struct slice name = shown(u->name);

	if (!key_context_known(u->name))
		problem(c, place,
			"unknown context `%.*s`, expected one of: %s, or a text in single quotes",
			(int)name.len, name.ptr, c->rule->contexts);
	else if (!key_allows_context(c->rule, u->name))
		problem(c, place, "`%.*s` is not available here, expected one of: %s",
			(int)name.len, name.ptr, c->rule->contexts);
	else if (u->n_members && expr_same_name(u->name, SLICE("needs")))
		check_needs_member(c, u, place);
	else if (u->n_members && expr_same_name(u->name, SLICE("steps")))
		check_steps_member(c, u, place);
}

static void check_call(const struct check *c, const struct expr_use *u, size_t place)
{
	CLEAN_BUF struct buf known = BUF_INIT(KIB(1));
	struct slice name = shown(u->name);

	expr_list_functions(&known);
	if (!u->known)
		problem(c, place, "unknown function `%.*s`, expected %s", (int)name.len, name.ptr,
			buf_cstr(&known));
	else if (u->status && !(c->rule->functions & KEY_STATUS))
		problem(c, place, "%.*s() is not available here, expected it in an if only",
			(int)name.len, name.ptr);
	else if (u->files && !(c->rule->functions & KEY_FILES))
		problem(c, place, "%.*s() is not available here, expected it in a step only",
			(int)name.len, name.ptr);
}

static void on_use(void *data, const struct expr_use *u, size_t place)
{
	if (u->call)
		check_call(data, u, place);
	else
		check_context(data, u, place);
}

static void on_wrong(void *data, const char *message, size_t place)
{
	problem(data, place, "%s", message);
}

/* ---- the walk ---- */

static void check_value(struct check *c, const struct yaml_node *n)
{
	const struct render_check check = { on_use, on_wrong, c };
	bool has = render_has_expression(n->text, n->len);

	c->value = n;
	c->rule = key_rule_find(c->path, c->depth);
	if (!c->rule && has)
		reader_problem(c->r, n, "an expression cannot stand here, expected a fixed value");
	else if (c->rule && (has || c->rule->form == RENDER_CONDITION))
		render_check(n->text, n->len, c->rule->form, &check);
}

/* NOLINTNEXTLINE(misc-no-recursion): LIMIT_WORKFLOW_DEPTH levels at most */
static void walk(struct check *c, const struct yaml_node *n)
{
	if (n->kind == YAML_SCALAR) {
		check_value(c, n);
		return;
	}
	for (size_t i = 0; i < n->count; i++) {
		const char *key = n->kind == YAML_MAP ? n->keys[i]->text : NULL;
		size_t mark = key ? reader_push(c->r, key) : reader_push_index(c->r, i);

		c->path[c->depth++] = (struct key_segment){ key, i };
		walk(c, n->items[i]);
		c->depth--;
		reader_pop(c->r, mark);
	}
}

void check_expressions(struct reader *r, const struct yaml_doc *doc)
{
	struct check c = { .r = r, .doc = doc };

	if (yaml_doc_root(doc))
		walk(&c, yaml_doc_root(doc));
}
