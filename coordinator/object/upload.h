/*
 * An upload into the object store: bytes are collected in a file of ours, then sent or synced, then
 * in their place. Several of one key may be under way, in one process or in many: each has a file
 * or parts of its own.
 */
#ifndef COORDINATOR_OBJECT_UPLOAD_H
#define COORDINATOR_OBJECT_UPLOAD_H

#include "coordinator/object/objects.h"

struct object_upload;
/* Free it in any case: without object_upload_commit nothing stays behind, but for what a sync sent
 * to a bucket. */
struct object_upload *object_upload_begin(
	struct objects *o, int64_t size, struct err *e) CHECK_RESULT;
/* More than the size is ERR_INPUT. */
int object_upload_add(struct object_upload *u, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* When all bytes came; ERR_INPUT when some did not. */
int object_upload_digest(
	struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e) CHECK_RESULT;
/* After the digest: syncs the bytes, which takes as long as the disk does; to a bucket it sends
 * them: they are in their place then. Any thread, while no other touches the upload. */
int object_upload_sync(struct object_upload *u, const char *key, struct err *e) CHECK_RESULT;
/* After the sync. */
int object_upload_commit(struct object_upload *u, struct err *e) CHECK_RESULT;
void object_upload_free(struct object_upload *u); /* NULL fine */

#endif
