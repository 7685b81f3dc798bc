/*
 * /proc/locks names a file by device and inode. Both count: an inode number alone is met again on
 * every other file system. Some file systems (btrfs, overlayfs) show one device there and another
 * in stat, so the device of the mount, which mountinfo tells, is good as well.
 */
#include "hygiene/workdir/lock_holder.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hygiene/workdir/mount_table.h"

/* Of "1: FLOCK  ADVISORY  WRITE 811 00:1f:4567 0 EOF": 811 when it is that file, else 0. */
static pid_t holder_in_line(const char *line, uint64_t dev, uint64_t ino)
{
	CLEANUP(strv_release) struct strv words = { 0 };
	/* as the kernel writes it */
	CLEAN_STR char *file = xasprintf("%02x:%02x:%" PRIu64, major(dev), minor(dev), ino);
	int64_t pid;

	strv_split(&words, line, ' ');
	if (words.n < 6 || !str_eq(words.v[1], "FLOCK") || !str_eq(words.v[3], "WRITE") ||
		!str_eq(words.v[5], file) || !parse_i64(words.v[4], 1, INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}

pid_t lock_holder_find(const char *locks, uint64_t dev, uint64_t ino)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	pid_t found = 0;

	strv_split(&lines, locks, '\n');
	for (size_t i = 0; i < lines.n && !found; i++)
		found = holder_in_line(lines.v[i], dev, ino);
	return found;
}

/* Of the mount that the file stands on; 0: not known. */
static uint64_t device_of_mount(const char *path)
{
	CLEANUP(mount_table_release) struct mount_table mounts = { 0 };
	CLEANUP(mount_place_release) struct mount_place place = { 0 };
	CLEANUP(strv_release) struct strv numbers = { 0 };
	CLEAN_STR char *real = realpath(path, NULL);
	int64_t major, minor;
	struct err none = { 0 };

	if (!real || mount_table_read(&mounts, "self", &none) < 0 ||
		mount_table_locate(&mounts, real, &place) < 0)
		return 0;
	strv_split(&numbers, place.dev, ':');
	if (numbers.n != 2 || !parse_i64(numbers.v[0], 0, UINT32_MAX, &major) ||
		!parse_i64(numbers.v[1], 0, UINT32_MAX, &minor))
		return 0;
	return makedev((unsigned)major, (unsigned)minor);
}

pid_t lock_holder(const char *path)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4));
	struct err none = { 0 };
	struct stat st;
	pid_t found;

	if (stat(path, &st) < 0 || file_read("/proc/locks", &text, &none) < 0)
		return 0;
	found = lock_holder_find(buf_cstr(&text), st.st_dev, st.st_ino);
	return found ? found : lock_holder_find(buf_cstr(&text), device_of_mount(path), st.st_ino);
}

bool process_may_delete(pid_t pid)
{
	static const uint64_t wanted = UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_FOWNER;
	CLEAN_STR char *path = xasprintf("/proc/%d/status", (int)pid);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));
	struct err none = { 0 };
	const char *line;

	if (file_read(path, &text, &none) < 0)
		return false;
	line = strstr(buf_cstr(&text), "CapPrm:");
	return line && (strtoull(line + strlen("CapPrm:"), NULL, 16) & wanted) == wanted;
}
