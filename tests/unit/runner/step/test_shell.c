/* `shell:` of a step: the known names, quoted words, and what is no command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "runner/step/shell.h"

/* The words, each in brackets. */
static void check(const char *shell, const char *expected, const char *file)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_BUF struct buf got = BUF_INIT(4096);
	const char *name = NULL;
	struct err e = { 0 };

	if (shell_read(shell, &argv, &name, &e) < 0)
		fail_msg("%s: %s", shell, e.text);
	strv_each (word, &argv)
		buf_addf(&got, "[%s]", word);
	assert_string_equal(buf_cstr(&got), expected);
	assert_string_equal(name, file);
}

static void test_names(void **state UNUSED)
{
	check("bash", "[bash][--noprofile][--norc][-e][-o][pipefail][{0}]", "step.sh");
	check("sh", "[sh][-e][{0}]", "step.sh");
	check("python", "[python3][{0}]", "step.py");
}

/* Without a shell nothing but -e is set, whichever of the two it is. */
static void test_none_is_bash_or_sh(void **state UNUSED)
{
	static const char expected[] = "[bash|sh][-e][{0}]";

	check(NULL, expected, "step.sh");
	check("", expected, "step.sh");
}

static void test_words(void **state UNUSED)
{
	static const struct {
		const char *shell, *words;
	} cases[] = {
		{ "bash --noprofile -u {0}", "[bash][--noprofile][-u][{0}]" },
		{ "  awk\t-f   {0} ", "[awk][-f][{0}]" },
		{ "bash -c \"set -e; . '{0}'\"", "[bash][-c][set -e; . '{0}']" },
		{ "sh -c 'bash -e \"{0}\"'", "[sh][-c][bash -e \"{0}\"]" },
		{ "a\"b c\"d'e f' {0}", "[ab cde f][{0}]" },
		{ "x \"\" '' {0}", "[x][][][{0}]" },
		{ "x a\\ b \\\" {0}", "[x][a b][\"][{0}]" },
		{ "x \"\\\"\\\\\\$\\`\\n\" {0}", "[x][\"\\$`\\n][{0}]" },
		{ "x '\\' {0}", "[x][\\][{0}]" },
		{ "x {0}\\", "[x][{0}\\]" },
		{ "x --file={0} {0}", "[x][--file={0}][{0}]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].shell, cases[i].words, "step");
}

static void test_refusals(void **state UNUSED)
{
	static const struct {
		const char *shell, *error;
	} cases[] = {
		{ "fish", "shell: \"fish\" is unknown, expected bash, sh, python or a command line "
			  "with {0}" },
		{ "bash -c \"{0}",
			"shell: bash -c \"{0}: the \" of column 9 is not closed, expected "
			"another one" },
		{ "bash {0} 'x", "shell: bash {0} 'x: the ' of column 10 is not closed, expected "
				 "another one" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv argv = { 0 };
		const char *name = NULL;
		struct err e = { 0 };

		assert_int_equal(shell_read(cases[i].shell, &argv, &name, &e), -1);
		assert_int_equal(e.class, ERR_INPUT);
		assert_string_equal(e.text, cases[i].error);
		assert_int_equal(argv.n, 0);
		assert_null(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_none_is_bash_or_sh),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("shell", tests, NULL, NULL);
}
