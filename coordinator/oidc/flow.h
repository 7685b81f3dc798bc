/*
 * One sign-in between its beginning and the browser's return, kept by the browser alone: a cookie
 * with the time, random bytes and the page to go on to. State, nonce and PKCE verifier are derived
 * from it by a key that only this coordinator has, so that a return fits exactly one cookie, and
 * nothing has to be remembered for those who never come back. Pure but for randomness.
 */
#ifndef COORDINATOR_OIDC_FLOW_H
#define COORDINATOR_OIDC_FLOW_H

#include "base/buf.h"
#include "base/clock.h"
#include "coordinator/oidc/provider.h"
#include "coordinator/oidc/settings.h"

#define OIDC_FLOW_US (10 * 60 * USEC_PER_SEC) /* from its beginning to the return */
enum { OIDC_PROOF_MAX = 44, OIDC_NEXT_MAX = 500, OIDC_COOKIE_MAX = 800, OIDC_KEY_LEN = 32 };

struct oidc_flow {
	char cookie[OIDC_COOKIE_MAX];
	char state[OIDC_PROOF_MAX], nonce[OIDC_PROOF_MAX], verifier[OIDC_PROOF_MAX];
	char next[OIDC_NEXT_MAX + 1];
	struct wall begun;
};

/* next: at most OIDC_NEXT_MAX bytes. */
void oidc_flow_begin(struct oidc_flow *f, const unsigned char key[OIDC_KEY_LEN], const char *next,
	struct wall now);
/* What the browser came back with; NULL: nothing. ERR_AUTH: they do not belong together, or it was
 * too long ago. */
int oidc_flow_resume(struct oidc_flow *f, const unsigned char key[OIDC_KEY_LEN], const char *cookie,
	const char *state, struct wall now, struct err *e) CHECK_RESULT;
/* Where the browser goes. */
void oidc_flow_url(const struct oidc_flow *f, const struct oidc_provider *p,
	const struct oidc_settings *s, struct buf *out);

#endif
