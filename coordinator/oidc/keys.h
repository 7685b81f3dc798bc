/*
 * The keys by which a provider's signatures are checked (a JWK set, RFC 7517). Pure. What is of no
 * use here (other kinds, keys for encryption) is left out; two keys may not have the same name.
 */
#ifndef COORDINATOR_OIDC_KEYS_H
#define COORDINATOR_OIDC_KEYS_H

#include "base/err.h"

enum { OIDC_KEYS_MAX = 64, OIDC_KID_MAX = 500 };

enum oidc_algorithm { OIDC_RS256, OIDC_ES256 };
/* -1: it is neither RS256 nor ES256, and nothing else is ever taken. */
int oidc_algorithm_parse(const char *text, enum oidc_algorithm *ret) CHECK_RESULT;

struct oidc_key {
	char *kid; /* NULL: it has no name */
	enum oidc_algorithm algorithm;
	char *json; /* the key alone */
};
struct oidc_keys {
	struct oidc_key *v;
	size_t n;
};
void oidc_keys_release(struct oidc_keys *k);

/* ERR_PROTO; a set without any key that is of use is one, too. Release *ret also after an error. */
int oidc_keys_parse(const char *text, size_t n, struct oidc_keys *ret, struct err *e) CHECK_RESULT;
/* kid NULL: a token that names no key may be signed by the only one there is for its algorithm.
 * NULL: there is none. */
const struct oidc_key *oidc_keys_find(
	const struct oidc_keys *k, enum oidc_algorithm algorithm, const char *kid);

#endif
