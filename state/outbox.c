/*
 * Append-only, one line a report, so a crash can only tear the last line; opening cuts that off.
 * Room on the disk is reserved when the file is made: a disk that fills later does not cost a
 * report.
 */
#include "state/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

enum { LINE_MAX_BYTES = 8 << 10, REPORTS_MAX = 4 * LIMIT_STEPS + 64, ROOM_A_STEP = 1 << 10 };

static const char *const kinds[] = { "job", "step", "log" };

static void report_release(struct outbox_report *r)
{
	free(r->body);
	free(r->file);
	free(r->header);
}

void outbox_list_release(struct outbox_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		report_release(&l->v[i]);
	free(l->v);
	*l = (struct outbox_list){ 0 };
}

/* Where the last whole line ends. */
static int whole_lines(int fd, off_t *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_OUTBOX);
	const char *end;

	if (fd_read_all(fd, &text, e) < 0)
		return -1;
	end = text.len ? memrchr(text.data, '\n', text.len) : NULL;
	*ret = end ? end + 1 - text.data : 0;
	return 0;
}

int outbox_open(const char *dir, size_t steps, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "outbox");
	CLEAN_FD int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	off_t whole = 0;

	if (fd < 0)
		return err_set_errno(e, errno, "outbox %s", path);
	if (whole_lines(fd, &whole, e) < 0)
		return err_wrap(e, "outbox %s", path);
	if (ftruncate(fd, whole) < 0)
		return err_set_errno(e, errno, "outbox %s", path);
	/* A disk that fills later takes none of it; where a file system cannot reserve, nothing is
	 * lost but that. */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(steps + 4) * ROOM_A_STEP) < 0 &&
		errno == ENOSPC)
		return err_set_errno(e, errno, "outbox %s", path);
	return TAKE_FD(fd);
}

int outbox_append(int fd, const struct outbox_report *r, struct err *e)
{
	CLEAN_BUF struct buf line = BUF_INIT(LINE_MAX_BYTES);
	struct json_writer w;

	json_writer_init(&w, &line, false);
	json_begin_object(&w);
	json_kv_str(&w, "kind", kinds[r->kind]);
	json_kv_int(&w, "step", r->step);
	json_kv_bool(&w, "terminal", r->terminal);
	if (r->body)
		json_kv_str(&w, "body", r->body);
	if (r->file)
		json_kv_str(&w, "file", r->file);
	if (r->header)
		json_kv_str(&w, "header", r->header);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0 || buf_addc(&line, '\n') < 0)
		return err_wrap(e, "outbox");
	return fd_write_all(fd, line.data, line.len, e) < 0 ? err_wrap(e, "outbox") : 0;
}

static int parse_kind(const struct json_value *v, void *target, struct err *e)
{
	for (size_t i = 0; v->type == JSON_STRING && i < ARRAY_LEN(kinds); i++) {
		if (!str_eq(v->string, kinds[i]))
			continue;
		*(enum outbox_kind *)target = (enum outbox_kind)i;
		return 0;
	}
	return err_set(e, ERR_INPUT, "expected job, step or log");
}

/* A name that can only be a file of the job's own folder. */
static bool file_ok(const char *file)
{
	return file && str_starts(file, "step-") && !strchr(file, '/');
}

static int parse_line(const char *p, size_t n, struct outbox_report *ret, struct err *e)
{
#define AT(member) offsetof(struct outbox_report, member)
	static const struct json_field fields[] = {
		{ "kind", JSON_TO_CUSTOM, AT(kind), JSON_REQUIRED, .fn = parse_kind },
		{ "step", JSON_TO_INT, AT(step), JSON_REQUIRED, 0, INT64_MAX },
		{ "terminal", JSON_TO_BOOL, AT(terminal), JSON_REQUIRED },
		{ "body", JSON_TO_STRING, AT(body) },
		{ "file", JSON_TO_STRING, AT(file) },
		{ "header", JSON_TO_STRING, AT(header) },
	};
#undef AT
	CLEAN_JSON struct json_doc *doc = json_parse(p, n, NULL, e);

	if (!doc || json_decode(json_root(doc), fields, ARRAY_LEN(fields), ret, 0, e) < 0)
		return -1;
	if (ret->kind == OUTBOX_LOG ? !file_ok(ret->file) : !ret->body)
		return err_set(e, ERR_INPUT, "a %s without what it should say", kinds[ret->kind]);
	return 0;
}

int outbox_parse(const char *text, size_t n, struct outbox_list *ret, struct err *e)
{
	const char *p = text, *end = text + n, *newline;
	struct outbox_list list = { 0 };

	for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
		struct outbox_report r = { 0 };
		int rc = list.n < REPORTS_MAX
				 ? parse_line(p, (size_t)(newline - p), &r, e)
				 : err_set(e, ERR_LIMIT, "more than %d reports", REPORTS_MAX);

		if (rc < 0) {
			report_release(&r);
			err_wrap(e, "outbox line %zu", list.n + 1);
			outbox_list_release(&list);
			return -1;
		}
		list.v = xrealloc(list.v, (list.n + 1) * sizeof(*list.v));
		list.v[list.n++] = r;
	}
	*ret = list;
	return 0;
}

int outbox_read(const char *dir, struct outbox_list *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "outbox");
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_OUTBOX);

	*ret = (struct outbox_list){ 0 };
	if (file_read(path, &text, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		return 0;
	}
	return outbox_parse(buf_cstr(&text), text.len, ret, e);
}
