/*
 * Routing, and what handlers read of a request. The path is matched as it was sent, without
 * decoding: a name that needs percent-encoding does not exist here.
 */
#include "coordinator/http/private.h"

#include <strings.h>

#include "base/codec.h"
#include "base/limits.h"

/* Matches one path against a pattern and collects its parameters. */
static bool pattern_match(const char *pattern, const char *path, struct pairs *params)
{
	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		const char *end = strchr(pattern, '}');
		size_t n = strcspn(path, "/");
		if (!n)
			return false;
		CLEAN_STR char *name = xstrndup(pattern + 1, (size_t)(end - pattern - 1));
		pairs_set_n(params, name, path, n);
		pattern = end + 1;
		path += n;
	}
	return *path == 0;
}

static bool method_match(const struct httpd_route *t, const char *method)
{
	return str_eq(t->method, method) || (str_eq(t->method, "GET") && str_eq(method, "HEAD"));
}

void request_route(struct httpd_request *r)
{
	const struct httpd_config *c = &r->h->config;
	const struct httpd_route *other = NULL;

	for (size_t i = 0; i < c->n_tables; i++) {
		for (size_t k = 0; k < r->h->table_sizes[i]; k++) {
			const struct httpd_route *t = &r->h->tables[i][k];

			pairs_release(&r->params);
			if (!pattern_match(t->pattern, r->path, &r->params))
				continue;
			if (method_match(t, r->method)) {
				r->route = t;
				buf_init(&r->body, t->body == HTTPD_BUFFERED ? t->max_body : 0);
				return;
			}
			other = t;
		}
	}
	pairs_release(&r->params);
	if (other) {
		httpd_add_header(r, "Allow", other->method);
		httpd_error(r, 405, "method %.20s is not allowed here", r->method);
	} else {
		httpd_error(r, 404, "there is nothing at this path");
	}
}

const char *httpd_path(const struct httpd_request *r)
{
	return r->path;
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->c, MHD_HEADER_KIND, name);
}

const char *httpd_query(const struct httpd_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->c, MHD_GET_ARGUMENT_KIND, name);
}

const char *httpd_param(const struct httpd_request *r, const char *name)
{
	return pairs_get(&r->params, name);
}

bool httpd_param_id(const struct httpd_request *r, const char *name, int64_t *ret)
{
	const char *text = httpd_param(r, name);

	return text && *text >= '1' && *text <= '9' && parse_i64(text, 1, INT64_MAX, ret);
}

struct slice httpd_body(const struct httpd_request *r)
{
	return buf_slice(&r->body);
}

/* The credentials of an Authorization header of that scheme, or NULL. */
static const char *header_credentials(const struct httpd_request *r, const char *scheme)
{
	const char *v = httpd_header(r, "Authorization");
	size_t n = strlen(scheme);

	if (!v || strncasecmp(v, scheme, n) != 0 || v[n] != ' ')
		return NULL;
	v += n + 1;
	return *v && !strchr(v, ' ') ? v : NULL;
}

const char *httpd_bearer(const struct httpd_request *r)
{
	return header_credentials(r, "Bearer");
}

bool httpd_basic(const struct httpd_request *r, char **ret_user, char **ret_password)
{
	const char *v = header_credentials(r, "Basic");
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	bool ok = v && base64_decode(&text, v, strlen(v), NULL) == 0 &&
		  !memchr(buf_slice(&text).ptr, 0, text.len);
	const char *colon = ok ? strchr(buf_cstr(&text), ':') : NULL;

	if (colon) {
		*ret_user = xstrndup(text.data, (size_t)(colon - text.data));
		*ret_password = xstrdup(colon + 1);
	}
	buf_release_wipe(&text);
	return colon != NULL;
}
