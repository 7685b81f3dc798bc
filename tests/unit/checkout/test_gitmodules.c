/* .gitmodules as text, and where a submodule may come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "checkout/gitmodules.h"
#include "checkout/submodule.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

static char *parsed(const char *text, size_t n, struct err *e)
{
	CLEANUP(gitmodules_release) struct gitmodules m = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));

	if (gitmodules_parse(text, n, &m, e) < 0)
		return NULL;
	for (size_t i = 0; i < m.n; i++)
		buf_addf(&out, "<%s|%s|%s>", m.v[i].name, m.v[i].path ? m.v[i].path : "-",
			m.v[i].url ? m.v[i].url : "-");
	return buf_take(&out);
}

static void test_texts(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "# nothing\n; here\n\n", "" },
		{ "[submodule \"a\"]\n\tpath = p\n\turl = u\n", "<a|p|u>" },
		{ "\xef\xbb\xbf[submodule \"a\"]\r\n\tpath = p\r\n\turl = u\r\n", "<a|p|u>" },
		{ "[Submodule \"A b\"] PATH=p # note\nurl=u;note", "<A b|p|u>" },
		{ "[submodule \"a\"]\npath = p\n[submodule \"b\"]\n[submodule \"a\"]\nurl = u",
			"<a|p|u><b|-|->" },
		{ "[submodule \"a\"]\nurl = one\nurl = two\n", "<a|-|two>" },
		{ "[submodule \"q\\\"\\\\\"]\npath = \" p # \"  \n", "<q\"\\| p # |->" },
		{ "[submodule \"a\"]\npath = one\\\n two\nurl = a\\tb", "<a|one two|a\tb>" },
		{ "[submodule \"a\"]\nupdate = !rm\nbranch\nshallow = true\n", "<a|-|->" },
		{ "[core]\npath = x\n[submodule]\npath = y\n[other \"a\"]\nurl = z", "" },
		{ "[submodule \"a\"]\npath = inner  blank\t\n", "<a|inner  blank|->" },
		{ "[submodule \"a]\n", NULL },
		{ "[submodule \"a\"\n", NULL },
		{ "[submodule \"a\"]\npath = \"open\n", NULL },
		{ "[submodule \"a\"]\npath = \\x\n", NULL },
		{ "[submodule \"a\"]\npath p\n", NULL },
		{ "= x\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		CLEAN_STR char *got = parsed(cases[i].text, strlen(cases[i].text), &e);

		if (!str_eq(got, cases[i].want))
			fail_msg("%s: %s %s", cases[i].text, got ? got : "refused", e.text);
		if (!got)
			assert_non_null(strstr(e.text, ".gitmodules line "));
	}
}

static void test_limits(void **state)
{
	static const char nul[] = "[submodule \"a\0b\"]";
	CLEAN_BUF struct buf many = BUF_INIT(MIB(2));
	struct err e = { 0 };

	(void)state;
	assert_null(parsed(nul, sizeof(nul) - 1, &e));
	assert_non_null(strstr(e.text, "NUL"));
	for (int i = 0; i <= GITMODULES_MAX; i++)
		buf_addf(&many, "[submodule \"%d\"]\n", i);
	assert_null(parsed(many.data, many.len, &e));
	assert_int_equal(e.class, ERR_LIMIT);
	while (buf_addc(&many, '\n') == 0 && many.len <= GITMODULES_BYTES)
		continue;
	assert_null(parsed(many.data, many.len, &e));
	assert_non_null(strstr(e.text, "larger"));
	buf_clear(&many);
	buf_adds(&many, "[submodule \"a\"]\npath = ");
	for (size_t i = 0; i <= LIMIT_NAME; i++)
		buf_addc(&many, 'x');
	assert_null(parsed(many.data, many.len, &e));
	assert_non_null(strstr(e.text, "line 2: value too long"));
}

static void test_urls(void **state)
{
	static const struct {
		const char *base, *url, *want; /* NULL base: the usual one */
	} cases[] = {
		{ NULL, "https://git.example:8443/o/lib.git",
			"https://git.example:8443/o/lib.git" },
		{ NULL, "HTTPS://Git.Example:8443/o/lib",
			NULL }, /* a request takes no such scheme */
		{ NULL, "https://GIT.example:8443/o/lib", "https://GIT.example:8443/o/lib" },
		{ NULL, "../lib.git", "https://git.example:8443/o/lib.git" },
		{ NULL, "../../other/lib", "https://git.example:8443/other/lib" },
		{ NULL, "./sub", "https://git.example:8443/o/repo.git/sub" },
		{ NULL, "./../lib", "https://git.example:8443/o/lib" },
		{ "https://git.example:8443/o/repo///", "../lib",
			"https://git.example:8443/o/lib" },
		{ NULL, "git@git.example:o/lib.git", "https://git.example:8443/o/lib.git" },
		{ NULL, "git.example:o/lib.git", NULL },
		{ NULL, "ssh://git@git.example/o/lib", "https://git.example:8443/o/lib" },
		{ NULL, "ssh://git.example/o/lib", "https://git.example:8443/o/lib" },
		{ NULL, "git@elsewhere.example:o/lib.git", NULL },
		{ NULL, "git@git.example.evil:o/lib.git", NULL },
		{ NULL, "../../../lib", NULL },
		{ NULL, "../a/../../../b", NULL },
		{ NULL, "https://git.example/o/lib", NULL },
		{ NULL, "http://git.example:8443/o/lib", NULL },
		{ NULL, "https://git.example:8443@evil.example/o/lib", NULL },
		{ NULL, "https://git.example:8443.evil.example/o/lib", NULL },
		{ NULL, "https://user:pw@git.example:8443/o/lib", NULL },
		{ NULL, "https://git.example:8443/o/lib?x=1", NULL },
		{ NULL, "https://git.example:8443", NULL },
		{ NULL, "file:///etc", NULL },
		{ NULL, "/etc", NULL },
		{ NULL, "ext::sh -c id", NULL },
		{ NULL, "-oProxyCommand=id", NULL },
		{ NULL, "--upload-pack=id", NULL },
		{ NULL, "", NULL },
		{ NULL, NULL, NULL },
		{ NULL, "../li\nb", NULL },
		{ "http://[::1]:80/o/r", "git@[::1]:o/lib", "http://[::1]:80/o/lib" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *base =
			cases[i].base ? cases[i].base : "https://git.example:8443/o/repo.git";
		CLEAN_STR char *got = NULL;
		struct err e = { 0 };
		int rc = submodule_url(base, cases[i].url, &got, &e);

		if ((rc == 0) != (cases[i].want != NULL) || !str_eq(got, cases[i].want))
			fail_msg("%s: %s (%s)", cases[i].url ? cases[i].url : "(null)",
				got ? got : "refused", e.text);
		assert_null(strstr(e.text, "pw"));
	}
}

static void test_same_repository(void **state)
{
	(void)state;
	assert_true(repository_url_same("https://h/o/r", "https://h/o/r.git"));
	assert_true(repository_url_same("https://H/o/r/", "https://h/o/r"));
	assert_false(repository_url_same("https://h/o/r", "https://h/o/R"));
	assert_false(repository_url_same("https://h/o/r", "https://h/o/r2"));
	assert_false(repository_url_same("https://h/o/r", "http://h/o/r"));
}

static void test_reported_submodules(void **state)
{
	static const struct {
		struct submodule m;
		bool ok;
	} cases[] = {
		{ { (char *)"a", (char *)"p/q", (char *)"https://h/o/lib", (char *)SHA }, true },
		{ { (char *)"a", (char *)"../q", (char *)"https://h/o/lib", (char *)SHA }, false },
		{ { (char *)"../a", (char *)"q", (char *)"https://h/o/lib", (char *)SHA }, false },
		{ { (char *)"a\nb", (char *)"q", (char *)"https://h/o/lib", (char *)SHA }, false },
		{ { (char *)"a", (char *)"q", (char *)"https://i/o/lib", (char *)SHA }, false },
		{ { (char *)"a", (char *)"q", (char *)"https://h/o/../lib", (char *)SHA }, false },
		{ { (char *)"a", (char *)"q", (char *)"https://h/o/lib", (char *)"v1" }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		int rc = submodule_check("https://h/o/r", &cases[i].m, &e);

		if ((rc == 0) != cases[i].ok)
			fail_msg("case %zu: %d %s", i, rc, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_same_repository),
		cmocka_unit_test(test_reported_submodules),
	};

	return cmocka_run_group_tests_name("gitmodules", tests, NULL, NULL);
}
