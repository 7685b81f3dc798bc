/*
 * What the store stores is checked twice: the signed hash of the body refuses bytes that changed on
 * their way, and the checksum that stays with the object can be asked for afterwards.
 */
#include "coordinator/object/s3.h"

#include <errno.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/object/key.h"
#include "coordinator/object/s3_answer.h"
#include "coordinator/object/s3_parts.h"

#define CHECKSUM "x-amz-checksum-sha256"
enum { CHECKSUM_MAX = 64 };

/* Base64 of what stands in hex. */
static int checksum_of(const char *sha, struct buf *out, struct err *e)
{
	unsigned char raw[SHA256_LEN];

	if (hex_decode(sha, raw, sizeof(raw)) < 0 || base64_encode(out, raw, sizeof(raw)) < 0)
		return err_set(e, ERR_INTERNAL, "digest of an object: expected 64 hex digits");
	return 0;
}

int s3_put(struct s3 *s, const char *key, int fd, int64_t size, const char *sha, struct err *e)
{
	CLEAN_BUF struct buf sum = BUF_INIT(CHECKSUM_MAX);
	CLEANUP(strv_release) struct strv headers = { 0 };

	if (size > (int64_t)S3_PART)
		return s3_put_parts(s, key, fd, size, e);
	if (checksum_of(sha, &sum, e) < 0)
		return -1;
	strv_addf(&headers, CHECKSUM ": %s", buf_cstr(&sum));
	return s3_request(s,
		&(struct s3_call){ .method = "PUT",
			.key = key,
			.headers = &headers,
			.fd = &fd,
			.len = (size_t)size,
			.sha = sha },
		e);
}

/* ---- reading ---- */

struct get {
	const struct s3_read *what;
	int64_t size;
	struct err error; /* of ours */
};

static int get_before(void *data, struct err *e)
{
	struct get *g = data;
	int fd = g->what->fd;

	g->size = 0;
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_set_errno(e, errno, "copy of an object");
	return 0;
}

static int get_body(void *data, const char *p, size_t n)
{
	struct get *g = data;

	if ((int64_t)n > g->what->most - g->size)
		return err_set(&g->error, ERR_INTERNAL,
			"object %s is damaged: its size is not that of its row", g->what->key);
	g->size += (int64_t)n;
	return fd_write_all(g->what->fd, p, n, &g->error);
}

int s3_get(struct s3 *s, const struct s3_read *r, int64_t *ret_size, struct err *e)
{
	struct get g = { .what = r };
	const struct s3_call c = { .method = "GET",
		.key = r->key,
		.before = get_before,
		.on_body = get_body,
		.data = &g,
		.gone = r->gone };

	if (s3_request(s, &c, e) < 0) {
		if (g.error.class != ERR_NONE && e)
			*e = g.error;
		return -1;
	}
	*ret_size = g.size;
	return 0;
}

struct head {
	int64_t *size;
	char *sha;
};

static void checksum_read(const char *text, char *ret_sha)
{
	CLEAN_BUF struct buf raw = BUF_INIT(CHECKSUM_MAX);

	*ret_sha = '\0';
	/* one of parts ("…-3") is none of the whole */
	if (text && base64_decode(&raw, text, strlen(text), NULL) == 0 && raw.len == SHA256_LEN)
		hex_encode(buf_cstr(&raw), SHA256_LEN, ret_sha);
}

static int take_head(void *data, const struct http_result *r, struct err *e)
{
	const struct head *h = data;
	const char *size = http_header(r, "content-length");

	if (!size || !parse_i64(size, 0, INT64_MAX, h->size))
		return err_set(e, ERR_IO, "the object store's answer has no Content-Length");
	if (h->sha)
		checksum_read(http_header(r, CHECKSUM), h->sha);
	return 0;
}

int s3_head(struct s3 *s, const char *key, int64_t *ret_size, char *ret_sha, struct err *e)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct head h = { ret_size, ret_sha };

	strv_add(&headers, "x-amz-checksum-mode: ENABLED");
	return s3_request(s,
		&(struct s3_call){ .method = "HEAD",
			.key = key,
			.headers = &headers,
			.take = take_head,
			.data = &h },
		e);
}

int s3_delete(struct s3 *s, const char *key, struct err *e)
{
	struct err own = { 0 };

	if (s3_request(s, &(struct s3_call){ .method = "DELETE", .key = key }, &own) == 0 ||
		err_is(&own, ERR_NOT_FOUND))
		return 0;
	if (e)
		*e = own;
	return -1;
}

/* ---- lists ---- */

struct listing {
	struct s3 *s;
	object_seen_fn fn;
	void *data;
	const char *prefix; /* of all keys that were asked for */
	struct buf page;
	char *token; /* of the next page; NULL: there is none */
};

static int take_page(void *data, const struct http_result *r, struct err *e)
{
	struct listing *l = data;

	buf_clear(&l->page);
	if (buf_add(&l->page, buf_cstr(&r->body), r->body.len) < 0)
		return err_set(e, ERR_IO, "a list of the object store is too large");
	return 0;
}

/* A key that others made below our prefix is left alone: neither its object is ours nor the path
 * that it would be here. */
static int entry_tell(const struct listing *l, const char *key, int64_t size, struct err *e)
{
	struct err foreign = { 0 };

	if (key_check(key, &foreign) == 0)
		return l->fn(l->data, key, size, e);
	log_warn("objects", "left_alone", F_ERR(&foreign));
	return 0;
}

static int page_walk(struct listing *l, struct err *e)
{
	struct slice text = buf_slice(&l->page), one;
	size_t prefix = strlen(s3_bucket(l->s)->prefix);
	int64_t size;

	for (; (one = xml_element(text, "Contents")).ptr; text = xml_after(text, one)) {
		CLEAN_STR char *key = xml_string(one, "Key");

		if (!key || !str_starts(key, l->prefix) || !xml_int(one, "Size", &size))
			return err_set(e, ERR_IO, "a list of the object store cannot be read");
		if (entry_tell(l, key + prefix, size, e) < 0)
			return -1;
	}
	return 0;
}

/* A list that is cut off without a way on, or with the way that was taken before, has no end. */
static int token_next(struct listing *l, struct err *e)
{
	CLEAN_STR char *more = xml_string(buf_slice(&l->page), "IsTruncated");
	CLEAN_STR char *token = xml_string(buf_slice(&l->page), "NextContinuationToken");

	if (str_eq(more, "true") && str_empty(token))
		return err_set(e, ERR_IO,
			"a list of the object store says that there is more, and not how to ask");
	if (token && str_eq(token, l->token))
		return err_set(e, ERR_IO, "a list of the object store leads back to itself");
	free(l->token);
	l->token = TAKE(token);
	return 0;
}

static int page_ask(struct listing *l, struct err *e)
{
	struct sign_field query[] = { { "list-type", "2" }, { "prefix", l->prefix },
		{ "continuation-token", l->token } };

	if (s3_request(l->s,
		    &(struct s3_call){ .method = "GET",
			    .query = query,
			    .n_query = l->token ? 3 : 2,
			    .take = take_page,
			    .data = l },
		    e) < 0)
		return -1;
	return token_next(l, e);
}

int s3_each(struct s3 *s, const char *below, object_seen_fn fn, void *data, struct err *e)
{
	CLEAN_STR char *prefix = xasprintf("%s%s", s3_bucket(s)->prefix, below);
	struct listing l = {
		.s = s, .fn = fn, .data = data, .prefix = prefix, .page = BUF_INIT(MIB(4))
	};
	int rc;

	do {
		rc = page_ask(&l, e);
		if (rc == 0)
			rc = page_walk(&l, e);
	} while (rc == 0 && l.token);
	free(l.token);
	buf_release(&l.page);
	return rc;
}

int s3_check(struct s3 *s, int64_t deadline_us, struct err *e)
{
	struct sign_field query[] = { { "list-type", "2" }, { "max-keys", "1" },
		{ "prefix", s3_bucket(s)->prefix } };
	struct err own = { 0 };
	const struct s3_call c = { .method = "GET",
		.query = query,
		.n_query = ARRAY_LEN(query),
		.deadline_us = deadline_us };

	if (s3_request(s, &c, &own) == 0)
		return 0;
	if (err_is(&own, ERR_NOT_FOUND)) /* the answer had no words */
		err_set(&own, ERR_IO,
			"there is no bucket \"%s\" at %s; make it, or correct objects",
			s3_bucket(s)->bucket, s3_bucket(s)->origin);
	if (e)
		*e = own;
	return -1;
}

/* ---- URLs ---- */

static int url_sign(
	struct s3 *s, struct sign_request *r, const char *key, char **ret, struct err *e)
{
	const struct bucket *p = s3_bucket(s);
	CLEAN_BUF struct buf path = BUF_INIT(KIB(8));

	buf_adds(&path, p->root);
	sign_encode(&path, key, true);
	r->origin = p->origin;
	r->path = buf_cstr(&path);
	r->region = p->region;
	r->service = "s3";
	return sign_url(s3_keys(s), r, ret, e);
}

int s3_put_url(struct s3 *s, const char *key, const char *sha, struct wall now, int64_t lifetime_s,
	char **ret_url, char **ret_header, struct err *e)
{
	CLEAN_BUF struct buf sum = BUF_INIT(CHECKSUM_MAX);
	struct sign_field header = { CHECKSUM, NULL };
	struct sign_request r = { .method = "PUT", .at = now, .lifetime_s = lifetime_s };

	if (sha && checksum_of(sha, &sum, e) < 0)
		return -1;
	header.value = buf_cstr(&sum);
	r.headers = &header;
	r.n_headers = sha ? 1 : 0;
	if (url_sign(s, &r, key, ret_url, e) < 0)
		return -1;
	*ret_header = sha ? xasprintf(CHECKSUM ": %s", buf_cstr(&sum)) : NULL;
	return 0;
}

int s3_get_url(struct s3 *s, const char *key, const char *save_as, struct wall now,
	int64_t lifetime_s, char **ret_url, struct err *e)
{
	CLEAN_STR char *how = xasprintf("attachment; filename=\"%s\"", save_as ? save_as : "");
	const struct sign_field query = { "response-content-disposition", how };
	struct sign_request r = { .method = "GET",
		.query = &query,
		.n_query = save_as ? 1 : 0,
		.at = now,
		.lifetime_s = lifetime_s };

	return url_sign(s, &r, key, ret_url, e);
}
