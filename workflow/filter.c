/*
 * A pattern becomes a row of items; the text runs through them with the set of reachable items as
 * state (a nondeterministic automaton), so no pattern can make the match slow.
 */
#include "workflow/filter.h"

enum item_kind {
	ITEM_CHAR,
	ITEM_SET,     /* [...] */
	ITEM_SEGMENT, /* *: stays on anything but '/', may be left at once */
	ITEM_ANY,     /* **: stays on anything, may be left at once */
	ITEM_FOLDERS, /* "**" followed by '/': empty, or anything that ends in '/' */
};
enum item_times { ONCE, OPTIONAL, ONE_OR_MORE };

struct item {
	enum item_kind kind;
	enum item_times times; /* ITEM_CHAR and ITEM_SET */
	unsigned char c;
	unsigned char set[32]; /* one bit per byte value */
};

struct program {
	struct item items[FILTER_PATTERN_MAX];
	size_t n;
};

static void set_add(struct item *it, unsigned char from, unsigned char to)
{
	for (unsigned c = from; c <= to; c++)
		it->set[c / 8] |= (unsigned char)(1u << (c % 8));
}

/* p points behind '['. Returns the place behind ']' or NULL. */
static const char *parse_set(const char *p, struct item *it, struct err *e)
{
	const char *start = p;

	*it = (struct item){ .kind = ITEM_SET };
	for (; *p && *p != ']'; p++) {
		unsigned char from = (unsigned char)*p, to = from;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			to = (unsigned char)p[2];
			p += 2;
		}
		if (from > to) {
			err_set(e, ERR_INPUT, "range %c-%c runs backwards", from, to);
			return NULL;
		}
		set_add(it, from, to);
	}
	if (*p != ']' || p == start) {
		err_set(e, ERR_INPUT, *p ? "[] names no character" : "'[' without ']'");
		return NULL;
	}
	return p + 1;
}

static int add_repeat(struct program *g, enum item_times times, struct err *e)
{
	struct item *last = g->n ? &g->items[g->n - 1] : NULL;

	if (!last || (last->kind != ITEM_CHAR && last->kind != ITEM_SET) || last->times != ONCE)
		return err_set(e, ERR_INPUT, "'%c' has no character before it to repeat",
			times == OPTIONAL ? '?' : '+');
	last->times = times;
	return 0;
}

/* p points at '*'. Returns the place behind the stars (and behind the '/' of a folder item). */
static const char *parse_stars(const char *p, const char *start, struct item *it)
{
	bool at_folder = p == start || p[-1] == '/';
	size_t stars = strspn(p, "*");

	*it = (struct item){ .kind = stars == 1 ? ITEM_SEGMENT : ITEM_ANY };
	p += stars;
	if (stars == 2 && at_folder && *p == '/') {
		it->kind = ITEM_FOLDERS;
		p++;
	}
	return p;
}

/* Reads one item at p into the program. Returns the place behind it or NULL. */
static const char *parse_item(const char *p, const char *start, struct program *g, struct err *e)
{
	struct item it = { .kind = ITEM_CHAR, .c = (unsigned char)*p };

	if (*p == '?' || *p == '+')
		return add_repeat(g, *p == '?' ? OPTIONAL : ONE_OR_MORE, e) < 0 ? NULL : p + 1;
	if (*p == '[') {
		p = parse_set(p + 1, &it, e);
	} else if (*p == '*') {
		p = parse_stars(p, start, &it);
	} else if (*p == '\\') {
		it.c = (unsigned char)p[1];
		if (!p[1])
			err_set(e, ERR_INPUT, "'\\' at the end");
		p = p[1] ? p + 2 : NULL;
	} else {
		p++;
	}
	if (p)
		g->items[g->n++] = it;
	return p;
}

static int compile(const char *pattern, struct program *g, struct err *e)
{
	g->n = 0;
	if (!*pattern)
		return err_set(e, ERR_INPUT, "pattern is empty");
	if (strlen(pattern) > FILTER_PATTERN_MAX)
		return err_set(e, ERR_LIMIT, "pattern is longer than %d bytes", FILTER_PATTERN_MAX);
	for (const char *p = pattern; *p;) {
		p = parse_item(p, pattern, g, e);
		if (!p)
			return -1;
	}
	return 0;
}

int filter_check(const char *pattern, struct err *e)
{
	struct program g;

	return compile(*pattern == '!' ? pattern + 1 : pattern, &g, e);
}

/* Whether the text may be at item i and go on to i + 1 without reading anything. */
static bool may_skip(const struct item *it)
{
	return it->kind >= ITEM_SEGMENT || it->times == OPTIONAL;
}

static void reach(const struct program *g, bool *at, size_t i)
{
	while (!at[i]) {
		at[i] = true;
		if (i == g->n || !may_skip(&g->items[i]))
			return;
		i++;
	}
}

static bool reads(const struct item *it, unsigned char c)
{
	switch (it->kind) {
	case ITEM_CHAR:
		return it->c == c;
	case ITEM_SET:
		return it->set[c / 8] & (1u << (c % 8));
	case ITEM_SEGMENT:
		return c != '/';
	default:
		return true;
	}
}

/* A folder item that has begun to read must end behind a '/': `inside` holds those. */
static void step(const struct program *g, const bool *at, const bool *inside, unsigned char c,
	bool *next, bool *next_inside)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct item *it = &g->items[i];

		if (it->kind == ITEM_FOLDERS) {
			if (!at[i] && !inside[i])
				continue;
			next_inside[i] = true;
			if (c == '/')
				reach(g, next, i + 1);
			continue;
		}
		if (!at[i] || !reads(it, c))
			continue;
		if (it->kind >= ITEM_SEGMENT || it->times == ONE_OR_MORE)
			reach(g, next, i);
		if (it->kind < ITEM_SEGMENT)
			reach(g, next, i + 1);
	}
}

bool filter_match(const char *pattern, const char *text)
{
	struct program g;
	bool at[2][FILTER_PATTERN_MAX + 1] = { 0 }, inside[2][FILTER_PATTERN_MAX + 1] = { 0 };
	int now = 0;

	if (compile(pattern, &g, NULL) < 0)
		return false;
	reach(&g, at[now], 0);
	for (; *text; text++) {
		memset(at[!now], 0, sizeof(at[0]));
		memset(inside[!now], 0, sizeof(inside[0]));
		step(&g, at[now], inside[now], (unsigned char)*text, at[!now], inside[!now]);
		now = !now;
	}
	return at[now][g.n];
}

bool filter_list_match(const struct strv *patterns, const char *text)
{
	bool in = false;

	strv_each (pattern, patterns) {
		bool negated = *pattern == '!';

		if (filter_match(pattern + negated, text))
			in = !negated;
	}
	return in;
}

bool filter_passes(const struct filter *f, const char *text)
{
	if (f->only.n > 0)
		return filter_list_match(&f->only, text);
	return f->ignore.n == 0 || !filter_list_match(&f->ignore, text);
}

void filter_release(struct filter *f)
{
	strv_release(&f->only);
	strv_release(&f->ignore);
}
