/*
 * statvfs in df's arithmetic. 128-bit products: a percentage of a petabyte overflows 64 bits.
 */
#include "hygiene/disk/disk.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static void fill(struct disk_space *d, const struct statvfs *v, const struct stat *st)
{
	uint64_t unit = v->f_frsize ? v->f_frsize : v->f_bsize;

	*d = (struct disk_space){ .used = (v->f_blocks - v->f_bfree) * unit,
		.avail = v->f_bavail * unit,
		.files_used = v->f_files - v->f_ffree,
		.files_avail = v->f_favail,
		.dev = st->st_dev };
}

int disk_measure(const char *path, struct disk_space *ret, struct err *e)
{
	CLEAN_STR char *at = xstrdup(path);
	struct statvfs v;
	struct stat st;

	while (statvfs(at, &v) < 0 || stat(at, &st) < 0) {
		char *slash = strrchr(at, '/');

		if (errno != ENOENT || !slash || str_eq(at, "/"))
			return err_set_errno(e, errno, "free space of %s", path);
		slash[slash == at] = '\0';
	}
	fill(ret, &v, &st);
	return 0;
}

unsigned disk_percent_of(uint64_t used, uint64_t avail)
{
	unsigned __int128 all = (unsigned __int128)used + avail;

	return all ? (unsigned)(((unsigned __int128)used * 100 + all - 1) / all) : 0;
}

unsigned disk_percent(const struct disk_space *d)
{
	unsigned bytes = disk_percent_of(d->used, d->avail);
	unsigned files = disk_percent_of(d->files_used, d->files_avail);

	return bytes > files ? bytes : files;
}

static bool is_short(uint64_t used, uint64_t avail, int64_t min_free)
{
	unsigned __int128 all = (unsigned __int128)used + avail;

	return (unsigned __int128)avail * 100 < all * (unsigned __int128)min_free;
}

bool disk_is_short(const struct disk_space *d, int64_t min_free)
{
	return is_short(d->used, d->avail, min_free) ||
	       is_short(d->files_used, d->files_avail, min_free);
}
