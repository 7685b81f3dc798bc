/*
 * Files that a step wrote, so their bytes are hostile: the reader opens nothing but a regular file,
 * reads a bounded number of bytes, and the parsers work on that copy. A parser collects into a list
 * of its own and hands it over at the end, so that a bad line leaves nothing half done.
 */
#include "runner/context/command_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "workflow/command/text.h"

const char *command_file_variable(enum command_file which)
{
	static const char *const names[] = { "ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY" };

	return names[which];
}

/* The kernel starts no program with a longer NAME=value (MAX_ARG_STRLEN with its NUL). */
#define ENV_ENTRY_MAX (KIB(128) - 1)

/* ---- lines ---- */

struct reader {
	enum command_file which;
	const char *p;
	size_t n, at;
	size_t line;    /* number of the line that was read last, from 1 */
	size_t entries; /* so far */
};

/* -1 when the file is too large. A byte order mark at its start is not text. */
static int reader_init(
	struct reader *r, enum command_file which, const char *p, size_t n, struct err *e)
{
	*r = (struct reader){ .which = which, .p = p, .n = n };
	if (n > LIMIT_COMMAND_FILE)
		return err_set(e, ERR_LIMIT, "SHITHUB_%s: larger than %zu bytes",
			command_file_variable(which), LIMIT_COMMAND_FILE);
	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		r->at = 3;
	return 0;
}

/* The next line without LF or CRLF; false at the end. */
static bool next_line(struct reader *r, struct slice *ret)
{
	const char *start = r->p + r->at, *lf;
	size_t left = r->n - r->at;

	if (left == 0)
		return false;
	lf = memchr(start, '\n', left);
	*ret = (struct slice){ start, lf ? (size_t)(lf - start) : left };
	r->at += ret->len + (lf != NULL);
	r->line++;
	if (ret->len && ret->ptr[ret->len - 1] == '\r')
		ret->len--;
	return true;
}

static int fail(const struct reader *r, struct err *e, enum err_class class, const char *reason)
{
	return err_set(e, class, "SHITHUB_%s line %zu: %s", command_file_variable(r->which),
		r->line, reason);
}

static int count_entry(struct reader *r, struct err *e)
{
	if (++r->entries > LIMIT_ENV_COUNT)
		return err_set(e, ERR_LIMIT, "SHITHUB_%s line %zu: more than %d entries",
			command_file_variable(r->which), r->line, LIMIT_ENV_COUNT);
	return 0;
}

/* The text as it is stored: UTF-8, owned, wiped. NULL: it holds a NUL. */
static char *stored(struct slice raw, size_t *ret_len)
{
	struct buf text = BUF_INIT_SECRET(3 * LIMIT_COMMAND_FILE);

	if (raw.len && memchr(raw.ptr, 0, raw.len))
		return NULL;
	(void)command_text_clean(raw, &text); /* one byte becomes three at most */
	*ret_len = text.len;
	return buf_take(&text);
}

/* ---- NAME=value ---- */

/* Only SHITHUB_ENV has names that are not a step's: what the runner itself sets, and the option
 * that makes any later node process run foreign code. */
static bool is_refused(enum command_file which, const char *name)
{
	static const char *const prefixes[] = { "SHITHUB_", "GITHUB_", "RUNNER_" };

	if (which != COMMAND_FILE_ENV)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(name, prefixes[i]))
			return true;
	return strcasecmp(name, "NODE_OPTIONS") == 0;
}

/* A `NAME<<END` value: the lines before END as they are, without the line end before END. */
static int read_block(struct reader *r, struct slice end, struct slice *ret, struct err *e)
{
	const size_t first = r->line, start = r->at;
	const bool crlf = end.ptr + end.len < r->p + start && end.ptr[end.len] == '\r';
	struct slice line;

	while (next_line(r, &line)) {
		size_t before = (size_t)(line.ptr - r->p);

		if (line.len != end.len || memcmp(line.ptr, end.ptr, end.len) != 0)
			continue;
		if (before > start)
			before--;
		if (crlf && before > start && r->p[before - 1] == '\r')
			before--;
		*ret = (struct slice){ r->p + start, before - start };
		return 0;
	}
	r->line = first;
	if (end.len > LIMIT_COMMAND_NAME)
		return fail(r, e, ERR_INPUT, "the end delimiter of this value is missing");
	return err_set(e, ERR_INPUT,
		"SHITHUB_%s line %zu: the end delimiter \"%.*s\" of this value is missing",
		command_file_variable(r->which), first, (int)end.len, end.ptr);
}

/* Splits the line; a block's value is read from the lines that follow. */
static int read_entry(
	struct reader *r, struct slice line, struct slice *name, struct slice *value, struct err *e)
{
	const char *equals = memchr(line.ptr, '=', line.len);
	const char *block = memmem(line.ptr, line.len, "<<", 2);
	const char *end = line.ptr + line.len;

	if (!equals && !block)
		return fail(r, e, ERR_INPUT, "expected NAME=value or NAME<<DELIMITER");
	if (block && equals && equals < block)
		block = NULL;
	*name = (struct slice){ line.ptr, (size_t)((block ? block : equals) - line.ptr) };
	if (name->len == 0)
		return fail(r, e, ERR_INPUT, "the name is empty");
	if (name->len > LIMIT_COMMAND_NAME)
		return fail(r, e, ERR_LIMIT, "the name is longer than 255 bytes");
	if (!block) {
		*value = (struct slice){ equals + 1, (size_t)(end - equals - 1) };
		return 0;
	}
	if (block + 2 == end)
		return fail(r, e, ERR_INPUT, "the delimiter after << is empty");
	return read_block(r, (struct slice){ block + 2, (size_t)(end - block - 2) }, value, e);
}

static int store_entry(struct reader *r, size_t line, struct slice raw_name, struct slice raw,
	struct pairs *into, struct strv *notices, struct err *e)
{
	size_t name_len, len;
	CLEAN_STR char *name = stored(raw_name, &name_len);
	CLEAN_SECRET char *value = stored(raw, &len);

	if (!name || !value) {
		r->line = line;
		return fail(r, e, ERR_INPUT, "name and value must not hold NUL bytes");
	}
	if (is_refused(r->which, name)) {
		strv_addf(notices,
			"SHITHUB_ENV line %zu: \"%s\" cannot be set by a step and is ignored", line,
			name);
		return 0;
	}
	if (r->which == COMMAND_FILE_ENV && name_len + 1 + len > ENV_ENTRY_MAX) {
		r->line = line;
		return fail(
			r, e, ERR_LIMIT, "longer than 128 KiB, no program can be started with it");
	}
	pairs_set_n(into, name, value, len);
	return 0;
}

static void merge(struct pairs *into, const struct pairs *from)
{
	for (size_t i = 0; i < from->n; i++)
		pairs_set(into, from->v[i].key, from->v[i].value);
}

int command_file_pairs(enum command_file which, const char *p, size_t n, struct pairs *ret,
	struct strv *notices, struct err *e)
{
	CLEANUP(pairs_release) struct pairs found = { 0 };
	CLEANUP(strv_release) struct strv said = { 0 };
	struct slice line, name, value = { "", 0 };
	struct reader r;

	if (reader_init(&r, which, p, n, e) < 0)
		return -1;
	while (next_line(&r, &line)) {
		size_t number = r.line;

		if (line.len == 0)
			continue;
		if (count_entry(&r, e) < 0 || read_entry(&r, line, &name, &value, e) < 0 ||
			store_entry(&r, number, name, value, &found, &said, e) < 0)
			return -1;
	}
	merge(ret, &found);
	strv_each (text, &said)
		strv_add(notices, text);
	return 0;
}

/* ---- paths, summary ---- */

static void add_new(struct strv *to, const char *folder)
{
	if (!strv_contains(to, folder))
		strv_add(to, folder);
}

void command_paths_prepend(struct strv *paths, const struct strv *first)
{
	struct strv all = { 0 };

	strv_each (folder, first)
		add_new(&all, folder);
	strv_each (folder, paths)
		add_new(&all, folder);
	strv_release(paths);
	*paths = all;
}

int command_file_paths(const char *p, size_t n, struct strv *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv folders = { 0 };
	struct slice line;
	struct reader r;
	size_t len;

	if (reader_init(&r, COMMAND_FILE_PATH, p, n, e) < 0)
		return -1;
	while (next_line(&r, &line)) {
		if (line.len == 0)
			continue;
		if (count_entry(&r, e) < 0)
			return -1;
		if (line.len >= PATH_MAX)
			return fail(&r, e, ERR_LIMIT, "the path is longer than 4095 bytes");
		char *folder = stored(line, &len);
		if (!folder)
			return fail(&r, e, ERR_INPUT, "a path must not hold NUL bytes");
		strv_add_take(&folders, folder);
	}
	for (size_t i = folders.n; i > 0; i--)
		add_new(ret, folders.v[i - 1]);
	return 0;
}

bool command_file_summary(const char *p, size_t n, struct buf *ret)
{
	return command_text_clean((struct slice){ p, n }, ret);
}

/* ---- reading ---- */

static int read_some(int fd, size_t cap, struct buf *buf, struct err *e)
{
	size_t left = cap + 1;

	while (left) {
		size_t want = left < KIB(64) ? left : KIB(64);
		char *room = buf_reserve(buf, want);
		ssize_t got;

		if (!room)
			return err_set(e, ERR_LIMIT, "no room for %zu bytes", cap + 1);
		got = read(fd, room, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set_errno(e, errno, "read");
		if (got == 0)
			return 0;
		buf_commit(buf, (size_t)got);
		left -= (size_t)got;
	}
	return 0;
}

int command_file_read(int dirfd, const char *name, size_t cap, struct buf *buf, struct err *e)
{
	struct err why = { 0 };
	struct stat st;
	/* O_NONBLOCK: a pipe in the file's place must not make us wait for a writer */
	CLEAN_FD int fd = open_beneath(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &why);

	if (fd < 0 && err_is(&why, ERR_NOT_FOUND))
		return 0;
	if (fd < 0 && why.errnum == ENXIO) /* a socket */
		return err_set(e, ERR_INPUT, "%s: is not a regular file", name);
	if (fd < 0) {
		if (e)
			*e = why;
		return -1;
	}
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, "%s: is not a regular file", name);
	return read_some(fd, cap, buf, e) < 0 ? err_wrap(e, "%s", name) : 0;
}
