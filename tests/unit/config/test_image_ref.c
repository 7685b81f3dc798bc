/* Image references: normal forms, what is refused, globs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/image_ref.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *given, *normal; /* NULL: refused */
} refs[] = {
	{ "bash", "docker.io/library/bash:latest" },
	{ "bash:5", "docker.io/library/bash:5" },
	{ "docker.io/bash:5", "docker.io/library/bash:5" },
	{ "index.docker.io/library/bash", "docker.io/library/bash:latest" },
	{ "shithub/runner-test:1", "docker.io/shithub/runner-test:1" },
	{ "ghcr.io/a/b/c", "ghcr.io/a/b/c:latest" },
	{ "localhost/a", "localhost/a:latest" },
	{ "127.0.0.1:5000/a:1.0", "127.0.0.1:5000/a:1.0" },
	{ "registry.example:5000/a", "registry.example:5000/a:latest" },
	{ "bash@sha256:" HEX, "docker.io/library/bash@sha256:" HEX },
	{ "bash:5@sha256:" HEX, "docker.io/library/bash:5@sha256:" HEX },
	{ "sha256:" HEX, "sha256:" HEX },
	{ HEX, "sha256:" HEX },
	{ "", NULL },
	{ "Bash", NULL },
	{ "a//b", NULL },
	{ "a/", NULL },
	{ "/a", NULL },
	{ "a:", NULL },
	{ "a:b c", NULL },
	{ "a@sha256:12", NULL },
	{ "a@md5:" HEX, NULL },
	{ "ghcr.io/", NULL },
	{ ":1", NULL },
	{ "ghcr.io\x1b[31m/a", NULL },
	{ "gh*.io/a", NULL },
	{ "user@ghcr.io/a", NULL },
	{ "[::1]:5000/a", "[::1]:5000/a:latest" },
};

static void test_refs(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		CLEAN_IMAGE_REF struct image_ref r = { 0 };
		struct err e = { 0 };
		int rc = image_ref_parse(refs[i].given, &r, &e);
		CLEAN_STR char *text = rc == 0 ? image_ref_text(&r) : NULL;

		if (!str_eq(text, refs[i].normal))
			fail_msg("%s: %s (%s)", refs[i].given, text ? text : "refused", e.text);
	}
}

static const struct {
	const char *glob, *image;
	bool match;
} globs[] = {
	{ "**", "ghcr.io/a/b", true },
	{ "*", "bash", true },
	{ "*", "shithub/runner", false },
	{ "bash", "docker.io/library/bash:5", true },
	{ "bash:5", "bash:5", true },
	{ "bash:5", "bash:5.1", false },
	{ "bash:5.*", "bash:5.1", true },
	{ "bash", "bash@sha256:" HEX, true },
	{ "bash:5", "bash@sha256:" HEX, false },
	{ "bash@sha256:" HEX, "bash@sha256:" HEX, true },
	{ "bash@sha256:" HEX, "bash:5", false },
	{ "bash*", "bash-static", true },
	{ "bash", "evil.example/library/bash", false },
	{ "bash", "evil.example/bash", false },
	{ "shithub/*", "shithub/runner-test:1", true },
	{ "shithub/*", "shithub/a/b", false },
	{ "shithub/**", "shithub/a/b", true },
	{ "shithub/*", "shithubx/a", false },
	{ "shithub/*", "localhost/shithub/a", false },
	{ "ghcr.io/shithub/*", "ghcr.io/shithub/runner-nix:1.0", true },
	{ "ghcr.io/**", "ghcr.io/a/b/c:1", true },
	{ "ghcr.io/**", "ghcr.io.evil.example/a", false },
	{ "*/*/runner", "ghcr.io/a/runner", true },
	{ "**/runner", "ghcr.io/a/b/runner", true },
	{ "**/runner", "ghcr.io/a/b/runner2", false },
	{ "127.0.0.1:5000/*:1", "127.0.0.1:5000/a:1", true },
	{ "127.0.0.1:5000/*", "127.0.0.1:5001/a", false },
	{ "sha256:" HEX, HEX, true },
	{ "sha256:*", "bash", false },
	{ "a/*b*c", "a/xbybzc", true },
	{ "a/**b/*c", "a/b/b/b/xc", true },
};

static void test_globs(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(globs); i++) {
		CLEAN_IMAGE_REF struct image_ref r = { 0 };
		struct err e = { 0 };

		assert_int_equal(image_ref_parse(globs[i].image, &r, &e), 0);
		if (image_glob_match(globs[i].glob, &r) != globs[i].match)
			fail_msg("%s and %s", globs[i].glob, globs[i].image);
	}
}

static void test_allowed(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv list = { 0 };
	struct err e = { 0 };

	assert_int_equal(image_allowed(&list, "anything", &e), 0);
	strv_add(&list, "shithub/*");
	strv_add(&list, "ghcr.io/shithub/*");
	assert_int_equal(image_allowed(&list, "ghcr.io/shithub/x:1", &e), 0);
	assert_int_equal(image_allowed(&list, "bash", &e), -1);
	assert_string_equal(
		e.text, "image bash is not allowed, expected one of shithub/*, ghcr.io/shithub/*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
