/*
 * A directory that hands its project on answers statfs with the limit and the use of its project.
 * That is how limits are read here, because asking for a quota needs root. A limit that is larger
 * than the file system does not show there and counts as none.
 */
#include "hygiene/disk/project.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/codec.h"

enum { ENTRY_LEAST = 4096, QUOTA_BLOCK = 512, PROJECT_QUOTA = 2 };
/* Of a fresh workspace: its own directory, and some for another file system's way to count. */
enum { FRESH_MAX = 64 * 1024 };

static int set_limit(int dir, uint32_t id, uint64_t bytes, struct err *e)
{
	struct fs_disk_quota q = { .d_version = FS_DQUOT_VERSION,
		.d_flags = FS_PROJ_QUOTA,
		.d_fieldmask = FS_DQ_BSOFT | FS_DQ_BHARD | FS_DQ_ISOFT | FS_DQ_IHARD,
		.d_id = id,
		.d_blk_hardlimit = bytes / QUOTA_BLOCK,
		.d_ino_hardlimit = bytes / ENTRY_LEAST };

	if (syscall(SYS_quotactl_fd, dir, QCMD(Q_XSETQLIM, PROJECT_QUOTA), id, &q) == 0)
		return 0;
	if (errno == ESRCH || errno == ENOSYS || errno == ENOTSUP || errno == EINVAL)
		return err_set_errno(e, errno,
			"the file system keeps no project quotas: mount ext4 (features quota and "
			"project) or XFS with the option prjquota");
	return err_set_errno(e, errno, "limit of project %" PRIu32, id);
}

/* Of root, or of the nearest folder above it that is there. */
static int open_nearest(const char *root, struct err *e)
{
	CLEAN_STR char *at = xstrdup(root);
	int fd;

	while ((fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		char *slash = strrchr(at, '/');

		if (errno != ENOENT || !slash || str_eq(at, "/"))
			return err_set_errno(e, errno, "open %s", at);
		slash[slash == at] = '\0';
	}
	return fd;
}

int project_limit_all(const char *root, int64_t first, int64_t n, uint64_t bytes, struct err *e)
{
	CLEAN_FD int dir = open_nearest(root, e);

	for (int64_t i = 0; dir >= 0 && i < n; i++)
		if (set_limit(dir, (uint32_t)(first + i), bytes, e) < 0)
			return err_wrap(e, "%s", root);
	return dir < 0 ? -1 : 0;
}

int project_assign(int dir, uint32_t id, struct err *e)
{
	struct fsxattr attr;

	if (ioctl(dir, FS_IOC_FSGETXATTR, &attr) < 0)
		return err_set_errno(e, errno, "the file system knows no projects");
	attr.fsx_projid = id;
	attr.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(dir, FS_IOC_FSSETXATTR, &attr) < 0)
		return err_set_errno(e, errno, "project %" PRIu32 " of a folder", id);
	return 0;
}

/* Without a limit of the project, its directory answers as the one above it does. */
static bool is_limited(int dir, const struct statfs *fs)
{
	CLEAN_FD int above = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs all;

	return above >= 0 && fstatfs(above, &all) == 0 && fs->f_blocks < all.f_blocks;
}

bool project_limited(int dir, uint64_t bytes)
{
	struct fsxattr attr;
	struct statfs fs;

	return ioctl(dir, FS_IOC_FSGETXATTR, &attr) == 0 && attr.fsx_projid &&
	       (attr.fsx_xflags & FS_XFLAG_PROJINHERIT) && fstatfs(dir, &fs) == 0 &&
	       fs.f_blocks <= bytes / (uint64_t)fs.f_bsize && is_limited(dir, &fs);
}

int project_measure(int dir, struct project_use *ret, struct err *e)
{
	struct statfs fs;

	if (fstatfs(dir, &fs) < 0)
		return err_set_errno(e, errno, "use of a project");
	*ret = (struct project_use){ .used = (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize,
		.left = fs.f_bfree * (uint64_t)fs.f_bsize,
		.files_left = fs.f_ffree };
	return 0;
}

int project_require(int dir, uint64_t bytes, struct err *e)
{
	struct project_use use = { 0 };

	if (!project_limited(dir, bytes))
		return err_set(e, ERR_NOT_FOUND,
			"it has no limit of at most runner.workspace_limit here: run "
			"`shithubd-runner "
			"disk quota` as root");
	if (project_measure(dir, &use, e) < 0)
		return -1;
	if (use.used > FRESH_MAX)
		return err_set(e, ERR_CONFLICT, "an older tree still has %" PRIu64 " KiB of it",
			use.used >> 10);
	return 0;
}

/* What an older tree fills has a limit, and that is all that is asked here. */
static int check_one(int dir, uint32_t id, uint64_t bytes, struct err *e)
{
	if (project_assign(dir, id, e) < 0)
		return -1;
	if (project_require(dir, bytes, e) < 0 && !err_is(e, ERR_CONFLICT))
		return err_wrap(e, "project %" PRIu32, id);
	err_clear(e);
	return 0;
}

int project_check(const char *root, int64_t first, int64_t n, uint64_t bytes, struct err *e)
{
	char uuid[UUID_TEXT_MAX];
	CLEAN_STR char *path = NULL;
	CLEAN_FD int dir = -1;
	int rc;

	uuid_v4(uuid);
	path = xasprintf("%s/.probe-%.8s", root, uuid);
	if (mkdir(path, 0700) < 0)
		return err_set_errno(e, errno, "create %s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = dir < 0 ? err_set_errno(e, errno, "open %s", path) : 0;
	for (int64_t i = 0; rc == 0 && i < n; i++)
		rc = check_one(dir, (uint32_t)(first + i), bytes, e);
	if (rmdir(path) < 0 && rc == 0)
		return err_set_errno(e, errno, "remove %s", path);
	return rc;
}
