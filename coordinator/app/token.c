/*
 * JWTs: one fixed header, our own claims, HS256. Verifying goes outside in: length, shape, header
 * text, signature (constant time), and only then the claims are parsed.
 */
#include "coordinator/app/token.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/json.h"
#include "base/limits.h"

/* {"alg":"HS256","typ":"JWT"}; a token with any other header is not ours. */
#define JWT_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
enum { JWT_MAX = 2048, MAC_LEN = 32 };

static const char *const purposes[] = { [PURPOSE_API] = "api", [PURPOSE_CHECKOUT] = "checkout" };

void token_random(char out[TOKEN_HEX_MAX])
{
	unsigned char raw[32];

	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), out);
	wipe(raw, sizeof(raw));
}

void pat_random(char out[PAT_TEXT_MAX])
{
	const size_t n = sizeof(PAT_PREFIX) - 1;

	memcpy(out, PAT_PREFIX, n);
	token_random(out + n);
}

void token_hash(const char *token, unsigned char out[SHA256_LEN])
{
	sha256(token, strlen(token), out);
}

static int token_mac(
	const struct keys *k, const char *p, size_t n, unsigned char out[MAC_LEN], struct err *e)
{
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), k->jwt, KEY_LEN, (const unsigned char *)p, n, out, &len) ||
		len != MAC_LEN)
		return err_set(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	return 0;
}

static int claims_write(const struct jwt_claims *c, struct buf *out, struct err *e)
{
	struct json_writer w;
	char sub[48];

	snprintf(sub, sizeof(sub), "runner:%" PRId64, c->runner_id);
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "sub", sub);
	json_kv_str(&w, "purpose", purposes[c->purpose]);
	json_kv_int(&w, "job_id", c->job_id);
	json_kv_int(&w, "run_id", c->run_id);
	json_kv_int(&w, "repo_id", c->repo_id);
	json_kv_int(&w, "exp", c->expires_at.us / USEC_PER_SEC);
	json_kv_str(&w, "jti", c->jti);
	if (c->returns)
		json_kv_int(&w, "returns", c->returns);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

int jwt_mint(
	const struct keys *k, struct jwt_claims *c, struct wall now, struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(JWT_MAX), token = BUF_INIT(JWT_MAX);
	unsigned char sig[MAC_LEN];

	c->expires_at.us = (now.us + TOKEN_LIFETIME_US) / USEC_PER_SEC * USEC_PER_SEC;
	uuid_v4(c->jti);
	if (claims_write(c, &text, e) < 0)
		return -1;
	buf_adds(&token, JWT_HEADER ".");
	base64url_encode(&token, buf_cstr(&text), text.len);
	if (token_mac(k, buf_cstr(&token), token.len, sig, e) < 0)
		return -1;
	buf_addc(&token, '.');
	base64url_encode(&token, sig, sizeof(sig));
	if (!buf_ok(&token) || buf_add(out, token.data, token.len) < 0)
		return err_set(e, ERR_LIMIT, "job token is too long");
	return 0;
}

static int token_refused(struct err *e)
{
	return err_set(e, ERR_AUTH, "job token is not valid");
}

static int signature_check(const struct keys *k, const char *token, size_t n_signed, struct err *e)
{
	unsigned char want[MAC_LEN];
	CLEAN_BUF struct buf have = BUF_INIT(64);
	const char *sig = token + n_signed + 1;

	if (base64url_decode(&have, sig, strlen(sig), NULL) < 0 || have.len != MAC_LEN)
		return token_refused(e);
	if (token_mac(k, token, n_signed, want, e) < 0)
		return -1;
	return CRYPTO_memcmp(want, have.data, MAC_LEN) == 0 ? 0 : token_refused(e);
}

struct claims_text {
	char *sub, *purpose, *jti;
	int64_t job_id, run_id, repo_id, exp, returns;
};
#define ID_FIELD(member)                                                                      \
	{                                                                                     \
#member, JSON_TO_INT, offsetof(struct claims_text, member), JSON_REQUIRED, 1, \
			INT64_MAX                                                             \
	}
static const struct json_field claim_fields[] = {
	{ "sub", JSON_TO_STRING, offsetof(struct claims_text, sub), JSON_REQUIRED, 1, 64 },
	{ "purpose", JSON_TO_STRING, offsetof(struct claims_text, purpose), JSON_REQUIRED, 1, 16 },
	{ "jti", JSON_TO_STRING, offsetof(struct claims_text, jti), JSON_REQUIRED,
		UUID_TEXT_MAX - 1, UUID_TEXT_MAX - 1 },
	ID_FIELD(job_id),
	ID_FIELD(run_id),
	ID_FIELD(repo_id),
	ID_FIELD(exp),
	{ "returns", JSON_TO_INT, offsetof(struct claims_text, returns), 0, 1, INT64_MAX },
};

static int claims_take(const struct claims_text *t, enum purpose purpose, struct wall now,
	struct jwt_claims *ret, struct err *e)
{
	int64_t runner_id = 0;

	if (!str_starts(t->sub, "runner:") ||
		!parse_i64(t->sub + strlen("runner:"), 1, INT64_MAX, &runner_id) ||
		!str_eq(t->purpose, purposes[purpose]))
		return token_refused(e);
	if (t->exp <= now.us / USEC_PER_SEC)
		return err_set(e, ERR_AUTH, "job token has expired");
	*ret = (struct jwt_claims){ .runner_id = runner_id,
		.job_id = t->job_id,
		.run_id = t->run_id,
		.repo_id = t->repo_id,
		.returns = t->returns,
		.purpose = purpose,
		.expires_at = { t->exp * USEC_PER_SEC } };
	memcpy(ret->jti, t->jti, UUID_TEXT_MAX);
	return 0;
}

static int claims_parse(const char *p, size_t n, enum purpose purpose, struct wall now,
	struct jwt_claims *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(JWT_MAX);
	struct claims_text t = { 0 };

	if (base64url_decode(&text, p, n, NULL) < 0)
		return token_refused(e);
	CLEAN_JSON struct json_doc *d = json_parse(buf_cstr(&text), text.len, NULL, NULL);
	int rc = d && json_decode(json_root(d), claim_fields, ARRAY_LEN(claim_fields), &t,
			      JSON_STRICT, NULL) == 0
			 ? claims_take(&t, purpose, now, ret, e)
			 : token_refused(e);
	free(t.sub);
	free(t.purpose);
	free(t.jti);
	return rc;
}

int jwt_verify(const struct keys *k, const char *token, enum purpose purpose, struct wall now,
	struct jwt_claims *ret, struct err *e)
{
	const size_t n_header = sizeof(JWT_HEADER) - 1;

	if (strnlen(token, JWT_MAX) >= JWT_MAX || !str_starts(token, JWT_HEADER "."))
		return token_refused(e);
	const char *payload = token + n_header + 1;
	const char *dot = strchr(payload, '.');
	if (!dot || signature_check(k, token, (size_t)(dot - token), e) < 0)
		return dot ? -1 : token_refused(e);
	return claims_parse(payload, (size_t)(dot - payload), purpose, now, ret, e);
}
