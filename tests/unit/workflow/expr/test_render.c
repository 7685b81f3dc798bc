/* Texts with expressions in them: scripts, plain fields, single values, conditions. */
#include <stdlib.h>

#include "base/limits.h"
#include "tests/unit/help/expr_help.h"
#include "workflow/expr/render.h"

static const char CONTEXTS[] =
	"{\"github\":{\"ref\":\"main\",\"evil_ref\":\"x; id\",\"event\":{\"title\":\"\\\"; rm -rf "
	"/ #\","
	"\"body\":\"$(id)`id`'\\n\\\\\",\"again\":\"${{ secrets.TOKEN }}\",\"n\":7,\"list\":[1],"
	"\"name\":\"SHITHUB_INPUT_0\"}},\"secrets\":{\"TOKEN\":\"s3cret\",\"OTHER\":\"0ther\"},"
	"\"env\":{\"A\":\"a\"},\"paste\":\"${{ 1 }}\"}";

struct fixture {
	struct expr_arena *arena;
	struct expr_context context;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = expr_arena_new();
	f->context.root = expr_help_root(f->arena, CONTEXTS);
	f->context.status = EXPR_SUCCESS;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	expr_arena_free(f->arena);
	free(f);
	return 0;
}

/* "text|NAME=value|NAME=value", or "error: …" */
static char *script(const struct fixture *f, const char *text, struct render_inputs *in)
{
	struct buf out = BUF_INIT(1 << 20);
	struct err e = { 0 };

	if (render_script(text, strlen(text), &f->context, in, &out, &e) < 0) {
		buf_clear(&out);
		buf_addf(&out, "error: %s", e.text);
		return buf_take(&out);
	}
	for (size_t i = 0; i < in->env.n; i++)
		buf_addf(&out, "|%s=%s", in->env.v[i].key, in->env.v[i].value);
	return buf_take(&out);
}

#define IN(n) "${SHITHUB_INPUT_" #n "}"
#define BOUND(n) "|SHITHUB_INPUT_" #n "="
#define TITLE "\"; rm -rf / #"
#define BODY "$(id)`id`'\n\\"

static void scripts(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "" },
		{ "echo plain", "echo plain" },
		{ "echo ${HOME} $x {{ }} }} ${x}", "echo ${HOME} $x {{ }} }} ${x}" },
		{ "echo ${{ github.ref }}", "echo main" },
		{ "${{github.ref}}", "main" },
		{ "a${{ 1 }}b${{ 2 }}c", "a1b2c" },
		{ "${{ 1 }}${{ 2 }}", "12" },
		{ "${{ '}}' }}", "}}" },
		{ "${{ '''}}''' }}", "'}}'" },
		{ "${{ 'a' == 'A' }}\n${{ null }}.", "true\n." },
		{ "${{ format('{{0}}') }}", "{0}" },
		{ "$${{ 1 }}{{", "$1{{" },
		{ "${ { 1 }}", "${ { 1 }}" },
		{ "${{\n  case(\n    github.ref == 'main', 'prod',\n    'dev'\n  )\n}}", "prod" },
		{ "${{ github }} ${{ fromJSON('[1]') }}", "Object Array" },
		/* a value is pasted once, never read again */
		{ "${{ paste }}", "${{ 1 }}" },
		{ "${{ '$' }}{{ 1 }}", "${{ 1 }}" },
		/* tainted */
		{ "echo \"${{ github.event.title }}\"", "echo \"" IN(0) "\"" BOUND(0) TITLE },
		{ "echo ${{ shithub.event.body }}", "echo " IN(0) BOUND(0) BODY },
		{ "${{ github.event.again }}", IN(0) BOUND(0) "${{ secrets.TOKEN }}" },
		{ "${{ github.event.nope }}", IN(0) BOUND(0) },
		{ "${{ github.event.n }}", IN(0) BOUND(0) "7" },
		{ "${{ github.event.n == 7 }}", IN(0) BOUND(0) "true" },
		{ "${{ github.event.list }}", IN(0) BOUND(0) "Array" },
		{ "${{ github.event }}", IN(0) BOUND(0) "Object" },
		{ "${{ format('{0}', github.event.title) }}", IN(0) BOUND(0) TITLE },
		{ "${{ github['event']['title'] }}", IN(0) BOUND(0) TITLE },
		{ "${{ github.event.title && '$(id)' }}", IN(0) BOUND(0) "$(id)" },
		{ "${{ join(github.*, '') }}", IN(0) BOUND(0) "mainx; idObject" },
		{ "${{ fromJSON(toJSON(github)).ref }}", IN(0) BOUND(0) "main" },
		{ "${{ github.event.name }}", IN(0) BOUND(0) "SHITHUB_INPUT_0" },
		/* secret */
		{ "curl -H ${{ secrets.TOKEN }}", "curl -H " IN(0) BOUND(0) "s3cret" },
		{ "${{ format('x{0}', secrets.TOKEN) }}", IN(0) BOUND(0) "xs3cret" },
		{ "${{ secrets.TOKEN == 'x' }}", IN(0) BOUND(0) "false" },
		/* the same expression, the same variable */
		{ "${{ github.event.n }} ${{github.event.n}} ${{ secrets.TOKEN }} "
		  "${{ github.event.n}}",
			IN(0) " " IN(0) " " IN(1) " " IN(0) BOUND(0) "7" BOUND(1) "s3cret" },
		{ "${{ shithub.event.n }}${{ github.event.n }}",
			IN(0) IN(1) BOUND(0) "7" BOUND(1) "7" },
		/* in single quotes that are data the value stands beside them */
		{ "echo '${{ github.event.title }}'", "echo ''\"" IN(0) "\"''" BOUND(0) TITLE },
		{ "X='a ${{ secrets.TOKEN }} b'", "X='a '\"" IN(0) "\"' b'" BOUND(0) "s3cret" },
		{ "X=$'a\\n${{ github.event.n }}'", "X=$'a\\n'\"" IN(0) "\"$''" BOUND(0) "7" },
		{ "sh -c 'echo \"${{ github.event.n }}\"'",
			"sh -c 'echo \"" IN(0) "\"'" BOUND(0) "7" },
		{ "echo '${{ github.ref }}'; awk '${{ github.ref }}'", "echo 'main'; awk 'main'" },
		{ "echo '${{ github.ref }}' \"${{ github.event.n }}\"",
			"echo 'main' \"" IN(0) "\"" BOUND(0) "7" },
		{ "# it's\necho '${{ github.event.n }}'",
			"# it's\necho ''\"" IN(0) "\"''" BOUND(0) "7" },
		{ "x\nawk '{ ${{ github.event.n }} }'",
			"error: line 2, column 11: a value from outside or a secret stands in "
			"single "
			"quotes, where the shell reads no variable; use double quotes, or pass it "
			"through env" },
		{ "cat <<'E'\n${{ secrets.TOKEN }}\nE\n",
			"error: line 2, column 4: a value from outside or a secret stands in a "
			"here-document whose end word is quoted, where the shell reads no "
			"variable; "
			"leave the end word bare, or pass it through env" },
		/* errors name the place in the text */
		{ "echo ${{ 1", "error: column 6: `${{` is not closed, expected }} after the "
				"expression" },
		{ "a\n ${{ '}} ", "error: line 2, column 2: `${{` is not closed, expected }} after "
				  "the expression" },
		{ "${{ }}", "error: column 4: nothing between ${{ and }}, expected an expression" },
		{ "a\nb ${{}}", "error: line 2, column 6: nothing between ${{ and }}, expected an "
				"expression" },
		{ "x ${{ 1 == }}", "error: column 12: unexpected end, expected a value" },
		{ "x\n\xc3\xa4 ${{ secrets.NOPE }}",
			"error: line 2, column 15: secret `NOPE` is not set" },
		{ "${{ ${{ 1 }} }}", "error: column 5: unexpected `${{`, expected an expression "
				     "without ${{ }} around or in it" },
		{ "${{ success() }}", "true" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
		CLEAN_STR char *got = script(*state, rows[i].text, &in);

		if (!str_eq(got, rows[i].expected))
			fail_msg("%s\n  expected %s\n  but got  %s", rows[i].text, rows[i].expected,
				got);
	}
}

/* Numbers count on over all scripts of a step. */
static void one_step(void **state)
{
	CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
	CLEAN_STR char *first = script(*state, "${{ github.event.n }}", &in);
	CLEAN_STR char *second = script(*state, "${{ secrets.TOKEN }}${{ github.event.n }}", &in);

	assert_string_equal(first, IN(0) BOUND(0) "7");
	assert_string_equal(second, IN(1) IN(0) BOUND(0) "7" BOUND(1) "s3cret");
}

/* A shell that reads no ${NAME} gets no value that needs one. */
static void other_shells(void **state)
{
	CLEAN_RENDER_INPUTS struct render_inputs in = { .shell = "python" };
	CLEAN_STR char *plain = script(*state, "print('${{ github.ref }}')", &in);
	CLEAN_STR char *outside = script(*state, "print('${{ github.event.n }}')", &in);

	assert_string_equal(plain, "print('main')");
	assert_string_equal(outside,
		"error: column 11: ${{ github.event.n }} holds text from outside or a secret, "
		"which "
		"never becomes script text; with shell \"python\" pass it through env and read the "
		"variable");
}

static void texts(void **state)
{
	static const struct {
		const char *text, *expected;
		unsigned flags;
	} rows[] = {
		{ "plain", "plain", 0 },
		{ "", "", 0 },
		{ "${{ github.ref }}/x", "main/x", 0 },
		{ "${{ github.event.n }}/x", "7/x", EXPR_TAINTED },
		{ "${{ secrets.TOKEN }}", "s3cret", EXPR_SECRET },
		{ "${{ secrets.TOKEN }}${{ github.event.n }}", "s3cret7",
			EXPR_TAINTED | EXPR_SECRET },
		{ "${{ env.A }}${{ env.NOPE }}", "a", 0 },
		{ "${{ 1 }}${{ github.event.nope }}", "1", EXPR_TAINTED },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(1024);
		struct err e = { 0 };
		unsigned flags = 99;

		assert_int_equal(render_text(rows[i].text, strlen(rows[i].text), &f->context, &out,
					 &flags, &e),
			0);
		assert_string_equal(buf_cstr(&out), rows[i].expected);
		assert_int_equal(flags, rows[i].flags);
	}
}

/* A value that went into `env` keeps its flags when the script reads it from there. */
static void detour_through_env(void **state)
{
	static const char text[] = "${{ github.event.title }}", run[] = "echo ${{ env.TITLE }}";
	struct fixture *f = *state;
	CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(1024);
	struct expr_value root = expr_object(f->arena), env = expr_object(f->arena);
	struct err e = { 0 };
	unsigned flags;

	assert_int_equal(render_text(text, strlen(text), &f->context, &out, &flags, &e), 0);
	expr_set(f->arena, &env, "TITLE", expr_string(f->arena, buf_cstr(&out), flags));
	expr_set(f->arena, &root, "env", env);
	expr_root_finish(f->arena, &root);
	struct fixture later = { .context = { .root = root } };
	CLEAN_STR char *got = script(&later, run, &in);
	assert_string_equal(got, "echo " IN(0) BOUND(0) TITLE);
}

static void values(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "plain", "\"plain\"" },
		{ "", "\"\"" },
		{ " ${{ fromJSON('[1, {\"a\": \"b\"}]') }}\n", "[1,{\"a\":\"b\"}]" },
		{ "${{ true }}", "true" },
		{ "${{ 'literal' }}", "\"literal\"" },
		{ "${{ false || 'literal' }}", "\"literal\"" },
		{ "${{ 3 }}0", "\"30\"" },
		{ " ${{ 3 }} ${{ 4 }}", "\" 3 4\"" },
		{ "${{ github.event.n }}", "7 T" },
		{ "x${{ secrets.TOKEN }}", "\"xs3cret\" S" },
		{ "${{ fromJSON('[') }}",
			"error: column 5: fromJSON: JSON offset 1 (line 1, column "
			"2): parse error: premature EOF" },
		{ "\n${{ 1", "error: line 2, column 1: `${{` is not closed, expected }} after the "
			     "expression" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
		CLEAN_BUF struct buf out = BUF_INIT(1024);
		struct expr_value v;
		struct err e = { 0 };

		if (render_value(rows[i].text, strlen(rows[i].text), &f->context, a, &v, &e) < 0) {
			buf_addf(&out, "error: %s", e.text);
		} else {
			assert_int_equal(expr_write_json(&out, &v, EXPR_JSON_EXACT), 0);
			buf_adds(&out, v.flags & EXPR_TAINTED ? " T" : "");
			buf_adds(&out, v.flags & EXPR_SECRET ? " S" : "");
		}
		assert_string_equal(buf_cstr(&out), rows[i].expected);
	}
}

/* Fields that want a boolean or a number; NULL: what the expression gives is refused. */
static void typed_values(void **state)
{
	static const struct {
		const char *text, *boolean, *number;
	} rows[] = {
		{ "${{ true }}", "true", NULL },
		{ " ${{ github.ref == 'x' }} ", "false", NULL },
		{ "${{ 'true' }}", "true", NULL },
		{ "${{ 'yes' }}", NULL, NULL },
		{ "${{ '' }}", NULL, NULL },
		{ "${{ null }}", NULL, NULL },
		{ "${{ 1 }}", NULL, "1" },
		{ "${{ github.event.n }}", NULL, "7" },
		{ "${{ '12' }}", NULL, "12" },
		{ "${{ 1.5 }}", NULL, NULL },
		{ "${{ 0 }}", NULL, NULL },
		{ "${{ 4321 }}", NULL, NULL },
		{ "${{ fromJSON('[1]') }}", NULL, NULL },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		bool b = false;
		int64_t n = 0;
		int rc = render_bool(rows[i].text, &f->context, &b, &e);

		assert_int_equal(rc, rows[i].boolean ? 0 : -1);
		if (rc == 0)
			assert_string_equal(b ? "true" : "false", rows[i].boolean);
		else
			assert_non_null(strstr(e.text, "expected true or false"));
		rc = render_number(rows[i].text, &f->context, 4320, &n, &e);
		assert_int_equal(rc, rows[i].number ? 0 : -1);
		if (rc == 0)
			assert_int_equal(n, strtoll(rows[i].number, NULL, 10));
	}
	struct err e = { 0 };
	bool b;
	assert_int_equal(render_bool("${{ secrets.TOKEN }}", &f->context, &b, &e), -1);
	assert_null(strstr(e.text, "s3cret"));
}

static void conditions(void **state)
{
	/* y n: result after success, failure, cancel; e: an error */
	static const struct {
		const char *text, *after;
	} rows[] = {
		{ NULL, "ynn" },
		{ "", "ynn" },
		{ "  ", "ynn" },
		{ "${{ }}", "ynn" },
		{ "true", "ynn" },
		{ "${{ true }}", "ynn" },
		{ " ${{true}} ", "ynn" },
		{ "false", "nnn" },
		{ "success()", "ynn" },
		{ "${{ success() }}", "ynn" },
		{ "failure()", "nyn" },
		{ "cancelled()", "nny" },
		{ "always()", "yyy" },
		{ "ALWAYS()", "yyy" },
		{ "!cancelled()", "yyn" },
		{ "${{ !cancelled() }}", "yyn" },
		{ "failure() || cancelled()", "nyy" },
		{ "always() && github.ref == 'main'", "yyy" },
		{ "always() && github.ref == 'other'", "nnn" },
		{ "github.ref == 'MAIN'", "ynn" },
		{ "${{ github.ref == 'main' && env.A }}", "ynn" },
		{ "github.event.n", "ynn" },
		{ "github.event.nope", "nnn" },
		{ "'false'", "ynn" },
		{ "0", "nnn" },
		{ "NaN", "nnn" },
		{ "''", "nnn" },
		{ "fromJSON('[]')", "ynn" },
		{ "'success()' != 'x'", "ynn" },
		{ "'}}' == '}}'", "ynn" },
		{ "contains('a', 'success()') || failure()", "nyn" },
		{ "secrets.TOKEN != ''", "ynn" },
		/* an error; one that is not reached without success stays unseen */
		{ "secrets.NOPE != ''", "enn" },
		{ "always() && secrets.NOPE", "eee" },
		{ "1 ==", "eee" },
		{ "${{ true", "eee" },
		{ "${{ true }} && false", "eee" },
		{ "github.ref == '${{ github.ref }}'", "eee" },
		{ "!${{ true }}", "eee" },
		{ "${{ true }} ${{ true }}", "eee" },
	};
	static const enum expr_status after[] = { EXPR_SUCCESS, EXPR_FAILURE, EXPR_CANCELLED };
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(after); i++) {
		const char *text = rows[i / 3].text;
		struct expr_context c = f->context;
		struct err e = { 0 };
		bool yes;
		char got;

		c.status = after[i % 3];
		got = render_condition(text, &c, &yes, &e) < 0 ? 'e' : yes ? 'y' : 'n';
		if (got != rows[i / 3].after[i % 3])
			fail_msg("%s (status %zu): got %c %s", text, i % 3, got, e.text);
	}
}

static void condition_errors(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ " a == \"b\"", "column 7: unexpected `\"b\"`, expected a text in single quotes" },
		{ "${{ 1 == }}", "column 10: unexpected end, expected a value" },
		{ "${{ true }} && x",
			"column 1: text beside ${{ }} would make the condition always true, "
			"expected one expression with all of it inside" },
		{ "\n  ${{ true", "line 2, column 3: `${{` is not closed, expected }} after the "
				  "expression" },
		{ "true &&\n  secrets.NOPE", "line 2, column 11: secret `NOPE` is not set" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };
		bool yes;

		assert_int_equal(render_condition(rows[i].text, &f->context, &yes, &e), -1);
		assert_string_equal(e.text, rows[i].expected);
	}
}

static void has_expression(void **state)
{
	(void)state;
	assert_true(render_has_expression("a ${{ b }}", 10));
	assert_true(render_has_expression("${{", 3));
	assert_false(render_has_expression("$ {{", 4));
	assert_false(render_has_expression("${{", 2));
	assert_false(render_has_expression(NULL, 0));
}

/* ---- limits ---- */

static void size_limits(void **state)
{
	struct fixture *f = *state;
	CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
	CLEAN_BUF struct buf small = BUF_INIT(10), big = BUF_INIT(2 * LIMIT_EXPR_BINDING);
	CLEAN_STR char *text = xmalloc(LIMIT_EXPR_BINDING + 2);
	struct expr_value env = expr_object(f->arena), root = expr_object(f->arena);
	struct err e = { 0 };
	unsigned flags;

	assert_int_equal(
		render_text("12345${{ 'abcdef' }}", 20, &f->context, &small, &flags, &e), -1);
	assert_true(err_is(&e, ERR_LIMIT));
	assert_string_equal(
		e.text, "too long with its expressions filled in, expected at most 10 bytes");

	memset(text, 'x', LIMIT_EXPR_BINDING + 1);
	text[LIMIT_EXPR_BINDING + 1] = '\0';
	expr_set(f->arena, &env, "over", expr_string(f->arena, text, EXPR_TAINTED));
	text[LIMIT_EXPR_BINDING] = '\0';
	expr_set(f->arena, &env, "full", expr_string(f->arena, text, EXPR_TAINTED));
	expr_set(f->arena, &root, "env", env);
	expr_root_finish(f->arena, &root);
	struct expr_context c = { .root = root };
	assert_int_equal(render_script("${{ env.full }}", 15, &c, &in, &big, &e), 0);
	assert_int_equal(strlen(in.env.v[0].value), LIMIT_EXPR_BINDING);
	assert_int_equal(render_script("a ${{ env.over }}", 17, &c, &in, &big, &e), -1);
	assert_string_equal(e.text,
		"column 6: a value of 130049 bytes is too large for an environment variable, "
		"expected at most 130048");
}

/* All expressions of one text share one account of work. */
static void work_limit(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	CLEAN_STR char *big = xmalloc(MIB(1) + 1);
	struct expr_value root = expr_object(f->arena);
	struct err e = { 0 };
	unsigned flags;

	memset(big, 'x', MIB(1));
	big[MIB(1)] = '\0';
	expr_set(f->arena, &root, "big", expr_string(f->arena, big, 0));
	expr_root_finish(f->arena, &root);
	struct expr_context c = { .root = root };
	for (int i = 0; i < 200; i++)
		buf_adds(&text, "${{ big == big }}");
	assert_int_equal(render_text(text.data, text.len, &c, &out, &flags, &e), -1);
	assert_true(err_is(&e, ERR_LIMIT));
	assert_non_null(strstr(e.text, "too much work, expected at most 2000000 steps"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(scripts, setup, teardown),
		cmocka_unit_test_setup_teardown(one_step, setup, teardown),
		cmocka_unit_test_setup_teardown(other_shells, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(detour_through_env, setup, teardown),
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(typed_values, setup, teardown),
		cmocka_unit_test_setup_teardown(conditions, setup, teardown),
		cmocka_unit_test_setup_teardown(condition_errors, setup, teardown),
		cmocka_unit_test(has_expression),
		cmocka_unit_test_setup_teardown(size_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(work_limit, setup, teardown),
	};

	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
