/* Of a folder the file gets its name in the end; to a bucket it is sent, and never has one. */
#include "coordinator/object/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "coordinator/object/private.h"

struct object_upload {
	struct objects *to;
	char *key;  /* when it is synced */
	char *temp; /* NULL: committed, or for a bucket */
	int fd;
	int64_t size, have;
	struct sha256_stream *hash; /* NULL: sha is there */
	char sha[SHA256_HEX_MAX];
};

struct object_upload *object_upload_begin(struct objects *o, int64_t size, struct err *e)
{
	struct object_upload *u = xcalloc(1, sizeof(*u));

	u->to = o;
	u->size = size;
	u->hash = sha256_begin();
	u->fd = o->s3 ? objects_spool(o, e) : files_temp(&o->files, &u->temp, e);
	if (u->fd >= 0)
		return u;
	object_upload_free(u);
	return NULL;
}

int object_upload_add(struct object_upload *u, const void *p, size_t n, struct err *e)
{
	if ((int64_t)n > u->size - u->have)
		return err_set(e, ERR_INPUT, "more than the %" PRId64 " bytes announced", u->size);
	if (fd_write_all(u->fd, p, n, e) < 0)
		return -1;
	sha256_more(u->hash, p, n);
	u->have += (int64_t)n;
	return 0;
}

int object_upload_digest(struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e)
{
	unsigned char sha[SHA256_LEN];

	if (u->have != u->size)
		return err_set(e, ERR_INPUT, "%" PRId64 " bytes came, expected %" PRId64, u->have,
			u->size);
	if (u->hash) {
		sha256_end(TAKE(u->hash), sha);
		hex_encode(sha, sizeof(sha), u->sha);
	}
	snprintf(ret_digest, OBJECT_DIGEST_MAX, "sha256:%s", u->sha);
	return 0;
}

int object_upload_sync(struct object_upload *u, const char *key, struct err *e)
{
	if (u->to->s3 && s3_put(u->to->s3, key, u->fd, u->size, u->sha, e) < 0)
		return err_wrap(e, "put an object");
	if (!u->to->s3 && fsync(u->fd) < 0)
		return err_set_errno(e, errno, "sync an object");
	free(u->key);
	u->key = xstrdup(key);
	return 0;
}

int object_upload_commit(struct object_upload *u, struct err *e)
{
	if (u->to->s3) /* it is where it belongs; an older copy of it may be here */
		return files_delete(&u->to->files, u->key, e);
	if (files_put(&u->to->files, u->temp, u->key, e) < 0)
		return -1;
	free_charp(&u->temp);
	return 0;
}

void object_upload_free(struct object_upload *u)
{
	if (!u)
		return;
	if (u->temp)
		unlink(u->temp);
	close_fdp(&u->fd);
	sha256_end(u->hash, NULL);
	free(u->temp);
	free(u->key);
	free(u);
}
