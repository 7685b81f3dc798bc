/*
 * Routing, and what handlers read of a request. The path is matched as it was sent, without
 * decoding: a name that needs percent-encoding does not exist here. The query is decoded here and
 * nowhere else, before any handler sees it. HTTP lets any byte stand in a path and in a header;
 * what handlers see is UTF-8 (but of Cookie), as it may go on to the store.
 */
#include "coordinator/http/private.h"

#include <strings.h>

#include "base/limits.h"
#include "base/codec.h"
#include "base/utf8.h"
#include "coordinator/http/connection.h"

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

static void nothing_here(struct httpd_request *r)
{
	r->at_once = r->io.answered = true;
	httpd_error(r, 404, "there is nothing at this path");
}

void request_route(struct httpd_request *r)
{
	const struct httpd_config *c = &r->h->config;
	const struct httpd_route *other = NULL;

	if (!utf8_valid(r->path, strlen(r->path))) {
		nothing_here(r);
		return;
	}
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
	if (!other && c->lost) {
		r->route = c->lost;
		buf_init(&r->body, 0);
		return;
	}
	if (!other) {
		nothing_here(r);
		return;
	}
	r->at_once = r->io.answered = true;
	httpd_add_header(r, "Allow", other->method);
	httpd_error(r, 405, "method %.20s is not allowed here", r->method);
}

/* ---- headers ---- */

static bool is_text(const char *value)
{
	return utf8_valid(value, strlen(value));
}

/* Without one of these a call would be another one: they are never taken for absent. */
static bool is_acted_on(const char *name)
{
	static const char *const names[] = { "Authorization", "Content-Encoding", "Content-Type",
		"Git-Protocol", "Host", "Idempotency-Key", "Last-Event-ID", "Origin", "Prefer",
		"Sec-Fetch-Site" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return strncasecmp(name, "Shithub-", strlen("Shithub-")) == 0;
}

static enum MHD_Result field_check(
	void *bad, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	if (!value || is_text(value) || !is_acted_on(name))
		return MHD_YES;
	*(const char **)bad = name;
	return MHD_NO;
}

void request_check(struct httpd_request *r)
{
	const char *bad = NULL;

	MHD_get_connection_values(r->io.c, MHD_HEADER_KIND, field_check, &bad);
	if (!bad)
		return;
	r->at_once = r->io.answered = true;
	httpd_error(r, 400, "header %.64s: expected UTF-8 text", bad);
}

/* Another site of the same domain may set cookies as it likes; who reads one looks at it alone. */
static enum MHD_Result field_add(
	void *fields, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	if (!value || (!is_text(value) && strcasecmp(name, "Cookie") != 0))
		return MHD_YES;
	strv_add(fields, name);
	strv_add(fields, value);
	return MHD_YES;
}

void request_read(struct httpd_request *r)
{
	MHD_get_connection_values(r->io.c, MHD_HEADER_KIND, field_add, &r->fields);
}

/* A header that comes twice is one whose parts were not joined yet. */
static enum MHD_Result forwarded_add(
	void *data, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	struct buf *all = data;

	if (strcasecmp(name, "X-Forwarded-For") == 0)
		buf_addf(all, "%s%s", all->len ? "," : "", value ? value : "");
	return MHD_YES;
}

void request_forwarded(struct MHD_Connection *c)
{
	struct connection *k = connection_of(c);

	if (!connection_of_proxy(k))
		return;
	CLEAN_BUF struct buf all = BUF_INIT(MIB(1)); /* all headers have less */
	MHD_get_connection_values(c, MHD_HEADER_KIND, forwarded_add, &all);
	connection_forwarded(k, buf_cstr(&all));
}

/* The first of that name, in any case. */
static const char *field_get(const struct strv *fields, const char *name)
{
	for (size_t i = 0; i + 1 < fields->n; i += 2)
		if (strcasecmp(fields->v[i], name) == 0)
			return fields->v[i + 1];
	return NULL;
}

void *httpd_app(const struct httpd_request *r)
{
	return r->h->config.app;
}

const char *httpd_path(const struct httpd_request *r)
{
	return r->path;
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
	return field_get(&r->fields, name);
}

/* ---- the query ---- */

/* `+` is a blank already. */
static bool query_decode(const char *text, struct buf *out)
{
	buf_init(out, strlen(text) + 1);
	return percent_decode(text, strlen(text), false, out);
}

static enum MHD_Result query_add(
	void *data, enum MHD_ValueKind kind UNUSED, const char *key, const char *value)
{
	struct httpd_request *r = data;
	struct buf name, text;

	buf_init(&text, 1);
	r->bad_query = !query_decode(key, &name) || (value && !query_decode(value, &text));
	if (!r->bad_query && value)
		pairs_add(&r->query, buf_cstr(&name), buf_cstr(&text), text.len);
	buf_release(&name);
	buf_release_wipe(&text); /* may be a token */
	return r->bad_query ? MHD_NO : MHD_YES;
}

void request_query(struct httpd_request *r)
{
	MHD_get_connection_values(r->io.c, MHD_GET_ARGUMENT_KIND, query_add, r);
	if (!r->bad_query)
		return;
	r->at_once = r->io.answered = true;
	httpd_error(r, 400, "query: expected UTF-8 text, with %%XX for what is escaped");
}

const char *httpd_query(const struct httpd_request *r, const char *name)
{
	return pairs_get(&r->query, name);
}

/* ---- the rest ---- */

bool httpd_is_local(const struct httpd_request *r)
{
	return address_is_loopback(&r->address);
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

const char *httpd_address_of(const struct httpd_request *r, char out[ADDRESS_TEXT_MAX])
{
	return address_format(&r->address, out);
}

uint64_t httpd_peer(const struct httpd_request *r)
{
	return r->peer;
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
		  !memchr(buf_slice(&text).ptr, 0, text.len) &&
		  utf8_valid(buf_slice(&text).ptr, text.len);
	const char *colon = ok ? strchr(buf_cstr(&text), ':') : NULL;

	if (colon) {
		*ret_user = xstrndup(text.data, (size_t)(colon - text.data));
		*ret_password = xstrdup(colon + 1);
	}
	buf_release_wipe(&text);
	return colon != NULL;
}
