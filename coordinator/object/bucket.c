/* Everything is checked here, so that whoever builds URLs from it needs no escapes but the key's.
 */
#include "coordinator/object/bucket.h"

#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define NAMES LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-"
#define SCHEME "s3://"
enum { BUCKET_LEAST = 3, BUCKET_MAX = 63, PREFIX_MAX = 200, REGION_MAX = 64, HOST_MAX = 260 };

/* The parts as they stand, NULL: not given. */
struct given {
	char *bucket, *prefix, *endpoint, *region, *style, *presign;
};

static void given_release(struct given *g)
{
	free(g->bucket);
	free(g->prefix);
	free(g->endpoint);
	free(g->region);
	free(g->style);
	free(g->presign);
}

bool bucket_is_s3(const char *text)
{
	return str_starts(text, SCHEME);
}

void bucket_release(struct bucket *p)
{
	free_charp(&p->bucket);
	free_charp(&p->prefix);
	free_charp(&p->origin);
	free_charp(&p->root);
	free_charp(&p->base);
	free_charp(&p->region);
}

static bool only(const char *text, const char *allowed, size_t least, size_t most)
{
	size_t n = strlen(text);

	return n >= least && n <= most && strspn(text, allowed) == n;
}

/* ---- the text ---- */

static char **given_option(struct given *g, const char *name, size_t n)
{
	const struct {
		const char *name;
		char **at;
	} all[] = { { "endpoint", &g->endpoint }, { "region", &g->region }, { "style", &g->style },
		{ "presign", &g->presign } };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strlen(all[i].name) == n && strncmp(all[i].name, name, n) == 0)
			return all[i].at;
	return NULL;
}

static int options_read(struct given *g, const char *p, struct err *e)
{
	while (*p) {
		size_t n = strcspn(p, "&"), name = strcspn(p, "=&");
		char **at = given_option(g, p, name);

		if (!at || name == n)
			return err_set(e, ERR_INPUT,
				"\"%.*s\" in it, expected endpoint=, region=, style= or presign=",
				(int)n, p);
		if (*at)
			return err_set(e, ERR_INPUT, "%.*s stands twice in it", (int)name, p);
		*at = xstrndup(p + name + 1, n - name - 1);
		p += n + (p[n] == '&');
	}
	return 0;
}

static int text_split(struct given *g, const char *text, struct err *e)
{
	const char *p = text + strlen(SCHEME);
	size_t all = strcspn(p, "?"), bucket = strcspn(p, "/?");

	if (!bucket_is_s3(text) || strlen(text) > BUCKET_TEXT_MAX)
		return err_set(e, ERR_INPUT, BUCKET_EXPECTED);
	g->bucket = xstrndup(p, bucket);
	g->prefix = bucket < all ? xstrndup(p + bucket + 1, all - bucket - 1) : xstrdup("");
	return options_read(g, p + all + (p[all] == '?'), e);
}

/* ---- what it means ---- */

static int bucket_check(const struct given *g, struct err *e)
{
	char *prefix = g->prefix;
	size_t n = strlen(prefix);

	if (!only(g->bucket, LOWER ".-", BUCKET_LEAST, BUCKET_MAX) || !strchr(LOWER, *g->bucket))
		return err_set(e, ERR_INPUT,
			"bucket \"%.80s\": expected 3 to 63 of a-z 0-9 . and -, the first a letter "
			"or digit",
			g->bucket);
	if (n && prefix[n - 1] == '/')
		prefix[--n] = '\0';
	if (n && (!only(prefix, NAMES "/", 1, PREFIX_MAX) || *prefix == '/' ||
			 strstr(prefix, "//") || strstr(prefix, "..")))
		return err_set(e, ERR_INPUT,
			"prefix \"%.80s\": expected at most %d of A-Z a-z 0-9 . _ - and single "
			"slashes",
			prefix, PREFIX_MAX);
	return 0;
}

/* A request names the host as clients write it who follow a URL of ours: in lower case, and without
 * a port that goes without saying. What is signed must be the same. */
static void host_normalize(char *endpoint)
{
	const char *port = str_starts(endpoint, "https:") ? ":443" : ":80";

	for (char *p = endpoint; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (str_ends(endpoint, port))
		endpoint[strlen(endpoint) - strlen(port)] = '\0';
}

static int endpoint_check(struct given *g, struct err *e)
{
	if (!g->endpoint) {
		g->endpoint = xasprintf("https://s3.%s.amazonaws.com", g->region);
		return 0;
	}
	size_t n = strlen(g->endpoint);
	const char *host = strstr(g->endpoint, "://");
	if (n && g->endpoint[n - 1] == '/')
		g->endpoint[n - 1] = '\0';
	if (!host || !(str_starts(g->endpoint, "http://") || str_starts(g->endpoint, "https://")) ||
		!only(host + 3, NAMES ":[]", 1, HOST_MAX))
		return err_set(e, ERR_INPUT,
			"endpoint \"%.100s\": expected http:// or https:// and HOST[:PORT]",
			g->endpoint);
	host_normalize(g->endpoint);
	return 0;
}

static int words_check(struct given *g, struct err *e)
{
	if (!g->region)
		g->region = xstrdup("us-east-1");
	if (!only(g->region, NAMES, 1, REGION_MAX))
		return err_set(
			e, ERR_INPUT, "region \"%.80s\": expected a name as us-east-1", g->region);
	if (g->style && !str_eq(g->style, "path") && !str_eq(g->style, "host"))
		return err_set(e, ERR_INPUT, "style \"%.80s\": expected path or host", g->style);
	if (g->presign && !str_eq(g->presign, "on") && !str_eq(g->presign, "off"))
		return err_set(e, ERR_INPUT, "presign \"%.80s\": expected on or off", g->presign);
	return 0;
}

static void bucket_fill(struct bucket *p, const struct given *g)
{
	bool host = str_eq(g->style, "host");
	const char *name = strstr(g->endpoint, "://") + 3;

	p->bucket = xstrdup(g->bucket);
	p->prefix = *g->prefix ? xasprintf("%s/", g->prefix) : xstrdup("");
	p->region = xstrdup(g->region);
	p->presign = !str_eq(g->presign, "off");
	p->origin = host ? xasprintf("%.*s%s.%s", (int)(name - g->endpoint), g->endpoint, g->bucket,
				   name)
			 : xstrdup(g->endpoint);
	p->base = host ? xstrdup("/") : xasprintf("/%s", g->bucket);
	p->root = xasprintf("%s%s%s", p->base, host ? "" : "/", p->prefix);
}

int bucket_parse(const char *text, struct bucket *ret, struct err *e)
{
	CLEANUP(given_release) struct given g = { 0 };

	if (text_split(&g, text, e) < 0 || words_check(&g, e) < 0 || bucket_check(&g, e) < 0 ||
		endpoint_check(&g, e) < 0)
		return -1;
	bucket_fill(ret, &g);
	return 0;
}
