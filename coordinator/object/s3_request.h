/*
 * Requests to one bucket, signed by libcurl, tried again while that may help. Calls wait for the
 * network; any thread, several at a time. Each takes a client (a loop and its connections) that
 * rests meanwhile, or makes one.
 */
#ifndef COORDINATOR_OBJECT_S3_REQUEST_H
#define COORDINATOR_OBJECT_S3_REQUEST_H

#include <stdatomic.h>

#include "base/http/http.h"
#include "coordinator/object/bucket.h"
#include "coordinator/object/sign.h"

#define S3_PATIENCE_US (60 * USEC_PER_SEC)

struct s3;
struct s3_config {
	struct bucket bucket;  /* taken over */
	struct sign_keys keys; /* taken over */
	const char *ca_file;   /* NULL: the system's */
	int64_t patience_us;   /* how long a call tries */
};
struct s3 *s3_new(struct s3_config *c) CHECK_RESULT;
void s3_free(struct s3 *s);                 /* no call is under way. NULL fine */
void s3_patience(struct s3 *s, int64_t us); /* from the next call on */
void s3_stop(struct s3 *s);                 /* what waits ends with ERR_CANCELLED */
const struct bucket *s3_bucket(const struct s3 *s);
const struct sign_keys *s3_keys(const struct s3 *s);

struct s3_call {
	const char *method;
	const char *key; /* below the prefix; NULL: the bucket itself */
	const struct sign_field *query;
	size_t n_query;
	const struct strv *headers; /* NULL: none */
	/* a body: len bytes of file fd from `from` on, or text; their SHA-256 in hex, NULL: that of
	 * text */
	const int *fd;
	int64_t from;
	size_t len;
	const char *text, *sha;
	/* the answer, after 2xx; any may be NULL. on_body: its bytes; before: each try */
	int (*before)(void *data, struct err *e);
	int (*on_body)(void *data, const char *p, size_t n);
	int (*take)(void *data, const struct http_result *r, struct err *e);
	void *data;
	const atomic_bool *gone; /* true: nobody waits for it, ERR_CANCELLED. NULL: never */
	int64_t deadline_us;     /* it ends by then, instead of the store's patience; 0: none */
};
/* ERR_NOT_FOUND: there is no such object; ERR_TIMEOUT: it may go well later. */
int s3_request(struct s3 *s, const struct s3_call *c, struct err *e) CHECK_RESULT;

#endif
