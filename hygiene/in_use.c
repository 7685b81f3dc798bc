/* See in_use.h. */
#include "hygiene/in_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

struct use {
	pid_t pid;
	char *path;
};
struct in_use {
	struct use *v;
	size_t n, cap;
};

static void add(struct in_use *u, pid_t pid, int dir, const char *name)
{
	char path[PATH_MAX + 1];
	ssize_t n = readlinkat(dir, name, path, sizeof(path) - 1);

	if (n <= 1 || path[0] != '/')
		return; /* gone, not ours to see, "/", or no file of a tree */
	if (u->n == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 256;
		u->v = xrealloc(u->v, u->cap * sizeof(*u->v));
	}
	u->v[u->n++] = (struct use){ pid, xstrndup(path, (size_t)n) };
}

static void add_open_files(struct in_use *u, pid_t pid, int proc)
{
	int fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		close_fdp(&fd);
		return;
	}
	for (struct dirent *ent; (ent = readdir(d));)
		if (ent->d_name[0] != '.')
			add(u, pid, dirfd(d), ent->d_name);
	closedir(d);
}

static void add_process(struct in_use *u, pid_t pid, int all, const char *name)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	int proc CLEAN_FD = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (proc < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		add(u, pid, proc, links[i]);
	add_open_files(u, pid, proc);
}

struct in_use *in_use_look(void)
{
	struct in_use *u = xcalloc(1, sizeof(*u));
	DIR *d = opendir("/proc");
	int64_t pid;

	if (!d)
		return u;
	for (struct dirent *ent; (ent = readdir(d));)
		if (parse_i64(ent->d_name, 1, INT32_MAX, &pid) && pid != getpid())
			add_process(u, (pid_t)pid, dirfd(d), ent->d_name);
	closedir(d);
	return u;
}

void in_use_free(struct in_use *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i].path);
	free(u->v);
	free(u);
}

pid_t in_use_by(const struct in_use *u, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < u->n; i++) {
		const char *p = u->v[i].path;
		if (strncmp(p, path, n) == 0 && (p[n] == '/' || p[n] == '\0'))
			return u->v[i].pid;
	}
	return 0;
}
