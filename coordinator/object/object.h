/*
 * The object store: files below <data>/objects under their keys, and URLs signed ahead, so that
 * whoever holds one may put or get exactly that object for a while without a token of ours.
 *
 * An object is written to <data>/objects/tmp, checked, synced and renamed: readers see the old or
 * the new one or none, an upload that ends in the middle leaves nothing. Keys are made by us from
 * numbers and checked names, never taken from a client.
 *
 * A URL's signature is an HMAC-SHA256 over method, key, artifact, expiry and size.
 */
#ifndef COORDINATOR_OBJECT_OBJECT_H
#define COORDINATOR_OBJECT_OBJECT_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/app/keys.h"

#define OBJECT_URL_LIFETIME_US (15 * 60 * USEC_PER_SEC)
#define OBJECT_ROUTE "/objects/actions/runs/{run}/artifacts/{name}"
enum { OBJECT_DIGEST_MAX = 72 }; /* "sha256:" and 64 digits */

struct object_grant {
	const char *method; /* "PUT" or "GET" */
	int64_t run_id;
	const char *name;
	int64_t artifact_id, size;
	struct wall expires_at; /* whole seconds on the wire */
};
/* actions/runs/<run>/artifacts/<name> */
char *object_key(int64_t run_id, const char *name) CHECK_RESULT;
/* base: the public URL. */
int object_url(const struct keys *k, const char *base, const struct object_grant *g, char **ret,
	struct err *e) CHECK_RESULT;
/* ERR_AUTH unless the signature (64 hex digits) is right and the time has not come; one answer for
 * everything that is wrong. */
int object_grant_check(const struct keys *k, const struct object_grant *g, const char *signature,
	struct wall now, struct err *e) CHECK_RESULT;

struct object_upload;
/* Free it in any case: without object_upload_commit nothing stays behind. */
struct object_upload *object_upload_begin(
	const char *data_dir, int64_t size, struct err *e) CHECK_RESULT;
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

/* Descriptor to read from, or -1 with ERR_NOT_FOUND. */
int object_open(
	const char *data_dir, const char *key, int64_t *ret_size, struct err *e) CHECK_RESULT;
/* One that is not there is fine; folders that become empty go too. */
int object_delete(const char *data_dir, const char *key, struct err *e) CHECK_RESULT;
/* At start: what a crash left in the middle of an upload. Makes the folders. */
int object_store_open(const char *data_dir, struct err *e) CHECK_RESULT;

#endif
