/*
 * Verbs beside serve learn from a file in the data folder where its objects are, as they learn its
 * public URL: whoever mistypes the place in one of them would find an empty store there, or make
 * one.
 */
#include "coordinator/object/objects.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/object/cache.h"
#include "coordinator/object/credentials.h"
#include "coordinator/object/object.h"
#include "coordinator/object/s3.h"
#include "coordinator/object/s3_parts.h"

#define PUBLISHED "objects.place"
#define CACHE "object-cache"
#define LEFT_ALONE_US (24 * 3600 * USEC_PER_SEC)
enum { PUBLISHED_MAX = 16384, RUN_LEN_MAX = 64 };

struct objects {
	struct files files; /* the objects; with a bucket those that were fetched */
	struct s3 *s3;      /* NULL: there is no bucket */
	atomic_bool never_waits;
	pthread_mutex_t lock;
	char *missing; /* key that was not in the bucket when it was asked for last */
};

static struct objects *objects_new(const char *folder)
{
	struct objects *o = xcalloc(1, sizeof(*o));

	files_init(&o->files, folder);
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void objects_free(struct objects *o)
{
	if (!o)
		return;
	s3_free(o->s3);
	files_release(&o->files);
	pthread_mutex_destroy(&o->lock);
	free(o->missing);
	free(o);
}

static struct objects *bucket_open(const struct objects_place *p, struct err *e)
{
	CLEAN_STR char *folder = path_join(p->data_dir, CACHE);
	struct s3_config c = { .ca_file = p->ca_file, .patience_us = S3_PATIENCE_US };

	if (bucket_parse(p->where, &c.bucket, e) < 0 ||
		credentials_load(p->credentials, &c.keys, e) < 0) {
		bucket_release(&c.bucket);
		err_wrap(e, "objects");
		return NULL;
	}
	struct objects *o = objects_new(folder);
	o->s3 = s3_new(&c);
	return o;
}

struct objects *objects_open(const struct objects_place *p, struct err *e)
{
	CLEAN_STR char *folder = p->where ? xstrdup(p->where) : path_join(p->data_dir, "objects");

	return p->where && bucket_is_s3(p->where) ? bucket_open(p, e) : objects_new(folder);
}

int objects_sweep(struct objects *o, struct err *e)
{
	return files_sweep(&o->files, e);
}

int objects_tidy(struct objects *o, struct wall now, int64_t *ret_n, struct err *e)
{
	*ret_n = 0;
	return o->s3 ? s3_abort_old(o->s3, (struct wall){ now.us - LEFT_ALONE_US }, ret_n, e) : 0;
}

int objects_check(struct objects *o, int64_t patience_us, struct err *e)
{
	return o->s3 ? s3_check(o->s3, patience_us, e) : 0;
}

bool objects_far(const struct objects *o)
{
	return o->s3 != NULL;
}

const char *objects_folder(const struct objects *o)
{
	return o->s3 ? NULL : o->files.folder;
}

void objects_wait_never(struct objects *o)
{
	o->never_waits = true;
}

void objects_stop(struct objects *o)
{
	if (o->s3)
		s3_stop(o->s3);
}

/* ---- where ---- */

/* A line each: the place, the file of the keys, that of the authority. */
int objects_publish(const struct objects_place *p, struct err *e)
{
	CLEAN_STR char *path = path_join(p->data_dir, PUBLISHED);
	CLEAN_STR char *text = xasprintf("%s\n%s\n%s\n", p->where ? p->where : "",
		p->credentials ? p->credentials : "", p->ca_file ? p->ca_file : "");

	if (p->where)
		return file_replace(path, text, strlen(text), 0600, e);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s", path);
	return 0;
}

static const char *line_of(const struct strv *lines, size_t i)
{
	return i < lines->n && *lines->v[i] ? lines->v[i] : NULL;
}

struct objects *objects_open_published(const char *data_dir, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, PUBLISHED);
	CLEAN_BUF struct buf text = BUF_INIT(PUBLISHED_MAX);
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct objects_place p = { .data_dir = data_dir };

	if (access(path, F_OK) == 0) {
		if (file_read(path, &text, e) < 0)
			return NULL;
		strv_split(&lines, buf_cstr(&text), '\n');
		p.where = line_of(&lines, 0);
		p.credentials = line_of(&lines, 1);
		p.ca_file = line_of(&lines, 2);
	}
	return objects_open(&p, e);
}

/* ---- keys ---- */

char *artifact_key(const struct objects *o, int64_t run_id, const char *name, int64_t id)
{
	CLEAN_STR char *key = object_key(run_id, name);

	return o->s3 ? xasprintf("%s/%" PRId64, key, id) : TAKE(key);
}

int64_t artifact_of_key(const char *key)
{
	const char *artifacts = strstr(key, "/artifacts/"), *last = strrchr(key, '/');
	int64_t id = 0;

	if (!artifacts || last <= artifacts + strlen("/artifacts/") ||
		!parse_i64(last + 1, 1, INT64_MAX, &id))
		return 0;
	return id;
}

/* ---- objects ---- */

bool object_is_here(struct objects *o, const char *key)
{
	int64_t size = 0;
	CLEAN_FD int fd = o->s3 ? files_get(&o->files, key, &size, NULL) : -1;

	return !o->s3 || fd >= 0;
}

static void missing_set(struct objects *o, const char *key)
{
	pthread_mutex_lock(&o->lock);
	free(o->missing);
	o->missing = xstrdup(key);
	pthread_mutex_unlock(&o->lock);
}

static bool missing_take(struct objects *o, const char *key)
{
	pthread_mutex_lock(&o->lock);
	bool is = str_eq(o->missing, key);
	if (is)
		free_charp(&o->missing);
	pthread_mutex_unlock(&o->lock);
	return is;
}

int object_fetch(struct objects *o, const char *key, struct err *e)
{
	CLEAN_STR char *temp = NULL;
	struct err own = { 0 };
	int64_t size = 0;

	if (object_is_here(o, key))
		return 0;
	CLEAN_FD int fd = files_temp(&o->files, &temp, e);
	if (fd < 0)
		return -1;
	int rc = s3_get(o->s3, key, fd, &size, &own);
	if (rc == 0)
		rc = files_put(&o->files, temp, key, &own);
	if (rc == 0) {
		cache_trim(&o->files, key);
		return 0;
	}
	unlink(temp);
	if (err_is(&own, ERR_NOT_FOUND))
		missing_set(o, key);
	if (e)
		*e = own;
	return -1;
}

static int here_open(struct objects *o, const char *key, int64_t *ret_size, struct err *e)
{
	int fd = files_get(&o->files, key, ret_size, e);

	if (fd >= 0)
		futimens(fd, NULL); /* it is in use (cache.h) */
	return fd;
}

int object_open(struct objects *o, const char *key, int64_t *ret_size, struct err *e)
{
	if (!o->s3)
		return files_get(&o->files, key, ret_size, e);
	if (!object_is_here(o, key)) {
		if (missing_take(o, key))
			return err_set(e, ERR_NOT_FOUND, "there is no such object");
		if (o->never_waits)
			return err_set(e, ERR_TIMEOUT, "object %s is not here yet", key);
		if (object_fetch(o, key, e) < 0)
			return -1;
	}
	return here_open(o, key, ret_size, e);
}

int object_stat(struct objects *o, const char *key, int64_t *ret_size,
	char ret_digest[OBJECT_DIGEST_MAX], struct err *e)
{
	char sha[SHA256_HEX_MAX] = "";

	*ret_digest = '\0';
	if (!o->s3) {
		CLEAN_FD int fd = files_get(&o->files, key, ret_size, e);

		return fd < 0 ? -1 : 0;
	}
	if (s3_head(o->s3, key, ret_size, sha, e) < 0)
		return -1;
	if (*sha)
		snprintf(ret_digest, OBJECT_DIGEST_MAX, "sha256:%s", sha);
	return 0;
}

int object_delete(struct objects *o, const char *key, struct err *e)
{
	if (o->s3 && s3_delete(o->s3, key, e) < 0)
		return -1;
	return files_delete(&o->files, key, e);
}

static int delete_seen(void *data, const char *key, int64_t size UNUSED, struct err *e)
{
	return object_delete(data, key, e);
}

int object_delete_run(struct objects *o, int64_t run_id, struct err *e)
{
	CLEAN_STR char *key = xasprintf("actions/runs/%" PRId64, run_id);
	CLEAN_STR char *below = xasprintf("%s/", key);

	if (o->s3 && s3_each(o->s3, below, delete_seen, o, e) < 0)
		return -1;
	return files_delete_tree(&o->files, key, e);
}

int objects_each(struct objects *o, object_seen_fn fn, void *data, struct err *e)
{
	return o->s3 ? s3_each(o->s3, "actions/", fn, data, e) : files_each(&o->files, fn, data, e);
}

/* ---- URLs ---- */

bool objects_presign(const struct objects *o)
{
	return o->s3 && s3_bucket(o->s3)->presign;
}

static int64_t lifetime(struct wall now, struct wall until)
{
	return (until.us - now.us) / USEC_PER_SEC;
}

void object_upload_url_release(struct object_upload_url *u)
{
	free(u->url);
	free(u->header);
}

int object_put_url(struct objects *o, const char *key, const char *digest, struct wall now,
	struct wall until, struct object_upload_url *ret, struct err *e)
{
	return s3_put_url(o->s3, key, digest + strlen("sha256:"), now, lifetime(now, until),
		&ret->url, &ret->header, e);
}

int object_get_url(struct objects *o, const char *key, const char *save_as, struct wall now,
	struct wall until, char **ret, struct err *e)
{
	return s3_get_url(o->s3, key, save_as, now, lifetime(now, until), ret, e);
}

/* ---- uploads ---- */

struct object_upload {
	struct objects *to;
	char *key, *temp; /* temp NULL: committed */
	int fd;
	int64_t size, have;
	struct sha256_stream *hash;
	char sha[SHA256_HEX_MAX]; /* when it is synced */
	bool synced;
};

struct object_upload *object_upload_begin(
	struct objects *o, const char *key, int64_t size, struct err *e)
{
	struct object_upload *u = xcalloc(1, sizeof(*u));

	u->to = o;
	u->key = xstrdup(key);
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

static void digest_end(struct object_upload *u)
{
	unsigned char sha[SHA256_LEN];

	if (!u->hash)
		return;
	sha256_end(TAKE(u->hash), sha);
	hex_encode(sha, sizeof(sha), u->sha);
}

int object_upload_sync(struct object_upload *u, struct err *e)
{
	if (u->have != u->size)
		return err_set(e, ERR_INPUT, "%" PRId64 " bytes came, expected %" PRId64, u->have,
			u->size);
	digest_end(u);
	if (u->to->s3 && s3_put(u->to->s3, u->key, u->fd, u->size, u->sha, e) < 0)
		return err_wrap(e, "put an object");
	if (!u->to->s3 && fsync(u->fd) < 0)
		return err_set_errno(e, errno, "sync an object");
	u->synced = true;
	return 0;
}

int object_upload_end(struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e)
{
	if (!u->synced && object_upload_sync(u, e) < 0)
		return -1;
	snprintf(ret_digest, OBJECT_DIGEST_MAX, "sha256:%s", u->sha);
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
