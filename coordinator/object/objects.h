/*
 * The object store: artifacts and archived logs under their keys. One interface, and what is behind
 * it is a folder (files.h).
 *
 * An upload is collected in a file of ours, checked, synced and then put in its place: nobody sees
 * half an object. Functions that take a `struct objects` may be called on any thread.
 */
#ifndef COORDINATOR_OBJECT_OBJECTS_H
#define COORDINATOR_OBJECT_OBJECTS_H

#include "coordinator/object/files.h"

enum { OBJECT_DIGEST_MAX = 72 }; /* "sha256:" and 64 digits */

struct objects;
/* Where they are, as the configuration says it. */
struct objects_place {
	const char *data_dir;
	const char *where; /* NULL: <data_dir>/objects; a folder */
};
struct objects *objects_open(const struct objects_place *p, struct err *e) CHECK_RESULT;
void objects_free(struct objects *o); /* NULL fine */
static inline void objects_freep(struct objects **o)
{
	objects_free(*o);
	*o = NULL;
}
#define CLEAN_OBJECTS CLEANUP(objects_freep)
/* At start: removes what a crash left in the middle of an upload. */
int objects_sweep(struct objects *o, struct err *e) CHECK_RESULT;
const char *objects_folder(const struct objects *o); /* where the files are */

/* serve says where its objects are, for the verbs that work beside it. */
int objects_publish(const struct objects_place *p, struct err *e) CHECK_RESULT;
/* As serve said it last. */
struct objects *objects_open_published(const char *data_dir, struct err *e) CHECK_RESULT;

/* Descriptor to read from, or -1 with ERR_NOT_FOUND. */
int object_open(struct objects *o, const char *key, int64_t *ret_size, struct err *e) CHECK_RESULT;
/* One that is not there is fine. */
int object_delete(struct objects *o, const char *key, struct err *e) CHECK_RESULT;
/* All of a run, logs too. */
int object_delete_run(struct objects *o, int64_t run_id, struct err *e) CHECK_RESULT;
int objects_each(struct objects *o, object_seen_fn fn, void *data, struct err *e) CHECK_RESULT;

struct object_upload;
/* Free it in any case: without object_upload_commit nothing stays behind. */
struct object_upload *object_upload_begin(
	struct objects *o, int64_t size, struct err *e) CHECK_RESULT;
/* More than the size is ERR_INPUT. */
int object_upload_add(struct object_upload *u, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* Checks that all bytes came, and syncs them, which takes as long as the disk does. Any thread,
 * while no other touches the upload. */
int object_upload_sync(struct object_upload *u, struct err *e) CHECK_RESULT;
/* Syncs, unless that was done; gives the digest; not yet in place. */
int object_upload_end(
	struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e) CHECK_RESULT;
int object_upload_commit(struct object_upload *u, const char *key, struct err *e) CHECK_RESULT;
void object_upload_free(struct object_upload *u); /* NULL fine */

#endif
