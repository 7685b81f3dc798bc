/*
 * ID tokens (OpenID Connect Core 1.0, 3.1.3.7): a signed text that says who somebody is. Checked
 * here are form and size, algorithm, key and signature, issuer, audience, times and nonce; only
 * then anything of it is believed. Signatures are libcjose's business. Any thread.
 */
#ifndef COORDINATOR_OIDC_ID_TOKEN_H
#define COORDINATOR_OIDC_ID_TOKEN_H

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "coordinator/oidc/keys.h"

#define ID_TOKEN_MAX KIB(64)
#define ID_TOKEN_LEEWAY_US (60 * USEC_PER_SEC) /* by which two clocks may differ */

struct id_token_wanted {
	const char *issuer, *client_id, *nonce;
	struct wall now;
};
/* ERR_NOT_FOUND: signed by a key that is not among these. ERR_TIMEOUT: it has expired, or comes
 * from the future: a clock is wrong. Else ERR_AUTH. *ret: the claims, the caller's. No text of an
 * error holds anything of the token but names of keys and algorithms, and its issuer. */
int id_token_check(const char *token, size_t n, const struct oidc_keys *keys,
	const struct id_token_wanted *w, struct json_doc **ret, struct err *e) CHECK_RESULT;

/* The claims alone, for those whose signature was checked. Pure. */
int id_token_claims(const struct json_value *claims, const struct id_token_wanted *w,
	struct err *e) CHECK_RESULT;

#endif
