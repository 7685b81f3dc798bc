/* Taint and secrecy follow every operator, index, filter and function; what a missing name means.
 */
#include "tests/unit/help/expr_help.h"

#define CHECK(rows) expr_help_table(rows, ARRAY_LEN(rows), CONTEXTS)

static const char CONTEXTS[] =
	"{\"github\":{\"ref\":\"main\",\"event\":{\"title\":\"evil\",\"n\":3,\"yes\":true,\"zero\":"
	"0,"
	"\"json\":\"{\\\"key\\\":[1]}\",\"labels\":[{\"name\":\"bug\"}],\"none\":[],\"evil\":1}},"
	"\"secrets\":{\"TOKEN\":\"s3cret\",\"J\":\"{\\\"bad\"},\"env\":{\"A\":\"a\"},"
	"\"list\":[\"x\",\"evil\"],\"map\":{\"evil\":\"found\"}}";

static void sources(void **state)
{
	static const struct expr_row rows[] = {
		{ "github.ref", "\"main\"" },
		{ "shithub.ref", "\"main\"" },
		{ "github.event.title", "\"evil\" T" },
		{ "shithub.event.title", "\"evil\" T" },
		{ "GitHub.EVENT.Title", "\"evil\" T" },
		{ "shithub['event']['title']", "\"evil\" T" },
		{ "github[format('e{0}', 'vent')].title", "\"evil\" T" },
		{ "(github).event.title", "\"evil\" T" },
		{ "github.event.n", "3 T" },
		{ "github.event.labels[0].name", "\"bug\" T" },
		{ "github.event.nope", "null T" },
		{ "github.event.nope.deeper", "null T" },
		{ "github.event == shithub.event", "true T" },
		{ "github == shithub", "true" },
		{ "github.event.labels.*.name", "[\"bug\"] T" },
		{ "github.event.none.*", "[] T" },
		{ "github.event.none.*.x", "[] T" },
		{ "github.*.n", "[3] T" },
		{ "github.*.nope", "[] T" },
		{ "github.*[0]", "[] T" },
		{ "secrets.TOKEN", "\"s3cret\" S" },
		{ "secrets.token", "\"s3cret\" S" },
		{ "secrets['token']", "\"s3cret\" S" },
		{ "secrets.*", "[\"s3cret\",\"{\\\"bad\"] S" },
		{ "secrets.NOPE", "9: secret `NOPE` is not set" },
		{ "secrets['NO' && 'PE']", "9: secret `PE` is not set" },
		{ "secrets[secrets.TOKEN]", "9: no secret of that name is set" },
		{ "secrets[list]", "9: no secret of that name is set" },
		{ "vars.NOPE", "\"\"" },
		{ "env.NOPE", "\"\"" },
		{ "env[github.event.title]", "\"\" T" },
	};

	(void)state;
	CHECK(rows);
}

static void operators(void **state)
{
	static const struct expr_row rows[] = {
		{ "!github.event.title", "false T" },
		{ "!secrets.TOKEN", "false S" },
		{ "github.event.title == 'x'", "false T" },
		{ "'x' != github.event.title", "true T" },
		{ "github.event.n < 4", "true T" },
		{ "4 >= github.event.n", "true T" },
		{ "secrets.TOKEN == github.event.title", "false T S" },
		{ "github.event.title && 'plain'", "\"plain\" T" },
		{ "github.event.zero || 'plain'", "\"plain\" T" },
		{ "github.event.zero && 'plain'", "0 T" },
		{ "secrets.TOKEN && 'plain'", "\"plain\" S" },
		{ "github.event.yes && secrets.TOKEN", "\"s3cret\" T S" },
		{ "'a' && 'b' && github.event.title", "\"evil\" T" },
		{ "github.event.title && '' || 'c'", "\"c\" T" },
		/* what was not read says nothing */
		{ "'plain' || github.event.title", "\"plain\"" },
		{ "false && secrets.TOKEN", "false" },
		{ "list[github.event.zero]", "\"x\" T" },
		{ "list[github.event.title]", "null T" },
		{ "map[github.event.title]", "\"found\" T" },
		{ "map[secrets.TOKEN]", "null S" },
		{ "list.*[github.event.n]", "[] T" },
	};

	(void)state;
	CHECK(rows);
}

static void functions(void **state)
{
	static const struct expr_row rows[] = {
		{ "contains(github.event.title, 'e')", "true T" },
		{ "contains('evil', github.event.title)", "true T" },
		{ "contains(list, github.event.title)", "true T" },
		{ "contains(github.event.labels.*.name, 'x')", "false T" },
		{ "contains(github.*, 'main')", "true T" },
		{ "contains(list, 'x')", "true" },
		{ "startsWith(github.event.title, 'e')", "true T" },
		{ "startsWith('e', secrets.TOKEN)", "false S" },
		{ "endsWith(github.event.title, 'e')", "false T" },
		{ "endsWith('x', github.event.title)", "false T" },
		{ "format('{0}', github.event.n)", "\"3\" T" },
		{ "format(github.event.title)", "\"evil\" T" },
		{ "format('unused', github.event.title)", "\"unused\" T" },
		{ "format('{0}{1}', secrets.TOKEN, github.event.n)", "\"s3cret3\" T S" },
		{ "join(github.event.labels.*.name)", "\"bug\" T" },
		{ "join(github.*, '-')", "\"main-Object\" T" },
		{ "join(list, github.event.title)", "\"xevilevil\" T" },
		{ "join(secrets.*)", "\"s3cret,{\\\"bad\" S" },
		{ "join(github.event.title)", "\"evil\" T" },
		{ "toJSON(github.event.n)", "\"3\" T" },
		{ "contains(toJSON(github), 'evil')", "true T" },
		{ "startsWith(toJSON(secrets), '{')", "true S" },
		{ "startsWith(toJSON(env), '{')", "true" },
		{ "fromJSON(github.event.json)", "{\"key\":[1]} T" },
		{ "fromJSON(github.event.json).key[0]", "1 T" },
		{ "fromJSON(toJSON(github)).ref", "\"main\" T" },
		{ "fromJSON(format('{0}', secrets.TOKEN == 'x'))", "false S" },
		{ "case(github.event.yes, 'a', 'b')", "\"a\" T" },
		{ "case(true, github.event.title, 'b')", "\"evil\" T" },
		{ "case(true, 'a', github.event.yes, 'b', 'c')", "\"a\"" },
		{ "case(false, 'a', secrets.TOKEN == 'x', 'b', 'c')", "\"c\" S" },
		{ "success()", "true" },
		/* the parser's words would quote the secret */
		{ "fromJSON(secrets.J)", "1: fromJSON: expected valid JSON" },
	};

	(void)state;
	CHECK(rows);
}

/* The flags of a value in itself: what a text or a condition made of it shows. */
static unsigned own_flags(const char *text, const struct expr_context *c)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_EXPR struct expr *x = NULL;
	struct expr_value v;
	struct err e = { 0 };
	size_t at;

	x = expr_parse(text, strlen(text), &at, &e);
	assert_non_null(x);
	assert_int_equal(expr_eval(x, c, a, &v, &at, &e), 0);
	return v.flags;
}

static void container_itself(void **state)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = { .root = expr_help_root(a, CONTEXTS) };

	(void)state;

	assert_int_equal(own_flags("github", &c), 0);
	assert_int_equal(own_flags("github.*", &c), 0);
	assert_int_equal(own_flags("github.*.*", &c), EXPR_TAINTED);
	assert_int_equal(own_flags("github.event", &c), EXPR_TAINTED);
	assert_int_equal(own_flags("secrets", &c), EXPR_SECRET);
}

/* What a runner builds by hand: a variable that was made of something tainted. */
static void built_contexts(void **state)
{
	static const struct expr_row rows[] = {
		{ "env.TITLE", "\"evil\" T" },
		{ "env.PLAIN", "\"new\"" },
		{ "env.PASS", "\"pw\" S" },
		{ "toJSON(env) == ''", "false T S" },
		{ "secrets.A", "\"1\" S" },
		{ "secrets.B", "9: secret `B` is not set" },
		{ "job.status", "\"success\"" },
		{ "runner.count", "3" },
		{ "runner.flag || runner.nothing", "null" },
		{ "needs.x", "null" },
	};
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEANUP(pairs_release) struct pairs p = { 0 };
	struct expr_value root = expr_object(a), env = expr_object(a), job = expr_object(a),
			  runner = expr_object(a);

	(void)state;

	expr_set(a, &env, "TITLE", expr_string(a, "evil", EXPR_TAINTED));
	expr_set(a, &env, "PLAIN", expr_string(a, "old", EXPR_TAINTED));
	expr_set(a, &env, "PLAIN", expr_string(a, "new", 0));
	expr_set(a, &env, "PASS", expr_string(a, "pw", EXPR_SECRET));
	for (int i = 0; i < 20; i++) { /* more than it had room for at first */
		char name[16];

		snprintf(name, sizeof(name), "N%d", i);
		expr_set(a, &env, name, expr_number(i));
	}
	expr_set(a, &job, "status", expr_string(a, "success", 0));
	expr_set(a, &runner, "count", expr_number(3));
	expr_set(a, &runner, "flag", expr_boolean(false));
	expr_set(a, &runner, "nothing", expr_null());
	pairs_set(&p, "A", "1");
	expr_set(a, &root, "env", env);
	expr_set(a, &root, "job", job);
	expr_set(a, &root, "runner", runner);
	expr_set(a, &root, "secrets", expr_from_pairs(a, &p, 0));
	expr_root_finish(a, &root);
	struct expr_context c = { .root = root };
	expr_help_check(rows, ARRAY_LEN(rows), &c);
}

static void absent_contexts(void **state)
{
	static const struct expr_row rows[] = {
		{ "secrets.A", "9: secret `A` is not set" },
		{ "vars.A", "\"\"" },
		{ "env.A", "\"\"" },
		{ "github.event.x", "null" },
		{ "steps.a.outputs.b", "null" },
		{ "inputs", "null" },
		{ "secrets", "{} S" },
	};
	static const struct expr_row both[] = {
		{ "github.event", "1 T" },
		{ "shithub.event", "2 T" },
		{ "github == shithub", "false" },
	};

	(void)state;
	expr_help_table(rows, ARRAY_LEN(rows), "{}");
	expr_help_table(rows, ARRAY_LEN(rows), "{\"secrets\":null,\"vars\":null,\"env\":null}");
	expr_help_table(
		both, ARRAY_LEN(both), "{\"github\":{\"event\":1},\"shithub\":{\"event\":2}}");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources),
		cmocka_unit_test(operators),
		cmocka_unit_test(functions),
		cmocka_unit_test(container_itself),
		cmocka_unit_test(built_contexts),
		cmocka_unit_test(absent_contexts),
	};

	return cmocka_run_group_tests_name("expr_flags", tests, NULL, NULL);
}
