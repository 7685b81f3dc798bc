/*
 * Verbs beside serve learn from a file in the data folder where its objects are, as they learn its
 * public URL: whoever mistypes the place in one of them would find an empty store there, or make
 * one.
 */
#include "coordinator/object/objects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/object/credentials.h"
#include "coordinator/object/object.h"
#include "coordinator/object/private.h"
#include "coordinator/object/s3_parts.h"

#define PUBLISHED "objects.place"
#define CACHE "object-cache"
#define CALLS_PATIENCE_US (20 * USEC_PER_SEC)
#define LEFT_ALONE_US (24 * 3600 * USEC_PER_SEC)
enum { PUBLISHED_MAX = 16384, RUN_LEN_MAX = 64 };

static struct objects *objects_new(const char *folder, const char *data_dir)
{
	struct objects *o = xcalloc(1, sizeof(*o));

	o->data_dir = xstrdup(data_dir);
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
	free(o->data_dir);
	free(o->refused);
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
	struct objects *o = objects_new(folder, p->data_dir);
	o->s3 = s3_new(&c);
	return o;
}

static bool place_is_far(const struct objects_place *p)
{
	return p->where && bucket_is_s3(p->where);
}

static char *place_folder(const struct objects_place *p)
{
	return p->where ? xstrdup(p->where) : path_join(p->data_dir, "objects");
}

struct objects *objects_open(const struct objects_place *p, struct err *e)
{
	if (place_is_far(p))
		return bucket_open(p, e);
	CLEAN_STR char *folder = place_folder(p);
	return objects_new(folder, p->data_dir);
}

int objects_sweep(struct objects *o, struct err *e)
{
	return files_make(&o->files, e) < 0 ? -1 : files_sweep(&o->files, e);
}

int objects_tidy(struct objects *o, struct wall now, int64_t *ret_n, struct err *e)
{
	*ret_n = 0;
	if (files_sweep(&o->files, e) < 0)
		return -1;
	return o->s3 ? s3_abort_old(o->s3, (struct wall){ now.us - LEFT_ALONE_US }, ret_n, e) : 0;
}

int objects_check(struct objects *o, int64_t deadline_us, struct err *e)
{
	return o->s3 ? s3_check(o->s3, deadline_us, e) : 0;
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
	if (o->s3)
		s3_patience(o->s3, CALLS_PATIENCE_US);
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

/* What ret says lives as long as the lines. */
static int published_read(
	const char *data_dir, struct strv *lines, struct objects_place *ret, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, PUBLISHED);
	CLEAN_BUF struct buf text = BUF_INIT(PUBLISHED_MAX);

	*ret = (struct objects_place){ .data_dir = data_dir };
	if (access(path, F_OK) < 0)
		return 0;
	if (file_read(path, &text, e) < 0)
		return -1;
	strv_split(lines, buf_cstr(&text), '\n');
	ret->where = line_of(lines, 0);
	ret->credentials = line_of(lines, 1);
	ret->ca_file = line_of(lines, 2);
	return 0;
}

struct objects *objects_open_published(const char *data_dir, struct err *e)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct objects_place p;

	return published_read(data_dir, &lines, &p, e) < 0 ? NULL : objects_open(&p, e);
}

int objects_folder_published(const char *data_dir, char **ret, struct err *e)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct objects_place p;

	if (published_read(data_dir, &lines, &p, e) < 0)
		return -1;
	*ret = place_is_far(&p) ? NULL : place_folder(&p);
	return 0;
}

/* ---- keys ---- */

char *artifact_key(
	const struct objects *o, int64_t run_id, const char *name, int64_t id, const char *digest)
{
	CLEAN_STR char *key = object_key(run_id, name);

	return o->s3 ? xasprintf("%s/%" PRId64 "-%s", key, id, digest + strlen("sha256:"))
		     : TAKE(key);
}

int64_t artifact_of_key(const char *key)
{
	const char *artifacts = strstr(key, "/artifacts/"), *last = strrchr(key, '/');
	CLEAN_STR char *text = xstrndup(last + 1, strcspn(last + 1, "-"));
	int64_t id = 0;

	if (!artifacts || last <= artifacts + strlen("/artifacts/") ||
		!parse_i64(text, 1, INT64_MAX, &id))
		return 0;
	return id;
}

/* ---- objects ---- */

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

int artifact_delete(struct objects *o, int64_t run_id, const char *name, int64_t id, struct err *e)
{
	CLEAN_STR char *key = object_key(run_id, name);
	CLEAN_STR char *below = xasprintf("%s/%" PRId64 "-", key, id);

	return o->s3 ? s3_each(o->s3, below, delete_seen, o, e) : object_delete(o, key, e);
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
