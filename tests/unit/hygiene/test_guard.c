/* The disk guard: df's arithmetic, ages to the microsecond, what may go. The rest are system tests.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/fs.h"
#include "hygiene/disk/disk.h"
#include "hygiene/disk/guard.h"
#include "state/lease.h"

static void test_percent(void **state)
{
	static const struct {
		uint64_t used, avail;
		unsigned percent;
	} rows[] = { { 0, 0, 0 }, { 0, 10, 0 }, { 10, 0, 100 }, { 1, 1000, 1 }, { 200, 800, 20 },
		{ 201, 799, 21 }, { 850, 150, 85 }, { 8491, 1509, 85 }, { 84, 16, 84 },
		{ 999999, 1, 100 }, { UINT64_MAX, UINT64_MAX, 50 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(disk_percent_of(rows[i].used, rows[i].avail), rows[i].percent);
}

static void test_short(void **state)
{
	static const struct {
		struct disk_space d;
		int64_t min_free;
		bool is_short;
	} rows[] = {
		{ { .used = 95, .avail = 5 }, 5, false },
		{ { .used = 951, .avail = 49 }, 5, true },
		{ { .used = 100, .avail = 0 }, 0, false },
		{ { .used = 100, .avail = 0 }, 1, true },
		{ { .used = 0, .avail = 0 }, 5, false },
		{ { .used = 1, .avail = 9, .files_used = 99, .files_avail = 1 }, 5, true },
		{ { .used = 1, .avail = 9, .files_used = 0, .files_avail = 0 }, 5, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(disk_is_short(&rows[i].d, rows[i].min_free), rows[i].is_short);
}

/* One instance in a folder of its own. */
struct fixture {
	char *top, *root, *state_dir;
	struct strv told; /* "41 removed stale" */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char top[] = "/tmp/test-guard-XXXXXX";
	struct err e = { 0 };

	if (!mkdtemp(top))
		return -1;
	f->top = xstrdup(top);
	f->root = path_join(top, "ws");
	f->state_dir = path_join(top, "state");
	CLEAN_STR char *leases = path_join(f->state_dir, "leases");
	CLEAN_STR char *id = path_join(f->state_dir, "instance_id");
	CLEAN_STR char *run = path_join(f->root, "7");
	if (dir_ensure_parents(leases, 0700, &e) < 0 || dir_ensure_parents(run, 0711, &e) < 0 ||
		file_replace(id, "11111111-2222-4333-8444-555555555555", 36, 0600, &e) < 0)
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	uint64_t left;
	struct err e = { 0 };

	int CLEAN_FD tmp = dir_open("/tmp", &e);
	int rc = tree_remove(tmp, f->top + strlen("/tmp/"), &left, &e);

	strv_release(&f->told);
	free(f->top);
	free(f->root);
	free(f->state_dir);
	free(f);
	return rc;
}

/* A workspace whose latest mtime is at_us. */
static void make_workspace(const struct fixture *f, const char *job, int64_t at_us)
{
	struct timespec when = { at_us / 1000000, at_us % 1000000 * 1000 };
	struct timespec both[] = { when, when };
	CLEAN_STR char *top = xasprintf("%s/7/%s", f->root, job);
	CLEAN_STR char *file = path_join(top, "file");
	struct err e = { 0 };

	assert_int_equal(mkdir(top, 0700), 0);
	assert_int_equal(file_replace(file, "x", 1, 0600, &e), 0);
	assert_int_equal(utimensat(AT_FDCWD, file, both, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, top, both, 0), 0);
}

static void tell(void *data, const struct guard_decision *d)
{
	struct fixture *f = data;

	strv_addf(&f->told, "%s %s %s", strrchr(d->path, '/') + 1, d->what, d->reason);
}

static void measured(void *data, const struct guard_fs *fs, size_t n)
{
	(void)data;
	assert_true(n >= 1 && fs[0].before.used + fs[0].before.avail > 0);
}

static struct guard_spec spec_of(struct fixture *f, enum guard_mode mode, int64_t now_us)
{
	static const struct strv nothing;

	return (struct guard_spec){ .root = f->root,
		.state_dir = f->state_dir,
		.mode = mode,
		.high_water = 1,
		.stale_us = 100 * USEC_PER_SEC,
		.protected = &nothing,
		.now = { now_us },
		.tell = tell,
		.measured = measured,
		.data = f };
}

static void run(struct guard_spec spec, struct guard_result *r)
{
	struct err e = { 0 };

	if (guard_run(&spec, r, &e) < 0)
		fail_msg("%s", e.text);
	assert_null(r->unrecorded);
}

/* Something that the kernel tells of a folder: a file in it made, changed or deleted. */
static int watch_folder(const char *path)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(inotify_add_watch(fd, path, IN_CREATE | IN_DELETE | IN_MODIFY) >= 0);
	return fd;
}

static bool was_touched(int fd)
{
	char event[4096] __attribute__((aligned(8)));

	return read(fd, event, sizeof(event)) > 0;
}

/* A dry run, and a run that keeps everything, take no lease: no job ever meets theirs. */
static void test_looking_takes_no_lease(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *leases = path_join(f->state_dir, "leases");
	CLEANUP(guard_result_release) struct guard_result r = { 0 };
	struct guard_spec spec = spec_of(f, GUARD_NIGHTLY, 1000 * USEC_PER_SEC);
	CLEAN_FD int fd = -1;

	make_workspace(f, "41", 1 * USEC_PER_SEC);
	make_workspace(f, "42", 999 * USEC_PER_SEC);
	fd = watch_folder(leases);
	spec.dry_run = true;
	run(spec, &r);
	assert_int_equal(r.removed, 1);
	assert_false(was_touched(fd));
	spec.dry_run = false;
	spec.stale_us = 10000 * USEC_PER_SEC;
	run(spec, &r);
	assert_int_equal(r.kept, 2);
	assert_false(was_touched(fd));
}

/* Exactly as old as stale is stale; a microsecond less is not, nor is the future. */
static void test_age_boundary(void **state)
{
	struct fixture *f = *state;
	const int64_t now = INT64_C(1800000000000000), stale = 100 * USEC_PER_SEC;
	CLEANUP(guard_result_release) struct guard_result r = { 0 };

	make_workspace(f, "41", now - stale - USEC_PER_SEC);
	make_workspace(f, "42", now - stale);
	make_workspace(f, "43", now - stale + 1);
	make_workspace(f, "44", now - stale + USEC_PER_SEC);
	make_workspace(f, "45", now + 86400 * USEC_PER_SEC);
	run(spec_of(f, GUARD_NIGHTLY, now), &r);
	assert_int_equal(r.removed, 2);
	assert_int_equal(r.kept, 3);
	assert_true(strv_contains(&f->told, "41 removed stale"));
	assert_true(strv_contains(&f->told, "42 removed stale"));
	assert_true(strv_contains(&f->told, "43 keep recent"));
	assert_true(strv_contains(&f->told, "44 keep recent"));
	assert_true(strv_contains(&f->told, "45 keep recent"));
}

static void test_lease_beats_all(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *leases = path_join(f->state_dir, "leases");
	CLEANUP(guard_result_release) struct guard_result r = { 0 };
	struct lease held = LEASE_INIT;
	struct err e = { 0 };

	make_workspace(f, "41", 0);
	make_workspace(f, "42", 0);
	assert_int_equal(lease_take(leases, "7-41", &held, &e), 0);
	run(spec_of(f, GUARD_PRE_JOB, wall_now().us), &r);
	lease_end(&held);
	assert_true(strv_contains(&f->told, "41 keep leased"));
	assert_true(strv_contains(&f->told, "42 removed high_water"));
	assert_true(r.freed > 0);
}

static void test_one_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	int CLEAN_FD first = guard_lock(f->state_dir, &e);
	int CLEAN_FD second = guard_lock(f->state_dir, &e);

	assert_true(first >= 0);
	assert_int_equal(second, -1);
	assert_int_equal(e.class, ERR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_short),
		cmocka_unit_test_setup_teardown(test_age_boundary, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lease_beats_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_looking_takes_no_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
