/* Used job tokens, and the answers that a repeated call with its Idempotency-Key gets again. */
#ifndef COORDINATOR_STORE_JWT_H
#define COORDINATOR_STORE_JWT_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

/* Records the jti; ERR_AUTH when it was used before. */
int store_jwt_use(struct store *s, const char *jti, int64_t job_id, struct wall now,
	struct err *e) CHECK_RESULT;
/* 1 used, 0 not, -1. */
int store_jwt_used(struct store *s, const char *jti, struct err *e) CHECK_RESULT;
/* Forgets up to max of those that were used before then. The one that came with the claim of a
 * running job stays: it tells the next serve that the claim arrived (store_claims_return). */
int store_jwt_prune(struct store *s, struct wall before, int64_t max, int64_t *ret_count,
	struct err *e) CHECK_RESULT;
struct stored_answer {
	const char *key, *path;
	const unsigned char *body_sha; /* SHA256_LEN */
};
int store_answer_put(struct store *s, const char *jti, const struct stored_answer *a, int status,
	const void *sealed, size_t n, struct wall expires_at, struct err *e) CHECK_RESULT;
/* 1 and the answer when jti, key, path and body all match and it has not expired; 0; -1. */
int store_answer_get(struct store *s, const char *jti, const struct stored_answer *a,
	struct wall now, int *ret_status, struct buf *sealed, struct err *e) CHECK_RESULT;
/* Drops stored answers that expired. */
int store_answer_prune(struct store *s, struct wall now, struct err *e) CHECK_RESULT;

#endif
