/*
 * URLs of an S3 store, signed ahead (AWS Signature Version 4, in the query): whoever holds one may
 * send exactly that request for a while, without keys. Requests that we send ourselves are signed
 * by libcurl, in a header. Pure.
 */
#ifndef COORDINATOR_OBJECT_SIGN_H
#define COORDINATOR_OBJECT_SIGN_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

/* What signs; the strings are secret, but for id. */
struct sign_keys {
	char *id, *secret;
	char *token; /* of a session; NULL: none */
};
void sign_keys_release(struct sign_keys *k);

struct sign_field {
	const char *name, *value;
};
enum { SIGN_FIELDS_MAX = 16 }; /* of a query or of headers */
struct sign_request {
	const char *method;
	const char *origin; /* "https://host:9000", as the Host header will have it */
	const char *path;   /* begins with /, is encoded as it will be sent */
	/* of the query, not encoded, in any order */
	const struct sign_field *query;
	size_t n_query;
	/* that must come along as they are, besides host: lower-case names, values without blanks
	 * at their ends */
	const struct sign_field *headers;
	size_t n_headers;
	const char *payload; /* SHA-256 of the body in hex; NULL: any body */
	const char *region, *service;
	struct wall at;
	int64_t lifetime_s; /* at most a week */
};
/* Set in *ret: the URL. ERR_LIMIT: more fields than there may be. */
int sign_url(const struct sign_keys *k, const struct sign_request *r, char **ret,
	struct err *e) CHECK_RESULT;

/* Appends text as AWS encodes it: all but letters, digits and -._~ becomes %XX; with slashes, / may
 * stand, too. */
void sign_encode(struct buf *out, const char *text, bool slashes);
/* A query as it is signed: encoded, in the order of the encoded names and values. Both signers and
 * the server then read the same, whether or not they order it themselves. */
void sign_query(struct buf *out, const struct sign_field *v, size_t n);

#endif
