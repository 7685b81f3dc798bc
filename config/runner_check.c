/*
 * Checks of single values: URLs, paths, names, addresses. What passes here may later stand in a
 * command line, a log or a URL without quoting.
 */
#include "config/runner_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>
#include <sys/un.h>

#include "base/codec.h"

static const char LETTERS_DIGITS[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool only(const char *s, size_t n, const char *extra)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\0' || (!strchr(LETTERS_DIGITS, s[i]) && !strchr(extra, s[i])))
			return false;
	}
	return true;
}

static void trim_slashes(char *s)
{
	for (size_t n = strlen(s); n > 1 && s[n - 1] == '/'; n--)
		s[n - 1] = '\0';
}

/* URLs */

struct authority {
	const char *host;     /* with brackets when IPv6 */
	size_t host_len, len; /* len: with the port */
};

static bool read_port(const char *s, size_t n)
{
	char digits[8] = "";
	int64_t port;

	if (n == 0)
		return true;
	if (s[0] != ':' || n > 6)
		return false;
	memcpy(digits, s + 1, n - 1);
	return parse_i64(digits, 1, 65535, &port);
}

static bool read_ipv6(const char *s, size_t n)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr address;

	if (n < 4 || n - 2 >= sizeof(text) || s[n - 1] != ']')
		return false;
	memcpy(text, s + 1, n - 2);
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool read_authority(const char *s, struct authority *ret)
{
	size_t len = strcspn(s, "/"), host;

	if (*s == '[') {
		host = strcspn(s, "]") + 1;
		if (host > len || !read_ipv6(s, host))
			return false;
	} else {
		host = strcspn(s, ":/");
		if (host == 0 || host > 253 || !only(s, host, ".-_"))
			return false;
	}
	if (!read_port(s + host, len - host))
		return false;
	*ret = (struct authority){ s, host, len };
	return true;
}

static size_t scheme_length(const char *url)
{
	if (strncasecmp(url, "https://", 8) == 0)
		return 8;
	return strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
}

const char *check_base_url(char **text)
{
	const char *wanted = "expected an http:// or https:// URL with a host";
	size_t scheme = scheme_length(*text);
	const char *rest = *text + scheme;
	struct authority a;

	if (scheme == 0)
		return wanted;
	if (memchr(rest, '@', strcspn(rest, "/")))
		return "expected a URL without credentials (user@host)";
	if (strpbrk(rest, "?#"))
		return "expected a URL without query or fragment";
	if (!read_authority(rest, &a))
		return wanted;
	for (const char *c = rest + a.len; *c; c++) {
		if (*c <= ' ' || strchr("\"<>\\^`{|}", *c) || (unsigned char)*c >= 0x7f)
			return "expected a URL without blanks or special characters in its path";
	}
	for (char *c = *text; *c != ':'; c++)
		*c = (char)tolower((unsigned char)*c);
	trim_slashes(*text);
	return NULL;
}

static bool is_loopback(const struct authority *a)
{
	char host[256] = "";
	struct in_addr v4;

	memcpy(host, a->host, a->host_len);
	for (char *c = host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (str_eq(host, "localhost") || str_ends(host, ".localhost") || str_eq(host, "[::1]"))
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

bool url_is_plain_remote(const char *url)
{
	struct authority a;

	return str_starts(url, "http://") && read_authority(url + 7, &a) && !is_loopback(&a);
}

/* names */

const char *check_token(char **text)
{
	size_t n = strlen(*text);

	if (n != 64 || strspn(*text, "0123456789abcdef") != 64)
		return "expected 64 lower-case hex digits";
	return NULL;
}

const char *check_label(char **text)
{
	return label_valid(*text) ? NULL : "expected " LABEL_RULE;
}

const char *check_image(char **text)
{
	size_t n = strlen(*text);

	if (n < 1 || n > 512 || !only(*text, 1, "") || !only(*text, n, "._/:@-"))
		return "expected an image reference such as \"registry.example/name:tag\"";
	return NULL;
}

const char *check_image_glob(char **text)
{
	size_t n = strlen(*text);

	if (n < 1 || n > 512 || !only(*text, n, "._/:@-*") || strstr(*text, "***"))
		return "expected a glob of image references such as \"ghcr.io/shithub/*\"";
	return NULL;
}

const char *check_network(char **text)
{
	size_t n = strlen(*text);

	if (str_eq(*text, "host"))
		return "steps may not share the host's network, expected a network name or "
		       "\"none\"";
	if (n < 1 || n > 63 || !only(*text, 1, "") || !only(*text, n, "_.-"))
		return "expected a network name (letters, digits, '_', '.', '-') or \"none\"";
	return NULL;
}

static bool is_host_label(const char *s, size_t n)
{
	return n >= 1 && n <= 63 && only(s, n, "-_") && s[0] != '-' && s[n - 1] != '-';
}

/* A name whose last part is a number is an address to every resolver. */
static bool ends_in_number(const char *s)
{
	const char *last = strrchr(s, '.') + 1;

	return strspn(last, "0123456789") == strlen(last);
}

static bool is_host_name(const char *s)
{
	if (strlen(s) > 253 || !strchr(s, '.'))
		return false;
	for (;;) {
		size_t n = strcspn(s, ".");

		if (!is_host_label(s, n))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

const char *check_host_pattern(char **text)
{
	char *s = str_starts(*text, "*.") ? *text + 2 : *text;
	size_t n = strlen(s);

	for (const char *c = s; *c; c++)
		if ((unsigned char)*c >= 0x80)
			return "expected ASCII: write an internationalised name as xn--...";
	if (n > 1 && s[n - 1] == '.')
		s[n - 1] = '\0'; /* fully qualified: they all are */
	if (!is_host_name(s))
		return "expected a host name such as \"github.com\" or \"*.example.com\"";
	if (ends_in_number(s))
		return "expected a name: addresses are reached through names only";
	for (char *c = s; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return NULL;
}

const char *check_address(char **text)
{
	struct in6_addr address;

	if (inet_pton(AF_INET, *text, &address) != 1 && inet_pton(AF_INET6, *text, &address) != 1)
		return "expected an IPv4 or IPv6 address";
	return NULL;
}

/* paths */

static bool has_parent(const char *path)
{
	for (const char *s = path; (s = strstr(s, "..")); s += 2) {
		if ((s == path || s[-1] == '/') && (s[2] == '/' || s[2] == '\0'))
			return true;
	}
	return false;
}

const char *check_path(char **text)
{
	if ((*text)[0] != '/' || has_parent(*text))
		return "expected an absolute path without \"..\"";
	trim_slashes(*text);
	return NULL;
}

const char *check_own_dir(char **text)
{
	const char *wrong = check_path(text);

	if (!wrong && str_eq(*text, "/"))
		wrong = "expected a folder of the runner's own, not \"/\"";
	return wrong;
}

/* Without commas, as lists in the environment are separated by them. */
const char *check_protected(char **text)
{
	size_t n = strlen(*text);

	if (n < 1 || n > 255 || (*text)[0] == '/' || !only(*text, n, "._-/") || has_parent(*text))
		return "expected the name of a folder in the workspace root, or <run>/<job>";
	trim_slashes(*text);
	return NULL;
}

const char *check_socket(char **text)
{
	const char *wanted = "expected the absolute path of a unix socket, at most 107 bytes";
	size_t skip = str_starts(*text, "unix://") ? 7 : 0;

	memmove(*text, *text + skip, strlen(*text + skip) + 1);
	if (check_path(text) || strlen(*text) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return wanted;
	return NULL;
}

bool parse_listen_address(const char *text, struct listen_address *ret)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
	struct in6_addr address;
	int64_t port;

	if (bracketed) {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(ret->host) || !parse_i64(colon + 1, 0, 65535, &port) ||
		strlen(colon + 1) >= sizeof(ret->port))
		return false;
	*ret = (struct listen_address){ 0 };
	memcpy(ret->host, text, n);
	memcpy(ret->port, colon + 1, strlen(colon + 1));
	return inet_pton(bracketed ? AF_INET6 : AF_INET, ret->host, &address) == 1;
}

const char *check_listen(char **text)
{
	struct listen_address ignored;

	if ((*text)[0] == '/' || str_starts(*text, "unix://"))
		return check_socket(text);
	if (!parse_listen_address(*text, &ignored))
		return "expected an address and port such as \"127.0.0.1:9464\", or the absolute "
		       "path of a unix socket";
	return NULL;
}

/* numbers */

bool parse_cpus(const char *text, int64_t *ret_nano)
{
	const char *dot = strchr(text, '.');
	size_t whole = dot ? (size_t)(dot - text) : strlen(text);
	size_t places = dot ? strlen(dot + 1) : 0;
	int64_t nano = 0;

	if (whole < 1 || whole > 4 || places > 9 || (dot && places == 0))
		return false;
	for (const char *c = text; *c; c++) {
		if (c == dot)
			continue;
		if (!isdigit((unsigned char)*c))
			return false;
		nano = nano * 10 + (*c - '0');
	}
	for (size_t i = places; i < 9; i++)
		nano *= 10;
	if (nano < 10 * 1000 * 1000 || nano > INT64_C(1024000000000))
		return false;
	*ret_nano = nano;
	return true;
}

bool parse_id_range(const char *text, int64_t *ret_first, int64_t *ret_n)
{
	const char *dash = strchr(text, '-');
	CLEAN_STR char *first = dash ? xstrndup(text, (size_t)(dash - text)) : NULL;
	int64_t from, to;

	if (!dash || !parse_i64(first, 1, INT32_MAX, &from) ||
		!parse_i64(dash + 1, from, INT32_MAX, &to))
		return false;
	*ret_first = from;
	*ret_n = to - from + 1;
	return true;
}

bool parse_user(const char *text, int64_t *ret_uid, int64_t *ret_gid)
{
	const char *colon = strchr(text, ':');
	CLEAN_STR char *uid = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
	int64_t u, g;

	if (!parse_i64(uid, 0, INT32_MAX, &u) ||
		!parse_i64(colon ? colon + 1 : uid, 0, INT32_MAX, &g))
		return false;
	*ret_uid = u;
	*ret_gid = g;
	return true;
}
