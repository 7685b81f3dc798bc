/* Libraries that are loaded at their first call. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <git2.h>
#include <cjose/jwk.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/late/late.h"

/* How many files of this library are mapped into this process. */
static int mapped(const char *file)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4096];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, file) != NULL;
	fclose(f);
	return n;
}

static void test_first_call_loads(void **state UNUSED)
{
	int major = 0, minor = 0, rev = 0;

	assert_int_equal(0, mapped("/libgit2.so"));
	assert_int_equal(0, git_libgit2_version(&major, &minor, &rev));
	assert_int_equal(LIBGIT2_VER_MAJOR, major);
	assert_int_equal(LIBGIT2_VER_MINOR, minor);
	assert_true(mapped("/libgit2.so") > 0);
	assert_int_equal(0, mapped("/libpq.so"));
	assert_true(PQlibVersion() >= 140000); /* the pipeline */
	assert_true(mapped("/libpq.so") > 0);
	assert_int_equal(0, mapped("/libcjose.so"));
	assert_null(cjose_jwk_import("{", 1, NULL));
	assert_true(mapped("/libcjose.so") > 0);
}

static void test_options_arrive(void **state UNUSED)
{
	CURL *c = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "A: b");
	char *said = NULL;
	curl_off_t size = -1;

	assert_non_null(c);
	assert_int_equal(CURLE_OK, curl_easy_setopt(c, CURLOPT_URL, "http://127.0.0.1:1/"));
	assert_int_equal(
		CURLE_OK, curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)1 << 40));
	assert_int_equal(CURLE_OK, curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers));
	assert_int_equal(CURLE_OK, curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, 5000L));
	assert_int_equal(CURLE_COULDNT_CONNECT, curl_easy_perform(c));
	assert_int_equal(CURLE_OK, curl_easy_getinfo(c, CURLINFO_EFFECTIVE_URL, &said));
	assert_string_equal("http://127.0.0.1:1/", said);
	assert_int_equal(CURLE_OK, curl_easy_getinfo(c, CURLINFO_SIZE_DOWNLOAD_T, &size));
	assert_int_equal(0, size);
	curl_slist_free_all(headers);
	curl_easy_cleanup(c);
	git_libgit2_init();
	assert_int_equal(0, git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)12345));
	git_libgit2_shutdown();
}

static void test_a_library_that_is_not_there(void **state UNUSED)
{
	struct late_library none = { "libnone-of-ours.so.7", "libnone", NULL };
	struct err e = { 0 };

	assert_int_equal(-1, late_load(&none, &e));
	assert_non_null(strstr(e.text, "libnone: libnone-of-ours.so.7: cannot open"));
}

static void test_a_call_without_a_library_ends_the_process(void **state UNUSED)
{
	static const struct {
		const char *file, *function, *want;
	} cases[] = {
		{ "libnone-of-ours.so.7", "f",
			"libnone cannot be used: libnone: libnone-of-ours.so.7: " },
		{ LATE_GIT2, "git_no_such_call", "libnone cannot be used: " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct late_library l = { cases[i].file, "libnone", NULL };
		char said[512] = "";
		int fds[2], status;

		assert_int_equal(0, pipe(fds));
		pid_t pid = fork();
		if (pid == 0) {
			dup2(fds[1], STDERR_FILENO);
			late_find(&l, cases[i].function);
			_exit(0);
		}
		close(fds[1]);
		assert_int_equal(pid, waitpid(pid, &status, 0));
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 127);
		assert_true(read(fds[0], said, sizeof(said) - 1) > 0);
		assert_non_null(strstr(said, cases[i].want));
		close(fds[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_call_loads),
		cmocka_unit_test(test_options_arrive),
		cmocka_unit_test(test_a_library_that_is_not_there),
		cmocka_unit_test(test_a_call_without_a_library_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
