/*
 * One text is cut at its marks, then each part is checked against the rule that registries have
 * for it. The trap is the first part: it is a registry only if it has a dot or a colon or is
 * localhost, otherwise it is a folder of docker.io.
 */
#include "config/image_ref.h"

#include "base/buf.h"
#include "base/limits.h"

#define HUB "docker.io"
#define ID_PREFIX "sha256:"
enum { REF_MAX = 512, HEX_DIGITS = 64 };

/* One text cut at its marks: name[:tag][@digest]. */
struct pieces {
	struct slice name, tag, digest; /* ptr NULL: not there */
};

static struct pieces cut(const char *text)
{
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);
	const char *slash = memrchr(text, '/', n);
	const char *base = slash ? slash + 1 : text;
	const char *colon = memchr(base, ':', n - (size_t)(base - text));
	struct pieces p = { 0 };

	p.name = (struct slice){ text, colon ? (size_t)(colon - text) : n };
	if (colon)
		p.tag = (struct slice){ colon + 1, n - (size_t)(colon + 1 - text) };
	if (at)
		p.digest = slice_of(at + 1);
	return p;
}

static bool only(struct slice s, const char *set)
{
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr(set, s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool is_hex64(struct slice s)
{
	return s.len == HEX_DIGITS && only(s, "0123456789abcdef");
}

/* Whether the first part of a name is a host. A glob may say "any registry". */
static bool is_host(struct slice part, bool glob)
{
	if (memchr(part.ptr, '.', part.len) || memchr(part.ptr, ':', part.len) ||
		slice_eq(part, "localhost"))
		return true;
	return glob && (slice_eq(part, "*") || memmem(part.ptr, part.len, "**", 2));
}

/* Registry and path of a name, completed. */
static void complete(struct slice name, bool glob, char **ret_registry, char **ret_path)
{
	const char *slash = memchr(name.ptr, '/', name.len);
	struct slice first = { name.ptr, slash ? (size_t)(slash - name.ptr) : 0 }, rest = name;

	if (slash && is_host(first, glob)) {
		rest = (struct slice){ slash + 1, name.len - first.len - 1 };
		*ret_registry = slice_eq(first, "index." HUB) ? xstrdup(HUB)
							      : xmemdup0(first.ptr, first.len);
	} else {
		*ret_registry = xstrdup(HUB);
	}
	bool own = str_eq(*ret_registry, HUB) && !memchr(rest.ptr, '/', rest.len) &&
		   !(glob && memmem(rest.ptr, rest.len, "**", 2));
	*ret_path = xasprintf("%s%.*s", own ? "library/" : "", (int)rest.len, rest.ptr);
}

static bool path_fine(const char *path)
{
	if (!only(slice_of(path), "abcdefghijklmnopqrstuvwxyz0123456789._-/"))
		return false;
	return path[0] != '/' && !str_ends(path, "/") && !strstr(path, "//");
}

/* Of a registry: a name or an address, perhaps a port. */
static bool registry_fine(const char *registry)
{
	return only(slice_of(registry),
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]");
}

static const char *wrong(const struct pieces *p, const struct image_ref *r)
{
	static const char tag_set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	if (!registry_fine(r->registry))
		return "expected a registry's host name or address before the first slash";
	if (!path_fine(r->path))
		return "expected a name of lower-case letters, digits, '.', '_', '-' and '/'";
	if (p->tag.ptr && (!only(p->tag, tag_set) || p->tag.len > 128))
		return "expected a tag of letters, digits, '.', '_', '-' after the colon";
	if (p->digest.ptr && (!str_starts(p->digest.ptr, ID_PREFIX) ||
				     !is_hex64(slice_of(p->digest.ptr + strlen(ID_PREFIX)))))
		return "expected sha256: and 64 hex digits after the @";
	return NULL;
}

static char *optional(struct slice s)
{
	return s.ptr ? xmemdup0(s.ptr, s.len) : NULL;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct err *e)
{
	struct image_ref r = { 0 };
	struct pieces p;
	const char *hex = text && str_starts(text, ID_PREFIX) ? text + strlen(ID_PREFIX) : text;

	if (str_empty(text) || strlen(text) > REF_MAX)
		return err_set(
			e, ERR_INPUT, "image: expected a reference of 1 to %d bytes", REF_MAX);
	if (is_hex64(slice_of(hex))) {
		*ret = (struct image_ref){ .path = xstrdup(hex) };
		return 0;
	}
	p = cut(text);
	complete(p.name, false, &r.registry, &r.path);
	const char *why = wrong(&p, &r);
	if (why) {
		image_ref_release(&r);
		return err_set(e, ERR_INPUT, "image %s: %s", text, why);
	}
	r.digest = optional(p.digest);
	r.tag = p.tag.ptr || r.digest ? optional(p.tag) : xstrdup("latest");
	*ret = r;
	return 0;
}

void image_ref_release(struct image_ref *r)
{
	free(r->registry);
	free(r->path);
	free(r->tag);
	free(r->digest);
	*r = (struct image_ref){ 0 };
}

char *image_ref_repository(const struct image_ref *r)
{
	if (!r->registry)
		return xasprintf(ID_PREFIX "%s", r->path);
	return xasprintf("%s/%s", r->registry, r->path);
}

char *image_ref_text(const struct image_ref *r)
{
	CLEAN_STR char *name = image_ref_repository(r);

	return xasprintf("%s%s%s%s%s", name, r->tag ? ":" : "", r->tag ? r->tag : "",
		r->digest ? "@" : "", r->digest ? r->digest : "");
}

/* ---- globs ---- */

/* Backtracks to the last * and the last ** only: linear in both for each of the two. */
static bool match(const char *g, const char *s)
{
	const char *star = NULL, *star_s = NULL, *deep = NULL, *deep_s = NULL;

	while (*s) {
		if (str_starts(g, "**")) {
			deep = g += 2;
			deep_s = s;
			star = NULL;
		} else if (*g == '*') {
			star = ++g;
			star_s = s;
		} else if (*g == *s) {
			g++;
			s++;
		} else if (star && *star_s != '/') {
			g = star;
			s = ++star_s;
		} else if (deep) {
			g = deep;
			s = ++deep_s;
			star = NULL;
		} else {
			return false;
		}
	}
	while (*g == '*')
		g++;
	return !*g;
}

bool image_glob_match(const char *glob, const struct image_ref *r)
{
	CLEAN_STR char *registry = NULL, *path = NULL, *name = NULL, *full = NULL, *tag = NULL;
	struct pieces p;

	if (!r->registry) {
		CLEAN_STR char *id = image_ref_repository(r);

		return match(glob, id);
	}
	if (str_eq(glob, "**"))
		return true;
	p = cut(glob);
	complete(p.name, true, &registry, &path);
	name = xasprintf("%s/%s", registry, path);
	full = image_ref_repository(r);
	tag = optional(p.tag);
	return match(name, full) && (!tag || match(tag, r->tag ? r->tag : "")) &&
	       (!p.digest.ptr || (r->digest && match(p.digest.ptr, r->digest)));
}

int image_allowed(const struct strv *globs, const char *image, struct err *e)
{
	CLEAN_BUF struct buf list = BUF_INIT(KIB(64));
	CLEAN_IMAGE_REF struct image_ref r = { 0 };

	if (globs->n == 0)
		return 0;
	if (image_ref_parse(image, &r, e) < 0)
		return -1;
	strv_each (glob, globs) {
		if (image_glob_match(glob, &r))
			return 0;
		buf_addf(&list, "%s%s", list.len ? ", " : "", glob);
	}
	return err_set(e, ERR_INPUT, "image %s is not allowed, expected one of %s", image,
		buf_cstr(&list));
}
