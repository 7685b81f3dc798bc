/* What flags say: pairs, secret files, events, inputs; and the remote's URL, the workflow's file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "runner/local/files.h"
#include "runner/local/options.h"
#include "runner/local/repo.h"

static void pairs(void **state)
{
	static const struct {
		const char *text;
		bool from_environment;
		const char *name, *value, *error;
	} cases[] = {
		{ "A=b=c", false, "A", "b=c", NULL },
		{ "A=", false, "A", "", NULL },
		{ "with-dash=1", false, "with-dash", "1", NULL },
		{ "TEST_LOCAL_VARIABLE", true, "TEST_LOCAL_VARIABLE", "from outside", NULL },
		{ "TEST_LOCAL_VARIABLE", false, NULL, NULL,
			"--x \"TEST_LOCAL_VARIABLE\": expected NAME=VALUE" },
		{ "TEST_LOCAL_NONE", true, NULL, NULL, "no environment variable of that name" },
		{ "=b", true, NULL, NULL, "--x \"\": expected NAME=VALUE or NAME" },
		{ "1A=b", false, NULL, NULL, "--x \"1A\": expected NAME=VALUE" },
		{ "A B=secret", false, NULL, NULL, "--x \"A B\": expected NAME=VALUE" },
		{ "A=\xff", false, NULL, NULL, "--x A: expected UTF-8" },
	};
	(void)state;

	setenv("TEST_LOCAL_VARIABLE", "from outside", 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv texts = { 0 };
		CLEANUP(pairs_release) struct pairs p = { 0 };
		struct err e = { 0 };

		strv_add(&texts, cases[i].text);
		int rc = local_pairs_read(&p, "--x", &texts, cases[i].from_environment, &e);
		assert_int_equal(rc, cases[i].error ? -1 : 0);
		if (cases[i].error)
			assert_non_null(strstr(e.text, cases[i].error));
		else
			assert_string_equal(pairs_get(&p, cases[i].name), cases[i].value);
		assert_null(strstr(e.text, "secret"));
	}
}

static void secret_files(void **state)
{
	static const struct {
		const char *text, *value, *error;
	} cases[] = {
		{ "# c\n\n A = x y \n", "x y", NULL },
		{ "A=1\nA=2", "2", NULL },
		{ "A=x#y=z\r\n", "x#y=z", NULL },
		{ "A=\"a\\nb\\\\ \\\"c\"", "a\nb\\ \"c", NULL },
		{ "A=\"a\\tb\"", "a\\tb", NULL },
		{ "A='a\\n\"b'", "a\\n\"b", NULL },
		{ "A=", "", NULL },
		{ "A=\"\"", "", NULL },
		{ "\xef\xbb\xbf"
		  "A=marked",
			"marked", NULL },
		{ "A=\"half", NULL, "line 1: A: expected the quote to end with the line" },
		{ "A=\"half\" more", NULL, "line 1: A: expected the quote" },
		{ "A='", NULL, "line 1: A: expected the quote" },
		{ "\nA", NULL, "line 2: expected NAME=VALUE" },
		{ "=hidden", NULL, "line 1: expected NAME=VALUE" },
		{ "A B=hidden", NULL, "line 1: expected NAME=VALUE" },
		{ "A=\xc3\x28hidden", NULL, "line 1: A: expected UTF-8" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(pairs_release) struct pairs p = { 0 };
		struct err e = { 0 };
		int rc = local_secrets_parse(&p, cases[i].text, strlen(cases[i].text), &e);

		if (rc != (cases[i].error ? -1 : 0))
			fail_msg("case %zu: %s", i, e.text);
		if (cases[i].error)
			assert_non_null(strstr(e.text, cases[i].error));
		else
			assert_string_equal(pairs_get(&p, "A"), cases[i].value);
		assert_null(strstr(e.text, "hidden"));
	}
}

static void secret_limits(void **state)
{
	struct buf text = BUF_INIT(MIB(1));
	CLEANUP(pairs_release) struct pairs p = { 0 }, many = { 0 };
	struct err e = { 0 };

	(void)state;

	buf_adds(&text, "A=");
	for (size_t i = 0; i <= LIMIT_MASK_VALUE; i++)
		buf_addc(&text, 'x');
	assert_int_equal(local_secrets_parse(&p, text.data, text.len, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	buf_clear(&text);
	err_clear(&e);
	for (int i = 0; i <= LIMIT_SECRETS; i++)
		buf_addf(&text, "N%d=%d\n", i, i);
	assert_int_equal(local_secrets_parse(&many, text.data, text.len, &e), -1);
	assert_string_equal(e.text, "line 1001: more than 1000 secrets");
	buf_release(&text);
}

#define JOBS "\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n"

static void events(void **state)
{
	static const struct {
		const char *on, *wanted, *chosen, *error;
	} cases[] = {
		{ "on: [pull_request, push]" JOBS, NULL, "push", NULL },
		{ "on: [pull_request, workflow_dispatch]" JOBS, NULL, "pull_request", NULL },
		{ "on: {schedule: [{cron: '1 2 3 4 5'}]}" JOBS, NULL, "schedule", NULL },
		{ "on: [push, workflow_dispatch]" JOBS, "workflow_dispatch", "workflow_dispatch",
			NULL },
		{ "on: [push, workflow_dispatch]" JOBS, "pull_request", NULL,
			"--event pull_request: does not start this workflow, expected one of: push "
			"workflow_dispatch" },
		{ "on: push" JOBS, "issues", NULL, "expected one of: push" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w;
		const char *chosen = NULL;
		struct err e = { 0 };

		if (workflow_parse("f", cases[i].on, strlen(cases[i].on), &w, &problems) < 0)
			fail_msg("%s", problems.v[0]);
		assert_int_equal(local_event_choose(&w, cases[i].wanted, &chosen, &e),
			cases[i].error ? -1 : 0);
		if (cases[i].error)
			assert_non_null(strstr(e.text, cases[i].error));
		else
			assert_string_equal(chosen, cases[i].chosen);
	}
}

/* Some editors put a byte order mark in front of what they write. */
static void payload_with_a_mark(void **state)
{
	char path[] = "/tmp/payload-XXXXXX";
	int fd = mkstemp(path);
	struct err e = { 0 };

	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\xef\xbb\xbf{\"a\":1}", 10), 10);
	close(fd);
	CLEAN_JSON struct json_doc *doc = local_payload_read(path, &e);
	unlink(path);
	if (!doc)
		fail_msg("%s", e.text);
	assert_non_null(json_get(json_root(doc), "a"));
}

static void inputs(void **state)
{
	static const char text[] = "on: {workflow_dispatch: {inputs: {a: {default: d}, b: {type: "
				   "boolean}, c: {required: true}, n: {type: number}}}}" JOBS;
	static const char payload[] = "{\"a\":\"p\",\"c\":\"p\",\"n\":1.50,\"b\":true}";
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	CLEANUP(pairs_release) struct pairs given = { 0 }, all = { 0 }, none = { 0 };
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(payload, sizeof(payload) - 1, NULL, &e);

	(void)state;

	assert_int_equal(workflow_parse("f", text, sizeof(text) - 1, &w, &problems), 0);
	assert_int_equal(local_inputs_complete(&w, &given, NULL, &none, &e), -1);
	assert_string_equal(e.text, "input c is required, expected --input c=VALUE");
	err_clear(&e);
	pairs_set(&given, "c", "flag");
	assert_int_equal(local_inputs_complete(&w, &given, json_root(doc), &all, &e), 0);
	assert_string_equal(pairs_get(&all, "a"), "p");
	assert_string_equal(pairs_get(&all, "b"), "true");
	assert_string_equal(pairs_get(&all, "c"), "flag");
	assert_string_equal(pairs_get(&all, "n"), "1.50");
	pairs_release(&all);
	assert_int_equal(local_inputs_complete(&w, &given, NULL, &all, &e), 0);
	assert_string_equal(pairs_get(&all, "a"), "d");
	assert_string_equal(pairs_get(&all, "b"), "false");
	assert_string_equal(pairs_get(&all, "n"), "");
}

static void remotes(void **state)
{
	static const struct {
		const char *remote, *url;
	} cases[] = {
		{ "https://host.test/team/app.git", "https://host.test/team/app.git" },
		{ "https://host.test/team/app", "https://host.test/team/app.git" },
		{ "http://host.test:8080/team/app/", "https://host.test:8080/team/app.git" },
		{ "https://user:token@host.test/team/app.git", "https://host.test/team/app.git" },
		{ "git@host.test:team/app.git", "https://host.test/team/app.git" },
		{ "host.test:team/app", "https://host.test/team/app.git" },
		{ "ssh://git@host.test:2222/team/app.git", "https://host.test/team/app.git" },
		{ "ssh://git:pw@host.test:2222/team/app.git", "https://host.test/team/app.git" },
		{ "git://host.test/app", "https://host.test/app.git" },
		{ "/srv/git/app.git", NULL },
		{ "../app", NULL },
		{ "", NULL },
		{ "file:///srv/app", NULL },
		{ "https://host.test", NULL },
		{ "https://host.test/a/../b", NULL },
		{ "https://host.test/a b", NULL },
		{ "git@host.test:a\nb", NULL },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *url = local_repo_url(cases[i].remote);

		if (!str_eq(url, cases[i].url))
			fail_msg("%s: %s", cases[i].remote, url ? url : "NULL");
	}
}

static void touch(const char *dir, const char *name)
{
	CLEAN_STR char *path = path_join(dir, name);
	struct err e = { 0 };

	if (file_replace(path, "", 0, 0600, &e) < 0)
		fail_msg("%s", e.text);
}

static void files(void **state)
{
	char root[] = "/tmp/test-local-XXXXXX";
	CLEAN_STR char *path = NULL, *shown = NULL, *two = NULL, *two_shown = NULL;
	struct err e = { 0 };
	uint64_t left = 0;

	(void)state;

	assert_non_null(mkdtemp(root));
	CLEAN_STR char *dir = path_join(root, LOCAL_WORKFLOW_DIR);
	assert_int_equal(local_files_find(root, NULL, &path, &shown, &e), -1);
	assert_non_null(strstr(e.text, "no workflow in"));
	err_clear(&e);
	assert_int_equal(dir_ensure_parents(dir, 0700, &e), 0);
	touch(dir, "b.yml");
	touch(dir, ".hidden.yml");
	touch(dir, "notes.txt");
	assert_int_equal(local_files_find(root, NULL, &path, &shown, &e), 0);
	assert_string_equal(shown, LOCAL_WORKFLOW_DIR "/b.yml");
	touch(dir, "a.yaml");
	assert_int_equal(local_files_find(root, NULL, &two, &two_shown, &e), -1);
	assert_string_equal(e.text, "several workflows, expected one of: a.yaml b.yml");
	err_clear(&e);
	assert_int_equal(local_files_find(root, "c", &two, &two_shown, &e), -1);
	assert_non_null(strstr(e.text, "c: no such file, expected a path or one of: a.yaml b.yml"));
	err_clear(&e);
	assert_int_equal(local_files_find(root, "a", &two, &two_shown, &e), 0);
	assert_string_equal(two_shown, LOCAL_WORKFLOW_DIR "/a.yaml");
	CLEAN_STR char *given = path_join(dir, "notes.txt"), *given_path = NULL,
		       *given_shown = NULL;
	assert_int_equal(local_files_find(root, given, &given_path, &given_shown, &e), 0);
	assert_string_equal(given_shown, LOCAL_WORKFLOW_DIR "/notes.txt");
	CLEAN_FD int tmp = dir_open("/tmp", &e);
	assert_int_equal(tree_remove(tmp, root + strlen("/tmp/"), &left, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs),
		cmocka_unit_test(secret_files),
		cmocka_unit_test(secret_limits),
		cmocka_unit_test(events),
		cmocka_unit_test(payload_with_a_mark),
		cmocka_unit_test(inputs),
		cmocka_unit_test(remotes),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests_name("local_options", tests, NULL, NULL);
}
