/* Lines, because there is one for each file and the whole need not fit into memory. */
#include "coordinator/backup/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

enum { LINE_MAX_BYTES = 16384, HEX_PER_BYTE = 3, HEX_BASE = 16 };

struct manifest_writer {
	char *dir;
	FILE *f;
	int64_t files, bytes;
};

static void file_closep(FILE **f)
{
	if (*f)
		fclose(*f);
	*f = NULL;
}

void manifest_head_release(struct manifest_head *h)
{
	free(h->program);
	free(h->created_at);
	*h = (struct manifest_head){ 0 };
}

static void entry_release(struct manifest_entry *entry)
{
	free(entry->path);
	free(entry->sha256);
	*entry = (struct manifest_entry){ 0 };
}

/* ---- paths ---- */

static char *path_encode(const char *path)
{
	char *out = xcalloc(strlen(path) + 1, HEX_PER_BYTE), *o = out;

	for (const char *p = path; *p; p++) {
		if (*p > ' ' && *p <= '~' && *p != '%')
			*o++ = *p;
		else
			o += snprintf(o, HEX_PER_BYTE + 1, "%%%02X", (unsigned char)*p);
	}
	return out;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place; false when it is no path of a backup. */
static bool path_decode(char *path)
{
	char *o = path;

	for (const char *p = path; *p; p++) {
		if (*p != '%') {
			*o++ = *p;
			continue;
		}
		int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
		if (low < 0 || high + low == 0)
			return false;
		*o++ = (char)(high * HEX_BASE + low);
		p += 2;
	}
	*o = 0;
	return *path && path_is_inside(path);
}

/* ---- writing ---- */

static int line_write(
	struct manifest_writer *m, struct buf *line, struct json_writer *w, struct err *e)
{
	if (json_writer_finish(w, e) < 0)
		return err_wrap(e, "manifest");
	if (buf_addc(line, '\n') < 0 || fwrite(buf_cstr(line), 1, line->len, m->f) != line->len)
		return err_set_errno(e, errno, "manifest");
	return 0;
}

static int head_write(struct manifest_writer *m, const struct manifest_head *h, struct err *e)
{
	CLEAN_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct json_writer w;

	json_writer_init(&w, &line, false);
	json_begin_object(&w);
	json_kv_int(&w, "format", MANIFEST_FORMAT);
	json_kv_str(&w, "program", h->program);
	json_kv_str(&w, "created_at", h->created_at);
	json_kv_int(&w, "schema", h->schema);
	json_kv_bool(&w, "root_key", h->root_key);
	json_end_object(&w);
	return line_write(m, &line, &w, e);
}

struct manifest_writer *manifest_begin(
	const char *dir, const struct manifest_head *h, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, MANIFEST_PARTIAL);
	CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		err_set_errno(e, errno, "%s", path);
		return NULL;
	}
	struct manifest_writer *m = xcalloc(1, sizeof(*m));
	m->dir = xstrdup(dir);
	m->f = fdopen(fd, "w");
	if (m->f)
		(void)TAKE_FD(fd);
	if (!m->f || head_write(m, h, e) < 0) {
		manifest_writer_free(m);
		return NULL;
	}
	return m;
}

int manifest_add(struct manifest_writer *m, const struct manifest_entry *entry, struct err *e)
{
	CLEAN_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);
	CLEAN_STR char *path = path_encode(entry->path);
	struct json_writer w;

	json_writer_init(&w, &line, false);
	json_begin_object(&w);
	json_kv_str(&w, "path", path);
	if (entry->directory) {
		json_kv_bool(&w, "directory", true);
	} else {
		json_kv_int(&w, "size", entry->size);
		json_kv_str(&w, "sha256", entry->sha256);
		m->files++;
		m->bytes += entry->size;
	}
	json_end_object(&w);
	return line_write(m, &line, &w, e);
}

/* One sync for all the files, then the name, then the folder that holds the name. */
static int everything_sync(const struct manifest_writer *m, struct err *e)
{
	CLEAN_STR char *from = path_join(m->dir, MANIFEST_PARTIAL);
	CLEAN_STR char *to = path_join(m->dir, MANIFEST_NAME);
	CLEAN_FD int dir = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 || syncfs(dir) < 0 || rename(from, to) < 0 || fsync(dir) < 0)
		return err_set_errno(e, errno, "sync %s", m->dir);
	return 0;
}

int manifest_commit(
	struct manifest_writer *m, int64_t *ret_files, int64_t *ret_bytes, struct err *e)
{
	CLEAN_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct json_writer w;

	json_writer_init(&w, &line, false);
	json_begin_object(&w);
	json_kv_int(&w, "files", m->files);
	json_kv_int(&w, "bytes", m->bytes);
	json_end_object(&w);
	if (line_write(m, &line, &w, e) < 0)
		return -1;
	if (fflush(m->f) != 0 || fsync(fileno(m->f)) < 0)
		return err_set_errno(e, errno, "manifest");
	*ret_files = m->files;
	*ret_bytes = m->bytes;
	return everything_sync(m, e);
}

void manifest_writer_free(struct manifest_writer *m)
{
	if (!m)
		return;
	file_closep(&m->f);
	free(m->dir);
	free(m);
}

/* ---- reading ---- */

struct line {
	struct manifest_head head;
	struct manifest_entry entry;
	int64_t files, bytes;
};

static void line_release(struct line *l)
{
	manifest_head_release(&l->head);
	entry_release(&l->entry);
	*l = (struct line){ 0 };
}

#define ANY_SIZE 0, 0, INT64_MAX
static const struct json_field head_fields[] = {
	{ "format", JSON_TO_INT, offsetof(struct line, head.format), JSON_REQUIRED, 1, INT32_MAX },
	{ "program", JSON_TO_STRING, offsetof(struct line, head.program), JSON_REQUIRED },
	{ "created_at", JSON_TO_STRING, offsetof(struct line, head.created_at), JSON_REQUIRED },
	{ "schema", JSON_TO_INT, offsetof(struct line, head.schema), JSON_REQUIRED, 1, INT32_MAX },
	{ "root_key", JSON_TO_BOOL, offsetof(struct line, head.root_key), JSON_REQUIRED },
};
static const struct json_field entry_fields[] = {
	{ "path", JSON_TO_STRING, offsetof(struct line, entry.path), 0, 0, LINE_MAX_BYTES },
	{ "directory", JSON_TO_BOOL, offsetof(struct line, entry.directory) },
	{ "size", JSON_TO_INT, offsetof(struct line, entry.size), ANY_SIZE },
	{ "sha256", JSON_TO_STRING, offsetof(struct line, entry.sha256), 0, 64, 64 },
	{ "files", JSON_TO_INT, offsetof(struct line, files), ANY_SIZE },
	{ "bytes", JSON_TO_INT, offsetof(struct line, bytes), ANY_SIZE },
};

/* 1 a line, 0 the file ended, -1 */
static int line_read(FILE *f, bool head, struct line *ret, struct err *e)
{
	char text[LINE_MAX_BYTES];
	struct json_limits lim = { .bytes = LINE_MAX_BYTES };

	if (!fgets(text, sizeof(text), f))
		return ferror(f) ? err_set_errno(e, errno, "manifest") : 0;
	CLEAN_JSON struct json_doc *d = json_parse(text, strlen(text), &lim, e);
	if (!d || json_decode(json_root(d), head ? head_fields : entry_fields,
			  head ? ARRAY_LEN(head_fields) : ARRAY_LEN(entry_fields), ret, JSON_STRICT,
			  e) < 0) {
		e->class = ERR_INPUT;
		return err_wrap(e, "manifest");
	}
	return 1;
}

static int entry_check(struct line *l, struct err *e)
{
	if (!path_decode(l->entry.path) || (!l->entry.directory && !l->entry.sha256))
		return err_set(
			e, ERR_INPUT, "manifest: \"%.200s\" is no file of a backup", l->entry.path);
	return 0;
}

static int entries_read(FILE *f, int (*fn)(void *, const struct manifest_entry *, struct err *),
	void *data, struct err *e)
{
	int64_t files = 0, bytes = 0;
	int rc;

	for (;;) {
		CLEANUP(line_release) struct line l = { 0 };

		rc = line_read(f, false, &l, e);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return err_set(e, ERR_INPUT, "manifest: it ends before its last line");
		if (!l.entry.path)
			return l.files == files && l.bytes == bytes
				       ? 0
				       : err_set(e, ERR_INPUT,
						 "manifest: %" PRId64 " files, its last line says "
						 "%" PRId64,
						 files, l.files);
		if (entry_check(&l, e) < 0 || (fn && fn(data, &l.entry, e) < 0))
			return -1;
		files += !l.entry.directory;
		bytes += l.entry.directory ? 0 : l.entry.size;
	}
}

int manifest_read(const char *dir, struct manifest_head *ret,
	int (*fn)(void *data, const struct manifest_entry *entry, struct err *e), void *data,
	struct err *e)
{
	CLEAN_STR char *path = path_join(dir, MANIFEST_NAME);
	CLEAN_STR char *partial = path_join(dir, MANIFEST_PARTIAL);
	CLEANUP(file_closep) FILE *f = fopen(path, "re");
	CLEANUP(line_release) struct line head = { 0 };

	if (!f && access(partial, F_OK) == 0)
		return err_set(e, ERR_CONFLICT, "%s: this backup is not complete", dir);
	if (!f)
		return err_set_errno(e, errno, "no backup: %s", path);
	int rc = line_read(f, true, &head, e);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_INPUT, "manifest: it is empty");
	if (head.head.format != MANIFEST_FORMAT)
		return err_set(e, ERR_CONFLICT,
			"%s: format %" PRId64 " of a backup, this program reads %d", dir,
			head.head.format, MANIFEST_FORMAT);
	if (ret)
		*ret = TAKE_VALUE(head.head, ((struct manifest_head){ 0 }));
	return entries_read(f, fn, data, e);
}
