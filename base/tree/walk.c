/*
 * A frame is one directory on the way down: its facts, a descriptor
 * and the names of directories in it that wait for their turn. Only the first and the last WINDOW
 * frames keep their descriptors; on the way up a closed one is opened again as ".." of the
 * directory below it and must be the same inode, else what waited there is blind (ESTALE).
 *
 * Threads share one tree by giving work away: a thread without work raises `hungry`, a busy one
 * that sees it hands over half of the waiting names of its topmost frame. The check costs one load
 * per directory, so a single thread pays nothing.
 */
#include "base/tree/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/limits.h"

enum {
	WINDOW = 48,
	DENTS = 64 << 10, /* one getdents call */
};

/* Its name stands in the frame above (names), of the first one in the walk. */
struct frame {
	int fd;
	struct walk_entry self;
	char *names;           /* directories that wait, each ended by NUL */
	size_t len, cap, done; /* bytes of names: all, room, already visited */
};

/* Waiting names of one directory on their way to another thread. */
struct load {
	struct frame frame;
	struct walk_entry above;
	char *path; /* of the frame's directory, from the root; "" is the root */
};

struct share {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	size_t n, idle;
	struct load *load; /* one at a time */
	atomic_bool hungry, stop;
};

struct walk {
	struct share *share; /* NULL: alone */
	walk_fn visit;
	void *data;
	uint64_t dev;
	struct load *load;     /* frame 0 came from another thread; NULL: it is the root */
	struct frame **frames; /* made once a level, used again */
	size_t n, made, cap;
	const struct walk_entry *now; /* being visited */
	bool stop;
	char dents[DENTS] __attribute__((aligned(16)));
};

struct dent { /* what getdents64 writes */
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* ---- one entry ---- */

static int64_t stamp_us(const struct statx_timestamp *t)
{
	return t->tv_sec * USEC_PER_SEC + t->tv_nsec / 1000;
}

/* Fills what the kernel knows; false with errno. */
static bool stat_entry(struct walk_entry *ent, int dir, const char *name, int flags)
{
	struct statx sx;

	if (statx(dir, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		    STATX_BASIC_STATS, &sx) < 0)
		return false;
	ent->known = true;
	ent->type = (unsigned char)IFTODT(sx.stx_mode);
	ent->fixed = sx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND);
	ent->mount = sx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	ent->mode = sx.stx_mode;
	ent->uid = sx.stx_uid;
	ent->gid = sx.stx_gid;
	ent->nlink = sx.stx_nlink;
	ent->ino = sx.stx_ino;
	ent->dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	ent->size = sx.stx_size;
	ent->allocated = sx.stx_blocks * 512;
	ent->mtime_us = stamp_us(&sx.stx_mtime);
	ent->ctime_us = stamp_us(&sx.stx_ctime);
	return true;
}

static int open_dir(int dir, const char *name, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

static enum walk_verdict visit(struct walk *w, struct walk_entry *ent, enum walk_event event)
{
	enum walk_verdict v;

	ent->event = event;
	w->now = ent;
	v = w->visit(w, ent, w->data);
	w->now = NULL;
	if (v == WALK_STOP) {
		w->stop = true;
		if (w->share)
			atomic_store(&w->share->stop, true);
	}
	return v;
}

static enum walk_verdict visit_blind(struct walk *w, struct walk_entry *ent, int errnum)
{
	ent->errnum = errnum;
	return visit(w, ent, WALK_BLIND);
}

/* frames */

static struct frame *top(const struct walk *w)
{
	return w->n ? w->frames[w->n - 1] : NULL;
}

/* The next frame; the caller fills it. */
static struct frame *push(struct walk *w)
{
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->frames = xrealloc(w->frames, w->cap * sizeof(struct frame *));
	}
	if (w->n == w->made)
		w->frames[w->made++] = xcalloc(1, sizeof(struct frame));
	if (w->n > WINDOW)
		close_fdp(&w->frames[w->n - WINDOW]->fd);
	struct frame *f = w->frames[w->n++];
	f->len = f->done = 0;
	f->fd = -1;
	return f;
}

/* The directory above one that is about to be closed gets its descriptor back. */
static void reopen_above(struct walk *w)
{
	struct frame *f = top(w), *above = w->n > 1 ? w->frames[w->n - 2] : NULL;
	struct walk_entry now = { 0 };

	if (!above || above->fd >= 0 || f->fd < 0)
		return;
	above->fd = open_dir(f->fd, "..", 0);
	if (above->fd >= 0 && stat_entry(&now, above->fd, "", AT_EMPTY_PATH) &&
		now.ino == above->self.ino && now.dev == above->self.dev)
		return;
	close_fdp(&above->fd);
}

static void pop(struct walk *w)
{
	struct frame *f = top(w);
	bool lent = w->n == 1 && w->load;

	reopen_above(w);
	close_fdp(&f->fd);
	w->n--;
	if (w->stop || lent)
		return;
	f->self.dirfd = w->n ? top(w)->fd : f->self.dirfd;
	visit(w, &f->self, WALK_LEAVE);
}

static void add_bytes(struct frame *f, const char *names, size_t n)
{
	if (f->cap - f->len < n) {
		f->cap = f->cap * 2 + n + 256;
		f->names = xrealloc(f->names, f->cap);
	}
	memcpy(f->names + f->len, names, n);
	f->len += n;
}

static void add_name(struct frame *f, const char *name)
{
	add_bytes(f, name, strlen(name) + 1);
}

/* going */

/* An entry that is not known to be a directory. */
static void meet(struct walk *w, struct frame *f, const struct dent *d)
{
	struct walk_entry ent = {
		.name = d->name,
		.dirfd = f->fd,
		.fd = -1,
		.parent = &f->self,
		.depth = f->self.depth + 1,
		.type = d->type,
	};

	while (!stat_entry(&ent, f->fd, d->name, 0)) {
		if (errno == ENOENT || visit_blind(w, &ent, errno) != WALK_AGAIN)
			return;
	}
	if (ent.type == DT_DIR)
		add_name(f, d->name);
	else
		visit(w, &ent, WALK_FILE);
}

/* All entries of the top frame: files are visited, directories wait. */
static void read_dir(struct walk *w)
{
	struct frame *f = top(w);
	long n = 0;

	while (!w->stop && (n = syscall(SYS_getdents64, f->fd, w->dents, sizeof(w->dents))) > 0) {
		for (long at = 0; at < n && !w->stop;) {
			const struct dent *d = (const struct dent *)(const void *)(w->dents + at);

			at += d->reclen;
			if (d->type == DT_DIR && !str_eq(d->name, ".") && !str_eq(d->name, ".."))
				add_name(f, d->name);
			else if (d->type != DT_DIR)
				meet(w, f, d);
		}
	}
	if (n < 0)
		visit_blind(w, &f->self, errno);
}

/* -1 with errno. The root may be a mount point, what is below it may not. */
static int open_entry(const struct walk *w, struct walk_entry *ent)
{
	if (ent->depth > LIMIT_WALK_DEPTH) {
		errno = ELOOP;
		return -1;
	}
	int fd CLEAN_FD =
		open_dir(ent->dirfd, ent->name, ent->depth ? RESOLVE_NO_XDEV | RESOLVE_BENEATH : 0);
	if (fd < 0 || !stat_entry(ent, fd, "", AT_EMPTY_PATH)) {
		if (errno == ELOOP || errno == ENOTDIR)
			errno = ESTALE; /* it was a directory a moment ago */
		return -1;
	}
	if (ent->depth && ent->dev != w->dev) {
		errno = EXDEV;
		return -1;
	}
	return TAKE_FD(fd);
}

/* The directory ent, or one blind visit. */
static void enter(struct walk *w, struct walk_entry *ent)
{
	int fd CLEAN_FD = -1;
	enum walk_verdict v;

	for (bool again = true; (fd = open_entry(w, ent)) < 0; again = false) {
		int errnum = errno;

		if (!stat_entry(ent, ent->dirfd, ent->name, 0) && errno == ENOENT)
			return;
		if (visit_blind(w, ent, errnum) != WALK_AGAIN || !again || w->stop)
			return;
	}
	if (ent->depth == 0)
		w->dev = ent->dev;
	ent->fd = fd;
	v = visit(w, ent, WALK_ENTER);
	if (v == WALK_SKIP) {
		ent->fd = -1;
		visit(w, ent, WALK_LEAVE);
	}
	if (v == WALK_SKIP || w->stop)
		return;
	struct frame *f = push(w);
	ent->entered = true;
	ent->fd = -1;
	f->self = *ent;
	f->fd = TAKE_FD(fd);
	read_dir(w);
}

static void enter_next(struct walk *w, struct frame *f)
{
	const char *name = f->names + f->done;
	struct walk_entry ent = {
		.name = name,
		.dirfd = f->fd,
		.fd = -1,
		.parent = &f->self,
		.depth = f->self.depth + 1,
		.type = DT_DIR,
	};

	f->done += strlen(name) + 1;
	enter(w, &ent);
}

static void give(struct walk *w);

static void go(struct walk *w)
{
	while (w->n && !w->stop) {
		struct frame *f = top(w);

		if (w->share && atomic_load_explicit(&w->share->stop, memory_order_relaxed))
			w->stop = true;
		else if (w->share && atomic_load_explicit(&w->share->hungry, memory_order_relaxed))
			give(w);
		if (f->done == f->len) {
			pop(w);
		} else if (f->fd < 0) {
			f->done = f->len;
			visit_blind(w, &f->self, ESTALE);
		} else {
			enter_next(w, f);
		}
	}
	while (w->n)
		close_fdp(&w->frames[--w->n]->fd);
}

static struct walk *walk_new(struct share *share, walk_fn fn, void *data)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->share = share;
	w->visit = fn;
	w->data = data;
	return w;
}

static void load_free(struct load *l)
{
	if (!l)
		return;
	close_fdp(&l->frame.fd);
	free(l->frame.names);
	free(l->path);
	free(l);
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->made; i++)
		free(w->frames[i]->names);
	for (size_t i = 0; i < w->made; i++)
		free(w->frames[i]);
	free(w->frames);
	free(w);
}

static int start(struct walk *w, int dirfd, const char *name, struct err *e)
{
	struct walk_entry root = { .name = name, .dirfd = dirfd, .fd = -1 };

	if (str_empty(name) || strchr(name, '/') || str_eq(name, ".."))
		return err_set(e, ERR_INPUT, "walk \"%s\": expected one file name", name);
	if (!stat_entry(&root, dirfd, name, 0))
		return err_set_errno(e, errno, "read the state of %s", name);
	if (root.type == DT_DIR)
		enter(w, &root);
	else
		visit(w, &root, WALK_FILE);
	return 0;
}

int walk_tree(int dirfd, const char *name, walk_fn fn, void *data, struct err *e)
{
	struct walk *w = walk_new(NULL, fn, data);
	int rc = start(w, dirfd, name, e);

	if (rc == 0)
		go(w);
	walk_free(w);
	return rc;
}

static void add_part(struct buf *out, const char *name)
{
	if (out->len)
		buf_addc(out, '/');
	buf_adds(out, name);
}

/* Of the directory of frame i; "" is the root. */
static void path_of_frame(const struct walk *w, size_t i, struct buf *out)
{
	if (w->load)
		buf_adds(out, w->load->path);
	for (size_t at = 1; at <= i; at++)
		add_part(out, w->frames[at]->self.name);
}

void walk_path(const struct walk *w, struct buf *out)
{
	if (!w->now)
		BUG("walk_path outside a visit");
	if (w->now->depth == 0) {
		buf_addc(out, '.');
		return;
	}
	if (w->n)
		path_of_frame(w, w->n - 1, out);
	if (!w->n || w->now != &top(w)->self)
		add_part(out, w->now->name);
}

/* sharing */

/* Half of what waits in f, from its end. */
static struct load *split(const struct walk *w, size_t i)
{
	struct frame *f = w->frames[i];
	size_t half = f->done + (f->len - f->done) / 2;
	struct buf path = BUF_INIT(SIZE_MAX / 2);
	struct load *l;
	int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return NULL;
	half += strlen(f->names + half) + 1;
	if (half == f->len) /* one name, or a last one that is longer than the rest */
		half = f->done;
	path_of_frame(w, i, &path);
	l = xcalloc(1, sizeof(*l));
	l->path = buf_take(&path);
	l->frame = *f;
	l->frame.fd = fd;
	l->frame.len = l->frame.cap = f->len - half;
	l->frame.done = 0;
	l->frame.names = xmemdup0(f->names + half, f->len - half);
	if (f->self.parent) {
		l->above = *f->self.parent;
		l->above.parent = NULL;
		l->frame.self.parent = &l->above;
	}
	l->frame.self.name = strrchr(l->path, '/') ? strrchr(l->path, '/') + 1 : l->path;
	f->len = half;
	return l;
}

/* The topmost frame with waiting names, as long as some work stays here: a chain of single
 * directories would else wander from thread to thread. */
static bool find_gift(const struct walk *w, size_t *ret)
{
	size_t first = SIZE_MAX;

	for (size_t i = 0; i < w->n && i < WINDOW; i++) {
		const struct frame *f = w->frames[i];

		if (f->done == f->len || f->fd < 0)
			continue;
		bool several = f->done + strlen(f->names + f->done) + 1 < f->len;
		if (first == SIZE_MAX)
			first = i;
		if (several || i > first) {
			*ret = first;
			return true;
		}
	}
	return false;
}

static void give(struct walk *w)
{
	size_t i;

	if (!find_gift(w, &i))
		return;
	pthread_mutex_lock(&w->share->lock);
	if (!w->share->load && w->share->idle) {
		w->share->load = split(w, i);
		atomic_store(&w->share->hungry, false);
		pthread_cond_signal(&w->share->wake);
	}
	pthread_mutex_unlock(&w->share->lock);
}

/* Waits for work; NULL when nobody has any left. */
static struct load *take_load(struct share *s)
{
	struct load *l;

	pthread_mutex_lock(&s->lock);
	s->idle++;
	while (!s->load && s->idle < s->n && !atomic_load(&s->stop)) {
		atomic_store(&s->hungry, true);
		pthread_cond_wait(&s->wake, &s->lock);
	}
	l = TAKE(s->load);
	if (l)
		atomic_store(&s->hungry, --s->idle > 0);
	else
		pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return l;
}

static void *work(void *data)
{
	struct walk *w = data;
	struct load *l;

	go(w);
	while ((l = take_load(w->share))) {
		w->load = l;
		w->dev = l->frame.self.dev;
		struct frame *f = push(w);
		f->self = l->frame.self;
		f->fd = TAKE_FD(l->frame.fd);
		add_bytes(f, l->frame.names, l->frame.len);
		go(w);
		w->load = NULL;
		load_free(l);
	}
	return NULL;
}

static void share_out(struct share *s, struct walk **walks, size_t n)
{
	pthread_t threads[WALK_THREADS_MAX] = { 0 };

	pthread_mutex_lock(&s->lock);
	for (s->n = 1; s->n < n; s->n++)
		if (pthread_create(&threads[s->n], NULL, work, walks[s->n]) != 0)
			break;
	n = s->n;
	pthread_mutex_unlock(&s->lock);
	work(walks[0]);
	for (size_t i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
}

int walk_tree_shared(
	int dirfd, const char *name, walk_fn fn, void *const *data, size_t n, struct err *e)
{
	struct share s = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };
	struct walk *walks[WALK_THREADS_MAX];
	int rc;

	if (n < 1 || n > WALK_THREADS_MAX)
		BUG("%zu threads", n);
	for (size_t i = 0; i < n; i++)
		walks[i] = walk_new(&s, fn, data[i]);
	rc = start(walks[0], dirfd, name, e);
	if (rc == 0)
		share_out(&s, walks, n);
	load_free(s.load);
	for (size_t i = 0; i < n; i++)
		walk_free(walks[i]);
	pthread_mutex_destroy(&s.lock);
	pthread_cond_destroy(&s.wake);
	return rc;
}
