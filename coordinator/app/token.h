/*
 * Tokens: registration tokens and PATs (random, stored as SHA-256) and the JWTs of jobs (HS256 over
 * OpenSSL's HMAC). Pure but for randomness: whether a jti was used is the store's business.
 */
#ifndef COORDINATOR_APP_TOKEN_H
#define COORDINATOR_APP_TOKEN_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/app/keys.h"

#define TOKEN_LIFETIME_US (15 * 60 * USEC_PER_SEC)
#define PAT_PREFIX "shithub_pat_"
enum { TOKEN_HEX_MAX = 65, PAT_TEXT_MAX = 80 };

void token_random(char out[TOKEN_HEX_MAX]); /* 64 hex digits of 32 random bytes */
void pat_random(char out[PAT_TEXT_MAX]);    /* PAT_PREFIX and 64 hex digits */
void token_hash(const char *token, unsigned char out[SHA256_LEN]);

enum purpose { PURPOSE_API, PURPOSE_CHECKOUT };
struct jwt_claims {
	int64_t runner_id, job_id, run_id, repo_id;
	int64_t returns; /* struct job_row, at the claim that it is of */
	enum purpose purpose;
	struct wall expires_at; /* whole seconds on the wire */
	char jti[UUID_TEXT_MAX];
};
/* Fills expires_at (now + 15 min) and jti, appends the JWT to out. */
int jwt_mint(const struct keys *k, struct jwt_claims *c, struct wall now, struct buf *out,
	struct err *e) CHECK_RESULT;
/* ERR_AUTH unless the token is exactly what jwt_mint makes for that purpose and has not expired.
 * Signatures compare in constant time, before anything of the content is believed. */
int jwt_verify(const struct keys *k, const char *token, enum purpose purpose, struct wall now,
	struct jwt_claims *ret, struct err *e) CHECK_RESULT;

#endif
