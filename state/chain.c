/*
 * A record: magic, length, SHA-256 of the payload, payload (JSON with its number). Two slots are
 * written by turns; the reader takes the valid one with the higher number.
 */
#include "state/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"

enum { RECORDS = 2, RECORD_SIZE = 32 << 10, BODY_MAX = 8 << 10, HEADERS_MAX = 16 };

struct record_head {
	char magic[8];
	uint32_t length;
	unsigned char sum[SHA256_LEN];
};
static const char magic[] = "shchain1";

void chain_state_release(struct chain_state *s)
{
	wipe_charp(&s->token);
	free_charp(&s->notice);
	free_charp(&s->path);
	free_charp(&s->body);
	strv_release(&s->headers);
}

/* ---- reading ---- */

static int decode(
	const char *text, size_t n, struct chain_state *ret, int64_t *ret_number, struct err *e)
{
	struct target {
		struct chain_state s;
		char *key;
		int64_t number, call;
	} t = { 0 };
#define FIELD(name, kind, member, ...)                                   \
	{                                                                \
		name, kind, offsetof(struct target, member), __VA_ARGS__ \
	}
	const struct json_field fields[] = {
		FIELD("number", JSON_TO_INT, number, JSON_REQUIRED, 0, INT64_MAX),
		FIELD("token", JSON_TO_STRING, s.token, JSON_REQUIRED, 1, LIMIT_TOKEN),
		FIELD("done", JSON_TO_INT, s.done, JSON_REQUIRED, 0, INT32_MAX),
		FIELD("log_acked", JSON_TO_INT, s.log_acked, 0, 0, INT64_MAX),
		FIELD("log_seq", JSON_TO_INT, s.log_seq, 0, 0, INT64_MAX),
		FIELD("log_chunk", JSON_TO_INT, s.log_chunk, 0, 0, LIMIT_LOG_CHUNK),
		FIELD("log_sent", JSON_TO_BOOL, s.log_sent),
		FIELD("log_refused", JSON_TO_BOOL, s.log_refused),
		FIELD("notice", JSON_TO_STRING, s.notice, 0, 0, BODY_MAX),
		FIELD("lost", JSON_TO_BOOL, s.lost),
		FIELD("final", JSON_TO_BOOL, s.final),
		FIELD("call", JSON_TO_INT, call, 0, CHAIN_NONE, CHAIN_ASK),
		FIELD("key", JSON_TO_STRING, key, 0, 0, UUID_TEXT_MAX - 1),
		FIELD("path", JSON_TO_STRING, s.path),
		FIELD("body", JSON_TO_STRING, s.body, 0, 0, BODY_MAX),
		FIELD("headers", JSON_TO_STRV, s.headers, 0, 0, HEADERS_MAX),
	};
#undef FIELD
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, NULL, e);
	int rc = doc ? json_decode(json_root(doc), fields, ARRAY_LEN(fields), &t, 0, e) : -1;

	if (rc == 0 && t.call != CHAIN_NONE && str_empty(t.key))
		rc = err_set(e, ERR_INPUT, "a call in flight without a key");
	if (rc == 0 && t.call == CHAIN_ASK && !t.s.path)
		rc = err_set(e, ERR_INPUT, "a call in flight without a path");
	if (rc == 0 && t.key)
		memcpy(t.s.key, t.key, strlen(t.key) + 1);
	free(t.key);
	if (rc < 0) {
		chain_state_release(&t.s);
		return -1;
	}
	t.s.call = (enum chain_call)t.call;
	*ret = t.s;
	*ret_number = t.number;
	return 0;
}

static int parse_record(
	const char *p, size_t n, struct chain_state *ret, int64_t *ret_number, struct err *e)
{
	struct record_head head;
	unsigned char sum[SHA256_LEN];

	if (n < sizeof(head))
		return err_set(e, ERR_INPUT, "%zu bytes, expected a record", n);
	memcpy(&head, p, sizeof(head));
	if (memcmp(head.magic, magic, sizeof(head.magic)) != 0 || head.length > n - sizeof(head))
		return err_set(e, ERR_INPUT, "no record");
	sha256(p + sizeof(head), head.length, sum);
	if (memcmp(sum, head.sum, sizeof(sum)) != 0)
		return err_set(e, ERR_INPUT, "a torn record");
	return decode(p + sizeof(head), head.length, ret, ret_number, e);
}

int chain_parse(
	const char *p, size_t n, struct chain_state *ret, int64_t *ret_number, struct err *e)
{
	bool found = false;

	for (size_t i = 0; i < RECORDS && i * RECORD_SIZE < n; i++) {
		size_t left = n - i * RECORD_SIZE;
		struct chain_state s = { 0 };
		struct err why = { 0 };
		int64_t number = 0;

		if (parse_record(p + i * RECORD_SIZE, left < RECORD_SIZE ? left : RECORD_SIZE, &s,
			    &number, &why) < 0)
			continue;
		if (!found || number > *ret_number) {
			if (found)
				chain_state_release(ret);
			*ret = s;
			*ret_number = number;
			found = true;
		} else {
			chain_state_release(&s);
		}
	}
	return found ? 0 : err_set(e, ERR_INPUT, "chain: no record is whole");
}

int chain_open(struct chain *c, const char *dir, struct chain_state *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "chain");
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(RECORDS * RECORD_SIZE);
	CLEAN_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_set_errno(e, errno, "chain %s", path);
	if (fd_read_all(fd, &text, e) < 0 ||
		chain_parse(buf_cstr(&text), text.len, ret, &c->number, e) < 0)
		return err_wrap(e, "%s", path);
	c->fd = TAKE_FD(fd);
	return 0;
}

void chain_close(struct chain *c)
{
	close_fdp(&c->fd);
}

/* ---- writing ---- */

static void write_text(struct json_writer *w, const struct chain_state *s, int64_t number)
{
	bool keep_body = s->body && strlen(s->body) <= BODY_MAX;

	json_begin_object(w);
	json_kv_int(w, "number", number);
	json_kv_str(w, "token", s->token);
	json_kv_int(w, "done", s->done);
	json_kv_int(w, "log_acked", s->log_acked);
	json_kv_int(w, "log_seq", s->log_seq);
	json_kv_int(w, "log_chunk", s->log_chunk);
	json_kv_bool(w, "log_sent", s->log_sent);
	json_kv_bool(w, "log_refused", s->log_refused);
	json_kv_bool(w, "lost", s->lost);
	json_kv_bool(w, "final", s->final);
	if (s->notice && strlen(s->notice) <= BODY_MAX && utf8_valid(s->notice, strlen(s->notice)))
		json_kv_str(w, "notice", s->notice);
	json_kv_int(w, "call", s->call);
	if (s->call != CHAIN_NONE)
		json_kv_str(w, "key", s->key);
	if (s->call == CHAIN_ASK) {
		json_kv_str(w, "path", s->path);
		if (keep_body)
			json_kv_str(w, "body", s->body);
		if (keep_body && s->headers.n)
			json_kv_strv(w, "headers", &s->headers);
	}
	json_end_object(w);
}

int chain_save(struct chain *c, const struct chain_state *s, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf out = BUF_INIT_SECRET(RECORD_SIZE);
	struct record_head head = { 0 };
	struct json_writer w;
	off_t place = (c->number + 1) % RECORDS * RECORD_SIZE;

	if (!buf_reserve(&out, sizeof(head)))
		BUG("room for a record");
	buf_commit(&out, sizeof(head));
	json_writer_init(&w, &out, false);
	write_text(&w, s, c->number + 1);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "chain");
	memcpy(head.magic, magic, sizeof(head.magic));
	head.length = (uint32_t)(out.len - sizeof(head));
	sha256(out.data + sizeof(head), head.length, head.sum);
	memcpy(out.data, &head, sizeof(head));
	if (pwrite(c->fd, out.data, out.len, place) != (ssize_t)out.len)
		return err_set_errno(e, errno ? errno : EIO, "chain");
	c->number++;
	return 0;
}

int chain_make(const char *dir, const char *token, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, "chain");
	struct chain_state first = { .token = (char *)(uintptr_t)token };
	struct chain c = CHAIN_INIT;
	int rc;

	c.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c.fd < 0)
		return err_set_errno(e, errno, "chain %s", path);
	/* all of it now: a full disk is met here and never by a later save */
	rc = posix_fallocate(c.fd, 0, RECORDS * RECORD_SIZE);
	rc = rc ? err_set_errno(e, rc, "chain %s", path) : chain_save(&c, &first, e);
	chain_close(&c);
	return rc;
}
