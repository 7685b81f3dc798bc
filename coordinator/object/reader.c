/*
 * A large object is hashed while it is read: reading it twice would keep a caller waiting who in
 * most cases has nothing to fear. Whoever sends it on must not say that it ended when the last read
 * failed; in chunked answers the connection is cut.
 */
#include "coordinator/object/reader.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/limits.h"

struct object_reader {
	int fd;
	char *key, *digest;
	int64_t size, read;
	struct sha256_stream *hash; /* NULL: checked already, or nothing to check */
};

void object_reader_free(struct object_reader *r)
{
	if (!r)
		return;
	close_fdp(&r->fd);
	sha256_end(r->hash, NULL);
	free(r->key);
	free(r->digest);
	free(r);
}

static int damaged(const struct object_reader *r, struct err *e, const char *how)
{
	return err_set(e, ERR_INTERNAL, "object %s is damaged: %s", r->key, how);
}

static int digest_check(struct object_reader *r, struct err *e)
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX], have[OBJECT_DIGEST_MAX];

	if (!r->hash)
		return 0;
	sha256_end(TAKE(r->hash), sha);
	hex_encode(sha, sizeof(sha), hex);
	snprintf(have, sizeof(have), "sha256:%s", hex);
	return str_eq(have, r->digest) ? 0 : damaged(r, e, "its SHA-256 is not the stored one");
}

static ssize_t read_next(struct object_reader *r, char *out, size_t max, struct err *e)
{
	ssize_t n = read(r->fd, out, max);

	if (n < 0)
		return err_set_errno(e, errno, "object %s", r->key);
	if (n == 0 && r->read != r->size)
		return damaged(r, e, "it is shorter than its row says");
	if (n > 0 && r->hash)
		sha256_more(r->hash, out, (size_t)n);
	r->read += n;
	return n;
}

ssize_t object_reader_read(struct object_reader *r, char *out, size_t max, struct err *e)
{
	ssize_t n = read_next(r, out, max, e);

	if (n == 0)
		return digest_check(r, e);
	return n;
}

static int read_all(struct object_reader *r, struct err *e)
{
	char bytes[KIB(32)];
	ssize_t n;

	while ((n = object_reader_read(r, bytes, sizeof(bytes), e)) > 0)
		continue;
	return (int)n;
}

int object_reader_skip(struct object_reader *r, int64_t n, struct err *e)
{
	char bytes[KIB(32)];

	while (r->read < n) {
		int64_t left = n - r->read;
		size_t most = left < (int64_t)sizeof(bytes) ? (size_t)left : sizeof(bytes);

		if (read_next(r, bytes, most, e) <= 0)
			return damaged(r, e, "it is shorter than its row says");
	}
	return 0;
}

int object_reader_jump(struct object_reader *r, int64_t n, struct err *e)
{
	sha256_end(TAKE(r->hash), NULL);
	if (n > r->size)
		return damaged(r, e, "it is shorter than its row says");
	r->read = n;
	return lseek(r->fd, n, SEEK_SET) < 0 ? err_set_errno(e, errno, "object %s", r->key) : 0;
}

/* A small one is known to be whole before anything is said of it. */
static int check_first(struct object_reader *r, struct err *e)
{
	if (!r->hash || r->size > (int64_t)OBJECT_CHECKED_FIRST)
		return 0;
	if (read_all(r, e) < 0)
		return -1;
	r->read = 0;
	return lseek(r->fd, 0, SEEK_SET) < 0 ? err_set_errno(e, errno, "object %s", r->key) : 0;
}

struct object_reader *object_reader_open(
	struct objects *o, const char *key, int64_t size, const char *digest, struct err *e)
{
	CLEAN_OBJECT_READER struct object_reader *r = xcalloc(1, sizeof(*r));
	int64_t have = 0;

	r->size = size;
	r->key = xstrdup(key);
	r->digest = digest ? xstrdup(digest) : NULL;
	r->hash = digest ? sha256_begin() : NULL;
	r->fd = object_open(o, key, size, &have, e);
	if (r->fd < 0)
		return NULL;
	if (have != size) {
		damaged(r, e, "its size is not that of its row");
		return NULL;
	}
	return check_first(r, e) < 0 ? NULL : TAKE(r);
}

int object_verify(
	struct objects *o, const char *key, int64_t size, const char *digest, struct err *e)
{
	CLEAN_OBJECT_READER struct object_reader *r = object_reader_open(o, key, size, digest, e);

	return r ? read_all(r, e) : -1;
}
