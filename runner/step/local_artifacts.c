/*
 * Artifacts of a local run outlive its jobs but not the run: later jobs download them, and at the
 * end the user gets copies. The folder is emptied at the start as well, because a run that was
 * killed leaves its files.
 */
#include "runner/step/local_artifacts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"

static int remove_all(const char *state_dir, struct err *e)
{
	CLEAN_FD int state = dir_open(state_dir, e);
	uint64_t left = 0;

	if (state < 0)
		return -1;
	if (tree_remove(state, LOCAL_ARTIFACTS, &left, e) < 0 && !err_is(e, ERR_NOT_FOUND))
		return err_wrap(e, "artifacts of the last local run");
	err_clear(e);
	return 0;
}

int local_artifacts_begin(const char *state_dir, struct err *e)
{
	CLEAN_STR char *folder = path_join(state_dir, LOCAL_ARTIFACTS);

	return remove_all(state_dir, e) < 0 ? -1 : dir_ensure(folder, 0700, e);
}

/* The whole file or none under its name. */
static int deliver_one(int from, const char *name, const char *dir, struct err *e)
{
	CLEAN_STR char *path = xasprintf("%s/%s.tar.gz", dir, name);
	CLEAN_STR char *part = xasprintf("%s/.%s.tar.gz.part", dir, name);
	CLEAN_FD int in = open_beneath(from, name, O_RDONLY, 0, e), out = -1;
	ssize_t n;

	if (in < 0)
		return -1;
	out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (out < 0)
		return err_set_errno(e, errno, "%s", part);
	do
		n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
	while (n > 0);
	if (n < 0 || rename(part, path) < 0) {
		err_set_errno(e, errno, "%s", path);
		unlink(part);
		return -1;
	}
	printf("artifact %s  %s\n", name, path);
	return 0;
}

int local_artifacts_deliver(const char *state_dir, const char *dir, struct err *e)
{
	CLEAN_STR char *folder = path_join(state_dir, LOCAL_ARTIFACTS);
	CLEANUP(strv_release) struct strv names = { 0 };
	DIR *d = opendir(folder);
	int rc = 0;

	if (!d)
		return err_set_errno(e, errno, "artifacts of the local run");
	for (struct dirent *ent; (ent = readdir(d));)
		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, ".."))
			strv_add(&names, ent->d_name);
	strv_sort(&names);
	if (names.n > 0)
		rc = dir_ensure_parents(dir, 0777, e);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = deliver_one(dirfd(d), names.v[i], dir, e);
	closedir(d);
	return rc < 0 ? err_wrap(e, "artifacts") : 0;
}

void local_artifacts_end(const char *state_dir)
{
	struct err ignored = { 0 };

	IGNORE_RESULT(remove_all(state_dir, &ignored), "the next run removes them first");
}
