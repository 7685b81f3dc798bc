/* Keys and job tokens against answers computed independently, and against every kind of forgery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/fs.h"
#include "coordinator/app/token.h"

/* HKDF-SHA256 without salt of the bytes 00 01 … 1f. */
#define JWT_KEY "92b3ec2e06585acf050111953d70f7aac2803f934e342add8913eb27bb13cf5e"
#define SEAL_KEY "ddafa0c39f53a2fbae3edf23bdf10f665e3117d128b546c1710319164a95b841"
#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
#define PAYLOAD                                                                                    \
	"eyJzdWIiOiJydW5uZXI6NyIsInB1cnBvc2UiOiJhcGkiLCJqb2JfaWQiOjQyLCJydW5faWQiOjksInJlcG9faWQi" \
	"OjMsImV4cCI6MTgwMDAwMDAwMCwianRpIjoiMTIzZTQ1NjctZTg5Yi00MmQzLWE0NTYtNDI2NjE0MTc0MDAwIn0."
#define GOOD HEADER PAYLOAD "hmV-6sRuKLOFOiiHvHt24Uwo4yIdUlrDihKBSpUgcQE"
#define JTI "123e4567-e89b-42d3-a456-426614174000"

static const struct wall before = { INT64_C(1799999999) * USEC_PER_SEC };

static struct keys keys_fixed(void)
{
	unsigned char root[32];
	struct keys k;

	for (size_t i = 0; i < sizeof(root); i++)
		root[i] = (unsigned char)i;
	assert_int_equal(0, keys_derive(&k, root, sizeof(root), NULL));
	return k;
}

static void test_derivation(void **state UNUSED)
{
	struct keys k = keys_fixed();
	char text[65];

	hex_encode(k.jwt, KEY_LEN, text);
	assert_string_equal(JWT_KEY, text);
	hex_encode(k.seal, KEY_LEN, text);
	assert_string_equal(SEAL_KEY, text);
	struct err e = { 0 };
	assert_int_equal(-1, keys_derive(&k, "short", 5, &e));
	assert_true(err_is(&e, ERR_INPUT));
}

static void test_known_token(void **state UNUSED)
{
	struct keys k = keys_fixed();
	struct jwt_claims c;

	assert_int_equal(0, jwt_verify(&k, GOOD, PURPOSE_API, before, &c, NULL));
	assert_int_equal(7, c.runner_id);
	assert_int_equal(42, c.job_id);
	assert_int_equal(9, c.run_id);
	assert_int_equal(3, c.repo_id);
	assert_string_equal(JTI, c.jti);
	struct err e = { 0 };
	struct wall at = { INT64_C(1800000000) * USEC_PER_SEC };
	assert_int_equal(-1, jwt_verify(&k, GOOD, PURPOSE_API, at, &c, &e));
	assert_non_null(strstr(e.text, "expired"));
	assert_int_equal(-1, jwt_verify(&k, GOOD, PURPOSE_CHECKOUT, before, &c, NULL));
}

static void test_mint(void **state UNUSED)
{
	struct keys k = keys_fixed();
	CLEAN_BUF struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
	struct jwt_claims c = { .runner_id = 1,
		.job_id = 2,
		.run_id = 3,
		.repo_id = 4,
		.purpose = PURPOSE_CHECKOUT },
			  back;
	struct wall now = wall_now();

	assert_int_equal(0, jwt_mint(&k, &c, now, &a, NULL));
	assert_int_equal(0, jwt_verify(&k, buf_cstr(&a), PURPOSE_CHECKOUT, now, &back, NULL));
	assert_int_equal(2, back.job_id);
	assert_true(back.expires_at.us > now.us + TOKEN_LIFETIME_US - 2 * USEC_PER_SEC);
	assert_true(back.expires_at.us <= now.us + TOKEN_LIFETIME_US);
	assert_int_equal(0, jwt_mint(&k, &c, now, &b, NULL));
	assert_string_not_equal(buf_cstr(&a), buf_cstr(&b));
}

/* No changed byte, added byte or cut survives. */
static void test_every_byte_counts(void **state UNUSED)
{
	struct keys k = keys_fixed();
	struct jwt_claims c;
	char text[sizeof(GOOD) + 1];

	for (size_t i = 0; i < sizeof(GOOD) - 1; i++) {
		memcpy(text, GOOD, sizeof(GOOD));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		if (jwt_verify(&k, text, PURPOSE_API, before, &c, NULL) == 0)
			fail_msg("byte %zu changed and accepted", i);
		memcpy(text, GOOD, sizeof(GOOD));
		text[i] = 0;
		assert_int_equal(-1, jwt_verify(&k, text, PURPOSE_API, before, &c, NULL));
	}
	snprintf(text, sizeof(text), "%sA", GOOD);
	assert_int_equal(-1, jwt_verify(&k, text, PURPOSE_API, before, &c, NULL));
}

static void sign(const struct keys *k, const char *header, const char *payload, struct buf *out)
{
	unsigned char mac[32];
	unsigned n = 0;

	base64url_encode(out, header, strlen(header));
	buf_addc(out, '.');
	base64url_encode(out, payload, strlen(payload));
	assert_non_null(
		HMAC(EVP_sha256(), k->jwt, KEY_LEN, (unsigned char *)out->data, out->len, mac, &n));
	buf_addc(out, '.');
	base64url_encode(out, mac, n);
}

#define CLAIMS(sub, purpose, job, exp, jti, more)                  \
	"{\"sub\":" sub ",\"purpose\":" purpose ",\"job_id\":" job \
	",\"run_id\":9,\"repo_id\":3,\"exp\":" exp ",\"jti\":" jti more "}"
#define EXP "1800000000"
#define Q(s) "\"" s "\""

/* All signed with the right key. */
static void test_signed_nonsense(void **state UNUSED)
{
	static const char *const good_header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

	static const struct {
		const char *header, *payload;
		int rc;
	} cases[] = {
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, Q(JTI), ""), 0 },
		{ "{\"alg\":\"none\",\"typ\":\"JWT\"}",
			CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
			CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"user:7\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7x\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:-7\"", "\"api\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"root\"", "42", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "\"42\"", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "0", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "4.2", EXP, Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", "1", Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", "1e99", Q(JTI), ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, "\"short\"", ""), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, Q(JTI), ",\"admin\":1"), -1 },
		{ NULL, CLAIMS("\"runner:7\"", "\"api\"", "42", EXP, Q(JTI), ",\"job_id\":1"), -1 },
		{ NULL, "{}", -1 },
		{ NULL, "[]", -1 },
		{ NULL, "", -1 },
	};
	struct keys k = keys_fixed();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf t = BUF_INIT(4096);
		struct jwt_claims c;
		struct err e = { 0 };

		sign(&k, cases[i].header ? cases[i].header : good_header, cases[i].payload, &t);
		if (jwt_verify(&k, buf_cstr(&t), PURPOSE_API, before, &c, &e) != cases[i].rc)
			fail_msg("case %zu: %s", i, e.text);
		if (cases[i].rc)
			assert_true(err_is(&e, ERR_AUTH));
	}
}

static void test_key_file(void **state UNUSED)
{
	char dir[] = "/tmp/shithub-test-XXXXXX";
	struct keys a, b;
	struct stat st;
	struct err e = { 0 };
	uint64_t left;

	assert_non_null(mkdtemp(dir));
	CLEAN_STR char *path = path_join(dir, "root.key");
	assert_int_equal(0, keys_load(&a, NULL, dir, NULL));
	assert_int_equal(0, stat(path, &st));
	assert_int_equal(0600, st.st_mode & 07777);
	assert_int_equal(0, keys_load(&b, NULL, dir, NULL));
	assert_memory_equal(&a, &b, sizeof(a));
	/* A given key wins over the file; a broken one is named. */
	assert_int_equal(
		0, keys_load(&b, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", dir, NULL));
	struct keys fixed = keys_fixed();
	assert_memory_equal(&fixed, &b, sizeof(b));
	assert_int_equal(-1, keys_load(&b, "not base64!", dir, &e));
	assert_non_null(strstr(e.text, "root key"));
	CLEAN_FD int tmp = dir_open("/tmp", NULL);
	assert_int_equal(0, tree_remove(tmp, dir + strlen("/tmp/"), &left, NULL));
}

static void test_sealing(void **state UNUSED)
{
	struct keys k = keys_fixed();
	CLEAN_BUF struct buf sealed = BUF_INIT(200), plain = BUF_INIT(200);

	assert_int_equal(0, seal(&k, "secret:1:A", "hunter2", 7, &sealed, NULL));
	assert_int_equal(7 + 28, sealed.len);
	assert_int_equal(0, unseal(&k, "secret:1:A", sealed.data, sealed.len, &plain, NULL));
	assert_string_equal("hunter2", buf_cstr(&plain));
	assert_int_equal(-1, unseal(&k, "secret:1:B", sealed.data, sealed.len, &plain, NULL));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(
			-1, unseal(&k, "secret:1:A", sealed.data, sealed.len, &plain, NULL));
		sealed.data[i] ^= 1;
	}
	for (size_t n = 0; n < sealed.len; n++)
		assert_int_equal(-1, unseal(&k, "secret:1:A", sealed.data, n, &plain, NULL));
	assert_int_equal(7, plain.len); /* nothing was added by the failures */
}

static void test_random_tokens(void **state UNUSED)
{
	char a[TOKEN_HEX_MAX], b[TOKEN_HEX_MAX], p[PAT_TEXT_MAX];

	token_random(a);
	token_random(b);
	assert_int_equal(64, strspn(a, "0123456789abcdef"));
	assert_string_not_equal(a, b);
	pat_random(p);
	assert_true(str_starts(p, PAT_PREFIX));
	assert_int_equal(strlen(PAT_PREFIX) + 64, strlen(p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derivation),
		cmocka_unit_test(test_known_token),
		cmocka_unit_test(test_mint),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_signed_nonsense),
		cmocka_unit_test(test_key_file),
		cmocka_unit_test(test_sealing),
		cmocka_unit_test(test_random_tokens),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
