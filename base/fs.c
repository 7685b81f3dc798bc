/*
 * Reading, replacing, creating and locking. A file is replaced by a rename of a synced one, so a
 * reader sees the old text or the new one. Deleting trees is fs_remove.c.
 */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/codec.h"

enum { READ_STEP = 64 << 10 };

/* After a failed read or write: true when it is worth trying again (waits for a non-blocking fd).
 */
static bool retry_io(int fd, short events)
{
	if (errno == EINTR)
		return true;
	if (errno != EAGAIN)
		return false;
	struct pollfd p = { .fd = fd, .events = events };
	return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

/* One read into out; 0 at the end. A full buffer probes with one byte: exactly max is fine. */
static ssize_t read_some(int fd, struct buf *out)
{
	size_t room = out->max - out->len;
	ssize_t n;
	char probe;

	if (room > READ_STEP)
		room = READ_STEP;
	if (room == 0) {
		n = read(fd, &probe, 1);
		if (n > 0)
			out->failed = true;
		return n;
	}
	char *to = buf_reserve(out, room);
	n = to ? read(fd, to, room) : 0;
	if (n > 0)
		buf_commit(out, (size_t)n);
	return n;
}

int fd_read_all(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		ssize_t n = read_some(fd, out);

		if (!buf_ok(out))
			return err_set(e, ERR_LIMIT, "larger than %zu bytes", out->max);
		if (n == 0)
			return 0;
		if (n < 0 && !retry_io(fd, POLLIN))
			return err_set_errno(e, errno, "read");
	}
}

int file_read(const char *path, struct buf *out, struct err *e)
{
	int fd CLEAN_FD = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set_errno(e, errno, "open %s", path);
	if (fd_read_all(fd, out, e) < 0)
		return err_wrap(e, "%s", path);
	return 0;
}

enum { FORBIDDEN = 027 }; /* the group may read, as Debian's ssl-cert does */

static int fd_check_private(int fd, const char *path, const char *what, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "%s: not a file, expected one with %s", path, what);
	if (st.st_mode & FORBIDDEN)
		return err_set(e, ERR_INPUT,
			"%s: mode %04o lets others at %s, expected 0600 or 0640: chmod 0600 %s",
			path, st.st_mode & 07777, what, path);
	return 0;
}

/* The rest (no descriptor or memory left, a broken disk) may be over next time. */
static bool is_of_the_path(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == EPERM ||
	       errnum == ELOOP || errnum == ENAMETOOLONG || errnum == ENXIO;
}

int file_open_named(const char *path, const char *what, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int errnum = errno;

	if (fd >= 0)
		return fd;
	if (!is_of_the_path(errnum))
		return err_set_errno(e, errnum, "%s", path);
	err_set_errno(e, errnum, "%s: expected a file with %s that user %u can read", path, what,
		geteuid());
	if (e)
		e->class = ERR_INPUT;
	return -1;
}

int file_read_private(const char *path, const char *what, struct buf *out, struct err *e)
{
	CLEAN_FD int fd = file_open_named(path, what, e);

	if (fd < 0)
		return -1;
	if (fd_check_private(fd, path, what, e) < 0)
		return -1;
	return fd_read_all(fd, out, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

int fd_write_all(int fd, const void *data, size_t n, struct err *e)
{
	const char *p = data;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0) {
			if (!retry_io(fd, POLLOUT))
				return err_set_errno(e, errno, "write");
			continue;
		}
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Directory part of path, "." if there is none; *ret_base is what follows. */
static char *parent_of(const char *path, const char **ret_base)
{
	const char *slash = strrchr(path, '/');

	*ret_base = slash ? slash + 1 : path;
	if (!slash)
		return xstrdup(".");
	return xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int write_durably(int fd, const void *p, size_t n, mode_t mode, struct err *e)
{
	if (fchmod(fd, mode) < 0)
		return err_set_errno(e, errno, "chmod");
	if (fd_write_all(fd, p, n, e) < 0)
		return -1;
	return fsync(fd) < 0 ? err_set_errno(e, errno, "fsync") : 0;
}

static int replace_in(
	int dir, const char *base, const void *p, size_t n, mode_t mode, struct err *e)
{
	unsigned char salt[8];
	char hex[17];

	random_bytes(salt, sizeof(salt));
	hex_encode(salt, sizeof(salt), hex);
	char *temp CLEAN_STR = xasprintf(".%.200s.%s", base, hex);
	int fd CLEAN_FD =
		openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(e, errno, "create a file beside it");
	if (write_durably(fd, p, n, mode, e) == 0) {
		if (renameat(dir, temp, dir, base) == 0)
			return fsync(dir) < 0 ? err_set_errno(e, errno, "fsync the directory") : 0;
		err_set_errno(e, errno, "rename");
	}
	unlinkat(dir, temp, 0);
	return -1;
}

int file_replace(const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	const char *base;

	char *parent CLEAN_STR = parent_of(path, &base);
	int dir CLEAN_FD = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_set_errno(e, errno, "replace %s: open %s", path, parent);
	if (replace_in(dir, base, p, n, mode, e) < 0)
		return err_wrap(e, "replace %s", path);
	return 0;
}

/* An existing one keeps its mode: it may be somebody's decision. */
int dir_ensure(const char *path, mode_t mode, struct err *e)
{
	bool made = mkdir(path, mode) == 0;

	if (!made && errno != EEXIST)
		return err_set_errno(e, errno, "create directory %s", path);
	int fd CLEAN_FD = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(
			e, ERR_CONFLICT, "%s: exists, but is not a directory (a link?)", path);
	if (fd < 0)
		return err_set_errno(e, errno, "open directory %s", path);
	if (made && chmod(path, mode) < 0) /* the umask took part in mkdir */
		return err_set_errno(e, errno, "chmod %s", path);
	return 0;
}

int dir_ensure_parents(const char *path, mode_t mode, struct err *e)
{
	char *copy CLEAN_STR = xstrdup(path);

	for (char *slash = copy; *slash && (slash = strchr(slash + 1, '/'));) {
		if (!slash[strspn(slash, "/")]) {
			*slash = '\0'; /* only slashes at the end */
			break;
		}
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_set_errno(e, errno, "create directory %s", copy);
		*slash = '/';
	}
	return dir_ensure(copy, mode, e);
}

int dir_open(const char *path, struct err *e)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "open directory %s", path);
	return fd;
}

int dir_check_own(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "read the state of %s", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_CONFLICT, "%s belongs to uid %u, expected uid %u or root",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & 0022)
		return err_set(e, ERR_CONFLICT,
			"%s has mode %04o: other users can write to it "
			"(fix: chmod go-w)",
			path, (unsigned)st.st_mode & 07777);
	return 0;
}

/* EAGAIN: a rename ran at the same time and the kernel could not prove the path stays beneath. */
enum { BENEATH_TRIES = 16 };

int open_beneath(int dirfd, const char *path, int flags, mode_t mode, struct err *e)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	for (int i = 0; i < BENEATH_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd >= 0)
		return (int)fd;
	int errnum = errno;
	err_set_errno(e, errnum, "open %s", path);
	if (e && errnum == ELOOP)
		err_set(e, ERR_INPUT, "open %s: symbolic links are not followed here", path);
	else if (e && errnum == EXDEV)
		err_set(e, ERR_INPUT, "open %s: leads out of its directory", path);
	if (e)
		e->errnum = errnum;
	return -1;
}

/* True when path still names the file that fd has open. */
static bool same_file(const char *path, int fd)
{
	struct stat a, b;

	return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int folder_owner(const char *path, uid_t *ret_uid, gid_t *ret_gid, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *folder =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	struct stat st;

	if (stat(folder, &st) < 0)
		return err_set_errno(e, errno, "read the state of %s", folder);
	*ret_uid = st.st_uid;
	*ret_gid = st.st_gid;
	return 0;
}

int fd_give_to_folder(int fd, const char *path, struct err *e)
{
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return 0;
	if (folder_owner(path, &uid, &gid, e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "read the state of %s", path);
	/* with content, or with a second name, it may be something that the owner put there to be
	 * given it */
	if (uid == 0 || st.st_uid != 0 ||
		(!S_ISDIR(st.st_mode) && (st.st_size || st.st_nlink != 1)))
		return 0;
	return fchown(fd, uid, gid) < 0
		       ? err_set_errno(e, errno, "give %s to its folder's owner", path)
		       : 0;
}

int lock_file(const char *path, struct err *e)
{
	for (;;) {
		int fd CLEAN_FD =
			open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd < 0)
			return err_set_errno(e, errno, "lock %s", path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EWOULDBLOCK)
				return err_set_errno(e, errno, "lock %s", path);
			return err_set(e, ERR_CONFLICT, "lock %s: held by another process", path);
		}
		/* the last holder may have deleted it between our open and our lock */
		if (same_file(path, fd))
			return fd_give_to_folder(fd, path, e) < 0 ? -1 : TAKE_FD(fd);
	}
}

char *path_join(const char *dir, const char *name)
{
	const char *slash = *dir && !str_ends(dir, "/") ? "/" : "";

	return xasprintf("%s%s%s", dir, slash, name);
}

bool path_is_inside(const char *path)
{
	if (str_empty(path) || *path == '/')
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 2 && memcmp(p, "..", 2) == 0))
			return false;
		p += n + (p[n] == '/');
	}
	return true;
}

int dir_ensure_beneath(int dirfd, const char *path, mode_t mode, struct err *e)
{
	CLEAN_FD int at = open_beneath(dirfd, ".", O_PATH | O_DIRECTORY, 0, e);

	for (const char *p = path, *end; at >= 0 && *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '/');
		CLEAN_STR char *part = xstrndup(p, (size_t)(end - p));
		if (!*part || str_eq(part, "."))
			continue;
		if (mkdirat(at, part, mode) < 0 && errno != EEXIST)
			return err_set_errno(e, errno, "make folder \"%.200s\"", part);
		int next = open_beneath(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, e);
		if (next < 0)
			return -1;
		close(at);
		at = next;
	}
	return TAKE_FD(at);
}
