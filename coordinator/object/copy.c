/*
 * Objects of a bucket, read here. A verb may be another user than serve, root say, and its folders
 * and files in the cache would be in serve's way: what it reads has no name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "coordinator/object/cache.h"
#include "coordinator/object/private.h"

bool object_is_here(struct objects *o, const char *key)
{
	int64_t size = 0;
	CLEAN_FD int fd = o->s3 ? files_get(&o->files, key, &size, NULL) : -1;

	return !o->s3 || fd >= 0;
}

/* ---- what cannot be fetched ---- */

static void refused_set(struct objects *o, const char *key, const struct err *why)
{
	pthread_mutex_lock(&o->lock);
	free(o->refused);
	o->refused = xstrdup(key);
	o->why = *why;
	pthread_mutex_unlock(&o->lock);
}

static bool refused_take(struct objects *o, const char *key, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	bool is = str_eq(o->refused, key);
	if (is)
		free_charp(&o->refused);
	if (is && e)
		*e = o->why;
	pthread_mutex_unlock(&o->lock);
	return is;
}

/* ---- bringing it here ---- */

int objects_spool(const struct objects *o, struct err *e)
{
	CLEAN_STR char *path = path_join(o->data_dir, "object.XXXXXX");
	int fd = open(o->data_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* not on this file system */
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	return fd < 0 ? err_set_errno(e, errno, "make an object in %s", o->data_dir) : fd;
}

static int named_fetch(struct objects *o, const struct s3_read *wanted, struct err *e)
{
	struct s3_read r = *wanted;
	CLEAN_STR char *temp = NULL;
	CLEAN_FD int fd = files_temp(&o->files, &temp, e);
	int64_t size = 0;

	if (fd < 0)
		return -1;
	r.fd = fd;
	if (s3_get(o->s3, &r, &size, e) == 0 && files_put(&o->files, temp, r.key, e) == 0)
		return 0;
	unlink(temp);
	return -1;
}

int object_fetch(
	struct objects *o, const char *key, int64_t size, const atomic_bool *gone, struct err *e)
{
	const struct s3_read r = { .key = key, .most = size, .gone = gone };
	struct err own = { 0 };

	if (object_is_here(o, key))
		return 0;
	if (named_fetch(o, &r, &own) == 0) {
		cache_trim(&o->files, key);
		return 0;
	}
	if (err_is(&own, ERR_NOT_FOUND) || err_is(&own, ERR_INTERNAL))
		refused_set(o, key, &own);
	if (e)
		*e = own;
	return -1;
}

static int spool_fetch(
	struct objects *o, const char *key, int64_t size, int64_t *ret_size, struct err *e)
{
	CLEAN_FD int fd = objects_spool(o, e);
	const struct s3_read r = { .key = key, .fd = fd, .most = size };

	if (fd < 0 || s3_get(o->s3, &r, ret_size, e) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set_errno(e, errno, "object %s", key);
	return TAKE_FD(fd);
}

int object_open(struct objects *o, const char *key, int64_t size, int64_t *ret_size, struct err *e)
{
	struct err own = { 0 };
	int fd = files_get(&o->files, key, ret_size, &own);

	if (fd >= 0 && o->s3)
		futimens(fd, NULL); /* it is in use (cache.h) */
	if (fd < 0 && o->s3 && err_is(&own, ERR_NOT_FOUND)) {
		if (!o->never_waits)
			return spool_fetch(o, key, size, ret_size, e);
		if (!refused_take(o, key, &own))
			err_set(&own, ERR_TIMEOUT, "object %s is not here yet", key);
	}
	if (fd < 0 && e)
		*e = own;
	return fd;
}
