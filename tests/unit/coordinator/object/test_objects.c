/* Objects in a folder of their own: what is put can be read, is seen, and goes; and verbs beside
 * serve look where serve said. */
#include "tests/unit/help/coordinator_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "coordinator/backup/backup.h"
#include "coordinator/object/upload.h"

static void put(struct objects *o, const char *key, const char *text)
{
	char digest[OBJECT_DIGEST_MAX];
	struct err e = { 0 };
	struct object_upload *u = object_upload_begin(o, (int64_t)strlen(text), &e);

	assert_non_null(u);
	must_err(object_upload_add(u, text, strlen(text), &e));
	must_err(object_upload_digest(u, digest, &e));
	must_err(object_upload_sync(u, key, &e));
	must_err(object_upload_commit(u, &e));
	object_upload_free(u);
}

static bool is_there(struct objects *o, const char *key)
{
	struct err e = { 0 };
	int64_t size = 0;
	CLEAN_FD int fd = object_open(o, key, OBJECT_SIZE_UNKNOWN, &size, &e);

	assert_true(fd >= 0 || err_is(&e, ERR_NOT_FOUND));
	return fd >= 0;
}

static int seen(void *data, const char *key, int64_t size, struct err *e UNUSED)
{
	struct strv *all = data;

	strv_addf(all, "%s %d", key, (int)size);
	return 0;
}

static struct objects *elsewhere(struct world *w)
{
	struct err e = { 0 };
	CLEAN_STR char *folder = path_join(w->dir, "other/place");
	const struct objects_place p = { .data_dir = w->dir, .where = folder };
	struct objects *o = objects_open(&p, &e);

	must_err(objects_sweep(o, &e));
	must_err(objects_publish(&p, &e));
	return o;
}

static void test_objects_come_and_go(void **state UNUSED)
{
	struct world w;
	CLEANUP(strv_release) struct strv all = { 0 };
	struct err e = { 0 };

	world_open(&w);
	CLEAN_OBJECTS struct objects *o = elsewhere(&w);
	put(o, "actions/runs/1/artifacts/box", "bytes");
	put(o, "actions/runs/1/jobs/2/steps/3.log", "log");
	put(o, "actions/runs/12/artifacts/box", "other");
	must_err(objects_each(o, seen, &all, &e));
	assert_int_equal(3, all.n);
	must_err(object_delete(o, "actions/runs/12/artifacts/box", &e));
	must_err(object_delete(o, "actions/runs/12/artifacts/box", &e));
	must_err(object_delete_run(o, 1, &e));
	must_err(object_delete_run(o, 1, &e));
	assert_false(is_there(o, "actions/runs/1/artifacts/box"));
	strv_release(&all);
	must_err(objects_each(o, seen, &all, &e));
	assert_int_equal(0, all.n);
	world_close(&w);
}

static void test_an_upload_without_an_end_leaves_nothing(void **state UNUSED)
{
	char digest[OBJECT_DIGEST_MAX];
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	CLEAN_OBJECTS struct objects *o = elsewhere(&w);
	CLEAN_STR char *temp = path_join(objects_folder(o), "tmp");
	struct object_upload *u = object_upload_begin(o, 3, &e);
	must_err(object_upload_add(u, "ab", 2, &e));
	assert_int_equal(-1, object_upload_add(u, "cd", 2, &e));
	assert_int_equal(-1, object_upload_digest(u, digest, &e));
	object_upload_free(u);
	assert_int_equal(0, rmdir(temp));
	world_close(&w);
}

static size_t files_in(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	assert_non_null(d);
	for (const struct dirent *ent; (ent = readdir(d));)
		n += *ent->d_name != '.';
	closedir(d);
	return n;
}

static void hours_ago(const char *path, int hours)
{
	const struct timespec at = { .tv_sec = time(NULL) - (time_t)hours * 3600 };

	must(utimensat(AT_FDCWD, path, (const struct timespec[]){ at, at }, 0));
}

static void file_make(const char *folder, const char *name, int hours)
{
	CLEAN_STR char *path = path_join(folder, name);
	struct err e = { 0 };

	must_err(file_replace(path, "x", 1, 0600, &e));
	hours_ago(path, hours);
}

/* What a process left that died, and nothing else: neither what another coordinator writes now nor
 * files of others, if the folder is one that has a tmp already. */
static void test_a_sweep_takes_old_files_of_ours(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	CLEAN_OBJECTS struct objects *o = elsewhere(&w);
	CLEAN_STR char *temp = path_join(objects_folder(o), "tmp");
	struct object_upload *alive = object_upload_begin(o, 3, &e);
	assert_int_equal(1, files_in(temp));
	file_make(temp, "object.11111111-2222-4333-8444-555555555555", 7);
	file_make(temp, "object.11111111-2222-4333-8444-555555555556", 5);
	file_make(temp, "object.report", 700);
	file_make(temp, "11111111-2222-4333-8444-555555555555", 700);
	assert_int_equal(5, files_in(temp));
	must_err(objects_sweep(o, &e));
	assert_int_equal(4, files_in(temp));
	must_err(object_upload_add(alive, "abc", 3, &e));
	put(o, "actions/runs/1/artifacts/box", "bytes");
	assert_int_equal(4, files_in(temp));
	object_upload_free(alive);
	assert_int_equal(3, files_in(temp));
	world_close(&w);
}

/* Whoever names a key, it never leads out of the folder. */
static void test_no_key_leads_out_of_the_folder(void **state UNUSED)
{
	const char *const key = "actions/runs/../../../victim";
	struct world w;
	struct err e = { 0 };
	int64_t size = 0;

	world_open(&w);
	CLEAN_OBJECTS struct objects *o = elsewhere(&w);
	CLEAN_STR char *victim = path_join(w.dir, "other/victim");
	must_err(file_replace(victim, "kept", 4, 0600, &e));
	put(o, "actions/runs/1/artifacts/box", "bytes");
	assert_int_equal(-1, object_open(o, key, OBJECT_SIZE_UNKNOWN, &size, &e));
	assert_true(err_is(&e, ERR_INPUT));
	assert_int_equal(-1, object_delete(o, key, NULL));
	struct object_upload *u = object_upload_begin(o, 0, &e);
	must_err(object_upload_sync(u, key, &e));
	assert_int_equal(-1, object_upload_commit(u, NULL));
	object_upload_free(u);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(1));
	must_err(file_read(victim, &text, &e));
	assert_string_equal("kept", buf_cstr(&text));
	world_close(&w);
}

static void test_verbs_look_where_serve_said(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct backup_done done;

	world_open(&w);
	CLEAN_OBJECTS struct objects *o = elsewhere(&w);
	put(o, "actions/runs/1/artifacts/box", "bytes");
	CLEAN_OBJECTS struct objects *published = objects_open_published(w.dir, &e);
	assert_true(is_there(published, "actions/runs/1/artifacts/box"));
	CLEAN_STR char *kept = path_join(w.dir, "kept");
	must_err(backup_run(w.dir, NULL, kept, false, &done, &e));
	CLEAN_OBJECTS struct objects *saved =
		objects_open(&(struct objects_place){ .data_dir = kept }, &e);
	assert_true(is_there(saved, "actions/runs/1/artifacts/box"));
	must_err(objects_publish(&(struct objects_place){ .data_dir = w.dir }, &e));
	CLEAN_OBJECTS struct objects *plain = objects_open_published(w.dir, &e);
	assert_false(is_there(plain, "actions/runs/1/artifacts/box"));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects_come_and_go),
		cmocka_unit_test(test_an_upload_without_an_end_leaves_nothing),
		cmocka_unit_test(test_a_sweep_takes_old_files_of_ours),
		cmocka_unit_test(test_no_key_leads_out_of_the_folder),
		cmocka_unit_test(test_verbs_look_where_serve_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
