/*
 * The object store: artifacts and archived logs under their keys. One interface, and behind it a
 * folder (files.h) or a bucket of an S3 store (s3.h).
 *
 * An upload (upload.h) is collected in a file of ours, checked, synced and then put in its place:
 * nobody sees half an object. Of a bucket whole objects are fetched and read here, so readers know
 * files alone: serve keeps them in a folder until nobody read them for a while, verbs read them
 * from files without a name, as they may run as another user.
 *
 * Functions that take a `struct objects` may be called on any thread. Those that say so wait for
 * the network when there is a bucket: serve's application thread leaves them to the syncer
 * (syncer.h), after objects_wait_never.
 */
#ifndef COORDINATOR_OBJECT_OBJECTS_H
#define COORDINATOR_OBJECT_OBJECTS_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/limits.h"
#include "coordinator/object/files.h"

enum { OBJECT_DIGEST_MAX = 72 }; /* "sha256:" and 64 digits */
#define OBJECT_SIZE_UNKNOWN INT64_MAX

struct objects;
/* Where they are, as the configuration says it. */
struct objects_place {
	const char *data_dir;
	const char *where;       /* NULL: <data_dir>/objects; a folder, or s3://… (bucket.h) */
	const char *credentials; /* file of the keys; NULL: the environment has them */
	const char *ca_file;     /* NULL: the system's */
};
struct objects *objects_open(const struct objects_place *p, struct err *e) CHECK_RESULT;
void objects_free(struct objects *o); /* NULL fine */
static inline void objects_freep(struct objects **o)
{
	objects_free(*o);
	*o = NULL;
}
#define CLEAN_OBJECTS CLEANUP(objects_freep)
/* At start: makes the folder, and removes what a crash left of our files (files_sweep). */
int objects_sweep(struct objects *o, struct err *e) CHECK_RESULT;
/* Removes the same, and of a bucket uploads in parts that nobody has ended for a day; *ret_n: how
 * many. Waits. */
int objects_tidy(struct objects *o, struct wall now, int64_t *ret_n, struct err *e) CHECK_RESULT;
/* Whether a bucket can be used: ERR_TIMEOUT when it may be later. Waits for so long at most. */
int objects_check(struct objects *o, int64_t deadline_us, struct err *e) CHECK_RESULT;
bool objects_far(const struct objects *o);           /* in a bucket */
const char *objects_folder(const struct objects *o); /* where the files are; NULL: in a bucket */
/* object_open then waits for nothing: what is not here is ERR_TIMEOUT until it was fetched. What
 * waits tries for 20 seconds instead of a minute, as callers of ours wait no longer than that. */
void objects_wait_never(struct objects *o);
void objects_stop(struct objects *o); /* what waits ends with ERR_CANCELLED */

/* serve says where its objects are, for the verbs that work beside it. Keys are no part of it. */
int objects_publish(const struct objects_place *p, struct err *e) CHECK_RESULT;
/* As serve said it last. */
struct objects *objects_open_published(const char *data_dir, struct err *e) CHECK_RESULT;
/* Their folder, NULL: they are in a bucket. Needs no keys. */
int objects_folder_published(const char *data_dir, char **ret, struct err *e) CHECK_RESULT;

/* The key of an artifact. In a bucket it ends in /<id>-<SHA-256>, as bytes stand there before the
 * row says whose they are: two uploads of one artifact, through two processes or by a URL that is
 * older than the row, write over nothing. digest "sha256:…", needed for a bucket alone. */
char *artifact_key(const struct objects *o, int64_t run_id, const char *name, int64_t id,
	const char *digest) CHECK_RESULT;
/* The id of an artifact in a bucket, 0: the key is of something else. */
int64_t artifact_of_key(const char *key);

/* Descriptor to read from, or -1 with ERR_NOT_FOUND. size: what its row says, or
 * OBJECT_SIZE_UNKNOWN; more is not fetched of a bucket (ERR_INTERNAL). Waits. */
int object_open(struct objects *o, const char *key, int64_t size, int64_t *ret_size,
	struct err *e) CHECK_RESULT;
bool object_is_here(struct objects *o, const char *key); /* object_open waits for nothing */
/* Of a bucket: brings it here for object_open. ERR_NOT_FOUND; ERR_INTERNAL: it is larger. It ends
 * when `gone` (NULL: never) becomes true. Waits. */
int object_fetch(struct objects *o, const char *key, int64_t size, const atomic_bool *gone,
	struct err *e) CHECK_RESULT;
/* What the store has of it, without its bytes. ret_digest: "" unless a bucket says it. Waits. */
int object_stat(struct objects *o, const char *key, int64_t *ret_size,
	char ret_digest[OBJECT_DIGEST_MAX], struct err *e) CHECK_RESULT;
/* One that is not there is fine. Waits. */
int object_delete(struct objects *o, const char *key, struct err *e) CHECK_RESULT;
/* All that was sent of it; none is fine. Waits. */
int artifact_delete(struct objects *o, int64_t run_id, const char *name, int64_t id,
	struct err *e) CHECK_RESULT;
/* All of a run, logs too. Waits. */
int object_delete_run(struct objects *o, int64_t run_id, struct err *e) CHECK_RESULT;
/* Every object that is there, in no order; fn may delete it. Waits. */
int objects_each(struct objects *o, object_seen_fn fn, void *data, struct err *e) CHECK_RESULT;

/* ---- URLs of a bucket, for runners and browsers ---- */

/* They are given some for a bucket; false: everything passes through us. */
bool objects_presign(const struct objects *o);
struct object_upload_url {
	char *url, *header; /* "Name: value" that must come along */
};
void object_upload_url_release(struct object_upload_url *u);
#define OBJECT_PUT_MAX ((int64_t)GIB(5)) /* more goes through us, in parts */
/* For exactly the bytes of that digest, at most OBJECT_PUT_MAX. */
int object_put_url(struct objects *o, const char *key, const char *digest, struct wall now,
	struct wall until, struct object_upload_url *ret, struct err *e) CHECK_RESULT;
/* save_as NULL, or the name under which a browser saves it. */
int object_get_url(struct objects *o, const char *key, const char *save_as, struct wall now,
	struct wall until, char **ret, struct err *e) CHECK_RESULT;

#endif
