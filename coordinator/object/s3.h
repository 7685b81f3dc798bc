/*
 * Objects of a bucket, by their keys. Calls wait for the network and try again (s3_request.h); any
 * thread. What is sent carries its SHA-256, which the store checks before it keeps anything.
 */
#ifndef COORDINATOR_OBJECT_S3_H
#define COORDINATOR_OBJECT_S3_H

#include "coordinator/object/files.h"
#include "coordinator/object/s3_request.h"

#define S3_PART MIB(16) /* larger objects go in parts of at least so much */

/* size bytes of fd from its start, whose SHA-256 is sha (64 hex digits). */
int s3_put(struct s3 *s, const char *key, int fd, int64_t size, const char *sha,
	struct err *e) CHECK_RESULT;
struct s3_read {
	const char *key;
	int fd;                  /* it is written over that */
	int64_t most;            /* ERR_INTERNAL: there were more bytes */
	const atomic_bool *gone; /* true: nobody wants it any more. NULL: never */
};
int s3_get(struct s3 *s, const struct s3_read *r, int64_t *ret_size, struct err *e) CHECK_RESULT;
/* ret_sha: 64 hex digits, "" when the store does not say (it may be NULL). */
int s3_head(struct s3 *s, const char *key, int64_t *ret_size, char *ret_sha,
	struct err *e) CHECK_RESULT;
int s3_delete(struct s3 *s, const char *key, struct err *e) CHECK_RESULT; /* none is fine */
/* Every object whose key begins so. fn may delete it. */
int s3_each(
	struct s3 *s, const char *below, object_seen_fn fn, void *data, struct err *e) CHECK_RESULT;
/* Asks for one key: finds wrong names, keys, regions and clocks. Ends within so long. */
int s3_check(struct s3 *s, int64_t deadline_us, struct err *e) CHECK_RESULT;

/* URLs for others. sha NULL: any bytes; else 64 hex digits, and whoever sends must add
 * *ret_header. */
int s3_put_url(struct s3 *s, const char *key, const char *sha, struct wall now, int64_t lifetime_s,
	char **ret_url, char **ret_header, struct err *e) CHECK_RESULT;
/* save_as NULL, or the name under which a browser saves it. */
int s3_get_url(struct s3 *s, const char *key, const char *save_as, struct wall now,
	int64_t lifetime_s, char **ret_url, struct err *e) CHECK_RESULT;

#endif
