/*
 * The two halves of a copy; the role around them is local_copy_role.c. The reader opens files and
 * sends the open descriptors, so the writer needs no right to read and the reader needs none to
 * write. The writer treats each packet as hostile: it resolves paths by descriptor and never
 * through a link.
 */
#include "runner/helper/local_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/message/pass_fd.h"

enum { PATH_BYTES = 4096, BLOCK = 256 << 10 };

enum packet_kind { PACKET_TARGET = 1, PACKET_FILE, PACKET_LINK, PACKET_FOLDER, PACKET_END };

/* text holds one or two texts, each ended by NUL: the path, and what a link points to. */
struct packet {
	uint32_t kind, executable;
	char text[2 * PATH_BYTES];
};
#define PACKET_HEAD offsetof(struct packet, text)

/* The writer's last word. */
struct verdict {
	uint64_t bytes;
	uint32_t failed;
	char text[512];
};

/* ---- reader ---- */

static int send_packet(int sock, const struct packet *p, size_t text_len, int fd, struct err *e)
{
	while (pass_fd_send(sock, p, PACKET_HEAD + text_len, fd, 0) < 0)
		if (errno != EINTR)
			return err_set_errno(e, errno, "copy: the writer is gone");
	return 0;
}

static int send_text(int sock, enum packet_kind kind, const char *text, struct err *e)
{
	struct packet p = { .kind = kind };
	size_t n = strlen(text);

	if (n >= PATH_BYTES)
		return err_set(e, ERR_LIMIT, "path longer than %d bytes", PATH_BYTES - 1);
	memcpy(p.text, text, n + 1);
	return send_packet(sock, &p, n + 1, -1, e);
}

static int send_link(int sock, int source, const char *path, struct err *e)
{
	CLEAN_FD int fd = open_beneath(source, path, O_PATH | O_NOFOLLOW, 0, e);
	struct packet p = { .kind = PACKET_LINK };
	size_t n = strlen(path) + 1;
	ssize_t to;

	if (fd < 0)
		return -1;
	memcpy(p.text, path, n);
	to = readlinkat(fd, "", p.text + n, PATH_BYTES - 1);
	if (to <= 0)
		return err_set_errno(e, to < 0 ? errno : EINVAL, "read link");
	return send_packet(sock, &p, n + (size_t)to + 1, -1, e);
}

static int send_file(int sock, int fd, const struct stat *st, const char *path, struct err *e)
{
	struct packet p = { .kind = PACKET_FILE, .executable = (st->st_mode & S_IXUSR) != 0 };
	size_t n = strlen(path) + 1;

	if ((uint64_t)st->st_size > LIMIT_TREE_FILE)
		return err_set(e, ERR_LIMIT, "larger than %zu GiB", LIMIT_TREE_FILE >> 30);
	memcpy(p.text, path, n);
	return send_packet(sock, &p, n, fd, e);
}

/* O_NONBLOCK: a pipe that took a file's place must not hold us. */
static int send_path(
	int sock, int source, const char *path, struct copy_counts *counts, struct err *e)
{
	CLEAN_FD int fd = -1;
	struct stat st;

	if (strlen(path) >= PATH_BYTES)
		return err_set(e, ERR_LIMIT, "path longer than %d bytes", PATH_BYTES - 1);
	if (str_ends(path, "/"))
		return send_text(sock, PACKET_FOLDER, path, e);
	fd = open_beneath(source, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, e);
	if (fd < 0 && e->errnum == ELOOP) {
		err_clear(e);
		counts->links++;
		return send_link(sock, source, path, e);
	}
	if (fd < 0 && (e->errnum == ENOENT || e->errnum == ENOTDIR || e->errnum == ENXIO)) {
		err_clear(e); /* deleted, but not yet from the index */
		return 0;
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "inspect the file");
	if (!S_ISREG(st.st_mode)) {
		counts->skipped++;
		return 0;
	}
	counts->files++;
	return send_file(sock, fd, &st, path, e);
}

static int send_source(
	int sock, const struct copy_source *from, struct copy_counts *counts, struct err *e)
{
	for (size_t at = 0; at < from->n;) {
		const char *path = from->list + at;
		size_t len = strnlen(path, from->n - at);

		if (len == from->n - at)
			return err_set(e, ERR_PROTO, "the list of files is cut");
		at += len + 1;
		if (counts->files + counts->links >= LIMIT_TREE_ENTRIES)
			return err_set(e, ERR_LIMIT, "more than %d files", LIMIT_TREE_ENTRIES);
		if (send_path(sock, from->folder, path, counts, e) < 0)
			return err_wrap(e, "%.200s", path);
	}
	return 0;
}

static int send_all(int sock, const struct copy_source *sources, size_t n,
	struct copy_counts *counts, struct err *e)
{
	struct copy_counts rest = { 0 };

	for (size_t i = 0; i < n; i++)
		if (send_source(sock, &sources[i], i ? &rest : counts, e) < 0)
			return -1;
	return send_text(sock, PACKET_END, "", e);
}

/* Its reason is better than our broken pipe. When it closed with packets of ours unread, the kernel
 * says ECONNRESET once before it gives out what was sent. */
static int hear_verdict(int sock, struct copy_counts *counts, struct err *e)
{
	struct verdict v;
	ssize_t n;

	while ((n = recv(sock, &v, sizeof(v), 0)) < 0 && (errno == EINTR || errno == ECONNRESET))
		;
	if (n != (ssize_t)sizeof(v))
		return err_set(e, ERR_PROTO, "copy: the writer ended without a result");
	counts->bytes = v.bytes;
	v.text[sizeof(v.text) - 1] = '\0';
	return v.failed ? err_set(e, ERR_IO, "%s", v.text) : 0;
}

int local_copy_send(int sock, const struct copy_source *sources, size_t n, const char *target,
	struct copy_counts *ret, struct err *e)
{
	struct copy_counts counts = { 0 };
	struct err verdict = { 0 };
	int rc = send_text(sock, PACKET_TARGET, target, e);

	if (rc == 0)
		rc = send_all(sock, sources, n, &counts, e);
	if (rc < 0)
		shutdown(sock, SHUT_WR);
	if (hear_verdict(sock, &counts, &verdict) < 0 && (rc == 0 || e->errnum == EPIPE)) {
		*e = verdict;
		rc = -1;
	}
	if (rc == 0)
		*ret = counts;
	return rc;
}

/* ---- writer ---- */

struct writer {
	int root;       /* everything is below it */
	int dir;        /* the folder of the last path, -1: none */
	char *dir_path; /* its path below root */
	uint64_t bytes;
	char *block;
};

/* One step down, made where missing; never through a link. */
static int step_down(int at, const char *name, struct err *e)
{
	int next;

	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return err_set_errno(e, errno, "create folder %.100s", name);
	next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return next < 0 ? err_set_errno(e, errno, "enter folder %.100s", name) : next;
}

/* The folder at path (path_is_inside) below `at`. */
static int enter(int at, const char *path, struct err *e)
{
	CLEAN_FD int dir = fcntl(at, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];

	while (dir >= 0 && *path) {
		size_t n = strcspn(path, "/");

		if (n > NAME_MAX)
			return err_set(e, ERR_LIMIT, "a folder's name is too long");
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		path += n + (path[n] == '/');
		if (!str_eq(name, ".")) {
			int next = step_down(dir, name, e);

			close(dir);
			dir = next;
		}
	}
	return TAKE_FD(dir);
}

/* Paths come sorted, so the folder is nearly always the last one. *ret_name: the last part. */
static int enter_parent(struct writer *w, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");

	*ret_name = slash ? slash + 1 : path;
	if (w->dir >= 0 && str_eq(parent, w->dir_path))
		return 0;
	close_fdp(&w->dir);
	free(w->dir_path);
	w->dir_path = TAKE(parent);
	w->dir = enter(w->root, w->dir_path, e);
	return w->dir < 0 ? -1 : 0;
}

static bool no_shortcut(int error)
{
	return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
	       error == EBADF || error == EPERM;
}

static int copy_plain(struct writer *w, int from, int to, struct err *e)
{
	for (;;) {
		ssize_t n = read(from, w->block, BLOCK);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read");
		w->bytes += (uint64_t)n;
		if (w->bytes > LIMIT_TREE_BYTES)
			return err_set(e, ERR_LIMIT, "more than %zu GiB", LIMIT_TREE_BYTES >> 30);
		if (fd_write_all(to, w->block, (size_t)n, e) < 0)
			return -1;
	}
}

static int copy_bytes(struct writer *w, int from, int to, struct err *e)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, GIB(1), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && no_shortcut(errno))
			return copy_plain(w, from, to, e);
		if (n < 0)
			return err_set_errno(e, errno, "copy");
		if (n == 0) /* the end, or a file system that says 0 where it cannot */
			return copy_plain(w, from, to, e);
		w->bytes += (uint64_t)n;
		if (w->bytes > LIMIT_TREE_BYTES)
			return err_set(e, ERR_LIMIT, "more than %zu GiB", LIMIT_TREE_BYTES >> 30);
	}
}

static int write_file(struct writer *w, const struct packet *p, int from, struct err *e)
{
	const char *name;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode = p->executable ? 0755 : 0644;
	CLEAN_FD int to = -1;

	if (enter_parent(w, p->text, &name, e) < 0)
		return -1;
	to = openat(w->dir, name, flags, mode);
	if (to < 0 && errno == EEXIST && unlinkat(w->dir, name, 0) == 0)
		to = openat(w->dir, name, flags, mode);
	if (to < 0)
		return err_set_errno(e, errno, "create");
	return copy_bytes(w, from, to, e);
}

static int write_link(struct writer *w, const struct packet *p, struct err *e)
{
	const char *name, *to = p->text + strlen(p->text) + 1;

	if (enter_parent(w, p->text, &name, e) < 0)
		return -1;
	if (symlinkat(to, w->dir, name) == 0)
		return 0;
	if (errno == EEXIST && unlinkat(w->dir, name, 0) == 0 && symlinkat(to, w->dir, name) == 0)
		return 0;
	return err_set_errno(e, errno, "create link");
}

static int write_folder(struct writer *w, const struct packet *p, struct err *e)
{
	CLEAN_FD int dir = enter(w->root, p->text, e);

	return dir < 0 ? -1 : 0;
}

static int write_target(struct writer *w, const struct packet *p, struct err *e)
{
	int root = enter(w->root, p->text, e);

	if (root < 0)
		return -1;
	close(w->root);
	w->root = root;
	return 0;
}

/* The texts of a packet: one, for a link two, each ended, nothing behind. */
static bool texts_whole(const struct packet *p, size_t n)
{
	size_t first = strnlen(p->text, n);

	if (first == n)
		return false;
	if (p->kind != PACKET_LINK)
		return first + 1 == n;
	return first + 1 + strnlen(p->text + first + 1, n - first - 1) + 1 == n;
}

static int write_packet(struct writer *w, const struct packet *p, int fd, struct err *e)
{
	int rc;

	if (!path_is_inside(p->text))
		return err_set(e, ERR_PROTO, "a path that leads out of the workspace");
	if ((p->kind == PACKET_FILE) != (fd >= 0))
		return err_set(e, ERR_PROTO, "copy: descriptor missing or too many");
	if (p->kind == PACKET_FILE)
		rc = write_file(w, p, fd, e);
	else if (p->kind == PACKET_LINK)
		rc = write_link(w, p, e);
	else if (p->kind == PACKET_FOLDER)
		rc = write_folder(w, p, e);
	else if (p->kind == PACKET_TARGET)
		rc = write_target(w, p, e);
	else
		return err_set(e, ERR_PROTO, "copy: packet of kind %u", p->kind);
	return rc < 0 ? err_wrap(e, "%.200s", p->text) : 0;
}

/* 1 a packet, 0 the end, -1. */
static int receive_packet(int sock, struct packet *p, int *ret_fd, struct err *e)
{
	ssize_t n;

	while ((n = pass_fd_receive(sock, p, sizeof(*p), 0, ret_fd)) < 0 && errno == EINTR)
		;
	if (n < 0 && errno != EPROTO && errno != EMSGSIZE)
		return err_set_errno(e, errno, "copy");
	if (n == 0)
		return err_set(e, ERR_PROTO, "copy: the reader ended early");
	if (n <= (ssize_t)PACKET_HEAD || !texts_whole(p, (size_t)n - PACKET_HEAD))
		return err_set(e, ERR_PROTO, "copy: malformed packet");
	return p->kind != PACKET_END;
}

static int write_all(struct writer *w, int sock, struct err *e)
{
	for (;;) {
		CLEAN_FD int fd = -1;
		struct packet p;
		int rc = receive_packet(sock, &p, &fd, e);

		if (rc <= 0)
			return rc;
		if (write_packet(w, &p, fd, e) < 0)
			return -1;
	}
}

int local_copy_receive(int sock, int workspace, struct err *e)
{
	struct writer w = { .dir = -1, .block = xmalloc(BLOCK) };
	struct verdict v = { 0 };
	int rc;

	w.root = fcntl(workspace, F_DUPFD_CLOEXEC, 0);
	rc = w.root < 0 ? err_set_errno(e, errno, "workspace") : write_all(&w, sock, e);
	v.bytes = w.bytes;
	v.failed = rc < 0;
	if (rc < 0)
		snprintf(v.text, sizeof(v.text), "%.*s", (int)sizeof(v.text) - 1, e->text);
	if (send(sock, &v, sizeof(v), MSG_NOSIGNAL) < 0 && rc == 0)
		rc = err_set_errno(e, errno, "copy: the reader is gone");
	close_fdp(&w.root);
	close_fdp(&w.dir);
	free(w.dir_path);
	free(w.block);
	return rc;
}
