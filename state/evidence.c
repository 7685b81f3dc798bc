/*
 * Evidence that somebody else could have written proves nothing, so a file that is not the
 * caller's own is refused. Appending looks at the last byte first: a line torn by a power loss is
 * closed, so that it cannot swallow the next one.
 */
#include "state/evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"

static int make_folder(const char *path, struct err *e)
{
	int fd CLEAN_FD = -1;

	if (dir_ensure(path, 0700, e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(e, errno, "open %s", path);
	return fd_give_to_folder(fd, path, e);
}

char *evidence_folder(const char *state_dir, const char *name, struct err *e)
{
	CLEANUP(strv_release) struct strv parts = { 0 };
	CLEAN_STR char *folder = xstrdup(state_dir);

	strv_split(&parts, name, '/');
	if (dir_ensure_parents(state_dir, 0711, e) < 0) {
		err_wrap(e, "evidence");
		return NULL;
	}
	strv_each (part, &parts) {
		char *below = path_join(folder, part);

		free(folder);
		folder = below;
		if (make_folder(folder, e) < 0) {
			err_wrap(e, "evidence");
			return NULL;
		}
	}
	return TAKE(folder);
}

/* Nobody else may have a hand in it: then it would prove nothing. Root writes for the owner of the
 * folder, the runner. */
static int check_own(int fd, const char *path, struct err *e)
{
	uid_t own = geteuid();
	struct stat st;
	gid_t gid;

	if (own == 0 && folder_owner(path, &own, &gid, e) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "evidence %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "evidence %s: expected a regular file", path);
	if ((st.st_uid != own && st.st_uid != geteuid()) || (st.st_mode & 0077) || st.st_nlink != 1)
		return err_set(e, ERR_CONFLICT,
			"evidence %s: expected a file of uid %u with mode 0600 and one name", path,
			(unsigned)own);
	return 0;
}

static int open_own(const char *path, int flags, struct err *e)
{
	int fd CLEAN_FD = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0)
		return err_set_errno(e, errno, "evidence %s", path);
	if (fd_give_to_folder(fd, path, e) < 0 || check_own(fd, path, e) < 0)
		return -1;
	return TAKE_FD(fd);
}

/* A new file's name is durable only when its folder is. */
static int sync_folder_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *folder =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");

	int fd CLEAN_FD = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set_errno(e, errno, "evidence: sync %s", folder);
	return 0;
}

/* The last line has its end, unless a crash tore it. */
static int is_torn(int fd, bool *ret, struct err *e)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (end < 0 || (end > 0 && pread(fd, &last, 1, end - 1) != 1))
		return err_set_errno(e, errno ? errno : EIO, "read its end");
	*ret = last != '\n';
	return 0;
}

int evidence_append(const char *path, struct slice line, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_LINE_MAX + 2);

	int fd CLEAN_FD = open_own(path, O_RDWR | O_APPEND | O_CREAT, e);
	bool torn = false;

	if (fd < 0)
		return -1;
	if (memchr(line.ptr, '\n', line.len))
		return err_set(e, ERR_INPUT, "evidence %s: a record holds a line break", path);
	if (flock(fd, LOCK_EX) < 0)
		return err_set_errno(e, errno, "evidence %s: lock", path);
	if (is_torn(fd, &torn, e) < 0)
		return err_wrap(e, "evidence %s", path);
	buf_adds(&text, torn ? "\n" : "");
	buf_add(&text, line.ptr, line.len);
	buf_addc(&text, '\n');
	if (line.len > EVIDENCE_LINE_MAX)
		return err_set(e, ERR_LIMIT, "evidence %s: a record of %zu bytes, at most %d", path,
			line.len, EVIDENCE_LINE_MAX);
	if (fd_write_all(fd, text.data, text.len, e) < 0)
		return err_wrap(e, "evidence %s", path);
	if (fsync(fd) < 0)
		return err_set_errno(e, errno, "evidence %s: sync", path);
	return sync_folder_of(path, e);
}

static bool hand_line(struct slice line, evidence_fn fn, void *data, uint64_t *damaged)
{
	struct json_limits lim = { .bytes = EVIDENCE_LINE_MAX };
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(line.ptr, line.len, &lim, &e);

	if (doc && json_root(doc)->type == JSON_OBJECT)
		return fn(json_root(doc), data);
	*damaged += 1;
	return true;
}

/* The end of a journal, from the first whole line in it. */
static int read_end(int fd, struct buf *out, struct err *e)
{
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = size > EVIDENCE_READ_MAX ? size - EVIDENCE_READ_MAX : 0;

	if (size < 0 || lseek(fd, from, SEEK_SET) < 0)
		return err_set_errno(e, errno, "seek");
	if (fd_read_all(fd, out, e) < 0)
		return -1;
	if (from) {
		const char *end = memchr(buf_cstr(out), '\n', out->len);

		buf_consume(out, end ? (size_t)(end + 1 - out->data) : out->len);
	}
	return 0;
}

int evidence_each(
	const char *path, evidence_fn fn, void *data, uint64_t *ret_damaged, struct err *e)
{
	/* somebody may append while we read */
	CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_READ_MAX + 16 * EVIDENCE_LINE_MAX);
	struct err local = { 0 };

	int fd CLEAN_FD = open_own(path, O_RDONLY, &local);
	uint64_t damaged = 0;

	*ret_damaged = 0;
	if (fd < 0 && err_is(&local, ERR_NOT_FOUND))
		return 0;
	if (fd < 0)
		return err_set(e, local.class, "%s", local.text);
	if (read_end(fd, &text, e) < 0)
		return err_wrap(e, "evidence %s", path);
	for (size_t at = 0; at < text.len;) {
		const char *line = text.data + at, *end = memchr(line, '\n', text.len - at);
		size_t n = end ? (size_t)(end - line) : text.len - at;

		at += n + 1;
		if (n && !hand_line((struct slice){ line, n }, fn, data, &damaged))
			break;
	}
	*ret_damaged = damaged;
	return 0;
}

static char *record_path(const char *folder, const char *key)
{
	unsigned char sum[SHA256_LEN];
	char hex[SHA256_HEX_MAX];

	sha256(key, strlen(key), sum);
	hex_encode(sum, sizeof(sum), hex);
	return xasprintf("%s/%s.json", folder, hex);
}

/* The one that root just wrote. */
static int give_record(const char *path, size_t size, struct err *e)
{
	int fd CLEAN_FD = -1;
	struct stat st;
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return 0;
	if (folder_owner(path, &uid, &gid, e) < 0)
		return -1;
	fd = open_own(path, O_RDONLY, e);
	if (fd < 0 || uid == 0)
		return fd < 0 ? -1 : 0;
	if (fstat(fd, &st) < 0 || (size_t)st.st_size != size || fchown(fd, uid, gid) < 0)
		return err_set_errno(
			e, errno ? errno : ESTALE, "give %s to its folder's owner", path);
	return 0;
}

int evidence_put(const char *folder, const char *key, struct slice record, struct err *e)
{
	CLEAN_STR char *path = record_path(folder, key);

	if (record.len > EVIDENCE_RECORD_MAX)
		return err_set(e, ERR_LIMIT, "evidence of %zu bytes, at most %d", record.len,
			EVIDENCE_RECORD_MAX);
	if (file_replace(path, record.ptr, record.len, 0600, e) < 0 ||
		give_record(path, record.len, e) < 0)
		return err_wrap(e, "evidence");
	return 0;
}

int evidence_get(const char *folder, const char *key, struct buf *out, struct err *e)
{
	CLEAN_STR char *path = record_path(folder, key);

	int fd CLEAN_FD = open_own(path, O_RDONLY, e);

	if (fd < 0)
		return -1;
	return fd_read_all(fd, out, e) < 0 ? err_wrap(e, "evidence %s", path) : 0;
}

int evidence_drop(const char *folder, const char *key, struct err *e)
{
	CLEAN_STR char *path = record_path(folder, key);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "evidence %s", path);
	return 0;
}

int evidence_list(const char *folder, struct strv *ret, struct err *e)
{
	DIR *d = opendir(folder);

	if (!d)
		return err_set_errno(e, errno, "evidence %s", folder);
	for (struct dirent *ent; (ent = readdir(d));)
		if (ent->d_name[0] != '.' && str_ends(ent->d_name, ".json"))
			strv_add_take(ret, path_join(folder, ent->d_name));
	closedir(d);
	strv_sort(ret);
	return 0;
}
