/*
 * Keys of objects, and URLs signed ahead by us: whoever holds one may put or get exactly that
 * object for a while without a token of ours. A URL's signature is an HMAC-SHA256 over method, key,
 * artifact, expiry and size.
 */
#ifndef COORDINATOR_OBJECT_OBJECT_H
#define COORDINATOR_OBJECT_OBJECT_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/app/keys.h"

#define OBJECT_URL_LIFETIME_US (15 * 60 * USEC_PER_SEC)
#define OBJECT_ROUTE "/objects/actions/runs/{run}/artifacts/{name}"

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

#endif
