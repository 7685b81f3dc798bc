/* What is pure of signing in by a provider: its document and keys, a sign-in's proofs, and who may
 * come in. */
#include "coordinator/oidc/flow.h"
#include "coordinator/oidc/keys.h"
#include "coordinator/oidc/person.h"
#include "coordinator/oidc/provider.h"
#include "tests/unit/help/coordinator_help.h"

#define ISSUER "https://id.example"
#define AUTHORIZE "\"authorization_endpoint\":\"https://id.example/a?b=c\","
#define TOKEN "\"token_endpoint\":\"https://other.example/t\","
#define KEYS "\"jwks_uri\":\"https://id.example/k\""
#define DOCUMENT "{\"issuer\":\"" ISSUER "\"," AUTHORIZE TOKEN KEYS

static int parse(const char *text, const char *issuer, struct oidc_provider *p, struct err *e)
{
	oidc_provider_release(p);
	err_clear(e);
	return oidc_provider_parse(text, strlen(text), issuer, p, e);
}

static void test_document(void **state UNUSED)
{
	CLEAN_OIDC_PROVIDER struct oidc_provider p = { 0 };
	struct err e = { 0 };

	must_err(parse(DOCUMENT "}", ISSUER, &p, &e));
	assert_string_equal("https://other.example/t", p.token);
	assert_null(p.userinfo);
	assert_false(p.says_iss || p.secret_form);
	must_err(
		parse(DOCUMENT ",\"authorization_response_iss_parameter_supported\":true,"
			       "\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"],"
			       "\"userinfo_endpoint\":\"https://id.example/u\"}",
			ISSUER, &p, &e));
	assert_true(p.says_iss && p.secret_form && p.userinfo);
}

static void test_bad_documents(void **state UNUSED)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "[]", "\"issuer\"" },
		{ "{\"issuer\":\"https://id.example/\"," AUTHORIZE TOKEN KEYS "}", "\"issuer\"" },
		{ "{\"issuer\":\"" ISSUER "\"," TOKEN KEYS "}", "\"authorization_endpoint\"" },
		{ "{\"issuer\":\"" ISSUER "\"," AUTHORIZE KEYS "}", "\"token_endpoint\"" },
		{ "{\"issuer\":\"" ISSUER "\"," AUTHORIZE TOKEN "\"jwks_uri\":7}", "\"jwks_uri\"" },
		{ "{\"issuer\":\"" ISSUER "\"," AUTHORIZE TOKEN
		  "\"jwks_uri\":\"http://localhost/k\"}",
			"not encrypted" },
		{ "{\"issuer\":\"" ISSUER "\"," AUTHORIZE TOKEN "\"jwks_uri\":\"javascript:x\"}",
			"no such URL" },
		{ DOCUMENT ",\"userinfo_endpoint\":\"https://a@b/\"}", "credentials" },
		{ DOCUMENT ",\"id_token_signing_alg_values_supported\":[\"HS256\",\"none\"]}",
			"neither" },
		{ DOCUMENT ",\"response_types_supported\":[\"token\"]}", "no authorization code" },
		{ DOCUMENT ",\"issuer\":\"" ISSUER "\"}", "duplicate" },
	};
	CLEAN_OIDC_PROVIDER struct oidc_provider p = { 0 };
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (parse(cases[i].text, ISSUER, &p, &e) == 0 || !strstr(e.text, cases[i].words))
			fail_msg("%s: %s", cases[i].text, e.text);
}

static void test_urls(void **state UNUSED)
{
	static const char *const good[] = { "https://a", "https://a.b:1/c?d=e", "https://[::1]/",
		"http://localhost", "http://127.0.0.1:80/x", "http://[::1]:9/" };
	static const char *const bad[] = { "", "a", "https://", "https:///x", "https://:1",
		"ftp://a", "HTTPS://a", "http://a", "http://localhost.evil/",
		"http://127.0.0.1.evil/", "http://127.0.0.2/", "https://a b", "https://a@b",
		"https://a#b", "https://a\\b", "https://a\"b", "https://a\r\nb", "https://\xc3\xa4",
		"x://https://a" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (oidc_url_problem(good[i]))
			fail_msg("%s: %s", good[i], oidc_url_problem(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!oidc_url_problem(bad[i]))
			fail_msg("%s is fine", bad[i]);
}

static void test_keys(void **state UNUSED)
{
	static const char text[] =
		"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AA\"},"
		"{\"kty\":\"RSA\",\"kid\":\"a\",\"use\":\"sig\",\"n\":\"AA\",\"e\":\"AQAB\"},"
		"{\"kty\":\"RSA\",\"kid\":\"b\",\"use\":\"enc\",\"n\":\"AA\",\"e\":\"AQAB\"},"
		"{\"kty\":\"RSA\",\"kid\":\"c\",\"alg\":\"PS256\",\"n\":\"AA\",\"e\":\"AQAB\"},"
		"{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\","
		"\"d\":\"private\"},"
		"{\"kty\":\"EC\",\"kid\":\"d\",\"crv\":\"P-384\"},"
		"{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"},7,null]}";
	CLEANUP(oidc_keys_release) struct oidc_keys k = { 0 };
	struct err e = { 0 };

	must_err(oidc_keys_parse(text, sizeof(text) - 1, &k, &e));
	assert_int_equal(3, k.n);
	assert_string_equal("{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}",
		oidc_keys_find(&k, OIDC_RS256, "a")->json);
	assert_null(strstr(oidc_keys_find(&k, OIDC_ES256, "a")->json, "private"));
	/* the only one, even without its name; one of two, not */
	assert_non_null(oidc_keys_find(&k, OIDC_ES256, NULL));
	assert_null(oidc_keys_find(&k, OIDC_RS256, NULL));
	assert_null(oidc_keys_find(&k, OIDC_RS256, "b"));
	assert_null(oidc_keys_find(&k, OIDC_RS256, "c"));
}

static void test_bad_keys(void **state UNUSED)
{
#define ONE "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AA\",\"e\":\"AQAB\"}"
	static const char *const bad[] = { "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]}",
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}", "{\"keys\":[" ONE "," ONE "]}" };
	CLEAN_BUF struct buf many = BUF_INIT(KIB(64));
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(oidc_keys_release) struct oidc_keys k = { 0 };

		assert_int_equal(-1, oidc_keys_parse(bad[i], strlen(bad[i]), &k, &e));
	}
	buf_adds(&many, "{\"keys\":[");
	for (int i = 0; i <= OIDC_KEYS_MAX; i++)
		buf_addf(&many, "%s{\"kty\":\"RSA\",\"kid\":\"%d\"}", i ? "," : "", i);
	buf_adds(&many, "]}");
	CLEANUP(oidc_keys_release) struct oidc_keys k = { 0 };
	err_clear(&e);
	assert_int_equal(-1, oidc_keys_parse(buf_cstr(&many), many.len, &k, &e));
	assert_non_null(strstr(e.text, "more than 64 keys"));
}

/* ---- a sign-in ---- */

static const unsigned char key[OIDC_KEY_LEN] = "a key of thirty-two bytes, not 1";
static const unsigned char other_key[OIDC_KEY_LEN] = "another";

static void test_flow(void **state UNUSED)
{
	const struct wall now = wall_now();
	struct oidc_flow f, back, second;
	struct err e = { 0 };

	oidc_flow_begin(&f, key, "/demo/x?branch=a b", now);
	oidc_flow_begin(&second, key, "/demo/x?branch=a b", now);
	assert_string_not_equal(f.cookie, second.cookie);
	assert_string_not_equal(f.state, f.nonce);
	assert_string_not_equal(f.nonce, f.verifier);
	assert_int_equal(43, strlen(f.verifier));
	assert_null(strpbrk(f.cookie, " ;,\"\\"));
	must_err(oidc_flow_resume(&back, key, f.cookie, f.state, now, &e));
	assert_string_equal(f.nonce, back.nonce);
	assert_string_equal(f.verifier, back.verifier);
	assert_string_equal("/demo/x?branch=a b", back.next);
	/* not another's, not by another key */
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, second.state, now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, second.cookie, f.state, now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, other_key, f.cookie, f.state, now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, f.nonce, now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, "", now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, NULL, now, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, NULL, f.state, now, &e));
}

static void test_flow_takes_ten_minutes(void **state UNUSED)
{
	const struct wall now = { INT64_C(1800000000) * USEC_PER_SEC };
	struct oidc_flow f, back;
	struct err e = { 0 };

	oidc_flow_begin(&f, key, "/", now);
	must_err(oidc_flow_resume(
		&back, key, f.cookie, f.state, (struct wall){ now.us + OIDC_FLOW_US }, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, f.state,
				     (struct wall){ now.us + OIDC_FLOW_US + 1 }, &e));
	assert_int_equal(-1, oidc_flow_resume(&back, key, f.cookie, f.state,
				     (struct wall){ now.us - 61 * USEC_PER_SEC }, &e));
}

static void test_bad_cookies(void **state UNUSED)
{
	static const char digits[] =
		"99999999999999999999."
		"0000000000000000000000000000000000000000000000000000000000000000.Lw";
	static const char *const bad[] = { "", ".", "..", "1.2.3", "x.y", "1800000000",
		"-1.0000000000000000000000000000000000000000000000000000000000000000.Lw", digits,
		"1.0000000000000000000000000000000000000000000000000000000000000000.L=",
		"1.0000000000000000000000000000000000000000000000000000000000000000.AA" };
	CLEAN_BUF struct buf large = BUF_INIT(KIB(4));
	struct oidc_flow f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(-1, oidc_flow_resume(&f, key, bad[i], "s", wall_now(), NULL));
	buf_addf(&large, "1.%064d.", 0);
	for (int i = 0; i < OIDC_COOKIE_MAX; i++)
		buf_addc(&large, 'A');
	assert_int_equal(-1, oidc_flow_resume(&f, key, buf_cstr(&large), "s", wall_now(), NULL));
}

/* The challenge of RFC 7636, appendix B, is that of its verifier. */
static void test_flow_url(void **state UNUSED)
{
	const struct oidc_settings s = { .client_id = (char *)"a b",
		.redirect_uri = (char *)"https://ci.example/login/oidc/callback",
		.scopes = (char *)"openid email" };
	const struct oidc_flow f = { .state = "S",
		.nonce = "N",
		.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" };
	CLEAN_OIDC_PROVIDER struct oidc_provider p = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct err e = { 0 };

	must_err(parse(DOCUMENT "}", ISSUER, &p, &e));
	oidc_flow_url(&f, &p, &s, &out);
	assert_string_equal("https://id.example/a?b=c&response_type=code&client_id=a%20b"
			    "&redirect_uri=https%3A//ci.example/login/oidc/callback"
			    "&scope=openid%20email&state=S&nonce=N"
			    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
			    "&code_challenge_method=S256",
		buf_cstr(&out));
}

/* ---- who ---- */

static int read_person(struct oidc_person *p, const char *text, const struct oidc_settings *s)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text, strlen(text), NULL, NULL);
	struct err e = { 0 };

	assert_non_null(doc);
	return oidc_person_read(p, json_root(doc), s, &e);
}

static bool admitted(const char *claims, const struct oidc_settings *s)
{
	CLEANUP(oidc_person_release) struct oidc_person p = { 0 };
	struct err e = { 0 };

	must(read_person(&p, claims, s));
	return oidc_person_admitted(&p, s, &e) == 0;
}

static void test_persons(void **state UNUSED)
{
	struct oidc_settings s = { .login_claim = (char *)"nick", .groups_claim = (char *)"roles" };
	CLEANUP(oidc_person_release) struct oidc_person p = { 0 };

	strv_add(&s.groups, "ci");
	must(read_person(&p, "{\"sub\":\"7\",\"email\":\"a@b.c\",\"email_verified\":false}", &s));
	assert_null(p.email);
	assert_false(oidc_person_complete(&p, &s));
	/* another answer adds what is missing, and changes nothing */
	must(read_person(&p, "{\"sub\":\"7\",\"nick\":\"ada\",\"roles\":[\"x\",7,\"ci\"]}", &s));
	must(read_person(&p, "{\"sub\":\"7\",\"nick\":\"eve\",\"roles\":[]}", &s));
	assert_string_equal("ada", p.login);
	assert_int_equal(2, p.groups.n);
	assert_true(oidc_person_complete(&p, &s));
	assert_int_equal(-1, read_person(&p, "{\"sub\":\"8\"}", &s));
	assert_int_equal(-1, read_person(&p, "{\"sub\":7}", &s));
	assert_int_equal(-1, read_person(&p, "{\"sub\":\"\"}", &s));
	assert_int_equal(-1, read_person(&p, "{}", &s));
	strv_release(&s.groups);
}

static void test_who_comes_in(void **state UNUSED)
{
	struct oidc_settings s = { .name = (char *)"ID",
		.login_claim = (char *)"nick",
		.groups_claim = (char *)"groups" };

	assert_true(admitted("{\"sub\":\"7\"}", &s));
	strv_add(&s.email_domains, "Example.org");
	assert_false(admitted("{\"sub\":\"7\"}", &s));
	assert_false(admitted("{\"sub\":\"7\",\"email\":\"a@example.org\"}", &s));
	assert_true(admitted(
		"{\"sub\":\"7\",\"email\":\"a@eXample.org\",\"email_verified\":true}", &s));
	assert_false(admitted(
		"{\"sub\":\"7\",\"email\":\"a@example.org.x\",\"email_verified\":true}", &s));
	assert_false(admitted(
		"{\"sub\":\"7\",\"email\":\"a@xexample.org\",\"email_verified\":true}", &s));
	assert_false(
		admitted("{\"sub\":\"7\",\"email\":\"example.org\",\"email_verified\":true}", &s));
	strv_release(&s.email_domains);
	strv_add(&s.groups, "ci");
	assert_false(admitted("{\"sub\":\"7\"}", &s));
	assert_false(admitted("{\"sub\":\"7\",\"groups\":[\"CI\",\"cii\"]}", &s));
	assert_true(admitted("{\"sub\":\"7\",\"groups\":[\"x\",\"ci\"]}", &s));
	assert_true(admitted("{\"sub\":\"7\",\"groups\":\"ci\"}", &s));
	strv_release(&s.groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_flow),
		cmocka_unit_test(test_flow_takes_ten_minutes),
		cmocka_unit_test(test_bad_cookies),
		cmocka_unit_test(test_flow_url),
		cmocka_unit_test(test_persons),
		cmocka_unit_test(test_who_comes_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
