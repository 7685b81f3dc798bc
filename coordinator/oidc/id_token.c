/*
 * The header is read by our own strict reader before the library sees the token: what it names must
 * be one of two algorithms, and the key that is handed to the library was bound to that one when it
 * was read (keys.c). "none", HS256 and embedded keys ("jwk", "jku", "x5u") therefore never get as
 * far as a signature.
 */
#include "coordinator/oidc/id_token.h"

#include <cjose/jwk.h>
#include <cjose/jws.h>
#include <inttypes.h>

#include "base/codec.h"

enum { TOKEN_DEPTH = 16, TOKEN_NODES = 10000, RSA_MIN_BITS = 2048 };
#define HEADER_MAX KIB(8)
#define AGE_MAX_US (24 * 3600 * USEC_PER_SEC) /* since iat: the flow itself took minutes */

/* ---- form ---- */

static struct json_doc *part_parse(struct slice part, size_t max, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(max);
	const struct json_limits limits = { max, TOKEN_DEPTH, TOKEN_NODES };

	if (base64url_decode(&text, part.ptr, part.len, e) < 0)
		return NULL;
	struct json_doc *doc = json_parse(buf_cstr(&text), text.len, &limits, e);
	if (doc && json_root(doc)->type != JSON_OBJECT) {
		json_free(TAKE(doc));
		err_set(e, ERR_AUTH, "expected an object");
	}
	return doc;
}

/* Exactly three parts, none of them empty. */
static bool split(const char *token, size_t n, struct slice *header, struct slice *claims)
{
	const char *first = memchr(token, '.', n);
	const char *second = first ? memchr(first + 1, '.', n - (size_t)(first + 1 - token)) : NULL;
	const char *end = token + n;

	if (!second || second + 1 == end || memchr(second + 1, '.', (size_t)(end - second - 1)))
		return false;
	*header = (struct slice){ token, (size_t)(first - token) };
	*claims = (struct slice){ first + 1, (size_t)(second - first - 1) };
	return header->len && claims->len;
}

/* ---- signature ---- */

static bool key_is_strong(cjose_jwk_t *key, enum oidc_algorithm algorithm)
{
	cjose_err unused;

	return algorithm != OIDC_RS256 || cjose_jwk_get_keysize(key, &unused) >= RSA_MIN_BITS;
}

static bool signature_fits(const char *token, size_t n, cjose_jwk_t *key)
{
	cjose_err unused;
	cjose_jws_t *jws = cjose_jws_import(token, n, &unused);
	bool fits = jws && cjose_jws_verify(jws, key, &unused);

	cjose_jws_release(jws);
	return fits;
}

static int signature_check(const char *token, size_t n, const struct oidc_key *key, struct err *e)
{
	const char *kid = key->kid ? key->kid : "";

	cjose_err unused;
	cjose_jwk_t *jwk = cjose_jwk_import(key->json, strlen(key->json), &unused);

	if (!jwk)
		return err_set(e, ERR_AUTH, "the provider's key \"%.100s\" is broken", kid);
	bool strong = key_is_strong(jwk, key->algorithm);
	bool fits = strong && signature_fits(token, n, jwk);
	cjose_jwk_release(jwk);
	if (!strong)
		return err_set(e, ERR_AUTH, "the provider's key \"%.100s\" has less than %d bits",
			kid, RSA_MIN_BITS);
	return fits ? 0 : err_set(e, ERR_AUTH, "the signature is not that of key \"%.100s\"", kid);
}

static int header_check(const struct json_value *header, const struct oidc_keys *keys,
	const struct oidc_key **ret, struct err *e)
{
	const char *alg = json_get_string(header, "alg"), *kid = json_get_string(header, "kid");
	enum oidc_algorithm algorithm;

	if (oidc_algorithm_parse(alg, &algorithm) < 0)
		return err_set(e, ERR_AUTH, "signed with \"%.40s\", expected RS256 or ES256",
			alg ? alg : "");
	if (json_get(header, "crit") || json_get(header, "b64"))
		return err_set(e, ERR_AUTH, "extensions in the header, expected none");
	*ret = oidc_keys_find(keys, algorithm, kid);
	if (!*ret)
		return err_set(e, ERR_NOT_FOUND, "the provider publishes no key \"%.100s\" for %s",
			kid ? kid : "", alg);
	return 0;
}

/* ---- claims ---- */

static bool audience_has(const struct json_value *aud, const char *client)
{
	if (!aud || (aud->type != JSON_STRING && aud->type != JSON_ARRAY))
		return false;
	if (aud->type == JSON_STRING)
		return str_eq(aud->string, client);
	json_array_each (item, aud)
		if (item->type == JSON_STRING && str_eq(item->string, client))
			return true;
	return false;
}

/* A token for several clients must say that it was made for this one. */
static int audience_check(const struct json_value *claims, const char *client, struct err *e)
{
	const struct json_value *aud = json_get(claims, "aud"), *azp = json_get(claims, "azp");
	bool several = aud && aud->type == JSON_ARRAY && aud->count > 1;

	if (!audience_has(aud, client))
		return err_set(
			e, ERR_AUTH, "claim \"aud\": for another client than \"%.100s\"", client);
	if ((several && !azp) ||
		(azp && (azp->type != JSON_STRING || !str_eq(azp->string, client))))
		return err_set(e, ERR_AUTH, "claim \"azp\": expected \"%.100s\"", client);
	return 0;
}

/* Seconds since 1970, perhaps with a fraction; -1: none. */
static int64_t moment_us(const struct json_value *v)
{
	if (!v || v->type != JSON_NUMBER || !(v->number >= 0 && v->number < 1e11))
		return -1;
	return (int64_t)v->number * USEC_PER_SEC;
}

static int times_check(const struct json_value *claims, struct wall now, struct err *e)
{
	const struct json_value *before = json_get(claims, "nbf");
	int64_t ends = moment_us(json_get(claims, "exp"));
	int64_t issued = moment_us(json_get(claims, "iat"));
	int64_t begins = before ? moment_us(before) : 0;

	if (ends < 0 || issued < 0 || begins < 0)
		return err_set(e, ERR_AUTH, "claims \"exp\", \"iat\": expected times");
	if (now.us >= ends + ID_TOKEN_LEEWAY_US)
		return err_set(e, ERR_TIMEOUT, "it expired %" PRId64 " s ago by our clock",
			(now.us - ends) / USEC_PER_SEC);
	if (issued > now.us + ID_TOKEN_LEEWAY_US || begins > now.us + ID_TOKEN_LEEWAY_US)
		return err_set(e, ERR_TIMEOUT, "it was issued in the future by our clock");
	if (now.us - issued > AGE_MAX_US)
		return err_set(e, ERR_TIMEOUT, "it was issued more than a day ago by our clock");
	return 0;
}

int id_token_claims(const struct json_value *claims, const struct id_token_wanted *w, struct err *e)
{
	const char *issuer = json_get_string(claims, "iss");

	if (!str_eq(issuer, w->issuer))
		return err_set(e, ERR_AUTH, "claim \"iss\": \"%.200s\", expected \"%.200s\"",
			issuer ? issuer : "", w->issuer);
	if (audience_check(claims, w->client_id, e) < 0 || times_check(claims, w->now, e) < 0)
		return -1;
	if (!str_eq(json_get_string(claims, "nonce"), w->nonce))
		return err_set(e, ERR_AUTH, "claim \"nonce\": of another sign-in");
	return 0;
}

int id_token_check(const char *token, size_t n, const struct oidc_keys *keys,
	const struct id_token_wanted *w, struct json_doc **ret, struct err *e)
{
	struct slice header_part, claims_part;
	const struct oidc_key *key;
	struct err why = { 0 };

	if (n > ID_TOKEN_MAX || !split(token, n, &header_part, &claims_part))
		return err_set(e, ERR_AUTH, "expected three parts, at most %zu bytes",
			(size_t)ID_TOKEN_MAX);
	CLEAN_JSON struct json_doc *header = part_parse(header_part, HEADER_MAX, &why);
	if (!header)
		return err_set(e, ERR_AUTH, "its header cannot be read");
	if (header_check(json_root(header), keys, &key, e) < 0 ||
		signature_check(token, n, key, e) < 0)
		return -1;
	CLEAN_JSON struct json_doc *claims = part_parse(claims_part, ID_TOKEN_MAX, &why);
	if (!claims)
		return err_set(e, ERR_AUTH, "its claims cannot be read");
	if (id_token_claims(json_root(claims), w, e) < 0)
		return -1;
	*ret = TAKE(claims);
	return 0;
}
