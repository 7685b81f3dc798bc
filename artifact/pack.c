/*
 * Packing: a walk over the workspace that follows no link and opens everything from its folder's
 * descriptor. Names go out in byte order and owners are left out, so that the same tree gives the
 * same archive. A folder's header is written when something in it is taken, or when it is itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "artifact/path_rule.h"
#include "artifact/pattern.h"
#include "artifact/role.h"
#include "artifact/tar.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"

enum { BLOCK = 64 << 10, GZIP = 16, NOTICES_MAX = 20 };

struct packer {
	const struct pack_spec *spec;
	struct artifact_result *result;
	z_stream z;
	struct sha256_stream *file; /* HASH: of the file that is read */
	unsigned notices;
	uint64_t hidden; /* left out for their dot */
	unsigned char packed[BLOCK];
	char block[BLOCK];
};

/* An open folder of the walk. */
struct folder {
	const struct folder *up; /* NULL: the archive's root */
	int fd;
	char *path; /* relative to the workspace */
	struct stat st;
	bool written;
	unsigned depth;
};

/* ---- bytes out ---- */

static int deflate_all(struct packer *k, const void *p, size_t n, int flush, struct err *e)
{
	k->z.next_in = (Bytef *)(uintptr_t)p;
	k->z.avail_in = (uInt)n;
	for (;;) {
		k->z.next_out = k->packed;
		k->z.avail_out = sizeof(k->packed);
		int rc = deflate(&k->z, flush);
		if (rc == Z_STREAM_ERROR)
			return err_set(e, ERR_INTERNAL, "compression failed");
		if (fd_write_all(k->spec->out, k->packed, sizeof(k->packed) - k->z.avail_out, e) <
			0)
			return err_wrap(e, "write the archive");
		if (flush == Z_FINISH ? rc == Z_STREAM_END : k->z.avail_out != 0)
			return 0;
	}
}

static int put(struct packer *k, const void *p, size_t n, struct err *e)
{
	if (!k->file)
		return deflate_all(k, p, n, Z_NO_FLUSH, e);
	sha256_more(k->file, p, n);
	return 0;
}

/* Path inside the archive. */
static const char *inside(const struct packer *k, const char *path)
{
	size_t n = strlen(k->spec->root_path);

	return n ? path + n + 1 : path;
}

static int put_header(struct packer *k, const char *path, const struct stat *st, enum tar_type type,
	const char *link, struct err *e)
{
	CLEAN_BUF struct buf head = BUF_INIT(TAR_EXTENDED_MAX);
	CLEAN_STR char *name = xasprintf("%s%s", inside(k, path), type == TAR_FOLDER ? "/" : "");
	struct artifact_result *r = k->result;

	if (r->files + r->links + r->folders >= LIMIT_ARTIFACT_ENTRIES)
		return err_set(e, ERR_LIMIT, "more than %d files, links and folders",
			LIMIT_ARTIFACT_ENTRIES);
	tar_write_header(&head, &(struct tar_entry){ .type = type,
					.path = name,
					.link = link,
					.mode = st->st_mode & 0777,
					.size = type == TAR_FILE ? (uint64_t)st->st_size : 0,
					.mtime = st->st_mtime });
	if (!buf_ok(&head))
		return err_set(e, ERR_LIMIT, "path \"%.200s\" is too long", path);
	return put(k, head.data, head.len, e);
}

static void notice(struct packer *k, const char *path, const char *why)
{
	CLEAN_STR char *line = xasprintf("%s left out: %s", path, why);

	if (++k->notices <= NOTICES_MAX)
		k->spec->watch->line(k->spec->watch->data, line);
	else if (k->notices == NOTICES_MAX + 1)
		k->spec->watch->line(k->spec->watch->data, "further ones are not listed");
}

/* A word on names that only their dot keeps out; of a folder, not of what is in it. */
static void note_hidden(struct packer *k, const char *path)
{
	if (!k->spec->hidden && pattern_list_takes(k->spec->patterns, path, true))
		k->hidden++;
}

static void say_hidden(struct packer *k)
{
	if (k->hidden == 0)
		return;
	CLEAN_STR char *line =
		xasprintf("%" PRIu64 " names with a dot in front left out: name them, or set "
			  "include-hidden-files: true",
			k->hidden);
	k->spec->watch->line(k->spec->watch->data, line);
}

/* ---- entries ---- */

static int write_folders(struct packer *k, const struct folder *at, struct err *e)
{
	struct folder *f = (struct folder *)(uintptr_t)at;

	if (f->written || k->spec->hash)
		return 0;
	if (f->up && write_folders(k, f->up, e) < 0)
		return -1;
	f->written = true;
	if (!f->up)
		return 0;
	if (put_header(k, f->path, &f->st, TAR_FOLDER, NULL, e) < 0)
		return -1;
	k->result->folders++;
	return 0;
}

static int copy_bytes(struct packer *k, int fd, const char *path, uint64_t size, struct err *e)
{
	static const char zeros[TAR_BLOCK];
	uint64_t left = size;

	while (left) {
		size_t want = left < sizeof(k->block) ? (size_t)left : sizeof(k->block);
		ssize_t n = read(fd, k->block, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read %s", path);
		if (n == 0)
			return err_set(
				e, ERR_CONFLICT, "%s became shorter while it was read", path);
		if (put(k, k->block, (size_t)n, e) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	return k->file ? 0 : put(k, zeros, tar_padding(size), e);
}

static int hash_bytes(struct packer *k, int fd, const char *path, uint64_t size, struct err *e)
{
	unsigned char digest[SHA256_LEN];
	int rc;

	k->file = sha256_begin();
	rc = copy_bytes(k, fd, path, size, e);
	sha256_end(TAKE(k->file), digest);
	sha256_more(k->spec->hash, digest, sizeof(digest));
	k->result->files++;
	return rc;
}

static int pack_file(struct packer *k, const struct folder *in, const char *name, const char *path,
	struct err *e)
{
	/* O_NONBLOCK: somebody may have put a pipe in its place meanwhile */
	CLEAN_FD int fd = openat(in->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s changed while it was read", path);
	if ((uint64_t)st.st_size > LIMIT_ARTIFACT_FILE)
		return err_set(
			e, ERR_LIMIT, "%s is larger than %zu GiB", path, LIMIT_ARTIFACT_FILE >> 30);
	k->result->bytes += (uint64_t)st.st_size;
	if (k->result->bytes > LIMIT_ARTIFACT_BYTES)
		return err_set(e, ERR_LIMIT, "the files together are larger than %zu GiB",
			LIMIT_ARTIFACT_BYTES >> 30);
	if (k->spec->hash)
		return hash_bytes(k, fd, path, (uint64_t)st.st_size, e);
	if (put_header(k, path, &st, TAR_FILE, NULL, e) < 0)
		return -1;
	k->result->files++;
	return copy_bytes(k, fd, path, (uint64_t)st.st_size, e);
}

/* What the other side would refuse is not sent; a lost link is worth a line, not a failed step. */
static int pack_link(struct packer *k, const struct folder *in, const char *name, const char *path,
	const struct stat *st, struct err *e)
{
	char target[PATH_RULE_MAX + 1];
	ssize_t n = readlinkat(in->fd, name, target, sizeof(target));
	struct err why = { 0 };

	if (n < 0)
		return err_set_errno(e, errno, "read link %s", path);
	if ((size_t)n == sizeof(target)) {
		notice(k, path, "a link with a target that is too long");
		return 0;
	}
	target[n] = '\0';
	if (path_rule_link(inside(k, path), target, &why) < 0) {
		notice(k, path, why.text);
		return 0;
	}
	if (write_folders(k, in, e) < 0 || put_header(k, path, st, TAR_LINK, target, e) < 0)
		return -1;
	k->result->links++;
	return 0;
}

/* ---- the walk ---- */

static int walk(struct packer *k, struct folder *f, struct err *e);

static int enter(struct packer *k, const struct folder *in, const char *name, const char *path,
	bool taken, struct err *e)
{
	CLEAN_FD int fd =
		openat(in->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct folder f = { .up = in, .path = (char *)(uintptr_t)path, .depth = in->depth + 1 };

	if (fd < 0 || fstat(fd, &f.st) < 0)
		return err_set_errno(e, errno, "open folder %s", path);
	f.fd = fd;
	if (f.depth > PATH_RULE_DEPTH)
		return err_set(
			e, ERR_LIMIT, "%s is more than %d folders deep", path, PATH_RULE_DEPTH);
	if (taken && write_folders(k, &f, e) < 0)
		return -1;
	return walk(k, &f, e);
}

static int visit(struct packer *k, const struct folder *in, const char *name, struct err *e)
{
	CLEAN_STR char *path = *in->path ? xasprintf("%s/%s", in->path, name) : xstrdup(name);
	enum pattern_reach reach = pattern_list_reach(k->spec->patterns, path);
	struct stat st;

	if (reach == PATTERN_OUT)
		return 0;
	bool taken = pattern_list_takes(k->spec->patterns, path, k->spec->hidden);
	if (*name == '.' && reach == PATTERN_INSIDE && !taken && !k->spec->hidden) {
		note_hidden(k, path);
		if (!k->spec->patterns->names_hidden)
			return 0;
	}
	if (fstatat(in->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "read the state of %s", path);
	if (S_ISDIR(st.st_mode))
		return enter(k, in, name, path, taken, e);
	if (S_ISLNK(st.st_mode) && reach == PATTERN_ON_THE_WAY)
		notice(k, path, "a symbolic link, which is not followed");
	if (!taken)
		return 0;
	CLEAN_STR char *checked = xstrdup(inside(k, path));
	if (path_rule_clean(checked, e) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) && k->spec->hash)
		return 0;
	if (S_ISLNK(st.st_mode))
		return pack_link(k, in, name, path, &st, e);
	if (!S_ISREG(st.st_mode)) {
		notice(k, path, "neither file, folder nor symbolic link");
		return 0;
	}
	return write_folders(k, in, e) < 0 ? -1 : pack_file(k, in, name, path, e);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int fd, struct strv *ret, struct err *e)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		err_set_errno(e, errno, "list a folder");
		close_fdp(&copy);
		return -1;
	}
	for (struct dirent *ent; ret->n <= LIMIT_ARTIFACT_ENTRIES && (ent = readdir(d));)
		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, ".."))
			strv_add(ret, ent->d_name);
	closedir(d);
	if (ret->n > LIMIT_ARTIFACT_ENTRIES)
		return err_set(
			e, ERR_LIMIT, "a folder of more than %d names", LIMIT_ARTIFACT_ENTRIES);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_bytes);
	return 0;
}

static int walk(struct packer *k, struct folder *f, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };

	if (!k->spec->watch->wanted(k->spec->watch->data))
		return err_set(e, ERR_CANCELLED, "the reader of the archive has gone");
	if (list_names(f->fd, &names, e) < 0)
		return -1;
	strv_each (name, &names)
		if (visit(k, f, name, e) < 0)
			return -1;
	return 0;
}

static int write_hash(const struct pack_spec *spec, struct err *e)
{
	unsigned char digest[SHA256_LEN];
	char text[SHA256_HEX_MAX];

	sha256_end(spec->hash, digest);
	hex_encode(digest, sizeof(digest), text);
	return fd_write_all(spec->out, text, strlen(text), e);
}

int artifact_pack(const struct pack_spec *spec, struct artifact_result *ret, struct err *e)
{
	struct packer *k = xcalloc(1, sizeof(*k));
	CLEAN_BUF struct buf end = BUF_INIT(TAR_EXTENDED_MAX);
	CLEAN_STR char *path = xstrdup(spec->root_path);
	struct folder root = { .fd = spec->root, .path = path, .written = true };

	k->spec = spec;
	k->result = ret;
	if (deflateInit2(&k->z, spec->level, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		BUG("zlib refuses level %d", spec->level);
	tar_write_end(&end);
	int rc = walk(k, &root, e);
	if (rc == 0)
		say_hidden(k);
	if (rc == 0 && spec->hash)
		rc = ret->files ? write_hash(spec, e) : 0;
	else if (rc == 0)
		rc = deflate_all(k, end.data, end.len, Z_FINISH, e);
	deflateEnd(&k->z);
	free(k);
	return rc;
}
