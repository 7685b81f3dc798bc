/* `eval`: exit codes and the JSON that people and tools read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/exits.h"
#include "base/fs.h"
#include "runner/verbs/eval.h"
#include "tests/unit/help/output.h"

static char context_path[64]; /* set in main, one for each process */

/* Runs `eval --context FILE a b c` with json in the file (NULL: no file). */
static int run(const char *json, const char *const args[3], struct buf *out, struct buf *errors)
{
	char *argv[7] = { "eval", "--context", context_path };
	int argc = 3;
	struct err e = { 0 };

	for (int i = 0; i < 3 && args[i]; i++)
		argv[argc++] = (char *)args[i];
	if (json)
		assert_int_equal(file_replace(context_path, json, strlen(json), 0600, &e), 0);
	struct output caught_out = output_catch(STDOUT_FILENO);
	struct output caught_err = output_catch(STDERR_FILENO);
	int rc = verb_eval(argc, argv);
	output_give_back(&caught_err, errors);
	output_give_back(&caught_out, out);
	unlink(context_path);
	return rc;
}

static const char CONTEXTS[] = "{\"github\":{\"ref\":\"main\",\"event\":{\"title\":\"a\\n\\\"b\"}},"
			       "\"secrets\":{\"T\":\"s\"},\"any\":[1,{\"x\":2.5}]}";

static void results(void **state)
{
	static const struct {
		const char *args[3];
		const char *out;
	} rows[] = {
		{ { "1 == 1" }, "{\"kind\":\"Boolean\",\"value\":true,\"tainted\":false}\n" },
		{ { "1.5e3" }, "{\"kind\":\"Number\",\"value\":1500,\"tainted\":false}\n" },
		{ { "-1.5" }, "{\"kind\":\"Number\",\"value\":-1.5,\"tainted\":false}\n" },
		{ { "--", "-0" }, "{\"kind\":\"Number\",\"value\":-0,\"tainted\":false}\n" },
		{ { "NaN" }, "{\"kind\":\"Number\",\"value\":\"NaN\",\"tainted\":false}\n" },
		{ { "shithub.ref" },
			"{\"kind\":\"String\",\"value\":\"main\",\"tainted\":false}\n" },
		{ { "github.event.title" },
			"{\"kind\":\"String\",\"value\":\"a\\n\\\"b\",\"tainted\":true}\n" },
		{ { "secrets.T" }, "{\"kind\":\"String\",\"value\":\"s\",\"tainted\":false}\n" },
		{ { "" }, "{\"kind\":\"Null\",\"value\":null,\"tainted\":false}\n" },
		{ { "any" }, "{\"kind\":\"Array\",\"value\":[1,{\"x\":2.5}],\"tainted\":false}\n" },
		{ { "any[1]" }, "{\"kind\":\"Object\",\"value\":{\"x\":2.5},\"tainted\":false}\n" },
		{ { "failure()" }, "{\"kind\":\"Boolean\",\"value\":false,\"tainted\":false}\n" },
		{ { "--status", "failure", "failure()" },
			"{\"kind\":\"Boolean\",\"value\":true,\"tainted\":false}\n" },
		{ { "cancelled()", "--status=cancelled" },
			"{\"kind\":\"Boolean\",\"value\":true,\"tainted\":false}\n" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(4096), errors = BUF_INIT(4096);

		assert_int_equal(run(CONTEXTS, rows[i].args, &out, &errors), EXIT_OK);
		assert_string_equal(buf_cstr(&out), rows[i].out);
		assert_string_equal(buf_cstr(&errors), "");
	}
}

static void errors_in_expressions(void **state)
{
	static const struct {
		const char *args[3];
		const char *out;
	} rows[] = {
		{ { "any == " }, "{\"error\":\"column 8: unexpected end, expected a "
				 "value\",\"position\":8}\n" },
		{ { "'\xc3\xa4' == secrets.NOPE" },
			"{\"error\":\"column 16: secret `NOPE` is not set\",\"position\":16}\n" },
		{ { "1 ==\n  'x" }, "{\"error\":\"line 2, column 3: the text is not closed, "
				    "expected '\",\"position\":8}\n" },
		{ { "'\xff'" }, "{\"error\":\"column 1: not a text, expected UTF-8 without "
				"NUL\",\"position\":1}\n" },
		{ { "-x" }, "{\"error\":\"column 1: unexpected `-x`, expected a "
			    "number\",\"position\":1}\n" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(4096), errors = BUF_INIT(4096);

		assert_int_equal(run(CONTEXTS, rows[i].args, &out, &errors), EXIT_FINDINGS);
		assert_string_equal(buf_cstr(&out), rows[i].out);
		assert_string_equal(buf_cstr(&errors), "");
	}
}

static void usage_errors(void **state)
{
	static const struct {
		const char *json;
		const char *args[3];
		const char *reason;
	} rows[] = {
		{ "{}", { NULL }, "expected an expression" },
		{ "{}", { "1", "2" }, "unexpected argument \"2\"" },
		{ "{}", { "1", "--nope" }, "unknown flag --nope" },
		{ "{}", { "1", "--status", "odd" },
			"--status \"odd\": expected success, failure or cancelled" },
		{ NULL, { "1" }, "No such file" },
		{ "", { "1" }, "JSON offset 0" },
		{ "{\"a\":", { "1" }, "JSON offset 5" },
		{ "[1]", { "1" }, "array, expected an object with the contexts as keys" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(4096), errors = BUF_INIT(4096);

		assert_int_equal(run(rows[i].json, rows[i].args, &out, &errors), EXIT_USAGE);
		assert_string_equal(buf_cstr(&out), "");
		if (!strstr(buf_cstr(&errors), rows[i].reason))
			fail_msg("expected %s, but got %s", rows[i].reason, buf_cstr(&errors));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(results),
		cmocka_unit_test(errors_in_expressions),
		cmocka_unit_test(usage_errors),
	};

	snprintf(context_path, sizeof(context_path), "/tmp/test_verb_eval.%d.json", (int)getpid());
	return cmocka_run_group_tests_name("verb_eval", tests, NULL, NULL);
}
