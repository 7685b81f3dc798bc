/*
 * Verbs beside serve learn from a file in the data folder where its objects are, as they learn its
 * public URL: whoever mistypes the place in one of them would find an empty store there, or make
 * one.
 */
#include "coordinator/object/objects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"

#define PUBLISHED "objects.place"
enum { PLACE_MAX = 4096 };

struct objects {
	struct files files;
};

void objects_free(struct objects *o)
{
	if (!o)
		return;
	files_release(&o->files);
	free(o);
}

struct objects *objects_open(const struct objects_place *p, struct err *e UNUSED)
{
	CLEAN_STR char *folder = p->where ? xstrdup(p->where) : path_join(p->data_dir, "objects");
	struct objects *o = xcalloc(1, sizeof(*o));

	files_init(&o->files, folder);
	return o;
}

int objects_sweep(struct objects *o, struct err *e)
{
	return files_sweep(&o->files, e);
}

const char *objects_folder(const struct objects *o)
{
	return o->files.folder;
}

/* ---- where ---- */

int objects_publish(const struct objects_place *p, struct err *e)
{
	CLEAN_STR char *path = path_join(p->data_dir, PUBLISHED);

	if (p->where)
		return file_replace(path, p->where, strlen(p->where), 0600, e);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s", path);
	return 0;
}

struct objects *objects_open_published(const char *data_dir, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, PUBLISHED);
	CLEAN_BUF struct buf text = BUF_INIT(PLACE_MAX);
	struct objects_place p = { .data_dir = data_dir };

	if (access(path, F_OK) == 0) {
		if (file_read(path, &text, e) < 0)
			return NULL;
		p.where = buf_cstr(&text);
	}
	return objects_open(&p, e);
}

/* ---- objects ---- */

int object_open(struct objects *o, const char *key, int64_t *ret_size, struct err *e)
{
	return files_get(&o->files, key, ret_size, e);
}

int object_delete(struct objects *o, const char *key, struct err *e)
{
	return files_delete(&o->files, key, e);
}

int object_delete_run(struct objects *o, int64_t run_id, struct err *e)
{
	CLEAN_STR char *key = xasprintf("actions/runs/%" PRId64, run_id);

	return files_delete_tree(&o->files, key, e);
}

int objects_each(struct objects *o, object_seen_fn fn, void *data, struct err *e)
{
	return files_each(&o->files, fn, data, e);
}

/* ---- uploads ---- */

struct object_upload {
	struct objects *to;
	char *temp; /* NULL: committed */
	int fd;
	int64_t size, have;
	struct sha256_stream *hash;
	bool synced;
};

struct object_upload *object_upload_begin(struct objects *o, int64_t size, struct err *e)
{
	struct object_upload *u = xcalloc(1, sizeof(*u));

	u->to = o;
	u->size = size;
	u->hash = sha256_begin();
	u->fd = files_temp(&o->files, &u->temp, e);
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

int object_upload_sync(struct object_upload *u, struct err *e)
{
	if (u->have != u->size)
		return err_set(e, ERR_INPUT, "%" PRId64 " bytes came, expected %" PRId64, u->have,
			u->size);
	if (fsync(u->fd) < 0)
		return err_set_errno(e, errno, "sync an object");
	u->synced = true;
	return 0;
}

int object_upload_end(struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e)
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX];

	if (!u->synced && object_upload_sync(u, e) < 0)
		return -1;
	sha256_end(TAKE(u->hash), sha);
	hex_encode(sha, sizeof(sha), hex);
	snprintf(ret_digest, OBJECT_DIGEST_MAX, "sha256:%s", hex);
	return 0;
}

int object_upload_commit(struct object_upload *u, const char *key, struct err *e)
{
	if (files_put(&u->to->files, u->temp, key, e) < 0)
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
	free(u);
}
