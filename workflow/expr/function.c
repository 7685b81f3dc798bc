/*
 * The functions of expressions. Arguments come evaluated. Their flags go onto the result by
 * themselves; the flags of what is inside of them are added by the functions that read inside.
 */
#include <stdio.h>

#include "workflow/expr/parts.h"

/* ---- texts ---- */

typedef bool (*fold_fn)(struct slice text, struct slice part);

static int compare_texts(struct eval *ev, const struct expr_node *call,
	const struct expr_value *args, fold_fn fn, struct expr_value *ret)
{
	struct slice text, part;

	*ret = expr_boolean(false);
	if (!expr_is_scalar(&args[0]) || !expr_is_scalar(&args[1]))
		return 0;
	if (eval_text(ev, call, &args[0], &text) < 0 || eval_text(ev, call, &args[1], &part) < 0)
		return -1;
	ret->boolean = fn(text, part);
	return 0;
}

static int fn_starts_with(struct eval *ev, const struct expr_node *call,
	const struct expr_value *args, struct expr_value *ret)
{
	return compare_texts(ev, call, args, fold_starts, ret);
}

static int fn_ends_with(struct eval *ev, const struct expr_node *call,
	const struct expr_value *args, struct expr_value *ret)
{
	return compare_texts(ev, call, args, fold_ends, ret);
}

/* Different kinds are compared as numbers, which reads a text to its end. */
static size_t compare_cost(const struct expr_value *a, const struct expr_value *b)
{
	size_t n = a->kind == EXPR_STRING ? a->text.len : 0;

	return n + (b->kind == EXPR_STRING && a->kind != b->kind ? b->text.len : 0);
}

/* A list contains an item that is equal; what the items were decides either way. */
static int fn_contains(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
	struct expr_value *ret)
{
	const struct expr_array *array = args[0].array;
	unsigned flags = 0;
	bool found = false;

	if (args[0].kind != EXPR_ARRAY)
		return compare_texts(ev, call, args, fold_contains, ret);
	for (size_t i = 0; i < array->n; i++) {
		const struct expr_value *item = &array->items[i];

		if (eval_work(ev, call, compare_cost(item, &args[1])) < 0)
			return -1;
		flags |= item->flags;
		found = found || expr_equal(item, &args[1]);
	}
	*ret = expr_boolean(found);
	ret->flags = flags;
	return 0;
}

static int join_items(struct eval *ev, const struct expr_node *call, const struct expr_array *array,
	struct slice separator, struct expr_value *ret)
{
	CLEAN_BUF struct buf out = BUF_INIT_SECRET(LIMIT_EXPR_STRING);
	unsigned flags = 0;

	for (size_t i = 0; i < array->n; i++) {
		struct slice text;

		if (eval_text(ev, call, &array->items[i], &text) < 0)
			return -1;
		if (i)
			buf_add(&out, separator.ptr, separator.len);
		buf_add(&out, text.ptr, text.len);
		flags |= array->items[i].flags;
	}
	if (eval_take(ev, call, &out, ret) < 0)
		return -1;
	ret->flags = flags;
	return 0;
}

static int fn_join(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
	struct expr_value *ret)
{
	struct slice separator = SLICE(","), text = SLICE("");

	if (call->n == 2 && expr_is_scalar(&args[1]) &&
		eval_text(ev, call, &args[1], &separator) < 0)
		return -1;
	if (args[0].kind == EXPR_ARRAY)
		return join_items(ev, call, args[0].array, separator, ret);
	if (expr_is_scalar(&args[0]) && eval_text(ev, call, &args[0], &text) < 0)
		return -1;
	*ret = expr_text_value(text);
	return 0;
}

/* ---- JSON ---- */

static int fn_to_json(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
	struct expr_value *ret)
{
	CLEAN_BUF struct buf out = BUF_INIT_SECRET(LIMIT_EXPR_STRING);

	if (expr_write_json(&out, &args[0], EXPR_JSON_PRETTY) < 0)
		out.failed = true;
	if (eval_take(ev, call, &out, ret) < 0)
		return -1;
	ret->flags = expr_all_flags(&args[0]);
	return 0;
}

/* The parser's words may quote the text: not those of a secret one. */
static int refuse_json(struct eval *ev, const struct expr_node *call, const struct expr_value *arg,
	const struct err *e)
{
	if (arg->flags & EXPR_SECRET)
		return eval_fail(ev, call, e->class, "fromJSON: expected valid JSON");
	return eval_fail(ev, call, e->class, "fromJSON: %s", e->text);
}

static int fn_from_json(struct eval *ev, const struct expr_node *call,
	const struct expr_value *args, struct expr_value *ret)
{
	const struct json_limits limits = { .bytes = LIMIT_EXPR_STRING };
	struct err e = { 0 };
	struct slice text;
	size_t nodes;

	if (!expr_is_scalar(&args[0]))
		return eval_fail(ev, call, ERR_INPUT, "fromJSON: the argument is %s, expected text",
			expr_kind_name(args[0].kind));
	if (eval_text(ev, call, &args[0], &text) < 0)
		return -1;
	nodes = text.len / 2 + 1; /* a value and what separates it */
	if (nodes > LIMIT_JSON_NODES)
		nodes = LIMIT_JSON_NODES;
	if (eval_room(ev, call, text.len + nodes * sizeof(struct expr_member)) < 0)
		return -1;
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, &limits, &e);
	if (!doc)
		return refuse_json(ev, call, &args[0], &e);
	*ret = expr_from_json(ev->arena, json_root(doc), args[0].flags);
	return 0;
}

/* ---- files ---- */

static int fn_hash_files(struct eval *ev, const struct expr_node *call,
	const struct expr_value *args, struct expr_value *ret)
{
	CLEANUP(strv_release) struct strv patterns = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_NAME);
	struct err e = { 0 };

	if (!ev->context->hash_files)
		return eval_fail(ev, call, ERR_INPUT,
			"hashFiles works only in the steps of a job, where there are files");
	for (size_t i = 0; i < call->n; i++) {
		struct slice text;

		if (eval_text(ev, call, &args[i], &text) < 0)
			return -1;
		strv_add_take(&patterns, xmemdup0(text.ptr, text.len));
	}
	if (ev->context->hash_files(ev->context->data, &patterns, &out, &e) < 0)
		return eval_fail(ev, call, e.class, "hashFiles: %s", e.text);
	return eval_take(ev, call, &out, ret);
}

/* ---- status ---- */

static const char *const status_words[] = {
	[EXPR_SUCCESS] = "success", [EXPR_FAILURE] = "failure", [EXPR_CANCELLED] = "cancelled"
};

const char *expr_status_word(enum expr_status s)
{
	return s < ARRAY_LEN(status_words) ? status_words[s] : NULL;
}

enum expr_status expr_status_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(status_words); i++)
		if (status_words[i] && str_eq(word, status_words[i]))
			return (enum expr_status)i;
	return EXPR_SKIPPED;
}

static int status_is(struct eval *ev, const struct expr_node *call, enum expr_status status,
	struct expr_value *ret)
{
	if (ev->context->status == EXPR_NO_STATUS)
		return eval_fail(ev, call, ERR_INPUT, "%s() works only in conditions (if)",
			call->function->name);
	*ret = expr_boolean(ev->context->status == status);
	return 0;
}

static int fn_success(struct eval *ev, const struct expr_node *call,
	UNUSED const struct expr_value *args, struct expr_value *ret)
{
	return status_is(ev, call, EXPR_SUCCESS, ret);
}

static int fn_failure(struct eval *ev, const struct expr_node *call,
	UNUSED const struct expr_value *args, struct expr_value *ret)
{
	return status_is(ev, call, EXPR_FAILURE, ret);
}

static int fn_cancelled(struct eval *ev, const struct expr_node *call,
	UNUSED const struct expr_value *args, struct expr_value *ret)
{
	return status_is(ev, call, EXPR_CANCELLED, ret);
}

static int fn_always(struct eval *ev, const struct expr_node *call,
	UNUSED const struct expr_value *args, struct expr_value *ret)
{
	return status_is(ev, call, ev->context->status, ret);
}

static const struct expr_function functions[] = {
	{ .name = "contains", .min = 2, .max = 2, .fn = fn_contains },
	{ .name = "startsWith", .min = 2, .max = 2, .fn = fn_starts_with },
	{ .name = "endsWith", .min = 2, .max = 2, .fn = fn_ends_with },
	{ .name = "format", .min = 1, .max = EXPR_ARGS_MAX, .fn = expr_format },
	{ .name = "join", .min = 1, .max = 2, .fn = fn_join },
	{ .name = "toJSON", .min = 1, .max = 1, .fn = fn_to_json },
	{ .name = "fromJSON", .min = 1, .max = 1, .fn = fn_from_json },
	{ .name = "hashFiles", .min = 1, .max = EXPR_ARGS_MAX, .files = true, .fn = fn_hash_files },
	{ .name = "success", .status = true, .fn = fn_success },
	{ .name = "failure", .status = true, .fn = fn_failure },
	{ .name = "cancelled", .status = true, .fn = fn_cancelled },
	{ .name = "always", .status = true, .fn = fn_always },
	{ .name = "case", .min = 3, .max = EXPR_ARGS_MAX },
};

const struct expr_function *expr_function_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (fold_compare(slice_of(functions[i].name), name) == 0)
			return &functions[i];
	return NULL;
}

void expr_list_functions(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		buf_addf(out, "%s%s", i ? ", " : "", functions[i].name);
}
