/*
 * Parts are read twice, once for their hash, which must be sent before the bytes; what the disk
 * does not hold in memory any more it reads again. The answer that ends an upload may come with
 * status 200 and an error in it, as the store keeps the connection busy while it works.
 */
#include "coordinator/object/s3_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/object/key.h"
#include "coordinator/object/s3.h"
#include "coordinator/object/s3_answer.h"

enum { PARTS_MAX = 9000, BLOCK = 64 << 10 };

struct upload {
	struct s3 *s;
	const char *key;
	int fd;
	int64_t size, part;
	char *id;
	char *etag;      /* of the last part */
	struct buf ends; /* the document that ends it */
};

static int64_t part_size(int64_t size)
{
	int64_t least = size / PARTS_MAX + 1;

	return least <= (int64_t)S3_PART
		       ? (int64_t)S3_PART
		       : (least + (int64_t)MIB(1) - 1) / (int64_t)MIB(1) * (int64_t)MIB(1);
}

static int part_hash(const struct upload *u, int64_t from, size_t n, char *ret_sha, struct err *e)
{
	struct sha256_stream *hash = sha256_begin();
	unsigned char sha[SHA256_LEN];
	char block[BLOCK];
	size_t have = 0;

	while (have < n) {
		size_t most = n - have < sizeof(block) ? n - have : sizeof(block);
		ssize_t k = pread(u->fd, block, most, (off_t)(from + (int64_t)have));

		if (k <= 0)
			break;
		sha256_more(hash, block, (size_t)k);
		have += (size_t)k;
	}
	sha256_end(hash, sha);
	hex_encode(sha, sizeof(sha), ret_sha);
	return have == n ? 0 : err_set_errno(e, errno ? errno : EIO, "read an object");
}

static int take_id(void *data, const struct http_result *r, struct err *e)
{
	struct upload *u = data;

	u->id = xml_string(buf_slice(&r->body), "UploadId");
	return u->id ? 0 : err_set(e, ERR_IO, "the object store gave no UploadId");
}

static int upload_begin(struct upload *u, struct err *e)
{
	const struct sign_field query = { "uploads", "" };

	return s3_request(u->s,
		&(struct s3_call){ .method = "POST",
			.key = u->key,
			.query = &query,
			.n_query = 1,
			.text = "",
			.take = take_id,
			.data = u },
		e);
}

static int take_part(void *data, const struct http_result *r, struct err *e)
{
	struct upload *u = data;
	const char *etag = http_header(r, "etag");

	if (str_empty(etag) || strpbrk(etag, "<>&"))
		return err_set(e, ERR_IO, "the object store gave no ETag");
	u->etag = xstrdup(etag);
	return 0;
}

static int part_put(struct upload *u, int number, int64_t from, struct err *e)
{
	int64_t left = u->size - from;
	size_t n = (size_t)(left < u->part ? left : u->part);
	CLEAN_STR char *text = xasprintf("%d", number);
	const struct sign_field query[] = { { "partNumber", text }, { "uploadId", u->id } };
	char sha[SHA256_HEX_MAX];

	free_charp(&u->etag);
	if (part_hash(u, from, n, sha, e) < 0)
		return -1;
	const struct s3_call c = { .method = "PUT",
		.key = u->key,
		.query = query,
		.n_query = ARRAY_LEN(query),
		.fd = &u->fd,
		.from = from,
		.len = n,
		.sha = sha,
		.take = take_part,
		.data = u };
	if (s3_request(u->s, &c, e) < 0)
		return -1;
	buf_addf(&u->ends, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", number,
		u->etag);
	return 0;
}

static int take_end(void *data, const struct http_result *r, struct err *e)
{
	const struct upload *u = data;
	struct slice body = buf_slice(&r->body);
	CLEAN_STR char *code = xml_string(body, "Code");

	if (xml_element(body, "ETag").ptr)
		return 0;
	const struct s3_refusal why = { .status = 500, .body = body, .method = "POST" };
	return code ? s3_refusal_error(&why, s3_bucket(u->s), e)
		    : err_set(e, ERR_TIMEOUT, "the object store did not say that it has all parts");
}

/* Asked for again after an answer that was lost, the upload is gone and the object there. */
static int ended_before(struct upload *u, struct err *e)
{
	int64_t size = -1;

	if (err_is(e, ERR_TIMEOUT) || s3_head(u->s, u->key, &size, NULL, NULL) < 0 ||
		size != u->size)
		return -1;
	err_clear(e);
	return 0;
}

static int upload_end(struct upload *u, struct err *e)
{
	const struct sign_field query = { "uploadId", u->id };
	struct err own = { 0 };

	buf_adds(&u->ends, "</CompleteMultipartUpload>");
	if (!buf_ok(&u->ends))
		return err_set(e, ERR_LIMIT, "too many parts");
	const struct s3_call c = { .method = "POST",
		.key = u->key,
		.query = &query,
		.n_query = 1,
		.text = buf_cstr(&u->ends),
		.take = take_end,
		.data = u };
	if (s3_request(u->s, &c, &own) == 0 || ended_before(u, &own) == 0)
		return 0;
	if (e)
		*e = own;
	return -1;
}

static int upload_abort(struct s3 *s, const char *key, const char *id, struct err *e)
{
	const struct sign_field query = { "uploadId", id };
	struct err own = { 0 };

	if (s3_request(s,
		    &(struct s3_call){
			    .method = "DELETE", .key = key, .query = &query, .n_query = 1 },
		    &own) == 0 ||
		err_is(&own, ERR_NOT_FOUND))
		return 0;
	if (e)
		*e = own;
	return -1;
}

static int upload_all(struct upload *u, struct err *e)
{
	int number = 0;

	if (upload_begin(u, e) < 0)
		return -1;
	buf_adds(&u->ends, "<CompleteMultipartUpload>");
	for (int64_t from = 0; from < u->size; from += u->part)
		if (part_put(u, ++number, from, e) < 0)
			return -1;
	return upload_end(u, e);
}

int s3_put_parts(struct s3 *s, const char *key, int fd, int64_t size, struct err *e)
{
	struct upload u = { .s = s,
		.key = key,
		.fd = fd,
		.size = size,
		.part = part_size(size),
		.ends = BUF_INIT(MIB(4)) };
	int rc = upload_all(&u, e);

	if (rc < 0 && u.id)
		IGNORE_RESULT(upload_abort(s, key, u.id, NULL), "what is left is found later");
	free(u.id);
	free(u.etag);
	buf_release(&u.ends);
	return rc;
}

/* ---- what was left ---- */

struct leftovers {
	struct s3 *s;
	struct wall before;
	int64_t n;
	struct buf list;
};

static int take_list(void *data, const struct http_result *r, struct err *e)
{
	struct leftovers *l = data;

	buf_clear(&l->list);
	return buf_add(&l->list, buf_cstr(&r->body), r->body.len) < 0
		       ? err_set(e, ERR_IO, "a list of the object store is too large")
		       : 0;
}

static int leftover_abort(struct leftovers *l, struct slice one, struct err *e)
{
	const char *prefix = s3_bucket(l->s)->prefix;
	CLEAN_STR char *key = xml_string(one, "Key"), *id = xml_string(one, "UploadId");
	CLEAN_STR char *began = xml_string(one, "Initiated");
	struct wall at;

	if (!key || !id || !began || wall_parse(began, &at, NULL) < 0)
		return err_set(e, ERR_IO, "a list of the object store cannot be read");
	if (!str_starts(key, prefix) || !key_is_ours(key + strlen(prefix)) || at.us >= l->before.us)
		return 0;
	if (upload_abort(l->s, key + strlen(prefix), id, e) < 0)
		return -1;
	l->n++;
	return 0;
}

/* One page is enough: what was aborted is in no list any more, and the rest waits for next time. */
int s3_abort_old(struct s3 *s, struct wall before, int64_t *ret_n, struct err *e)
{
	CLEAN_STR char *ours = xasprintf("%s" KEY_ROOT, s3_bucket(s)->prefix);
	const struct sign_field query[] = { { "prefix", ours }, { "uploads", "" } };
	struct leftovers l = { .s = s, .before = before, .list = BUF_INIT(MIB(4)) };
	struct slice text, one;
	int rc = s3_request(s,
		&(struct s3_call){ .method = "GET",
			.query = query,
			.n_query = ARRAY_LEN(query),
			.take = take_list,
			.data = &l },
		e);

	text = buf_slice(&l.list);
	for (; rc == 0 && (one = xml_element(text, "Upload")).ptr; text = xml_after(text, one))
		rc = leftover_abort(&l, one, e);
	buf_release(&l.list);
	*ret_n = l.n;
	return rc;
}
