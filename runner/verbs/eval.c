/*
 * For authors of workflows: the evaluator of the runner itself, with contexts from a file, so that
 * an expression can be tried without a run.
 */
#include "runner/verbs/eval.h"

#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "workflow/expr/expr.h"

const char verb_eval_help[] =
	"FILE is JSON with the contexts as top-level keys: {\"shithub\": {…}, \"env\": {…}}.\n"
	"Prints {\"kind\":…,\"value\":…,\"tainted\":…}, or {\"error\":…,\"position\":…} and exit "
	"1;\n"
	"position counts characters from 1.";

/* A number that JSON cannot express is printed as text; its kind says so. */
static int print_value(const struct expr_value *v)
{
	CLEAN_BUF struct buf out = BUF_INIT_SECRET(4 * LIMIT_EXPR_MEMORY);

	buf_addf(&out, "{\"kind\":\"%s\",\"value\":", expr_kind_name(v->kind));
	if (expr_write_json(&out, v, EXPR_JSON_EXACT) < 0)
		return cli_fail(EXIT_FINDINGS, "the value is too large to print");
	buf_addf(&out, ",\"tainted\":%s}\n", expr_all_flags(v) & EXPR_TAINTED ? "true" : "false");
	fwrite(out.data, 1, out.len, stdout);
	return EXIT_OK;
}

static int print_error(const char *text, size_t offset, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_API_BODY);
	struct json_writer w;

	expr_locate(e, text, strlen(text), offset);
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "error", e->text);
	json_kv_int(&w, "position", (int64_t)expr_column(text, offset));
	json_end_object(&w);
	if (json_writer_finish(&w, NULL) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e->text);
	puts(out.data);
	return EXIT_FINDINGS;
}

static int evaluate(const char *text, const struct expr_context *c)
{
	CLEAN_EXPR_ARENA struct expr_arena *values = expr_arena_new();
	CLEAN_EXPR struct expr *x = NULL;
	struct expr_value v;
	struct err e = { 0 };
	size_t at = 0;

	x = expr_parse(text, strlen(text), &at, &e);
	if (!x || expr_eval(x, c, values, &v, &at, &e) < 0)
		return print_error(text, at, &e);
	return print_value(&v);
}

/* No file: no contexts. */
static int load_root(const char *path, struct expr_arena *a, struct expr_value *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT_SECRET(LIMIT_CLAIM_BYTES);
	const struct json_limits limits = { .bytes = LIMIT_CLAIM_BYTES };

	*ret = expr_object(a);
	if (path) {
		if (file_read(path, &text, e) < 0)
			return -1;
		CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&text), text.len, &limits, e);
		if (!doc)
			return err_wrap(e, "%s", path);
		if (json_root(doc)->type != JSON_OBJECT)
			return err_set(e, ERR_INPUT,
				"%s: %s, expected an object with the contexts as keys", path,
				json_type_name(json_root(doc)->type));
		*ret = expr_from_json(a, json_root(doc), 0);
	}
	expr_root_finish(a, ret);
	return 0;
}

static int read_status(const char *name, enum expr_status *ret)
{
	static const char *const names[] = { "success", "failure", "cancelled" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(name, names[i])) {
			*ret = EXPR_SUCCESS + i;
			return 0;
		}
	}
	return cli_fail(
		-1, "--status \"%s\": expected success, failure or cancelled (see --help)", name);
}

/* An expression may begin with a minus; no flag begins with a single one. */
static const char *take_negative(int *argc, char **argv)
{
	const char *last = argv[*argc - 1];

	if (*argc < 2 || last[0] != '-' || last[1] == '-' || str_eq(last, "-h"))
		return NULL;
	--*argc;
	return last;
}

int verb_eval(int argc, char **argv)
{
	const char *path = NULL, *status = "success", *text = take_negative(&argc, argv);
	const struct cli_flag flags[] = {
		{ .name = "context",
			.target = &path,
			.meta = "FILE",
			.help = "JSON with the contexts as top-level keys" },
		{ .name = "status",
			.target = &status,
			.meta = "STATUS",
			.help = "success (default), failure or cancelled: what success(), "
				"failure() and cancelled() tell" },
	};
	CLEAN_EXPR_ARENA struct expr_arena *contexts = expr_arena_new();
	struct expr_context c = { 0 };
	struct err e = { 0 };
	char **rest;
	int n_rest;

	int rc = cli_parse(
		argc, argv, flags, ARRAY_LEN(flags), verb_eval_help, !text, &rest, &n_rest);

	if (rc != 0)
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	if (!text && n_rest)
		text = rest[0];
	if (!text)
		return cli_fail(EXIT_USAGE, "eval: expected an expression (see --help)");
	if (read_status(status, &c.status) < 0)
		return EXIT_USAGE;
	if (load_root(path, contexts, &c.root, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	return evaluate(text, &c);
}
