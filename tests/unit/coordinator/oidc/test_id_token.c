/* ID tokens: one that another program signed, and ours with each claim and each part of the header
 * wrong in turn. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/codec.h"
#include "coordinator/oidc/id_token.h"
#include "tests/unit/help/coordinator_help.h"

#define NOW_S INT64_C(1800000100)
#define EC_KEY                                                                                     \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"ec\",\"x\":\"z5_t3xE-JA9YHWpoXhW-" \
	"jIvs-pShLU44x8GEJOVTp8Q\","                                                               \
	"\"y\":\"d0gzHB1SVqx1RglBHnQUbTHxLLD36kxzvtEDBHSgFMc\"}]}"
#define EC_TOKEN                                                                                   \
	"eyJhbGciOiAiRVMyNTYiLCAia2lkIjogImVjIn0.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlIiwgInN1YiI6" \
	"ICI3IiwgImF1ZCI6ICJjbGllbnQiLCAibm9uY2UiOiAibiIsICJpYXQiOiAxODAwMDAwMDAwLCAiZXhwIjogMTgw" \
	"MDAwMDMwMH0.fEiNVpCb4Bw7gKTtDeuCGj_y8uYO3Nr-4WUAN2V-JhYQUO-nY4_8oBJBnSFDD32j3Rfjb2pnPY42" \
	"CTdrKkqkTA"

static const struct id_token_wanted wanted = { .issuer = "https://id.example",
	.client_id = "client",
	.nonce = "n",
	.now = { NOW_S * USEC_PER_SEC } };

static int check(const char *token, const struct oidc_keys *keys, struct err *e)
{
	CLEAN_JSON struct json_doc *claims = NULL;

	err_clear(e);
	return id_token_check(token, strlen(token), keys, &wanted, &claims, e);
}

static void test_of_another_program(void **state UNUSED)
{
	CLEANUP(oidc_keys_release) struct oidc_keys keys = { 0 };
	CLEAN_STR char *token = xstrdup(EC_TOKEN);
	size_t n = strlen(token);
	struct err e = { 0 };

	must_err(oidc_keys_parse(EC_KEY, strlen(EC_KEY), &keys, &e));
	must_err(check(token, &keys, &e));
	/* each of its characters counts; the last one holds bits that mean nothing */
	for (size_t i = 0; i < n - 1; i++) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(-1, check(token, &keys, &e));
		token[i] = was;
	}
	for (size_t i = 0; i < n; i += 7) {
		CLEAN_STR char *cut = xstrndup(token, i);

		assert_int_equal(-1, check(cut, &keys, &e));
	}
	must_err(check(token, &keys, &e));
}

/* ---- ours ---- */

struct signer {
	EVP_PKEY *key;
	struct oidc_keys keys;
};

static void number(struct buf *out, const struct signer *s, const char *name)
{
	BIGNUM *n = NULL;
	unsigned char bytes[512];

	assert_true(EVP_PKEY_get_bn_param(s->key, name, &n));
	base64url_encode(out, bytes, (size_t)BN_bn2bin(n, bytes));
	BN_free(n);
}

static void signer_open(struct signer *s, unsigned bits)
{
	CLEAN_BUF struct buf set = BUF_INIT(KIB(8));
	struct err e = { 0 };

	s->key = EVP_RSA_gen(bits);
	buf_adds(&set, "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"RSA\",\"kid\":\"r\","
		       "\"n\":\"");
	number(&set, s, OSSL_PKEY_PARAM_RSA_N);
	buf_adds(&set, "\",\"e\":\"");
	number(&set, s, OSSL_PKEY_PARAM_RSA_E);
	buf_adds(&set, "\"}]}");
	must_err(oidc_keys_parse(buf_cstr(&set), set.len, &s->keys, &e));
	assert_int_equal(1, s->keys.n);
}

static void signer_close(struct signer *s)
{
	EVP_PKEY_free(s->key);
	oidc_keys_release(&s->keys);
}

static char *sign(const struct signer *s, const char *header, const char *claims)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct buf out = BUF_INIT(KIB(256));
	unsigned char signature[512];
	size_t n = sizeof(signature);

	base64url_encode(&out, header, strlen(header));
	buf_addc(&out, '.');
	base64url_encode(&out, claims, strlen(claims));
	assert_int_equal(1, EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, s->key));
	assert_int_equal(1, EVP_DigestSign(c, signature, &n, (unsigned char *)out.data, out.len));
	EVP_MD_CTX_free(c);
	buf_addc(&out, '.');
	base64url_encode(&out, signature, n);
	return buf_take(&out);
}

#define HEADER "{\"alg\":\"RS256\",\"kid\":\"r\"}"
#define ISS "\"iss\":\"https://id.example\","
#define AUD "\"aud\":\"client\","
#define NONCE "\"nonce\":\"n\","
#define TIMES "\"iat\":1800000000,\"exp\":1800000300"
#define GOOD "{" ISS AUD NONCE "\"sub\":\"7\"," TIMES "}"

static const struct {
	const char *header, *claims;
	enum err_class class; /* ERR_NONE: it is fine */
	const char *words;
} cases[] = {
	{ HEADER, GOOD, ERR_NONE, "" },
	{ "{\"alg\":\"RS256\"}", GOOD, ERR_NONE, "" },
	{ HEADER, "{" ISS NONCE "\"aud\":[\"client\"]," TIMES "}", ERR_NONE, "" },
	{ HEADER, "{" ISS NONCE "\"aud\":[\"client\",\"x\"],\"azp\":\"client\"," TIMES "}",
		ERR_NONE, "" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000100.5,\"exp\":1.8000003e9}", ERR_NONE, "" },
	/* within the leeway */
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000000,\"exp\":1800000041}", ERR_NONE, "" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000160,\"exp\":1800000300}", ERR_NONE, "" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000000,\"exp\":1800000040}", ERR_TIMEOUT,
		"expired" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000161,\"exp\":1800000300}", ERR_TIMEOUT,
		"future" },
	{ HEADER, "{" ISS AUD NONCE "\"nbf\":1800000161," TIMES "}", ERR_TIMEOUT, "future" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1799900000,\"exp\":1800000300}", ERR_TIMEOUT,
		"a day" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":\"1800000000\",\"exp\":1800000300}", ERR_AUTH,
		"times" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000000}", ERR_AUTH, "times" },
	{ HEADER, "{" ISS AUD NONCE "\"iat\":1800000000,\"exp\":1e300}", ERR_AUTH, "times" },
	{ HEADER, "{" ISS AUD NONCE "\"nbf\":null," TIMES "}", ERR_AUTH, "times" },
	{ HEADER, "{" AUD NONCE TIMES "}", ERR_AUTH, "\"iss\"" },
	{ HEADER, "{\"iss\":\"https://id.example/\"," AUD NONCE TIMES "}", ERR_AUTH, "\"iss\"" },
	{ HEADER, "{" ISS NONCE TIMES "}", ERR_AUTH, "\"aud\"" },
	{ HEADER, "{" ISS NONCE "\"aud\":\"clien\"," TIMES "}", ERR_AUTH, "\"aud\"" },
	{ HEADER, "{" ISS NONCE "\"aud\":[]," TIMES "}", ERR_AUTH, "\"aud\"" },
	{ HEADER, "{" ISS NONCE "\"aud\":[[\"client\"]]," TIMES "}", ERR_AUTH, "\"aud\"" },
	{ HEADER, "{" ISS NONCE "\"aud\":[\"client\",\"x\"]," TIMES "}", ERR_AUTH, "\"azp\"" },
	{ HEADER, "{" ISS AUD NONCE "\"azp\":\"x\"," TIMES "}", ERR_AUTH, "\"azp\"" },
	{ HEADER, "{" ISS AUD NONCE "\"azp\":7," TIMES "}", ERR_AUTH, "\"azp\"" },
	{ HEADER, "{" ISS AUD TIMES "}", ERR_AUTH, "\"nonce\"" },
	{ HEADER, "{" ISS AUD "\"nonce\":\"N\"," TIMES "}", ERR_AUTH, "\"nonce\"" },
	{ HEADER, "{" ISS ISS AUD NONCE TIMES "}", ERR_AUTH, "claims" },
	{ HEADER, "[" GOOD "]", ERR_AUTH, "claims" },
	{ HEADER, "", ERR_AUTH, "three parts" },
	{ "{\"alg\":\"none\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"alg\":\"None\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"alg\":\"HS256\",\"kid\":\"r\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"alg\":\"RS384\",\"kid\":\"r\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"alg\":[\"RS256\"],\"kid\":\"r\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"kid\":\"r\"}", GOOD, ERR_AUTH, "RS256 or ES256" },
	{ "{\"alg\":\"RS256\",\"alg\":\"RS256\"}", GOOD, ERR_AUTH, "header" },
	{ "[]", GOOD, ERR_AUTH, "header" },
	{ "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"b64\"]}", GOOD, ERR_AUTH, "extensions" },
	{ "{\"alg\":\"RS256\",\"kid\":\"r\",\"b64\":false}", GOOD, ERR_AUTH, "extensions" },
	/* an RSA key is none for ES256, whatever it is called */
	{ "{\"alg\":\"ES256\",\"kid\":\"r\"}", GOOD, ERR_NOT_FOUND, "no key \"r\"" },
	{ "{\"alg\":\"RS256\",\"kid\":\"s\"}", GOOD, ERR_NOT_FOUND, "no key \"s\"" },
};

static void test_cases(void **state UNUSED)
{
	struct signer s = { 0 };
	struct err e = { 0 };

	signer_open(&s, 2048);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *token = sign(&s, cases[i].header, cases[i].claims);
		int rc = check(token, &s.keys, &e);

		if (rc != (cases[i].class == ERR_NONE ? 0 : -1) || e.class != cases[i].class ||
			!strstr(e.text, cases[i].words))
			fail_msg("%s %s: %d %s", cases[i].header, cases[i].claims, rc, e.text);
	}
	signer_close(&s);
}

/* Keys that sign well, but are not the provider's, or are too weak to prove anything. */
static void test_other_keys(void **state UNUSED)
{
	struct signer s = { 0 }, other = { 0 }, weak = { 0 };
	struct err e = { 0 };

	signer_open(&s, 2048);
	signer_open(&other, 2048);
	signer_open(&weak, 1024);
	CLEAN_STR char *token = sign(&other, HEADER, GOOD);
	assert_int_equal(-1, check(token, &s.keys, &e));
	assert_non_null(strstr(e.text, "signature"));
	must_err(check(token, &other.keys, &e));
	CLEAN_STR char *of_weak = sign(&weak, HEADER, GOOD);
	assert_int_equal(-1, check(of_weak, &weak.keys, &e));
	assert_non_null(strstr(e.text, "2048 bits"));
	signer_close(&s);
	signer_close(&other);
	signer_close(&weak);
}

static void test_sizes(void **state UNUSED)
{
	CLEAN_BUF struct buf claims = BUF_INIT(KIB(128));
	struct signer s = { 0 };
	struct err e = { 0 };

	signer_open(&s, 2048);
	buf_adds(&claims, "{" ISS AUD NONCE "\"more\":\"");
	for (size_t i = 0; i < ID_TOKEN_MAX; i++)
		buf_addc(&claims, 'x');
	buf_adds(&claims, "\"," TIMES "}");
	CLEAN_STR char *token = sign(&s, HEADER, buf_cstr(&claims));
	assert_int_equal(-1, check(token, &s.keys, &e));
	assert_non_null(strstr(e.text, "at most"));
	signer_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_another_program),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
