/*
 * Each file that a process holds is kept in two forms: its place, found through that process's own
 * mounts, answers for a whole folder at once; device and inode, asked for each entry of a walk,
 * also find what no path leads to any more. A mount namespace that has a work root mounted counts
 * as a user even when all its processes look elsewhere: a job that sleeps in "/" still comes back.
 */
#include "hygiene/workdir/in_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hygiene/workdir/mount_table.h"

struct use {
	pid_t pid;
	uint64_t dev, ino; /* ino 0: not known */
	struct mount_place place;
};
struct namespace
{
	pid_t pid;      /* of one process in it */
	uint64_t ino;   /* 0: not ours to read */
	bool container; /* its "/" is not ours */
	struct mount_table mounts;
};
struct in_use {
	struct use *v; /* sorted by dev, ino */
	size_t n, cap;
	struct namespace *spaces; /* but ours */
	size_t n_spaces;
	struct mount_table own;
	struct mount_place *awaited; /* mounts of containers that did not start yet */
	size_t n_awaited;
};

/* ---- reading /proc ---- */

static bool stat_link(int dir, const char *name, struct statx *ret)
{
	return statx(dir, name, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_INO, ret) == 0;
}

static void add_use(
	struct in_use *u, pid_t pid, int dir, const char *name, const struct mount_table *mounts)
{
	struct use use = { .pid = pid };
	char path[PATH_MAX + 1];
	ssize_t n = readlinkat(dir, name, path, sizeof(path) - 1);
	struct statx sx;

	if (n <= 0 || path[0] != '/')
		return; /* gone, not ours to see, or no file of a tree */
	path[n] = '\0';
	/* in a mount that was taken away it has no place any more, only an inode */
	if (mount_table_locate(mounts, path, &use.place) < 0)
		use.place = (struct mount_place){ 0 };
	if (stat_link(dir, name, &sx)) {
		use.dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
		use.ino = sx.stx_ino;
	}
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 256;
		u->v = xrealloc(u->v, u->cap * sizeof(*u->v));
	}
	u->v[u->n++] = use;
}

static void add_open_files(struct in_use *u, pid_t pid, int proc, const struct mount_table *mounts)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		close_fdp(&fd);
		return;
	}
	for (struct dirent *ent; (ent = readdir(d));)
		if (ent->d_name[0] != '.')
			add_use(u, pid, dirfd(d), ent->d_name, mounts);
	closedir(d);
}

static bool has_other_root(const struct in_use *u, const struct mount_table *mounts)
{
	CLEANUP(mount_place_release) struct mount_place ours = { 0 }, its = { 0 };

	return mount_table_locate(&u->own, "/", &ours) == 0 &&
	       mount_table_locate(mounts, "/", &its) == 0 &&
	       !(str_eq(ours.dev, its.dev) && str_eq(ours.path, its.path));
}

/* The mounts of the process: those of a namespace that was met before are not read again. */
static const struct mount_table *mounts_of(struct in_use *u, pid_t pid, int proc, const char *name)
{
	static const struct mount_table none;
	struct namespace space = { .pid = pid };
	struct err ignored = { 0 };
	struct statx sx, own;

	if (stat_link(proc, "ns/mnt", &sx))
		space.ino = sx.stx_ino;
	if (space.ino && stat_link(AT_FDCWD, "/proc/self/ns/mnt", &own) && own.stx_ino == space.ino)
		return &u->own;
	for (size_t i = 0; space.ino && i < u->n_spaces; i++)
		if (u->spaces[i].ino == space.ino)
			return &u->spaces[i].mounts;
	if (mount_table_read(&space.mounts, name, &ignored) < 0)
		return &none;
	space.container = has_other_root(u, &space.mounts);
	u->spaces = xrealloc(u->spaces, (u->n_spaces + 1) * sizeof(*u->spaces));
	u->spaces[u->n_spaces++] = space;
	return &u->spaces[u->n_spaces - 1].mounts;
}

static void add_process(struct in_use *u, pid_t pid, int all, const char *name)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	const struct mount_table *mounts;

	CLEAN_FD int proc = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return;
	mounts = mounts_of(u, pid, proc, name);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		add_use(u, pid, proc, links[i], mounts);
	add_open_files(u, pid, proc, mounts);
}

static int by_inode(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void add_awaited(struct in_use *u, const struct in_use_engine *engine)
{
	CLEANUP(strv_release) struct strv paths = { 0 };

	engine->mounts(engine->data, &paths);
	u->awaited = xcalloc(paths.n + 1, sizeof(*u->awaited));
	strv_each (path, &paths) {
		char *real = realpath(path, NULL);

		if (real && mount_table_locate(&u->own, real, &u->awaited[u->n_awaited]) == 0)
			u->n_awaited++;
		free(real);
	}
}

struct in_use *in_use_snapshot(const struct in_use_engine *engine)
{
	struct in_use *u = xcalloc(1, sizeof(*u));
	struct err ignored = { 0 };
	DIR *d = opendir("/proc");
	int64_t pid;

	if (!d)
		return u;
	IGNORE_RESULT(mount_table_read(&u->own, "self", &ignored), "then nothing can be located");
	for (struct dirent *ent; (ent = readdir(d));)
		if (parse_i64(ent->d_name, 1, INT32_MAX, &pid) && pid != getpid())
			add_process(u, (pid_t)pid, dirfd(d), ent->d_name);
	closedir(d);
	if (engine)
		add_awaited(u, engine);
	if (u->n)
		qsort(u->v, u->n, sizeof(*u->v), by_inode);
	return u;
}

void in_use_free(struct in_use *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		mount_place_release(&u->v[i].place);
	for (size_t i = 0; i < u->n_spaces; i++)
		mount_table_release(&u->spaces[i].mounts);
	for (size_t i = 0; i < u->n_awaited; i++)
		mount_place_release(&u->awaited[i]);
	free(u->awaited);
	mount_table_release(&u->own);
	free(u->spaces);
	free(u->v);
	free(u);
}

/* ---- asking ---- */

pid_t in_use_inode(const struct in_use *u, uint64_t dev, uint64_t ino)
{
	const struct use wanted = { .dev = dev, .ino = ino };
	const struct use *found =
		ino && u->n ? bsearch(&wanted, u->v, u->n, sizeof(*u->v), by_inode) : NULL;

	return found ? found->pid : 0;
}

/* Does this mount let its namespace reach the folder? What is above the work root does not count: a
 * container that has all of the host mounted watches it and runs no job, and a service of systemd
 * has its own view of the same tree. */
static bool reaches(const struct mount_place *mounted, bool container,
	const struct mount_place *root, const struct mount_place *place)
{
	return mount_place_within(mounted, place) ||
	       (container && mount_place_within(mounted, root) &&
		       mount_place_within(place, mounted));
}

/* Mounts that our own namespace has too are copies of it and say nothing. */
static pid_t mounted_by(
	const struct in_use *u, const struct mount_place *root, const struct mount_place *place)
{
	for (size_t i = 0; i < u->n_spaces; i++)
		for (size_t k = 0; k < u->spaces[i].mounts.n; k++) {
			const struct mount_entry *m = &u->spaces[i].mounts.v[k];

			if (reaches(&m->root, u->spaces[i].container, root, place) &&
				!mount_table_has(&u->own, m))
				return u->spaces[i].pid;
		}
	return 0;
}

static bool is_awaited(
	const struct in_use *u, const struct mount_place *root, const struct mount_place *place)
{
	for (size_t i = 0; i < u->n_awaited; i++)
		if (reaches(&u->awaited[i], true, root, place))
			return true;
	return false;
}

static pid_t worked_by(const struct in_use *u, const struct mount_place *place)
{
	for (size_t i = 0; i < u->n; i++)
		if (mount_place_within(&u->v[i].place, place))
			return u->v[i].pid;
	return 0;
}

pid_t in_use_by(const struct in_use *u, const char *root, const char *path, const char **ret_how)
{
	CLEANUP(mount_place_release) struct mount_place top = { 0 }, place = { 0 };
	pid_t pid;

	if (mount_table_locate(&u->own, path, &place) < 0 ||
		mount_table_locate(&u->own, root, &top) < 0)
		return 0;
	*ret_how = "works in it";
	pid = worked_by(u, &place);
	if (pid)
		return pid;
	*ret_how = "has it mounted";
	pid = mounted_by(u, &top, &place);
	if (pid || !is_awaited(u, &top, &place))
		return pid;
	*ret_how = "a container that was made and did not start yet mounts it";
	return IN_USE_CONTAINER;
}
