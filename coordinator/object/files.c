/*
 * A file appears by rename only, after it is complete, checked and synced, so readers need no lock.
 */
#include "coordinator/object/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "coordinator/object/key.h"

enum { DEPTH_MAX = 16, FOLDERS_OF_KEY = 2 /* artifacts/, then <run>/ */ };
#define TEMP "tmp"

#define TEMP_NAME "object."
#define TEMP_LEFT_S (6 * 3600) /* without a byte more: nobody writes it any more */

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

void files_init(struct files *f, const char *folder)
{
	*f = (struct files){ .folder = xstrdup(folder) };
}

void files_release(struct files *f)
{
	free_charp(&f->folder);
}

static char *key_path(const struct files *f, const char *key, struct err *e)
{
	return key_check(key, e) < 0 ? NULL : path_join(f->folder, key);
}

int files_make(const struct files *f, struct err *e)
{
	CLEAN_STR char *temp = path_join(f->folder, TEMP);

	if (access(temp, F_OK) == 0)
		return 0;
	return dir_ensure_parents(f->folder, 0700, e) < 0 ? -1 : dir_ensure(temp, 0700, e);
}

static bool temp_is_ours(const char *name)
{
	return str_starts(name, TEMP_NAME) &&
	       strlen(name) == strlen(TEMP_NAME) + UUID_TEXT_MAX - 1 &&
	       strspn(name + strlen(TEMP_NAME), "0123456789abcdef-") == UUID_TEXT_MAX - 1;
}

static void temp_sweep(const char *folder, const char *name, time_t now)
{
	CLEAN_STR char *path = path_join(folder, name);
	struct stat st;

	if (temp_is_ours(name) && lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		now - st.st_mtime > TEMP_LEFT_S)
		unlink(path);
}

int files_sweep(const struct files *f, struct err *e)
{
	CLEAN_STR char *folder = path_join(f->folder, TEMP);
	const struct dirent *ent;
	time_t now = time(NULL);
	CLEANUP(dir_closep) DIR *d = opendir(folder);

	if (!d)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", folder);
	while ((ent = readdir(d)))
		temp_sweep(folder, ent->d_name, now);
	return 0;
}

int files_temp(const struct files *f, char **ret_path, struct err *e)
{
	char id[UUID_TEXT_MAX];

	if (files_make(f, e) < 0)
		return -1;
	uuid_v4(id);
	CLEAN_STR char *path = xasprintf("%s/" TEMP "/" TEMP_NAME "%s", f->folder, id);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(e, errno, "make an object");
	*ret_path = TAKE(path);
	return fd;
}

static int folder_sync(const char *path, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_set_errno(e, errno, "sync %s", path) : 0;
}

int files_put(const struct files *f, const char *temp, const char *key, struct err *e)
{
	CLEAN_STR char *path = key_path(f, key, e);

	if (!path)
		return -1;
	CLEAN_STR char *folder = xstrdup(path);
	*strrchr(folder, '/') = '\0';
	if (dir_ensure_parents(folder, 0700, e) < 0)
		return -1;
	if (rename(temp, path) < 0)
		return err_set_errno(e, errno, "put an object in its place");
	return folder_sync(folder, e);
}

int files_get(const struct files *f, const char *key, int64_t *ret_size, struct err *e)
{
	CLEAN_STR char *path = key_path(f, key, e);

	if (!path)
		return -1;
	CLEAN_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "there is no such object")
				       : err_set_errno(e, errno, "open an object");
	*ret_size = st.st_size;
	return TAKE_FD(fd);
}

int files_delete(const struct files *f, const char *key, struct err *e)
{
	CLEAN_STR char *path = key_path(f, key, e);

	if (!path)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "delete an object");
	for (int up = 0; up < FOLDERS_OF_KEY; up++) { /* others may stand in them */
		*strrchr(path, '/') = '\0';
		if (rmdir(path) < 0)
			break;
	}
	return 0;
}

int files_delete_tree(const struct files *f, const char *key, struct err *e)
{
	CLEAN_STR char *path = key_path(f, key, e);
	char *name = path ? strrchr(path, '/') : NULL;
	uint64_t left = 0;

	if (!path)
		return -1;
	if (access(path, F_OK) < 0)
		return 0;
	*name++ = '\0';
	CLEAN_FD int at = dir_open(path, e);
	return at < 0 ? -1 : tree_remove(at, name, &left, e);
}

/* ---- all of them ---- */

struct walk {
	const struct files *files;
	object_seen_fn fn;
	void *data;
};

static int folder_walk(const struct walk *w, const char *key, unsigned depth, struct err *e);

static int entry_walk(const struct walk *w, const char *key, unsigned depth, struct err *e)
{
	CLEAN_STR char *path = path_join(w->files->folder, key);
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return folder_walk(w, key, depth + 1, e);
	return S_ISREG(st.st_mode) ? w->fn(w->data, key, st.st_size, e) : 0;
}

static int folder_walk(const struct walk *w, const char *key, unsigned depth, struct err *e)
{
	CLEAN_STR char *path = path_join(w->files->folder, key);
	CLEANUP(dir_closep) DIR *d = opendir(path);
	const struct dirent *ent;

	if (!d)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", path);
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: deeper than %d folders", path, DEPTH_MAX);
	while ((errno = 0, ent = readdir(d))) {
		CLEAN_STR char *below = path_join(key, ent->d_name);

		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, "..") &&
			entry_walk(w, below, depth, e) < 0)
			return -1;
	}
	return errno ? err_set_errno(e, errno, "%s", path) : 0;
}

int files_each(const struct files *f, object_seen_fn fn, void *data, struct err *e)
{
	const struct walk w = { f, fn, data };

	return folder_walk(&w, "actions", 0, e);
}
