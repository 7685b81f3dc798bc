/*
 * What a request may say, before anything acts on it. The job checks it before it sends it, the
 * child again before it uses it. Texts are kept to plain ASCII where two programs could read
 * anything else differently.
 */
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "checkout/checkout.h"

/* Printable ASCII without blanks: a URL or ref with anything else is not ours to guess about. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static bool host_ok(const char *host, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = host[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || strchr(".-_:[]", c);

		if (!fine)
			return false;
	}
	return n > 0 && host[0] != ':';
}

static bool has_dotdot(const char *path)
{
	for (const char *p = strstr(path, "/.."); p; p = strstr(p + 1, "/.."))
		if (p[3] == '/' || p[3] == 0)
			return true;
	return false;
}

static int check_url(const char *url, struct err *e)
{
	const char *host = NULL, *path;

	if (str_empty(url))
		return err_set(e, ERR_INPUT, "checkout URL: missing");
	if (strlen(url) > LIMIT_NAME)
		return err_set(e, ERR_LIMIT, "checkout URL: longer than %zu bytes", LIMIT_NAME);
	if (!is_plain(url))
		return err_set(e, ERR_INPUT,
			"checkout URL: contains a blank, control or non-ASCII character");
	if (str_starts(url, "https://"))
		host = url + strlen("https://");
	else if (str_starts(url, "http://"))
		host = url + strlen("http://");
	else
		return err_set(e, ERR_INPUT, "checkout URL: expected https:// or http://");
	path = host + strcspn(host, "/");
	/* the text is not repeated: what stands before an @ may be a credential */
	if (memchr(host, '@', (size_t)(path - host)))
		return err_set(e, ERR_INPUT, "checkout URL: must not carry credentials");
	if (strpbrk(url, "?#\\\"'`<>"))
		return err_set(
			e, ERR_INPUT, "checkout URL: query, fragment and quotes are not allowed");
	if (!host_ok(host, (size_t)(path - host)))
		return err_set(e, ERR_INPUT, "checkout URL: bad or missing host");
	if (strlen(path) < 2)
		return err_set(
			e, ERR_INPUT, "checkout URL: expected a repository path after the host");
	if (has_dotdot(path))
		return err_set(e, ERR_INPUT, "checkout URL: \"..\" in the path");
	return 0;
}

/* Full names, and bare ones as names of branches (message.c completes them). */
static int check_ref(const char *ref, struct err *e)
{
	if (str_empty(ref))
		return 0;
	if (ref[0] == '/' || ref[0] == '-' || ref[0] == '.' || strlen(ref) > 1024 ||
		strpbrk(ref, "~^:?*[\\ ") || strstr(ref, "..") || strstr(ref, "//") ||
		strstr(ref, "@{") || str_ends(ref, "/") || str_ends(ref, ".lock") ||
		str_ends(ref, ".") || strstr(ref, "/."))
		return err_set(e, ERR_INPUT,
			"checkout ref \"%.100s\": expected refs/heads/NAME or the like", ref);
	for (const char *p = ref; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_INPUT, "checkout ref: contains a control character");
	return utf8_valid(ref, strlen(ref))
		       ? 0
		       : err_set(e, ERR_INPUT, "checkout ref: not valid UTF-8");
}

/* ".git" below the workspace is the repository's own; a checkout into it would rewrite it. */
static bool names_git_dir(const char *path)
{
	CLEANUP(strv_release) struct strv parts = { 0 };

	strv_split(&parts, path, '/');
	strv_each (part, &parts)
		if (strcasecmp(part, ".git") == 0)
			return true;
	return false;
}

static int check_path(const char *path, struct err *e)
{
	if (!path)
		return 0;
	if (!path_is_inside(path))
		return err_set(e, ERR_INPUT,
			"checkout path \"%.100s\": expected a relative path inside the workspace",
			path);
	if (names_git_dir(path))
		return err_set(
			e, ERR_INPUT, "checkout path \"%.100s\": .git is not a target", path);
	return 0;
}

int checkout_request_check(const struct checkout_request *r, struct err *e)
{
	if (check_url(r->url, e) < 0 || check_ref(r->ref, e) < 0 || check_path(r->path, e) < 0)
		return -1;
	if (!r->sha && str_empty(r->ref))
		return err_set(e, ERR_INPUT, "checkout: neither a commit nor a ref is named");
	if (r->sha && !is_hex_oid(r->sha))
		return err_set(e, ERR_INPUT, "checkout commit: expected 40 lower-case hex digits");
	if (r->token &&
		(str_empty(r->token) || strlen(r->token) > LIMIT_TOKEN || !is_plain(r->token)))
		return err_set(e, ERR_INPUT, "checkout token: empty, too long or not printable");
	if (r->depth < 0 || r->depth > INT32_MAX)
		return err_set(e, ERR_INPUT, "checkout depth: expected 0 (all) or more, at most %d",
			INT32_MAX);
	if (r->timeout_us < 0)
		return err_set(e, ERR_INPUT, "checkout timeout: negative");
	if (r->ca_file && r->ca_file[0] != '/')
		return err_set(e, ERR_INPUT, "checkout CA file: expected an absolute path");
	return 0;
}
