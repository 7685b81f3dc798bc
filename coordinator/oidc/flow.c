/*
 * The cookie is not signed: the state is its signature, and comes back by another way, through the
 * provider. Who can set a browser's cookies but does not know the key cannot make a state for them.
 */
#include "coordinator/oidc/flow.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "base/codec.h"

enum { RANDOM_LEN = 32 };
#define CLOCK_BACK_US (60 * USEC_PER_SEC)

static void proof(char out[OIDC_PROOF_MAX], const unsigned char key[OIDC_KEY_LEN],
	const char *purpose, const char *cookie)
{
	CLEAN_SECRET char *text = xasprintf("%s\n%s", purpose, cookie);
	CLEAN_BUF struct buf encoded = BUF_INIT(OIDC_PROOF_MAX);
	unsigned char mac[SHA256_LEN];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), key, OIDC_KEY_LEN, (unsigned char *)text, strlen(text), mac, &n))
		BUG("HMAC-SHA256 failed");
	base64url_encode(&encoded, mac, sizeof(mac));
	snprintf(out, OIDC_PROOF_MAX, "%s", buf_cstr(&encoded));
}

static void proofs_make(struct oidc_flow *f, const unsigned char key[OIDC_KEY_LEN])
{
	proof(f->state, key, "state", f->cookie);
	proof(f->nonce, key, "nonce", f->cookie);
	proof(f->verifier, key, "verifier", f->cookie);
}

void oidc_flow_begin(struct oidc_flow *f, const unsigned char key[OIDC_KEY_LEN], const char *next,
	struct wall now)
{
	CLEAN_BUF struct buf encoded = BUF_INIT(OIDC_COOKIE_MAX);
	unsigned char bytes[RANDOM_LEN];
	char hex[2 * RANDOM_LEN + 1];

	*f = (struct oidc_flow){ .begun = now };
	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), hex);
	snprintf(f->next, sizeof(f->next), "%s", next);
	base64url_encode(&encoded, f->next, strlen(f->next));
	snprintf(f->cookie, sizeof(f->cookie), "%" PRId64 ".%s.%s", now.us / USEC_PER_SEC, hex,
		buf_cstr(&encoded));
	proofs_make(f, key);
}

/* SECONDS.HEX.NEXT */
static bool cookie_read(struct oidc_flow *f, const char *cookie)
{
	const char *dot = strchr(cookie, '.');
	const char *last = strrchr(cookie, '.');
	struct buf next = BUF_INIT(OIDC_NEXT_MAX);
	int64_t seconds = 0;

	if (!dot || last - dot != 2 * RANDOM_LEN + 1 || strlen(cookie) >= OIDC_COOKIE_MAX)
		return false;
	CLEAN_STR char *time = xstrndup(cookie, (size_t)(dot - cookie));
	bool good = parse_i64(time, 0, INT64_MAX / USEC_PER_SEC, &seconds) &&
		    base64url_decode(&next, last + 1, strlen(last + 1), NULL) == 0 &&
		    !memchr(buf_cstr(&next), 0, next.len);
	if (good)
		snprintf(f->next, sizeof(f->next), "%s", buf_cstr(&next));
	f->begun = (struct wall){ seconds * USEC_PER_SEC };
	snprintf(f->cookie, sizeof(f->cookie), "%s", cookie);
	buf_release(&next);
	return good;
}

int oidc_flow_resume(struct oidc_flow *f, const unsigned char key[OIDC_KEY_LEN], const char *cookie,
	const char *state, struct wall now, struct err *e)
{
	*f = (struct oidc_flow){ 0 };
	if (!cookie || !cookie_read(f, cookie))
		return err_set(e, ERR_AUTH, "this browser began no sign-in");
	proofs_make(f, key);
	if (!state || strlen(state) != strlen(f->state) ||
		CRYPTO_memcmp(state, f->state, strlen(f->state)) != 0)
		return err_set(e, ERR_AUTH, "the state is of another sign-in");
	if (now.us - f->begun.us > OIDC_FLOW_US || f->begun.us - now.us > CLOCK_BACK_US)
		return err_set(e, ERR_AUTH, "it was begun too long ago");
	return 0;
}

void oidc_flow_url(const struct oidc_flow *f, const struct oidc_provider *p,
	const struct oidc_settings *s, struct buf *out)
{
	CLEAN_BUF struct buf challenge = BUF_INIT(OIDC_PROOF_MAX);
	unsigned char sha[SHA256_LEN];

	sha256(f->verifier, strlen(f->verifier), sha);
	base64url_encode(&challenge, sha, sizeof(sha));
	buf_adds(out, p->authorization);
	percent_field(out, "response_type", "code");
	percent_field(out, "client_id", s->client_id);
	percent_field(out, "redirect_uri", s->redirect_uri);
	percent_field(out, "scope", s->scopes);
	percent_field(out, "state", f->state);
	percent_field(out, "nonce", f->nonce);
	percent_field(out, "code_challenge", buf_cstr(&challenge));
	percent_field(out, "code_challenge_method", "S256");
}
