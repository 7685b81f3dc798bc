/*
 * Paths below the directory are used by name and what they hold is believed. So every folder must
 * belong to this user and be closed to others, and the lock is taken before anything is read.
 */
#include "state/state_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"

static int read_instance_id(struct state_dir *s, struct err *e)
{
	CLEAN_STR char *path = path_join(s->path, "instance_id");
	CLEAN_BUF struct buf text = BUF_INIT(UUID_TEXT_MAX);

	if (file_read(path, &text, e) < 0)
		return -1;
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (text.len != UUID_TEXT_MAX - 1)
		return err_set(e, ERR_INPUT,
			"%s: expected a UUID, found %zu bytes; remove the file", path, text.len);
	s->instance_id = buf_take(&text);
	return 0;
}

static int make_instance_id(struct state_dir *s, struct err *e)
{
	CLEAN_STR char *path = path_join(s->path, "instance_id");
	char uuid[UUID_TEXT_MAX];

	if (read_instance_id(s, e) == 0)
		return 0;
	if (!err_is(e, ERR_NOT_FOUND))
		return -1;
	err_clear(e);
	uuid_v4(uuid);
	if (file_replace(path, uuid, strlen(uuid), 0600, e) < 0)
		return -1;
	s->instance_id = xstrdup(uuid);
	return 0;
}

enum { STATE_DIR_MODE = 0711 };

/* One of an older version or made by hand is 0700, and umask narrows a new one. */
static int let_pass(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "%s", path);
	if (st.st_uid != geteuid() || (st.st_mode & 07777) == STATE_DIR_MODE)
		return 0;
	return chmod(path, STATE_DIR_MODE) < 0 ? err_set_errno(e, errno, "chmod %s", path) : 0;
}

/* Paths below it are used by name, and what they hold is believed. */
static int make_own(const char *path, struct err *e)
{
	CLEAN_FD int fd = dir_ensure_parents(path, STATE_DIR_MODE, e) < 0 ? -1 : dir_open(path, e);

	return fd < 0 || dir_check_own(fd, path, e) < 0 ? -1 : let_pass(fd, path, e);
}

int state_dir_own(struct state_dir *s, const char *path, struct err *e)
{
	CLEAN_STR char *lock = path_join(path, "lock");
	CLEAN_STR char *jobs = path_join(path, "jobs");
	CLEAN_STR char *leases = path_join(path, "leases");

	s->path = xstrdup(path);
	if (make_own(path, e) < 0)
		return err_wrap(e, "state directory");
	s->lock_fd = lock_file(lock, e);
	if (s->lock_fd < 0)
		return err_is(e, ERR_CONFLICT)
			       ? err_set(e, ERR_CONFLICT,
					 "state directory %s is in use by another shithubd-runner; "
					 "give each runner its own runner.state_dir",
					 path)
			       : err_wrap(e, "state directory");
	if (dir_ensure(jobs, 0700, e) < 0 || dir_ensure(leases, 0700, e) < 0 ||
		make_instance_id(s, e) < 0)
		return err_wrap(e, "state directory");
	return 0;
}

int state_dir_join(struct state_dir *s, const char *path, struct err *e)
{
	s->path = xstrdup(path);
	return read_instance_id(s, e);
}

void state_dir_release(struct state_dir *s)
{
	close_fdp(&s->lock_fd);
	free_charp(&s->path);
	free_charp(&s->instance_id);
}

static int open_jobs(const struct state_dir *s, struct err *e)
{
	CLEAN_STR char *jobs = path_join(s->path, "jobs");

	return dir_open(jobs, e);
}

static int remove_entry(int jobs, const char *name, struct err *e)
{
	uint64_t left = 0;

	if (tree_remove(jobs, name, &left, e) < 0 && !err_is(e, ERR_NOT_FOUND))
		return err_wrap(e, "job folder %s", name);
	err_clear(e);
	return 0;
}

int state_dir_job_remove(const struct state_dir *s, int64_t job, struct err *e)
{
	CLEAN_STR char *name = xasprintf("%" PRId64, job);
	CLEAN_FD int jobs = open_jobs(s, e);

	return jobs < 0 ? -1 : remove_entry(jobs, name, e);
}

char *state_dir_job_path(const struct state_dir *s, int64_t job)
{
	return xasprintf("%s/jobs/%" PRId64, s->path, job);
}

int state_dir_jobs(const struct state_dir *s, struct strv *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(s->path, "jobs");
	DIR *d = opendir(path);
	int64_t id;

	if (!d)
		return err_set_errno(e, errno, "list %s", path);
	for (struct dirent *ent; (ent = readdir(d));)
		if (parse_i64(ent->d_name, 1, INT64_MAX, &id))
			strv_add(ret, ent->d_name);
	closedir(d);
	strv_sort(ret);
	return 0;
}

int state_dir_set_aside(const struct state_dir *s, int64_t job, struct err *e)
{
	CLEAN_STR char *folder = path_join(s->path, "damaged"),
		       *from = xasprintf("%s/jobs/%" PRId64 "/journal", s->path, job),
		       *to = xasprintf("%s/%" PRId64, folder, job);

	if (dir_ensure(folder, 0700, e) < 0)
		return -1;
	return rename(from, to) < 0 ? err_set_errno(e, errno, "set %s aside", from) : 0;
}

int state_dir_job_make(const struct state_dir *s, int64_t job, char **ret_dir, struct err *e)
{
	CLEAN_STR char *dir = state_dir_job_path(s, job);
	CLEAN_STR char *ctl = path_join(dir, "ctl");

	if (state_dir_job_remove(s, job, e) < 0)
		return -1;
	if (mkdir(dir, 0700) < 0 || mkdir(ctl, 0711) < 0 || chmod(ctl, 0711) < 0)
		return err_set_errno(e, errno, "job folder %s", dir);
	*ret_dir = TAKE(dir);
	return 0;
}

int state_dir_sweep(const struct state_dir *s, uint64_t *ret_removed, struct err *e)
{
	CLEAN_STR char *path = path_join(s->path, "jobs");
	CLEAN_FD int jobs = open_jobs(s, e);
	DIR *d = jobs < 0 ? NULL : opendir(path);
	int rc = 0;

	if (jobs < 0)
		return -1;
	if (!d)
		return err_set_errno(e, errno, "list %s", path);
	for (struct dirent *ent; rc == 0 && (ent = readdir(d));) {
		if (str_eq(ent->d_name, ".") || str_eq(ent->d_name, ".."))
			continue;
		rc = remove_entry(jobs, ent->d_name, e);
		*ret_removed += rc == 0;
	}
	closedir(d);
	return rc;
}
