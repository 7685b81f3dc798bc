/*
 * Talks to the provider: reads its discovery document and keys, redeems a code, asks for claims.
 * Everything here waits for the network, so it is for threads that serve nobody; several may call
 * at the same time. It owns what was read (an hour) and never touches the store.
 *
 * Limits: OIDC_ANSWER_MAX of an answer, ten seconds a request, twenty in all; no redirects. A
 * provider that failed is left alone for five seconds. Keys are read again when a token names one
 * that is not there, at most twice a minute.
 */
#ifndef COORDINATOR_OIDC_CLIENT_H
#define COORDINATOR_OIDC_CLIENT_H

#include "coordinator/oidc/flow.h"
#include "coordinator/oidc/person.h"

struct oidc;

/* Whose fault it is, and so what to do about it. */
enum oidc_fault {
	OIDC_FINE,
	OIDC_UNREACHABLE,    /* no answer */
	OIDC_BROKEN,         /* an answer that cannot be used */
	OIDC_CLIENT_REFUSED, /* the provider does not know us by this id and secret */
	OIDC_CODE_REFUSED,   /* the code was used, is too old, or is not ours */
	OIDC_TOKEN_BAD,      /* the ID token proves nothing */
	OIDC_CLOCK,          /* its times are not those of our clock */
};

/* Takes what *s owns. ERR_IO. */
struct oidc *oidc_new(struct oidc_settings *s, struct err *e) CHECK_RESULT;
void oidc_stop(struct oidc *o); /* ends all that waits, now and later; any thread */
void oidc_free(struct oidc *o); /* when no thread uses it any more; NULL fine */
const struct oidc_settings *oidc_settings(const struct oidc *o);

/* Where the browser goes, appended to out. */
enum oidc_fault oidc_begin(
	struct oidc *o, const struct oidc_flow *f, struct buf *out, struct err *e) CHECK_RESULT;
/* Who came back with this code; iss: what the answer says about its sender, NULL: nothing. */
enum oidc_fault oidc_redeem(struct oidc *o, const struct oidc_flow *f, const char *code,
	const char *iss, struct oidc_person *ret, struct err *e) CHECK_RESULT;
/* Reads document and keys anew; *ret_keys: how many of them are of use. */
enum oidc_fault oidc_probe(struct oidc *o, size_t *ret_keys, struct err *e) CHECK_RESULT;

#endif
