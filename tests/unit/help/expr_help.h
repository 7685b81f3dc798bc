/* Evaluates one expression against JSON contexts and shows the result as one line. */
#ifndef TESTS_UNIT_HELP_EXPR_HELP_H
#define TESTS_UNIT_HELP_EXPR_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "workflow/expr/expr.h"

struct expr_row {
	const char *expr, *result;
};

/* A finished root from JSON text; the document goes, the values stay in a. */
static inline struct expr_value expr_help_root(struct expr_arena *a, const char *json)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(json, strlen(json), NULL, &e);

	if (!doc)
		fail_msg("contexts: %s", e.text);
	struct expr_value root = expr_from_json(a, json_root(doc), 0);
	expr_root_finish(a, &root);
	return root;
}

/* JSON of the value, then " T" if it is tainted, " S" if secret; or "N: reason" with the column. */
static inline char *expr_help_eval(const char *text, size_t n, const struct expr_context *c)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_EXPR struct expr *x = NULL;
	struct buf out = BUF_INIT(64 << 20);
	struct expr_value v;
	struct err e = { 0 };
	size_t at = 0;

	x = expr_parse(text, n, &at, &e);
	if (!x || expr_eval(x, c, a, &v, &at, &e) < 0)
		return xasprintf("%zu: %s", expr_column(text, at), e.text);
	assert_int_equal(expr_write_json(&out, &v, EXPR_JSON_EXACT), 0);
	buf_adds(&out, expr_all_flags(&v) & EXPR_TAINTED ? " T" : "");
	buf_adds(&out, expr_all_flags(&v) & EXPR_SECRET ? " S" : "");
	return buf_take(&out);
}

static inline void expr_help_check(
	const struct expr_row *rows, size_t n, const struct expr_context *c)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *got = expr_help_eval(rows[i].expr, strlen(rows[i].expr), c);

		if (str_eq(got, rows[i].result))
			continue;
		print_error(
			"%s\n  expected %s\n  but got  %s\n", rows[i].expr, rows[i].result, got);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* The same with contexts given as JSON, status success. */
static inline void expr_help_table(const struct expr_row *rows, size_t n, const char *json)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = { .root = expr_help_root(a, json), .status = EXPR_SUCCESS };

	expr_help_check(rows, n, &c);
}

#endif
