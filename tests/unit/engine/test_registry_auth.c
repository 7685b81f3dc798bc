/* Credentials: which entry of a file is meant, helpers, and that errors never show a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/json.h"
#include "engine/registry_auth.h"

/* base64 of "a:one" … */
#define A "YTpvbmU="
#define B "Yjp0d28="
#define C "Yzo6OnRocmVlOg==" /* c:::three: */

static const struct {
	const char *file, *image, *user, *password, *helper; /* user NULL: nothing; "!": refused */
} entries[] = {
	{ "{}", "bash", NULL, NULL, NULL },
	{ "{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" A "\"}}}", "bash", "a", "one",
		NULL },
	{ "{\"auths\":{\"docker.io\":{\"auth\":\"" A "\"}}}", "x/y:1", "a", "one", NULL },
	{ "{\"auths\":{\"ghcr.io\":{\"auth\":\"" A "\"}}}", "bash", NULL, NULL, NULL },
	{ "{\"auths\":{\"ghcr.io\":{\"auth\":\"" A "\"},\"ghcr.io/team\":{\"auth\":\"" B "\"}}}",
		"ghcr.io/team/x", "b", "two", NULL },
	{ "{\"auths\":{\"ghcr.io/team\":{\"auth\":\"" B "\"},\"ghcr.io\":{\"auth\":\"" A "\"}}}",
		"ghcr.io/teams/x", "a", "one", NULL },
	{ "{\"auths\":{\"https://r.example:5000/v2/\":{\"auth\":\"" C "\"}}}", "r.example:5000/x",
		"c", "::three:", NULL },
	{ "{\"auths\":{\"r.example\":{\"auth\":\"" A "\"}}}", "r.example.evil.net/x", NULL, NULL,
		NULL },
	{ "{\"auths\":{\"r.example\":{\"username\":\"u\",\"password\":\"p\"}}}", "r.example/x", "u",
		"p", NULL },
	{ "{\"auths\":{\"r.example\":{}},\"credsStore\":\"pass\"}", "r.example/x", NULL, NULL,
		"pass" },
	{ "{\"credHelpers\":{\"r.example\":\"ecr-login\"},\"credsStore\":\"pass\"}", "r.example/x",
		NULL, NULL, "ecr-login" },
	{ "{\"credHelpers\":{\"r.example\":\"../../bin/sh\"}}", "r.example/x", "!", NULL, NULL },
	{ "{\"auths\":{\"r.example\":{\"auth\":\"c2VjcmV0c2VjcmV0\"}}}", "r.example/x", "!", NULL,
		NULL },
	{ "{\"auths\":{\"r.example\":{\"auth\":\"secretsecret!\"}}}", "r.example/x", "!", NULL,
		NULL },
	{ "[]", "bash", "!", NULL, NULL },
	{ "{\"auths\":", "bash", "!", NULL, NULL },
	{ "{\"auths\":7,\"credHelpers\":[],\"credsStore\":{}}", "bash", NULL, NULL, NULL },
};

static void test_entries(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		CLEANUP(registry_auth_entry_release) struct registry_auth_entry x = { 0 };
		CLEAN_IMAGE_REF struct image_ref ref = { 0 };
		struct err e = { 0 };

		assert_int_equal(image_ref_parse(entries[i].image, &ref, &e), 0);
		int rc =
			registry_auth_parse(entries[i].file, strlen(entries[i].file), &ref, &x, &e);
		if (str_eq(entries[i].user, "!")) {
			assert_int_equal(rc, -1);
			assert_null(strstr(e.text, "secret"));
			continue;
		}
		if (rc < 0 || !str_eq(x.auth.user, entries[i].user) ||
			!str_eq(x.auth.password, entries[i].password) ||
			!str_eq(x.helper, entries[i].helper))
			fail_msg("%s for %s: %d %s", entries[i].file, entries[i].image, rc, e.text);
	}
}

static void test_header(void **state UNUSED)
{
	static const char *const passwords[] = { "p", "pw", "pw\xc3\xa9", "\"quoted\"" };
	CLEAN_IMAGE_REF struct image_ref ref = { 0 };
	struct registry_auth none = { 0 };
	struct err e = { 0 };

	assert_int_equal(image_ref_parse("r.example/x", &ref, &e), 0);
	assert_null(registry_auth_header(&none, &ref));
	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		struct registry_auth a = { .user = (char *)"u", .password = (char *)passwords[i] };
		CLEAN_SECRET char *header = registry_auth_header(&a, &ref);
		CLEAN_BUF struct buf plain = BUF_INIT(1000);
		CLEAN_JSON struct json_doc *doc = NULL;

		assert_int_equal(strlen(header) % 4, 0); /* engines want the padding */
		header[strcspn(header, "=")] = '\0';
		assert_int_equal(base64url_decode(&plain, header, strlen(header), &e), 0);
		doc = json_parse(plain.data, plain.len, NULL, &e);
		assert_non_null(doc);
		assert_string_equal(json_get_string(json_root(doc), "password"), passwords[i]);
		assert_string_equal(json_get_string(json_root(doc), "serveraddress"), "r.example");
	}
}

/* A folder with one helper that runs `script`, and a file that names it. */
static void make_helper(char *dir, const char *script, struct strv *ret)
{
	CLEAN_STR char *path = NULL, *text = xasprintf("#!/bin/sh\n%s\n", script);
	struct err e = { 0 };
	static const char file[] = "{\"credsStore\":\"unit\"}";

	path = path_join(dir, "docker-credential-unit");
	assert_int_equal(file_replace(path, text, strlen(text), 0755, &e), 0);
	strv_add(ret, path);
	strv_add_take(ret, path_join(dir, "config.json"));
	assert_int_equal(file_replace(ret->v[1], file, strlen(file), 0600, &e), 0);
}

static const struct {
	const char *script, *user, *error; /* both NULL: it knows nothing, which is fine */
} helpers[] = {
	{ "read server; echo '{\"Username\":\"'$server'\",\"Secret\":\"s\"}'", "r.example", NULL },
	{ "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'", "<token>", NULL },
	{ "echo 'credentials not found in native keychain'; exit 1", NULL, NULL },
	{ "echo 'secret words' >&2; exit 3", NULL, "exit status 3" },
	{ "echo secret words", NULL, "expected an object" },
	{ "head -c 100000 /dev/zero | tr '\\0' x", NULL, "more than" },
};

static void test_helpers(void **state UNUSED)
{
	CLEAN_STR char *old_path = xstrdup(getenv("PATH"));
	CLEAN_IMAGE_REF struct image_ref ref = { 0 };
	struct err e = { 0 };
	struct loop *l = loop_new(&e);

	assert_int_equal(image_ref_parse("r.example/x", &ref, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(helpers); i++) {
		CLEANUP(strv_release) struct strv files = { 0 };
		CLEAN_REGISTRY_AUTH struct registry_auth a = { 0 };
		char dir[] = "/tmp/test-auth-XXXXXX";

		assert_non_null(mkdtemp(dir));
		make_helper(dir, helpers[i].script, &files);
		CLEAN_STR char *path = xasprintf("%s:%s", dir, old_path);
		setenv("PATH", path, 1);
		e = (struct err){ 0 };
		int rc = registry_auth_find(l, files.v[1], &ref, &a, &e);
		setenv("PATH", old_path, 1);
		strv_each (file, &files)
			unlink(file);
		rmdir(dir);
		if ((rc < 0) != !!helpers[i].error)
			fail_msg("%s: %d %s", helpers[i].script, rc, e.text);
		if (rc < 0 && (!strstr(e.text, helpers[i].error) || strstr(e.text, "secret")))
			fail_msg("%s: %s", helpers[i].script, e.text);
		const char *user = a.identity_token ? "<token>" : a.user;
		if (!str_eq(user, helpers[i].user))
			fail_msg("%s: user %s", helpers[i].script, user ? user : "none");
	}
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
