/* Durable evidence: journals with torn lines, records by key, files that are not ours alone. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "state/evidence.h"

struct place {
	char dir[40];
	char *folder, *journal;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct err e = { 0 };

	snprintf(p->dir, sizeof(p->dir), "/tmp/evidence-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->folder = evidence_folder(p->dir, "hygiene", &e);
	assert_non_null(p->folder);
	p->journal = path_join(p->folder, "journal.jsonl");
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	uint64_t left;

	int tmp CLEAN_FD = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = tree_remove(tmp, p->dir + strlen("/tmp/"), &left, NULL);

	free(p->folder);
	free(p->journal);
	free(p);
	return rc;
}

static void append(const struct place *p, const char *line)
{
	struct err e = { 0 };

	if (evidence_append(p->journal, slice_of(line), &e) < 0)
		fail_msg("%s", e.text);
}

static bool note(const struct json_value *record, void *data)
{
	struct strv *seen = data;

	strv_addf(seen, "%" PRId64, json_get_int(record, "n", -1));
	return json_get_int(record, "n", -1) != 99;
}

static void expect(const struct place *p, const char *want, uint64_t damaged)
{
	CLEANUP(strv_release) struct strv seen = { 0 }, wanted = { 0 };
	struct err e = { 0 };
	uint64_t bad = 77;

	if (evidence_each(p->journal, note, &seen, &bad, &e) < 0)
		fail_msg("%s", e.text);
	strv_split(&wanted, want, ' ');
	assert_int_equal(seen.n, wanted.n);
	for (size_t i = 0; i < seen.n; i++)
		assert_string_equal(seen.v[i], wanted.v[i]);
	assert_int_equal(bad, damaged);
}

static void keeps_lines_in_order(void **state)
{
	const struct place *p = *state;
	struct stat st;

	expect(p, "", 0);
	append(p, "{\"n\":1}");
	append(p, "{\"n\":2}");
	expect(p, "1 2", 0);
	append(p, "{\"n\":99}");
	append(p, "{\"n\":3}");
	expect(p, "1 2 99", 0);
	assert_int_equal(stat(p->journal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void write_raw(const struct place *p, const char *text)
{
	int fd CLEAN_FD = open(p->journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void survives_torn_and_strange_lines(void **state)
{
	const struct place *p = *state;

	append(p, "{\"n\":1}");
	write_raw(p, "{\"n\":2,\"cut");
	append(p, "{\"n\":3}");
	write_raw(p, "[]\n\n\xff\xfe\n{\"n\":4}");
	expect(p, "1 3 4", 3);
}

static void reads_the_end_of_a_long_journal(void **state)
{
	const struct place *p = *state;
	char line[2048];
	size_t n = sizeof(line) - 1;

	memset(line, ' ', n);
	line[n] = '\0';
	memcpy(line, "{\"n\":5}", 7);
	line[n - 1] = '\n';
	for (int i = 0; i < EVIDENCE_READ_MAX / (int)n + 100; i++)
		write_raw(p, line);
	append(p, "{\"n\":6}");
	CLEANUP(strv_release) struct strv seen = { 0 };
	struct err e = { 0 };
	uint64_t bad = 0;
	assert_int_equal(evidence_each(p->journal, note, &seen, &bad, &e), 0);
	assert_string_equal(seen.v[seen.n - 1], "6");
	assert_true(seen.n * n <= EVIDENCE_READ_MAX + n);
	assert_int_equal(bad, 0);
}

static void appends_from_many_processes(void **state)
{
	const struct place *p = *state;
	CLEANUP(strv_release) struct strv seen = { 0 };
	struct err e = { 0 };
	uint64_t bad = 0;

	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			for (int k = 0; k < 20; k++)
				if (evidence_append(p->journal, SLICE("{\"n\":1}"), &e) < 0)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0, status; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(evidence_each(p->journal, note, &seen, &bad, &e), 0);
	assert_int_equal(seen.n, 80);
	assert_int_equal(bad, 0);
}

static void refuses_files_of_others(void **state)
{
	const struct place *p = *state;
	uint64_t bad;
	struct err e = { 0 };

	append(p, "{\"n\":1}");
	assert_int_equal(chmod(p->journal, 0644), 0);
	assert_int_equal(evidence_append(p->journal, SLICE("{}"), &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	err_clear(&e);
	assert_int_equal(evidence_each(p->journal, note, NULL, &bad, &e), -1);
	assert_int_equal(unlink(p->journal), 0);
	assert_int_equal(symlink("/etc/hostname", p->journal), 0);
	err_clear(&e);
	assert_int_equal(evidence_append(p->journal, SLICE("{}"), &e), -1);
	assert_int_equal(evidence_append(p->journal, SLICE("{\n}"), &e), -1);
}

static void refuses_oversize(void **state)
{
	const struct place *p = *state;
	struct err e = { 0 };

	char *big CLEAN_STR = xcalloc(1, EVIDENCE_RECORD_MAX + 2);

	memset(big, 'x', EVIDENCE_RECORD_MAX + 1);
	assert_int_equal(
		evidence_append(p->journal, (struct slice){ big, EVIDENCE_LINE_MAX + 1 }, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	err_clear(&e);
	assert_int_equal(evidence_put(p->folder, "k", slice_of(big), &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	expect(p, "", 0);
}

static void keeps_records_by_key(void **state)
{
	static const char key[] = "runner-host-hygiene/../../etc/passwd\n";
	const struct place *p = *state;
	CLEAN_BUF struct buf out = BUF_INIT(EVIDENCE_RECORD_MAX);
	CLEANUP(strv_release) struct strv all = { 0 };
	struct err e = { 0 };

	assert_int_equal(evidence_get(p->folder, key, &out, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_int_equal(evidence_put(p->folder, key, SLICE("{\"s\":1}"), &e), 0);
	assert_int_equal(evidence_put(p->folder, key, SLICE("{\"s\":2}"), &e), 0);
	assert_int_equal(evidence_get(p->folder, key, &out, &e), 0);
	assert_string_equal(buf_cstr(&out), "{\"s\":2}");
	assert_int_equal(evidence_put(p->folder, "other", SLICE("{}"), &e), 0);
	assert_int_equal(evidence_list(p->folder, &all, &e), 0);
	assert_int_equal(all.n, 2);
}

static void expect_owner(const char *path, uid_t uid)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, uid);
}

static int add_as(const char *dir, uid_t uid)
{
	CLEAN_STR char *folder = NULL, *journal = NULL;
	struct err e = { 0 };

	if (seteuid(uid) < 0)
		return -1;
	folder = evidence_folder(dir, "hygiene/audit", &e);
	journal = folder ? path_join(folder, "journal.jsonl") : NULL;
	int rc = !journal || evidence_append(journal, SLICE("{}"), &e) < 0 ||
		 evidence_put(folder, "k", SLICE("{\"s\":1}"), &e) < 0;
	if (rc)
		print_message("uid %u: %s\n", (unsigned)uid, e.text);
	return seteuid(0) < 0 || rc ? -1 : 0;
}

/* An operator's verb, called as root, must not shut the runner out of its own evidence. */
static void root_writes_for_the_owner(void **state)
{
	const struct place *p = *state;
	const uid_t runner = 65534;
	CLEAN_STR char *dir = path_join(p->dir, "state"), *lock = path_join(dir, "lock");
	CLEAN_STR char *part = path_join(dir, "hygiene"), *folder = path_join(part, "audit");
	CLEAN_STR char *journal = path_join(folder, "journal.jsonl");
	CLEANUP(strv_release) struct strv records = { 0 };
	struct err e = { 0 };

	if (geteuid() != 0)
		fail_msg("needs root to give files away");
	assert_int_equal(chmod(p->dir, 0711), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, runner, runner), 0);
	assert_int_equal(add_as(dir, 0), 0);
	assert_int_equal(evidence_list(folder, &records, &e), 0);
	assert_int_equal(records.n, 1);
	const char *const all[] = { part, folder, journal, records.v[0] };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		expect_owner(all[i], runner);
	assert_int_equal(add_as(dir, runner), 0);
	assert_int_equal(add_as(dir, 0), 0);
	expect_owner(records.v[0], runner);
	int fd CLEAN_FD = lock_file(lock, &e);
	assert_true(fd >= 0);
	expect_owner(lock, runner);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		TEST(keeps_lines_in_order),
		TEST(survives_torn_and_strange_lines),
		TEST(reads_the_end_of_a_long_journal),
		TEST(appends_from_many_processes),
		TEST(refuses_files_of_others),
		TEST(refuses_oversize),
		TEST(keeps_records_by_key),
		TEST(root_writes_for_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
