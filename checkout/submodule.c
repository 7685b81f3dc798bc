/*
 * URLs are compared as texts, so they are brought into one form first. The server must be equal
 * to the letter (host, scheme, port): the checkout token would go to whatever passes here.
 */
#include "checkout/submodule.h"

#include <strings.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/utf8.h"

/* Bytes of scheme://host[:port] */
static size_t server_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/") : 0;
}

/* Of scheme://host[:port] the host alone. */
static struct slice host_of(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

	return (struct slice){ host, n };
}

static bool same_server(const char *base, const char *url)
{
	size_t n = server_length(base);

	return n && server_length(url) == n && strncasecmp(base, url, n) == 0;
}

static size_t trimmed(const char *url)
{
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	if (n > 4 && strncmp(url + n - 4, ".git", 4) == 0)
		n -= 4;
	return n;
}

bool repository_url_same(const char *a, const char *b)
{
	size_t n = trimmed(a);

	return same_server(a, b) && trimmed(b) == n &&
	       strncmp(a + server_length(a), b + server_length(b), n - server_length(a)) == 0;
}

/* "../other.git" below "http://host/owner/repo.git": each ../ takes one component away. */
static char *resolve(const char *base, const char *url)
{
	size_t least = server_length(base), n = strlen(base);

	while (n > least && base[n - 1] == '/')
		n--;
	for (;;) {
		if (str_starts(url, "./")) {
			url += 2;
		} else if (str_starts(url, "../")) {
			url += 3;
			while (n > least && base[n - 1] != '/')
				n--;
			if (n <= least)
				return NULL;
			n--;
		} else {
			break;
		}
	}
	return xasprintf("%.*s/%s", (int)n, base, url);
}

/* git@host:owner/repo and ssh://git@host/owner/repo: the path, when it is base's host; else NULL.
 */
static const char *ssh_path(const char *base, const char *url)
{
	struct slice host = host_of(base);
	bool scheme = str_starts(url, "ssh://");
	const char *at = url + (scheme ? strlen("ssh://") : 0);
	const char *user = strchr(at, '@');

	if (user && user < at + strcspn(at, "/:"))
		at = user + 1;
	else if (!scheme && !user)
		return NULL;
	if (strncasecmp(at, host.ptr, host.len) != 0 || at[host.len] != (scheme ? '/' : ':'))
		return NULL;
	at += host.len + 1;
	return at + strspn(at, "/");
}

static int elsewhere(const char *base, struct err *e)
{
	return err_set(e, ERR_INPUT,
		"only repositories of the same server can be fetched, expected %.*s/… or a "
		"relative URL",
		(int)server_length(base), base);
}

/* What a request refuses, a submodule's URL may not be either. */
static int check_form(const char *url, struct err *e)
{
	struct checkout_request r = { .url = url,
		.sha = "0000000000000000000000000000000000000000" };

	return checkout_request_check(&r, e);
}

int submodule_url(const char *base, const char *url, char **ret, struct err *e)
{
	CLEAN_STR char *full = NULL;
	const char *path;

	if (str_empty(url))
		return err_set(e, ERR_INPUT, "its URL is missing");
	if (*url == '-')
		return err_set(e, ERR_INPUT, "its URL begins with \"-\"");
	if (str_starts(url, "./") || str_starts(url, "../")) {
		full = resolve(base, url);
		if (!full)
			return err_set(e, ERR_INPUT, "its relative URL leaves the server");
	} else if (same_server(base, url)) {
		full = xstrdup(url);
	} else {
		path = ssh_path(base, url);
		if (!path)
			return elsewhere(base, e);
		full = xasprintf("%.*s/%s", (int)server_length(base), base, path);
	}
	if (check_form(full, e) < 0)
		return -1;
	*ret = TAKE(full);
	return 0;
}

static bool is_text(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return *s && utf8_valid(s, strlen(s));
}

int submodule_check(const char *base, const struct submodule *m, struct err *e)
{
	if (!is_text(m->name) || !is_text(m->path))
		return err_set(e, ERR_INPUT,
			"submodule: name or path is empty or holds control characters");
	if (!path_is_inside(m->path) || !path_is_inside(m->name))
		return err_set(e, ERR_INPUT,
			"submodule \"%.100s\" at \"%.100s\": expected a relative path without "
			"\"..\"",
			m->name, m->path);
	if (!same_server(base, m->url))
		return err_wrap((elsewhere(base, e), e), "submodule \"%.100s\"", m->path);
	if (check_form(m->url, e) < 0)
		return err_wrap(e, "submodule \"%.100s\"", m->path);
	return is_hex_oid(m->sha)
		       ? 0
		       : err_set(e, ERR_PROTO, "submodule \"%.100s\": bad commit id", m->path);
}
