/*
 * Names are judged part by part. Nothing but a leading "./" and trailing slashes is normalised
 * away: a path that would need more ("a/../b") is refused, so packer and unpacker cannot disagree
 * about what a name means.
 */
#include "artifact/path_rule.h"

static bool part_is(const char *p, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(p, text, n) == 0;
}

static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}

static void strip(char *path)
{
	char *p = path;
	size_t n;

	while (p[0] == '.' && p[1] == '/') {
		p += 2;
		while (*p ==
			'/') /* "./" and "//" are the same noise; "/" alone never starts here */
			p++;
	}
	n = strlen(p);
	while (n > 1 && p[n - 1] == '/')
		n--;
	if (part_is(p, n, "."))
		n = 0;
	memmove(path, p, n);
	path[n] = '\0';
}

static int check_part(const char *path, const char *part, size_t n, struct err *e)
{
	if (n == 0 || part_is(part, n, ".") || part_is(part, n, ".."))
		return err_set(e, ERR_INPUT,
			"path \"%.200s\": expected names without \".\", \"..\" or two slashes",
			path);
	if (n > PATH_RULE_PART_MAX)
		return err_set(e, ERR_INPUT, "path \"%.200s\": a name of %zu bytes, at most %d",
			path, n, PATH_RULE_PART_MAX);
	return 0;
}

int path_rule_clean(char *path, struct err *e)
{
	unsigned depth = 0;

	if (*path == '/')
		return err_set(e, ERR_INPUT, "path \"%.200s\": expected a relative one", path);
	if (has_control(path))
		return err_set(
			e, ERR_INPUT, "path \"%.200s\": control character in the name", path);
	strip(path);
	if (strlen(path) > PATH_RULE_MAX)
		return err_set(e, ERR_INPUT, "path \"%.200s\": %zu bytes, at most %d", path,
			strlen(path), PATH_RULE_MAX);
	for (const char *p = path, *end; *path; p = end + 1) {
		end = strchrnul(p, '/');
		if (check_part(path, p, (size_t)(end - p), e) < 0)
			return -1;
		if (++depth > PATH_RULE_DEPTH)
			return err_set(e, ERR_INPUT, "path \"%.200s\": more than %d folders deep",
				path, PATH_RULE_DEPTH);
		if (!*end)
			break;
	}
	return 0;
}

static unsigned folders_above(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

int path_rule_link(const char *path, const char *target, struct err *e)
{
	unsigned above = folders_above(path);
	bool down = false;

	if (!*target || *target == '/' || strlen(target) > PATH_RULE_MAX || has_control(target))
		return err_set(e, ERR_INPUT,
			"link \"%.200s\" to \"%.200s\": expected a relative target", path, target);
	for (const char *p = target, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '/');
		if (!part_is(p, (size_t)(end - p), "..")) {
			down |= end != p && !part_is(p, (size_t)(end - p), ".");
			continue;
		}
		if (down || above-- == 0)
			return err_set(e, ERR_INPUT,
				"link \"%.200s\" to \"%.200s\": leads out of the artifact", path,
				target);
	}
	return 0;
}
