/*
 * Unpacking in two rounds over the same file: the first judges every entry and counts every byte,
 * the second writes. So a refused archive leaves the workspace as it was. The first round also
 * checks what stands in the workspace already; only a full disk or a workspace that changes
 * meanwhile can stop the second one in the middle.
 *
 * Nothing is opened by more than one name at a time and no link is ever followed: not one of the
 * archive (an entry below a link is refused in the first round), nor one that a step left there
 * (base/fs.h's *_beneath). What stands in the place of a file is unlinked, never written into.
 */
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "artifact/path_rule.h"
#include "artifact/path_set.h"
#include "artifact/role.h"
#include "artifact/tar.h"
#include "base/fs.h"
#include "base/limits.h"

enum { BLOCK = 64 << 10, GZIP = 16 };

struct folder_mode {
	char *path;
	unsigned mode;
	int64_t mtime;
};

struct unpacker {
	int target;
	const struct artifact_watch *watch;
	struct artifact_result *result;
	void *links; /* tsearch tree of the links' paths */
	/* of the archive; folders also those that it only implies */
	struct path_set seen_files, seen_folders;
	size_t kept_names; /* bytes of the paths of links and folders, which stay in memory */
	/* second round */
	bool writes;
	char *parent_path; /* of the folder that is open as parent */
	int parent;
	int file; /* -1: none */
	struct timespec times[2];
	unsigned mode;
	struct folder_mode *folders; /* their modes come last, or nothing could be written there */
	size_t n_folders;
};

/* ---- first round ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* An entry below a link, or in the place of one, would be written through it. */
static int check_not_behind_link(struct unpacker *u, const char *path, struct err *e)
{
	CLEAN_STR char *above = xstrdup(path);

	for (char *slash; u->links;) {
		if (tfind(above, &u->links, by_text))
			return err_set(e, ERR_INPUT, "\"%.200s\" is below the link \"%.200s\"",
				path, above);
		slash = strrchr(above, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return 0;
}

static void remember_link(struct unpacker *u, const char *path)
{
	char *copy = xstrdup(path);

	if (!tsearch(copy, &u->links, by_text))
		BUG("out of memory");
}

static int count_entry(struct unpacker *u, const struct tar_entry *entry, struct err *e)
{
	struct artifact_result *r = u->result;

	*(entry->type == TAR_FILE         ? &r->files
		: entry->type == TAR_LINK ? &r->links
					  : &r->folders) += 1;
	if (r->files + r->links + r->folders > LIMIT_ARTIFACT_ENTRIES)
		return err_set(e, ERR_LIMIT, "more than %d files, links and folders",
			LIMIT_ARTIFACT_ENTRIES);
	if (entry->size > LIMIT_ARTIFACT_FILE)
		return err_set(e, ERR_LIMIT, "\"%.200s\" is larger than %zu GiB", entry->path,
			LIMIT_ARTIFACT_FILE >> 30);
	r->bytes += entry->size;
	if (r->bytes > LIMIT_ARTIFACT_BYTES)
		return err_set(e, ERR_LIMIT, "the files together are larger than %zu GiB",
			LIMIT_ARTIFACT_BYTES >> 30);
	return 0;
}

static int one_kind(const char *path, size_t n, struct err *e)
{
	return err_set(e, ERR_INPUT, "\"%.*s\" is a folder and something else too",
		(int)(n < 200 ? n : 200), path);
}

/* The archive contradicts itself: the second entry could not be written. */
static int check_one_kind(
	struct unpacker *u, const struct tar_entry *entry, const char *path, struct err *e)
{
	bool folder = entry->type == TAR_FOLDER;
	size_t len = strlen(path);

	if (!folder && path_set_has(&u->seen_folders, path, len))
		return one_kind(path, len, e);
	if (!folder)
		path_set_add(&u->seen_files, path, len);
	for (size_t n = 1; n <= len; n++) {
		if (path[n] != '/' && !(folder && n == len))
			continue;
		if (path_set_has(&u->seen_files, path, n))
			return one_kind(path, n, e);
		path_set_add(&u->seen_folders, path, n);
	}
	return 0;
}

/* What the workspace has at this path can be replaced or entered. */
static int check_place(
	struct unpacker *u, const struct tar_entry *entry, const char *path, struct err *e)
{
	struct err why = { 0 };
	CLEAN_FD int fd = open_beneath(u->target, *path ? path : ".", O_PATH | O_NOFOLLOW, 0, &why);
	struct stat st;

	if (fd < 0 && why.errnum == ENOENT)
		return 0;
	if (fd < 0 && (why.errnum == ENOTDIR || why.errnum == ELOOP))
		return err_set(e, ERR_CONFLICT,
			"\"%.200s\": a link or a file stands in the place of one of its folders",
			path);
	if (fd < 0) {
		*e = why;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "check \"%.200s\"", path);
	if (S_ISDIR(st.st_mode) && entry->type != TAR_FOLDER)
		return err_set(e, ERR_CONFLICT, "\"%.200s\": a folder stands in its place", path);
	if (!S_ISDIR(st.st_mode) && entry->type == TAR_FOLDER)
		return err_set(
			e, ERR_CONFLICT, "\"%.200s\": a link or a file stands in its place", path);
	return 0;
}

static int check_entry(
	struct unpacker *u, const struct tar_entry *entry, const char *path, struct err *e)
{
	if (count_entry(u, entry, e) < 0 || check_not_behind_link(u, path, e) < 0 ||
		check_one_kind(u, entry, path, e) < 0 || check_place(u, entry, path, e) < 0)
		return -1;
	u->kept_names += entry->type == TAR_FILE ? 0 : strlen(path);
	if (u->kept_names > LIMIT_ARTIFACT_NAMES)
		return err_set(e, ERR_LIMIT,
			"the paths of its folders and links are longer than %zu MiB together",
			LIMIT_ARTIFACT_NAMES >> 20);
	if (u->seen_folders.n > LIMIT_ARTIFACT_FOLDERS)
		return err_set(e, ERR_LIMIT, "its paths go through more than %d folders",
			LIMIT_ARTIFACT_FOLDERS);
	if (entry->type != TAR_LINK)
		return 0;
	if (path_rule_link(path, entry->link, e) < 0)
		return -1;
	remember_link(u, path);
	return 0;
}

/* ---- second round ---- */

/* Opens (and makes) the folder that holds path; *ret_name points into path. */
static int open_parent(struct unpacker *u, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	*ret_name = slash ? slash + 1 : path;
	if (u->parent >= 0 && str_eq(folder, u->parent_path))
		return 0;
	close_fdp(&u->parent);
	free_charp(&u->parent_path);
	u->parent = dir_ensure_beneath(u->target, folder, 0755, e);
	u->parent_path = TAKE(folder);
	return u->parent < 0 ? -1 : 0;
}

static int make_room(struct unpacker *u, const char *name, const char *path, struct err *e)
{
	if (unlinkat(u->parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR)
		return err_set(e, ERR_CONFLICT, "\"%.200s\": a folder stands in its place", path);
	return err_set_errno(e, errno, "replace \"%.200s\"", path);
}

static int write_folder(
	struct unpacker *u, const struct tar_entry *entry, const char *path, struct err *e)
{
	CLEAN_FD int fd = dir_ensure_beneath(u->target, path, 0755, e);

	if (fd < 0)
		return -1;
	u->folders = xrealloc(u->folders, (u->n_folders + 1) * sizeof(*u->folders));
	u->folders[u->n_folders++] = (struct folder_mode){
		.path = xstrdup(path), .mode = entry->mode, .mtime = entry->mtime
	};
	return 0;
}

static int write_entry(
	struct unpacker *u, const struct tar_entry *entry, const char *path, struct err *e)
{
	const char *name;

	if (entry->type == TAR_FOLDER)
		return write_folder(u, entry, path, e);
	if (open_parent(u, path, &name, e) < 0 || make_room(u, name, path, e) < 0)
		return -1;
	u->times[0] = u->times[1] = (struct timespec){ .tv_sec = entry->mtime };
	if (entry->type == TAR_LINK)
		return symlinkat(entry->link, u->parent, name) < 0 ||
				       utimensat(u->parent, name, u->times, AT_SYMLINK_NOFOLLOW) < 0
			       ? err_set_errno(e, errno, "make link \"%.200s\"", path)
			       : 0;
	u->file =
		openat(u->parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->file < 0)
		return err_set_errno(e, errno, "make \"%.200s\"", path);
	u->mode = entry->mode & 0777;
	return 0;
}

/* The step user owns it and must be able to change and remove what is in it. */
static int set_folder_modes(struct unpacker *u, struct err *e)
{
	for (size_t i = u->n_folders; i-- > 0;) {
		const struct folder_mode *f = &u->folders[i];
		CLEAN_FD int fd = open_beneath(u->target, *f->path ? f->path : ".",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e);
		struct timespec times[2] = { { .tv_sec = f->mtime }, { .tv_sec = f->mtime } };

		if (fd < 0)
			return -1;
		if (fchmod(fd, (f->mode & 0777) | 0700) < 0 || futimens(fd, times) < 0)
			return err_set_errno(e, errno, "set the mode of \"%.200s\"", f->path);
	}
	return 0;
}

/* ---- the reader's events ---- */

static int on_entry(void *data, const struct tar_entry *entry, struct err *e)
{
	struct unpacker *u = data;
	CLEAN_STR char *path = xstrdup(entry->path);

	if (!u->watch->wanted(u->watch->data))
		return err_set(e, ERR_CANCELLED, "the reader of the files has gone");
	if (path_rule_clean(path, e) < 0)
		return -1;
	if (!*path && entry->type != TAR_FOLDER)
		return err_set(e, ERR_INPUT, "an entry without a name");
	if (!u->writes)
		return check_entry(u, entry, path, e);
	return *path ? write_entry(u, entry, path, e) : 0;
}

static int on_bytes(void *data, const char *p, size_t n, struct err *e)
{
	struct unpacker *u = data;

	return u->file < 0 ? 0 : fd_write_all(u->file, p, n, e);
}

static int end_entry(void *data, struct err *e)
{
	struct unpacker *u = data;
	CLEAN_FD int fd = TAKE_FD(u->file);

	if (fd >= 0 && (fchmod(fd, u->mode) < 0 || futimens(fd, u->times) < 0))
		return err_set_errno(e, errno, "set mode and time of a file");
	return 0;
}

/* ---- bytes in ---- */

struct stream {
	int fd;
	uint64_t at;
	z_stream z;
	bool over;
	unsigned char packed[BLOCK];
	char block[BLOCK];
};

/* Inflates what was read; the tar reader gets it piece by piece. */
static int inflate_all(struct stream *s, struct tar_reader *tar, struct err *e)
{
	while (!s->over) {
		s->z.next_out = (Bytef *)s->block;
		s->z.avail_out = sizeof(s->block);
		int rc = inflate(&s->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return err_set(e, ERR_INPUT, "the archive is not a gzip stream: %s",
				s->z.msg ? s->z.msg : "malformed");
		s->over = rc == Z_STREAM_END;
		if (tar_feed(tar, s->block, sizeof(s->block) - s->z.avail_out, e) < 0)
			return -1;
		if (s->z.avail_out)
			break;
	}
	if (s->over && s->z.avail_in)
		return err_set(e, ERR_INPUT, "bytes after the end of the gzip stream");
	return 0;
}

static int read_all(struct stream *s, struct tar_reader *tar, struct err *e)
{
	for (;;) {
		ssize_t n = pread(s->fd, s->packed, sizeof(s->packed), (off_t)s->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read the archive");
		if (n == 0)
			break;
		s->at += (uint64_t)n;
		s->z.next_in = s->packed;
		s->z.avail_in = (uInt)n;
		if (s->over)
			return err_set(e, ERR_INPUT, "bytes after the end of the gzip stream");
		if (inflate_all(s, tar, e) < 0)
			return -1;
	}
	if (!s->over)
		return err_set(e, ERR_INPUT, "the gzip stream ends in the middle");
	return tar_finish(tar, e);
}

static int round_over(struct unpacker *u, int archive, struct err *e)
{
	struct tar_sink sink = { on_entry, on_bytes, end_entry, u };
	CLEANUP(tar_reader_freep) struct tar_reader *tar = tar_reader_new(&sink);
	struct stream *s = xcalloc(1, sizeof(*s));

	s->fd = archive;
	if (inflateInit2(&s->z, MAX_WBITS + GZIP) != Z_OK)
		BUG("zlib refuses to inflate");
	int rc = read_all(s, tar, e);
	inflateEnd(&s->z);
	free(s);
	return rc;
}

static void release(struct unpacker *u)
{
	tdestroy(u->links, free);
	path_set_release(&u->seen_files);
	path_set_release(&u->seen_folders);
	close_fdp(&u->parent);
	close_fdp(&u->file);
	free(u->parent_path);
	for (size_t i = 0; i < u->n_folders; i++)
		free(u->folders[i].path);
	free(u->folders);
}

int artifact_unpack(int archive, int target, const struct artifact_watch *watch,
	struct artifact_result *ret, struct err *e)
{
	CLEANUP(release)
	struct unpacker u = {
		.target = target, .watch = watch, .result = ret, .parent = -1, .file = -1
	};

	if (round_over(&u, archive, e) < 0)
		return err_wrap(e, "refused, nothing was written");
	u.writes = true;
	if (round_over(&u, archive, e) < 0)
		return err_wrap(e, "some files may have been written");
	return set_folder_modes(&u, e);
}
