/*
 * Deleting a tree that somebody else made, perhaps to hurt. The walk is iterative, holds at most
 * MAX_FRAMES directories open and never goes through a name twice: each directory is opened from
 * its parent's descriptor with openat2 (no links, no mount points), emptied, and removed from that
 * same parent. There is no "..": a directory below the deepest frame is renamed up into the top one
 * under a random name and met there again, so 100,000 levels need no more than MAX_FRAMES.
 *
 * A directory is read again after a pass that removed something and still left it non-empty for no
 * known reason (readdir may skip entries while others vanish). Passes therefore make progress or
 * end. Whoever keeps creating files meanwhile keeps us busy: callers have a deadline and kill.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/codec.h"
#include "base/fs.h"

enum { MAX_FRAMES = 32 };

struct frame {
	DIR *dir;
	char name[NAME_MAX + 1]; /* in the frame before, of the root in the given directory */
	uint64_t left;           /* entries in and below it that this pass could not remove */
	uint64_t removed;        /* entries this pass removed */
	bool received;           /* directories were moved up into this one */
};

struct walk {
	int parent; /* the given directory; not ours */
	dev_t dev;
	struct frame frames[MAX_FRAMES];
	size_t n;
	uint64_t left;
	struct err *e;
	bool failed; /* e holds the first reason */
};

static int frame_fd(const struct walk *w, size_t i)
{
	return i == 0 ? w->parent : dirfd(w->frames[i - 1].dir);
}

/* Where the current frame counts what stays; outside of all frames the walk itself. */
static uint64_t *left_of(struct walk *w)
{
	return w->n ? &w->frames[w->n - 1].left : &w->left;
}

/* Notes one entry that stays; the first reason with its path becomes the error. */
static void leave(struct walk *w, const char *name, int errnum)
{
	struct buf path CLEAN_BUF = BUF_INIT(MAX_FRAMES * (NAME_MAX + 2));

	*left_of(w) += 1;
	if (w->failed)
		return;
	w->failed = true;
	for (size_t i = 0; i < w->n; i++)
		buf_addf(&path, "%s/", w->frames[i].name);
	err_set_errno(w->e, errnum, "remove %.500s%s", buf_cstr(&path), name);
	if (errnum == EXDEV || errnum == EBUSY)
		err_set(w->e, ERR_CONFLICT, "remove %.500s%s: is a mount point", buf_cstr(&path),
			name);
}

/* chmod u+rwx through the descriptor: by name it would follow a link put there meanwhile. */
static int make_usable(int fd, mode_t mode)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, (mode & 07777) | 0700);
}

static int open_dir_at(int dir, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

/* Not across a file system below the root, and with all rights of the owner, if that is us; whether
 * it worked opening or unlinking tells. */
static int check_usable(const struct walk *w, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (w->n && st.st_dev != w->dev) {
		errno = EXDEV;
		return -1;
	}
	if ((st.st_mode & 0700) != 0700)
		make_usable(fd, st.st_mode);
	return 0;
}

/* A readable descriptor of the directory, made usable if it is ours; -1 with errno. */
static int open_usable(const struct walk *w, int dir, const char *name)
{
	int fd CLEAN_FD = open_dir_at(dir, name, O_RDONLY);

	if (fd >= 0)
		return check_usable(w, fd) < 0 ? -1 : TAKE_FD(fd);
	if (errno != EACCES)
		return -1;
	fd = open_dir_at(dir, name, O_PATH);
	if (fd < 0 || check_usable(w, fd) < 0)
		return -1;
	return openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A directory of somebody else that we may not open can still be removed when it is empty, as rm
 * -rf does. False with errno as it was. */
static bool remove_unseen(struct walk *w, const char *name, int errnum)
{
	if (errnum == EACCES && unlinkat(frame_fd(w, w->n), name, AT_REMOVEDIR) == 0) {
		if (w->n)
			w->frames[w->n - 1].removed++;
		return true;
	}
	errno = errnum;
	return false;
}

/* Opens name below the current frame (or the root) and makes it the current one. */
static void enter(struct walk *w, const char *name)
{
	int fd CLEAN_FD = open_usable(w, frame_fd(w, w->n), name);
	struct stat st;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		if (errno != ENOENT && !remove_unseen(w, name, errno))
			leave(w, name, errno);
		return;
	}
	TAKE_FD(fd);
	if (w->n == 0 && fstat(dirfd(dir), &st) == 0)
		w->dev = st.st_dev;
	struct frame *f = &w->frames[w->n++];
	*f = (struct frame){ .dir = dir };
	snprintf(f->name, sizeof(f->name), "%s", name);
}

/* The walk is as deep as it gets: the directory continues as a child of the root. */
static void move_up(struct walk *w, const char *name)
{
	int from = frame_fd(w, w->n), to = dirfd(w->frames[0].dir);
	unsigned char salt[12];
	char hex[2 * sizeof(salt) + 1];

	random_bytes(salt, sizeof(salt));
	hex_encode(salt, sizeof(salt), hex);
	int done = renameat(from, name, to, hex);
	if (done < 0 && (errno == EACCES || errno == EPERM)) {
		/* its own ".." is rewritten, which needs write permission on it */
		int fd CLEAN_FD = open_usable(w, from, name);
		done = fd < 0 ? -1 : renameat(from, name, to, hex);
	}
	if (done < 0) {
		if (errno != ENOENT)
			leave(w, name, errno);
		return;
	}
	w->frames[w->n - 1].removed++;
	w->frames[0].received = true;
}

static void remove_entry(struct walk *w, const struct dirent *ent)
{
	struct frame *f = &w->frames[w->n - 1];

	if (ent->d_type != DT_DIR) {
		if (unlinkat(dirfd(f->dir), ent->d_name, 0) == 0) {
			f->removed++;
			return;
		}
		if (errno == ENOENT)
			return;
		if (errno != EISDIR) {
			leave(w, ent->d_name, errno);
			return;
		}
	}
	if (w->n < MAX_FRAMES)
		enter(w, ent->d_name);
	else
		move_up(w, ent->d_name);
}

/* One more pass over the current frame; what it left before is counted anew. */
static void again(struct frame *f)
{
	f->left = f->removed = 0;
	f->received = false;
	rewinddir(f->dir);
}

/* The pass over the current frame ended: remove it, or read it again, or give up on it. */
static void leave_frame(struct walk *w)
{
	struct frame *f = &w->frames[w->n - 1];
	int rc = unlinkat(frame_fd(w, w->n - 1), f->name, AT_REMOVEDIR),
	    errnum = rc < 0 ? errno : 0;
	bool not_empty = errnum == ENOTEMPTY || errnum == EEXIST;

	if (not_empty && (f->received || (f->left == 0 && f->removed))) {
		again(f);
		return;
	}
	closedir(f->dir);
	w->n--;
	*left_of(w) += f->left;
	if (rc < 0 && errnum != ENOENT)
		leave(w, f->name, errnum);
	else if (w->n)
		w->frames[w->n - 1].removed++;
}

int tree_remove(int dirfd, const char *name, uint64_t *ret_left, struct err *e)
{
	struct walk *w;
	bool failed;

	if (str_empty(name) || strchr(name, '/') || str_eq(name, ".") || str_eq(name, ".."))
		return err_set(e, ERR_INPUT, "remove \"%s\": expected one file name", name);
	w = xcalloc(1, sizeof(*w));
	w->parent = dirfd;
	w->e = e;
	enter(w, name);
	if (w->n == 0 && w->left && unlinkat(dirfd, name, 0) == 0) {
		w->left = 0; /* a file or a link */
		err_clear(e);
	}
	while (w->n) {
		struct frame *f = &w->frames[w->n - 1];
		const struct dirent *ent = readdir(f->dir);

		if (!ent)
			leave_frame(w);
		else if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			remove_entry(w, ent);
	}
	if (ret_left)
		*ret_left = w->left;
	failed = w->left > 0;
	if (failed)
		err_wrap(e, "%" PRIu64 " entries stay", w->left);
	else
		err_clear(e);
	free(w);
	return failed ? -1 : 0;
}
