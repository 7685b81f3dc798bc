/*
 * The names sort as their times do: 2026-01-31T03-17-00.000Z. Only folders of such a name are ever
 * deleted, and a backup loses its manifest's name first: half of one must not pass for a whole.
 */
#include "coordinator/backup/series.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "coordinator/backup/manifest.h"

static void name_of(struct wall t, char out[BACKUP_NAME_MAX])
{
	wall_format(t, out);
	for (char *p = out; (p = strchr(p, ':'));)
		*p = '-';
}

static bool is_name(const char *text)
{
	static const char shape[] = "dddd-dd-ddTdd-dd-dd.dddZ";

	for (size_t i = 0; i < sizeof(shape); i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	return true;
}

static void folder_closep(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

/* The backups of the folder, oldest first: the whole ones or the others. */
static int series_list(const char *folder, bool whole, struct strv *ret, struct err *e)
{
	CLEANUP(folder_closep) DIR *d = opendir(folder);
	const struct dirent *ent;

	if (!d)
		return err_set_errno(e, errno, "%s", folder);
	while ((errno = 0, ent = readdir(d))) {
		CLEAN_STR char *manifest = path_join(ent->d_name, MANIFEST_NAME);

		if (is_name(ent->d_name) &&
			(faccessat(dirfd(d), manifest, F_OK, AT_SYMLINK_NOFOLLOW) == 0) == whole)
			strv_add(ret, ent->d_name);
	}
	if (errno)
		return err_set_errno(e, errno, "%s", folder);
	strv_sort(ret);
	return 0;
}

static int series_remove(const char *folder, const char *name, struct err *e)
{
	CLEAN_FD int fd = dir_open(folder, e);
	CLEAN_STR char *whole = path_join(name, MANIFEST_NAME);
	CLEAN_STR char *partial = path_join(name, MANIFEST_PARTIAL);
	uint64_t left = 0;

	if (fd < 0)
		return -1;
	if (renameat(fd, whole, fd, partial) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s/%s", folder, name);
	return tree_remove(fd, name, &left, e);
}

static int undone_remove(const char *folder, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };

	if (series_list(folder, false, &names, e) < 0)
		return -1;
	strv_each (name, &names)
		if (series_remove(folder, name, e) < 0)
			return err_wrap(e, "an unfinished backup");
	return 0;
}

/* The newest stay; the one that was just made does so whatever the clock said before. */
static int oldest_remove(
	const struct backup_series *s, const char *newest, int64_t *ret_removed, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };

	if (series_list(s->folder, true, &names, e) < 0)
		return -1;
	size_t left = names.n;
	strv_each (name, &names) {
		if (left <= (size_t)s->keep || str_eq(name, newest))
			continue;
		if (series_remove(s->folder, name, e) < 0)
			return err_wrap(e, "an old backup");
		left--;
		++*ret_removed;
	}
	return 0;
}

int backup_series_run(const char *data_dir, const struct backup_series *s, struct backup_done *ret,
	char ret_name[BACKUP_NAME_MAX], struct err *e)
{
	CLEAN_STR char *lock = path_join(s->folder, ".lock");
	CLEAN_FD int fd = lock_file(lock, e);

	*ret = (struct backup_done){ 0 };
	if (fd < 0 || undone_remove(s->folder, e) < 0)
		return -1;
	name_of(wall_now(), ret_name);
	CLEAN_STR char *dir = path_join(s->folder, ret_name);
	if (backup_run(data_dir, s->store, dir, s->without_key, ret, e) < 0)
		return -1;
	return s->keep && !ret->missing ? oldest_remove(s, ret_name, &ret->removed, e) : 0;
}
