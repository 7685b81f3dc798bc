/* Versions that are asked for, files that name them, interpreters that introduce themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "runner/step/python_version.h"

static void test_wishes(void **state)
{
	static const struct {
		const char *wish, *meets, *misses; /* versions, blank between */
	} cases[] = {
		{ "3", "3.0.0 3.11.2", "2.7.18 4.0.0" },
		{ "3.x", "3.11.2", "2.7.18" },
		{ "x", "2.7.18 3.11.2", "" },
		{ "3.1", "3.1.5", "3.10.0 3.11.2" },
		{ "3.11", "3.11.0 3.11.2", "3.1.1 3.12.0" },
		{ "3.11.*", "3.11.2", "3.12.0" },
		{ "3.11.2", "3.11.2", "3.11.3 3.11.1" },
		{ "=3.11", "3.11.2", "3.12.0" },
		{ "==3.11.*", "3.11.2", "3.10.0" },
		{ ">=3.9 <3.13", "3.9.0 3.12.9", "3.8.9 3.13.0" },
		{ ">= 3.9, < 3.13", "3.9.0 3.12.9", "3.8.9 3.13.0" },
		{ ">3.9", "3.10.0", "3.9.9" },
		{ ">3.9.1", "3.9.2", "3.9.1" },
		{ "<=3.9", "3.9.9", "3.10.0" },
		{ "!=3.10.*,>=3.9", "3.9.1 3.11.0", "3.10.4 3.8.0" },
		{ "~3.11", "3.11.9", "3.12.0" },
		{ "~3.11.2", "3.11.2 3.11.9", "3.11.1 3.12.0" },
		{ "~=3.11", "3.11.0 3.12.0", "3.10.0 4.0.0" },
		{ "~=3.11.2", "3.11.2 3.11.3", "3.11.1 3.12.0" },
		{ "^3.9", "3.9.0 3.13.1", "3.8.0 4.0.0" },
		{ "3.9 || >=3.12", "3.9.1 3.12.0 3.13.0", "3.10.0 3.11.9" },
		{ "3.9||3.11", "3.9.1 3.11.0", "3.10.0" },
		{ ">=3.10 <3.9 || 3.8", "3.8.1", "3.9.1 3.10.1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct python_wish w;
		struct err e = { 0 };

		if (python_wish_parse(cases[i].wish, &w, &e) < 0)
			fail_msg("%s: %s", cases[i].wish, e.text);
		for (int want = 0; want < 2; want++) {
			CLEANUP(strv_release) struct strv list = { 0 };

			strv_split(&list, want ? cases[i].meets : cases[i].misses, ' ');
			strv_each (text, &list) {
				struct python_wish v;

				assert_int_equal(python_wish_parse(text, &v, &e), 0);
				if (python_wish_meets(&w, v.v[0].part) != want)
					fail_msg("%s: %s", cases[i].wish, text);
			}
		}
	}
}

static void test_refused_wishes(void **state)
{
	static const char *const cases[] = { "", " ", "python3", "3.13-dev", "3.13t", "pypy3.10",
		"3.11.2.1", "3..1", "3.x.1", ">=", ">= <3", "3.9 ||", "|| 3.9", "3 | 4", "-3",
		"3.-1", "3.9 - 3.11", "99999999999999999999", "3.11\n3.12",
		"3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct python_wish w;
		struct err e = { 0 };

		if (python_wish_parse(cases[i], &w, &e) == 0)
			fail_msg("\"%s\" was taken", cases[i]);
		assert_non_null(strstr(e.text, "version"));
	}
}

static void test_files(void **state)
{
	static const struct {
		const char *name, *text, *want; /* NULL: refused */
	} cases[] = {
		{ ".python-version", "3.11.2\n", "3.11.2" },
		{ ".python-version", "# why\r\n\r\n 3.11 # note\r\n3.9\n", "3.11" },
		{ "dir/any", "3.x", "3.x" },
		{ ".python-version", "\n# nothing\n", NULL },
		{ ".tool-versions", "nodejs 20.1\npython\t3.11.2\n", "3.11.2" },
		{ ".tool-versions", "pythonic 1\nnodejs 20\n", NULL },
		{ "a/pyproject.toml", "[project]\nrequires-python = \">=3.9,<4\"\n", ">=3.9,<4" },
		{ "pyproject.toml", "[tool.poetry.dependencies]\npython = \"^3.9\"\n", "^3.9" },
		{ "pyproject.toml", "[project]\nname = \"x\"\n", NULL },
		{ "pyproject.toml", "[project]\nrequires-python = 3\n", NULL },
		{ "pyproject.toml", "[project\n", NULL },
		{ "Pipfile", "[requires]\npython_version = \"3.11\"\n", "3.11" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		CLEAN_STR char *got = python_wish_of_file(
			cases[i].name, cases[i].text, strlen(cases[i].text), &e);

		if (!str_eq(got, cases[i].want))
			fail_msg("%s: %s: %s %s", cases[i].name, cases[i].text,
				got ? got : "refused", e.text);
		if (!got)
			assert_non_null(strstr(e.text, cases[i].name));
	}
	struct err e = { 0 };
	assert_null(python_wish_of_file(".python-version", "3\0", 2, &e));
}

#define LINE(version, level, machine, path) \
	"python\t" version "\t" level "\tpip\t" machine "\t/usr\t" path "\n"

static void test_list(void **state)
{
	static const char text[] = "Welcome to this image!\n" LINE(
		"3.11.2", "final", "x86_64", "/usr/bin/python3.11") LINE("3.11.2", "final",
		"x86_64", "/usr/local/bin/python3") LINE("3.11.2", "final", "x86_64",
		"/usr/bin/python3.11") LINE("3.9.9", "final", "x86_64",
		"/opt/python3.9/bin/python3.9") LINE("3.14.0", "candidate", "x86_64",
		"/opt/p/bin/python3") LINE("3.13.0", "final", "i686", "/opt/x86/bin/python3")
		LINE("3.12", "final", "x86_64", "/a") LINE("3.12.x", "final", "x86_64", "/b") LINE(
			"3.12.1", "final", "x86_64", "relative") LINE("3.12.1", "final", "x86_64",
			"/with:colon") "python\t3.12.1\tfinal\tpip\tx86_64\t/usr\n"
				       "python\t3.12.1\tfinal\tpip\tx86_64\t/usr\t/c\tmore\n"
				       "python\t3.12.1\tfinal\tpip\tx86_64\t/usr\t/c\033[2J\n"
				       "python\t3.12.1\tfinal\tpip\tx86_64\t/usr\t/c\0d\n";

	static const struct {
		const char *wish, *path, *architecture;
		bool prereleases;
	} cases[] = {
		{ "3", "/opt/x86/bin/python3" },
		{ "3", "/usr/bin/python3.11", "x64" },
		{ "3", "/opt/p/bin/python3", NULL, true },
		{ "3.9", "/opt/python3.9/bin/python3.9" },
		{ "3.12", NULL },
		{ "3.9", NULL, "arm64" },
		{ "3.14", NULL },
	};
	CLEANUP(python_list_release) struct python_list list = { 0 };

	(void)state;
	python_list_parse(text, sizeof(text) - 1, &list);
	assert_int_equal(list.n, 5);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct python_wish w;
		struct err e = { 0 };

		assert_int_equal(python_wish_parse(cases[i].wish, &w, &e), 0);
		const struct python *p =
			python_choose(&list, &w, cases[i].prereleases, cases[i].architecture);
		if (!str_eq(p ? p->path : NULL, cases[i].path))
			fail_msg("%s: %s", cases[i].wish, p ? p->path : "none");
	}
	struct python_wish any = { 0 };
	assert_non_null(python_choose(&list, &any, false, NULL));
}

static void test_endless_list(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	CLEANUP(python_list_release) struct python_list list = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, LINE("3.11.2", "final", "x86_64", "/%d"), i);
	python_list_parse(text.data, text.len, &list);
	assert_int_equal(list.n, PYTHONS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_refused_wishes),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_endless_list),
	};

	return cmocka_run_group_tests_name("python_version", tests, NULL, NULL);
}
