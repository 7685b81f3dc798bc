/*
 * The lock is flock, which belongs to the open file and not to the process: the job process
 * inherits it from the supervisor. The last holder may delete the file between our open and our
 * lock; base/fs.h's lock_file notices and starts again.
 */
#include "state/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

char *lease_folder(const char *state_dir, struct err *e)
{
	CLEAN_STR char *folder = path_join(state_dir, "leases");

	if (dir_ensure(folder, 0700, e) < 0) {
		err_wrap(e, "leases");
		return NULL;
	}
	return TAKE(folder);
}

char *lease_name(int64_t run, int64_t job)
{
	return xasprintf("%" PRId64 "-%" PRId64, run, job);
}

/* The range of a claim's ids (runner/claim/identity.c), or a running job would be taken for an
 * orphan. One spelling a number: no sign, no leading zero. */
static bool parse_id(const char *s, size_t n, int64_t *ret)
{
	CLEAN_STR char *digits = xstrndup(s, n);

	return *digits >= '1' && *digits <= '9' && parse_i64(digits, 1, INT64_MAX, ret);
}

bool lease_parse_name(const char *name, int64_t *ret_run, int64_t *ret_job)
{
	const char *dash = strchr(name, '-');
	int64_t run, job;

	if (!dash || !parse_id(name, (size_t)(dash - name), &run) ||
		!parse_id(dash + 1, strlen(dash + 1), &job))
		return false;
	*ret_run = run;
	*ret_job = job;
	return true;
}

int lease_take(const char *folder, const char *name, struct lease *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(folder, name);
	int fd = lock_file(path, e);

	if (fd < 0)
		return err_wrap(e, "lease %s", name);
	*ret = (struct lease){ .fd = fd, .path = TAKE(path) };
	return 0;
}

/* A runner makes, locks and writes a lease within microseconds; a check that came between would
 * refuse it. */
enum { TAKING_S = 5 };

bool lease_is_held(const char *folder, const char *name, int64_t young_s)
{
	CLEAN_STR char *path = path_join(folder, name);

	int fd CLEAN_FD = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno != ENOENT;
	if (fstat(fd, &st) < 0)
		return true;
	if (st.st_size == 0 && young_s >= 0 && young_s < TAKING_S)
		young_s = TAKING_S;
	return (young_s > 0 && wall_now().us / USEC_PER_SEC - st.st_mtime < young_s) ||
	       flock(fd, LOCK_SH | LOCK_NB) < 0;
}

int lease_note(struct lease *l, enum lease_state state, const char *instance, struct err *e)
{
	static const char *const names[] = { "claimed", "running", "cleaning" };
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4));
	char since[WALL_TEXT_MAX];
	struct json_writer w;

	json_writer_init(&w, &text, false);
	json_begin_object(&w);
	json_kv_str(&w, "state", names[state]);
	json_kv_str(&w, "instance", instance);
	json_kv_str(&w, "since", wall_format(wall_now(), since));
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "lease %s", l->path);
	if (ftruncate(l->fd, 0) < 0)
		return err_set_errno(e, errno, "lease %s", l->path);
	if (pwrite(l->fd, text.data, text.len, 0) != (ssize_t)text.len)
		return err_set_errno(e, errno ? errno : EIO, "lease %s", l->path);
	return 0;
}

void lease_end(struct lease *l)
{
	if (l->path)
		unlink(l->path);
	lease_drop(l);
}

void lease_drop(struct lease *l)
{
	close_fdp(&l->fd);
	free_charp(&l->path);
}

int lease_list(const char *folder, struct strv *ret, struct err *e)
{
	DIR *d = opendir(folder);
	int64_t run, job;

	if (!d)
		return err_set_errno(e, errno, "list leases %s", folder);
	for (struct dirent *ent; (ent = readdir(d));)
		if (lease_parse_name(ent->d_name, &run, &job))
			strv_add(ret, ent->d_name);
	closedir(d);
	strv_sort(ret);
	return 0;
}
