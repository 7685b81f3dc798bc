/*
 * A star is tried with nothing first; when what follows it fails, only the last star takes more,
 * because an earlier one could not do better. The same holds for ** and the names of a path, so
 * both levels are loops and nothing grows exponentially.
 */
#include "checkout/wild.h"

#include <ctype.h>
#include <string.h>

struct text {
	const char *p, *end;
};

static bool in_class(const char *name, size_t n, unsigned char c)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = { { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit } };

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (strlen(classes[i].name) == n && memcmp(classes[i].name, name, n) == 0)
			return c < 0x80 && classes[i].is(c);
	}
	return false;
}

/* One member of a set at *p, perhaps a range; false: the set is malformed. */
static bool set_member(const char **p, const char *end, unsigned char c, bool *found)
{
	const char *s = *p;
	unsigned char from, to;

	if (end - s > 3 && s[0] == '[' && s[1] == ':') {
		const char *close = s + 2;

		while (close < end && *close != ']')
			close++;
		if (close < end && close[-1] == ':' && close > s + 2) {
			*found |= in_class(s + 2, (size_t)(close - 1 - (s + 2)), c);
			*p = close + 1;
			return true;
		}
	}
	if (*s == '\\' && ++s == end)
		return false;
	from = to = (unsigned char)*s++;
	if (end - s > 1 && s[0] == '-' && s[1] != ']') {
		s++;
		if (*s == '\\' && ++s == end)
			return false;
		to = (unsigned char)*s++;
	}
	/* the first end counts even when the range is empty */
	*found |= c == from || (c >= from && c <= to);
	*p = s;
	return true;
}

/* The set that begins behind p[-1] == '['; NULL: it does not match. */
static const char *match_set(const char *p, const char *end, unsigned char c)
{
	bool not = p < end && (*p == '!' || *p == '^'), found = false;
	const char *first = p + (not ? 1 : 0);

	for (p = first; p < end && (*p != ']' || p == first);) {
		if (!set_member(&p, end, c, &found))
			return NULL;
	}
	return p < end && found != not ? p + 1 : NULL;
}

/* One character of the pattern, no star, against c; what follows it, or NULL. */
static const char *match_one(const char *p, const char *end, unsigned char c)
{
	if (*p == '?')
		return p + 1;
	if (*p == '[')
		return match_set(p + 1, end, c);
	if (*p == '\\' && ++p == end)
		return NULL;
	return (unsigned char)*p == c ? p + 1 : NULL;
}

static bool match_name(struct text pattern, struct text name)
{
	const char *p = pattern.p, *s = name.p, *star = NULL, *from = NULL;

	while (s < name.end) {
		const char *next = NULL;

		if (p < pattern.end && *p == '*') {
			star = ++p;
			from = s;
			continue;
		}
		if (p < pattern.end)
			next = match_one(p, pattern.end, (unsigned char)*s);
		if (next) {
			p = next;
			s++;
		} else if (star) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.end && *p == '*')
		p++;
	return p == pattern.end;
}

bool wild_matches(const char *pattern, const char *name)
{
	return match_name((struct text){ pattern, pattern + strlen(pattern) },
		(struct text){ name, name + strlen(name) });
}

/* The name that begins at p; *ret_next is where the next one does, NULL behind the last. */
static struct text name_at(const char *p, const char **ret_next)
{
	const char *end = strchr(p, '/');

	*ret_next = end ? end + 1 : NULL;
	return (struct text){ p, end ? end : p + strlen(p) };
}

static bool is_any_folders(struct text name)
{
	if (name.end - name.p < 2)
		return false;
	for (const char *p = name.p; p < name.end; p++) {
		if (*p != '*')
			return false;
	}
	return true;
}

static bool match_names(const char *p, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (s) {
		const char *next_p = NULL, *next_s;
		struct text name = name_at(s, &next_s), pattern = { 0 };

		if (p)
			pattern = name_at(p, &next_p);
		if (p && is_any_folders(pattern)) {
			if (!next_p)
				return true;
			star = p = next_p;
			from = s;
		} else if (p && match_name(pattern, name)) {
			p = next_p;
			s = next_s;
		} else if (star && from) {
			name_at(from, &from);
			p = star;
			s = from;
		} else {
			return false;
		}
	}
	return !p;
}

/* git compares what stands before the first wild character by itself, and reads the rest as a
 * pattern of its own: "a**" then begins with the two stars that mean folders. */
bool wild_matches_path(const char *pattern, const char *path)
{
	size_t plain = strcspn(pattern, "*?[\\");

	if (strncmp(pattern, path, plain) != 0)
		return false;
	if (!pattern[plain])
		return !path[plain];
	return match_names(pattern + plain, path + plain);
}
