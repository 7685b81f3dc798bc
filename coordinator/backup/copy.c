/*
 * A repository that is written to is copied in the order in which git makes things: refs before
 * objects, so that every ref of the copy leads to objects that were there when the objects were
 * copied; loose refs before packed ones, as packing moves them there; loose objects before packs
 * for the same reason. When files went away meanwhile (a repack), the objects are walked again: the
 * pack that holds them now was there before they went.
 */
#include "coordinator/backup/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"

enum { DEPTH_MAX = 64, REPACKS_MAX = 8 };

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

static char *source(const struct backup *b, const char *path)
{
	size_t n = strlen("objects");

	if (b->objects && str_starts(path, "objects") && (!path[n] || path[n] == '/'))
		return xasprintf("%s%s", b->objects, path + n);
	return path_join(b->from, path);
}

/* ---- one file ---- */

static int bytes_copy(
	int from, int to, int64_t *ret_size, char ret_sha256[SHA256_HEX_MAX], struct err *e)
{
	struct sha256_stream *hash = sha256_begin();
	unsigned char sha[SHA256_LEN];
	char block[KIB(64)];
	ssize_t n;

	*ret_size = 0;
	while ((n = read(from, block, sizeof(block))) > 0) {
		sha256_more(hash, block, (size_t)n);
		*ret_size += n;
		if (to >= 0 && fd_write_all(to, block, (size_t)n, e) < 0)
			break;
	}
	int rc = n == 0 ? 0 : n < 0 ? err_set_errno(e, errno, "read") : -1;
	sha256_end(hash, sha);
	hex_encode(sha, sizeof(sha), ret_sha256);
	return rc;
}

int file_copy_hashed(const char *from, const char *to, int64_t *ret_size,
	char ret_sha256[SHA256_HEX_MAX], struct err *e)
{
	CLEAN_FD int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return err_set_errno(e, errno, "%s", from);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s: is no file", from);
	CLEAN_FD int out =
		open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, st.st_mode & 0700);
	if (out < 0)
		return err_set_errno(e, errno, "%s", to);
	return bytes_copy(in, out, ret_size, ret_sha256, e) < 0 ? err_wrap(e, "%s", from) : 0;
}

static int file_hash(
	const char *path, int64_t *ret_size, char ret_sha256[SHA256_HEX_MAX], struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "%s", path);
	return bytes_copy(fd, -1, ret_size, ret_sha256, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

static int file_take(struct backup *b, const char *from, const char *to, bool link_it,
	struct manifest_entry *entry, struct err *e)
{
	if (link_it && link(from, to) == 0) {
		b->linked++;
		return file_hash(to, &entry->size, entry->sha256, e);
	}
	if (link_it && errno == ENOENT)
		return err_set_errno(e, errno, "%s", from);
	return file_copy_hashed(from, to, &entry->size, entry->sha256, e);
}

int backup_file(struct backup *b, const char *path, bool link_it, struct err *e)
{
	CLEAN_STR char *from = source(b, path);
	CLEAN_STR char *to = path_join(b->to, path);
	CLEAN_STR char *own = xstrdup(path);
	char sha[SHA256_HEX_MAX];
	struct manifest_entry entry = { .path = own, .sha256 = sha };
	struct err one = { 0 };

	if (access(to, F_OK) == 0)
		return 0;
	if (file_take(b, from, to, link_it, &entry, &one) == 0)
		return manifest_add(b->manifest, &entry, e);
	if (one.errnum == ENOENT && access(from, F_OK) < 0) {
		b->vanished++;
		return 0;
	}
	*e = one;
	return -1;
}

int backup_enter(struct backup *b, const char *path, const char *full, struct err *e)
{
	CLEAN_STR char *own = xstrdup(path);
	char sha[SHA256_HEX_MAX];
	struct manifest_entry entry = { .path = own, .sha256 = sha };

	return file_hash(full, &entry.size, sha, e) < 0 ? -1 : manifest_add(b->manifest, &entry, e);
}

/* ---- folders ---- */

static int folder_make(struct backup *b, const char *path, struct err *e)
{
	CLEAN_STR char *to = path_join(b->to, path);
	CLEAN_STR char *own = xstrdup(path);

	if (mkdir(to, 0700) < 0)
		return errno == EEXIST ? 0 : err_set_errno(e, errno, "%s", to);
	return manifest_add(
		b->manifest, &(struct manifest_entry){ .path = own, .directory = true }, e);
}

int backup_folder(struct backup *b, const char *path, struct err *e)
{
	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
		CLEAN_STR char *above = xstrndup(path, (size_t)(p - path));

		if (folder_make(b, above, e) < 0)
			return -1;
	}
	return folder_make(b, path, e);
}

struct tree_walk {
	struct backup *b;
	bool link;
	bool (*skip)(const char *path, const char *name);
};

static int tree_take(const struct tree_walk *t, const char *path, unsigned depth, struct err *e);

static int entry_take(const struct tree_walk *t, const char *path, const struct dirent *ent,
	unsigned depth, struct err *e)
{
	CLEAN_STR char *below = path_join(path, ent->d_name);
	CLEAN_STR char *from = source(t->b, below);
	struct stat st;

	if (str_eq(ent->d_name, ".") || str_eq(ent->d_name, "..") ||
		(t->skip && t->skip(path, ent->d_name)))
		return 0;
	if (lstat(from, &st) < 0) {
		t->b->vanished++;
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", from);
	}
	if (S_ISDIR(st.st_mode))
		return tree_take(t, below, depth + 1, e);
	if (S_ISREG(st.st_mode))
		return backup_file(t->b, below, t->link, e);
	return err_set(e, ERR_CONFLICT, "%s: is neither file nor folder", from);
}

static int tree_take(const struct tree_walk *t, const char *path, unsigned depth, struct err *e)
{
	CLEAN_STR char *from = source(t->b, path);
	CLEANUP(dir_closep) DIR *d = opendir(from);
	const struct dirent *ent;

	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return err_set_errno(e, errno, "%s", from);
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: deeper than %d folders", from, DEPTH_MAX);
	if (folder_make(t->b, path, e) < 0)
		return -1;
	while ((errno = 0, ent = readdir(d)))
		if (entry_take(t, path, ent, depth, e) < 0)
			return -1;
	return errno ? err_set_errno(e, errno, "%s", from) : 0;
}

int backup_tree(struct backup *b, const char *path, bool link_it,
	bool (*skip)(const char *path, const char *name), struct err *e)
{
	const struct tree_walk t = { b, link_it, skip };

	return tree_take(&t, path, 0, e);
}

/* ---- a repository ---- */

/* What git has not finished, and the packs, which come last. */
static bool skip_in_objects(const char *path, const char *name)
{
	bool top = str_ends(path, ".git/objects");

	return str_starts(name, "tmp_") || str_starts(name, ".tmp-") || str_ends(name, ".lock") ||
	       (top && (str_eq(name, "pack") || str_starts(name, "incoming-")));
}

static bool skip_locks(const char *path UNUSED, const char *name)
{
	return str_ends(name, ".lock");
}

/* refs, objects and what is named below come in an order of their own. */
static bool skip_in_root(const char *path, const char *name)
{
	return str_ends(path, ".git") &&
	       (str_eq(name, "refs") || str_eq(name, "objects") || str_eq(name, "packed-refs") ||
		       str_ends(name, ".lock"));
}

static int objects_take(struct backup *b, const char *path, struct err *e)
{
	CLEAN_STR char *objects = path_join(path, "objects");
	CLEAN_STR char *pack = path_join(objects, "pack");

	for (int i = 0; i < REPACKS_MAX; i++) {
		int64_t before = b->vanished;

		if (backup_tree(b, objects, true, skip_in_objects, e) < 0 ||
			backup_tree(b, pack, true, skip_in_objects, e) < 0)
			return -1;
		if (b->vanished == before)
			return 0;
	}
	return err_set(e, ERR_CONFLICT, "%s: its objects move all the time, try again", path);
}

int backup_repository(struct backup *b, const char *path, struct err *e)
{
	CLEAN_STR char *refs = path_join(path, "refs");
	CLEAN_STR char *packed = path_join(path, "packed-refs");

	if (folder_make(b, path, e) < 0 || backup_tree(b, refs, false, skip_locks, e) < 0 ||
		backup_file(b, packed, false, e) < 0 ||
		backup_tree(b, path, false, skip_in_root, e) < 0)
		return -1;
	return objects_take(b, path, e);
}
