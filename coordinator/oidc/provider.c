/*
 * The document comes from the issuer over a connection that was proved to be its, so its endpoints
 * may lie on other hosts; but nothing that proves who somebody is may go unencrypted, so they are
 * https unless the provider is on this machine, as in a test.
 */
#include "coordinator/oidc/provider.h"

#include "base/json.h"

enum { DOCUMENT_DEPTH = 16, DOCUMENT_NODES = 5000, WORD_MAX = 64 };

void oidc_provider_release(struct oidc_provider *p)
{
	free(p->authorization);
	free(p->token);
	free(p->keys);
	free(p->userinfo);
	*p = (struct oidc_provider){ 0 };
}

/* ---- URLs ---- */

/* Of the text behind "//". */
static bool is_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?");

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && strncmp(host, names[i], n) == 0)
			return true;
	return false;
}

bool oidc_is_https(const char *url)
{
	return str_starts(url, "https://");
}

const char *oidc_url_problem(const char *url)
{
	const char *host = strstr(url, "://");

	if (!host || (!oidc_is_https(url) && !str_starts(url, "http://")) ||
		!strcspn(host + 3, "/?:"))
		return "no such URL, expected https://HOST[/PATH]";
	if (!oidc_is_https(url) && !is_loopback(host + 3))
		return "not encrypted, expected https:// (http:// on this machine alone)";
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || strchr("\"'<>\\^`{|}#@", *p))
			return "credentials, a fragment or odd characters in it, expected "
			       "https://HOST[/PATH]";
	return strlen(url) > OIDC_URL_MAX ? "too long, expected at most 2000 bytes" : NULL;
}

bool oidc_is_error_word(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n <= WORD_MAX && !text[n];
}

/* ---- the document ---- */

static int take_url(
	const struct json_value *v, const char *field, bool required, char **ret, struct err *e)
{
	const char *url = json_get_string(v, field), *issuer = json_get_string(v, "issuer");

	if (!url && !required)
		return 0;
	if (!url)
		return err_set(e, ERR_PROTO, "field \"%s\": missing, expected a URL", field);
	const char *problem = oidc_url_problem(url);
	if (!problem && oidc_is_https(issuer) && !oidc_is_https(url))
		problem = "not encrypted, expected https://";
	if (problem)
		return err_set(e, ERR_PROTO, "field \"%s\": %s", field, problem);
	*ret = xstrdup(url);
	return 0;
}

/* A list that is absent says nothing. */
static bool names_one(const struct json_value *v, const char *field, const char *const *words)
{
	const struct json_value *list = json_get(v, field);

	if (!list || list->type != JSON_ARRAY)
		return true;
	json_array_each (item, list)
		for (const char *const *w = words; *w; w++)
			if (item->type == JSON_STRING && str_eq(item->string, *w))
				return true;
	return false;
}

static int check_issuer(const struct json_value *v, const char *issuer, struct err *e)
{
	const char *said = json_get_string(v, "issuer");

	if (!str_eq(said, issuer))
		return err_set(e, ERR_PROTO, "field \"issuer\": \"%.200s\", expected \"%s\"",
			said ? said : "", issuer);
	return 0;
}

static int check_abilities(const struct json_value *v, struct err *e)
{
	static const char *const algorithms[] = { "RS256", "ES256", NULL };
	static const char *const code[] = { "code", NULL };

	if (!names_one(v, "id_token_signing_alg_values_supported", algorithms))
		return err_set(e, ERR_PROTO, "it signs neither with RS256 nor with ES256");
	if (!names_one(v, "response_types_supported", code))
		return err_set(e, ERR_PROTO, "it has no authorization code flow");
	return 0;
}

int oidc_provider_parse(
	const char *text, size_t n, const char *issuer, struct oidc_provider *ret, struct err *e)
{
	static const char *const basic[] = { "client_secret_basic", NULL };
	static const struct json_limits limits = { OIDC_ANSWER_MAX, DOCUMENT_DEPTH,
		DOCUMENT_NODES };
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, &limits, e);

	if (!doc)
		return -1;
	const struct json_value *v = json_root(doc);
	if (check_issuer(v, issuer, e) < 0 || check_abilities(v, e) < 0 ||
		take_url(v, "authorization_endpoint", true, &ret->authorization, e) < 0 ||
		take_url(v, "token_endpoint", true, &ret->token, e) < 0 ||
		take_url(v, "jwks_uri", true, &ret->keys, e) < 0 ||
		take_url(v, "userinfo_endpoint", false, &ret->userinfo, e) < 0)
		return -1;
	ret->says_iss = json_get_bool(v, "authorization_response_iss_parameter_supported", false);
	ret->secret_form = !names_one(v, "token_endpoint_auth_methods_supported", basic);
	return 0;
}
