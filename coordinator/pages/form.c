/*
 * Two checks against forms of other sites, of which each would do: the browser's own word about
 * where a request comes from, and a token that only a page of this session holds.
 */
#include "coordinator/pages/form.h"

#include <openssl/crypto.h>

#include "base/codec.h"

/* The raw value of the first field of that name. */
static bool find_field(struct slice body, const char *name, struct slice *ret)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < body.len;) {
		const char *p = body.ptr + at;
		const char *end = memchr(p, '&', body.len - at);
		size_t len = end ? (size_t)(end - p) : body.len - at;

		if (len > n && memcmp(p, name, n) == 0 && p[n] == '=') {
			*ret = (struct slice){ p + n + 1, len - n - 1 };
			return true;
		}
		at += len + 1;
	}
	return false;
}

int form_field(
	const struct httpd_request *r, const char *name, size_t max, char **ret, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(max);
	struct slice raw;

	*ret = NULL;
	if (!find_field(httpd_body(r), name, &raw))
		return 0;
	if (!percent_decode(raw.ptr, raw.len, true, &text)) {
		buf_release_wipe(&text);
		return err_set(e, ERR_INPUT, "%s: expected a text of at most %zu bytes", name, max);
	}
	*ret = xstrdup(buf_cstr(&text));
	buf_release_wipe(&text);
	return 0;
}

/* Old browsers send neither header; then the token alone decides. */
bool form_is_foreign(const struct app *a, const struct httpd_request *r)
{
	const char *site = httpd_header(r, "Sec-Fetch-Site");
	const char *origin = httpd_header(r, "Origin"), *host = httpd_header(r, "Host");

	if (site)
		return !str_eq(site, "same-origin") && !str_eq(site, "none");
	if (!origin)
		return false;
	const char *slashes = strstr(origin, "://");
	bool to_host = slashes && str_eq(slashes + 3, host);
	bool to_public = str_starts(a->public_url, origin) &&
			 strchr("/", a->public_url[strlen(origin)]) != NULL;
	return !to_host && !to_public;
}

int form_check(struct app *a, const struct httpd_request *r, const struct viewer *v, struct err *e)
{
	CLEAN_SECRET char *sent = NULL;

	if (!v->known)
		return err_set(e, ERR_AUTH, "sign in first");
	if (!v->session)
		return 0;
	if (form_is_foreign(a, r) || form_field(r, "token", TOKEN_HEX_MAX, &sent, NULL) < 0 ||
		!sent || strlen(sent) != strlen(v->form_token) ||
		CRYPTO_memcmp(sent, v->form_token, strlen(sent)) != 0)
		return err_set(e, ERR_DENIED,
			"The form is of another session, or of another site. Go back, load the "
			"page "
			"again, and repeat it.");
	return 0;
}

void form_done(struct httpd_request *r, const char *url)
{
	page_headers(r);
	httpd_add_header(r, "Location", url);
	httpd_reply(r, 303, NULL, NULL, 0);
}
