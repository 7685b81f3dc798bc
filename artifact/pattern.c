/*
 * Each pattern is split at its slashes once; matching walks both lists and tries `**` at every
 * depth. Names are compared byte by byte, brackets character by character.
 */
#include "artifact/pattern.h"

#include "base/buf.h"
#include "base/utf8.h"

/* Splits at slashes; blanks belong to names. */
static void split(const char *path, struct strv *ret)
{
	while (*path) {
		const char *end = strchrnul(path, '/');

		if (end > path && !(end == path + 1 && *path == '.'))
			strv_add_take(ret, xstrndup(path, (size_t)(end - path)));
		path = *end ? end + 1 : end;
	}
}

void pattern_list_release(struct pattern_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		strv_release(&l->v[i].parts);
	free(l->v);
	*l = (struct pattern_list){ 0 };
}

/* ---- parsing ---- */

static int check_text(const char *text, size_t line, struct err *e)
{
	if (*text == '/')
		return err_set(e, ERR_INPUT,
			"line %zu: \"%.200s\" is absolute, expected a path inside the "
			"workspace",
			line, text);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_INPUT, "line %zu: control character", line);
	return 0;
}

/* A literal name with the backslashes taken away. */
static void unescape(char *part)
{
	char *to = part;

	for (const char *p = part; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		*to++ = *p;
	}
	*to = '\0';
}

static bool has_dot(const char *part)
{
	return part[*part == '\\'] == '.';
}

static int take_line(struct pattern_list *l, const char *text, size_t line, struct err *e)
{
	struct pattern p = { .takes_away = *text == '!' };

	text += p.takes_away;
	if (check_text(text, line, e) < 0)
		return -1;
	split(text, &p.parts);
	while (p.literal < p.parts.n && !strpbrk(p.parts.v[p.literal], "*?["))
		unescape(p.parts.v[p.literal++]);
	for (size_t i = p.literal; i < p.parts.n; i++)
		l->names_hidden |= !p.takes_away && has_dot(p.parts.v[i]);
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = p;
	strv_each (part, &p.parts)
		if (str_eq(part, "..") || str_eq(part, "."))
			return err_set(e, ERR_INPUT,
				"line %zu: \"%.200s\" leads out of the workspace", line, text);
	return 0;
}

int pattern_list_parse(const char *text, struct pattern_list *ret, struct err *e)
{
	size_t line = 0;
	bool gives = false;

	for (const char *p = text, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '\n');
		line++;
		const char *from = p + strspn(p, " \t\r"), *to = end;
		if (from > to)
			from = to;
		while (to > from && strchr(" \t\r", to[-1]))
			to--;
		if (from == to || *from == '#')
			continue;
		if (ret->n == PATTERN_LINES_MAX)
			return err_set(e, ERR_LIMIT, "more than %d lines", PATTERN_LINES_MAX);
		CLEAN_STR char *copy = xstrndup(from, (size_t)(to - from));
		if (take_line(ret, copy, line, e) < 0)
			return -1;
		gives |= !ret->v[ret->n - 1].takes_away;
	}
	return gives ? 0
		     : err_set(e, ERR_INPUT,
			       "expected at least one line that does not begin with !");
}

/* ---- matching ---- */

static size_t char_len(const char *p)
{
	size_t n = utf8_char(p, strnlen(p, 4));

	return n ? n : 1;
}

/* "[a-z_]" at p against the character c: its length, 0 when it is no class; *ret_match. */
static size_t class_match(const char *p, const char *c, size_t n, bool *ret_match)
{
	const char *q = p + 1;
	bool not = *q == '!' || *q == '^', found = false;

	q += not ;
	for (bool first = true; *q && (first || *q != ']'); first = false) {
		size_t k = char_len(q);
		const char *low = q, *high = q;
		size_t kh = k;

		q += k;
		if (q[0] == '-' && q[1] && q[1] != ']') {
			high = q + 1;
			kh = char_len(high);
			q = high + kh;
		}
		/* UTF-8 sorts as its characters do */
		int above = memcmp(c, low, n < k ? n : k), below = memcmp(c, high, n < kh ? n : kh);
		found |= (above > 0 || (above == 0 && n >= k)) &&
			 (below < 0 || (below == 0 && n <= kh));
	}
	if (*q != ']')
		return 0;
	*ret_match = found != not ;
	return (size_t)(q + 1 - p);
}

/* One element of the glob (not *) against the text: both advance. */
static bool element_match(const char **glob, const char **text)
{
	size_t n = char_len(*text), k;
	bool match = false;

	if (**glob == '?') {
		*glob += 1;
		*text += n;
		return true;
	}
	if (**glob == '[' && (k = class_match(*glob, *text, n, &match)) > 0) {
		*glob += k;
		*text += n;
		return match;
	}
	if (**glob == '\\' && (*glob)[1])
		*glob += 1;
	match = **glob == **text;
	*glob += 1;
	*text += 1;
	return match;
}

/* Going back to the last star only is enough: an earlier one could not take less. */
static bool name_match(const char *glob, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*glob == '*') {
			star = ++glob;
			again = text;
			continue;
		}
		const char *g = glob, *t = text;
		if (*glob && element_match(&g, &t)) {
			glob = g;
			text = t;
		} else if (star) {
			again += char_len(again);
			glob = star;
			text = again;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static bool part_match(const struct pattern *p, size_t at, const char *name, bool hidden)
{
	const char *part = p->parts.v[at];

	if (at < p->literal)
		return str_eq(part, name);
	return (hidden || *name != '.' || has_dot(part)) && name_match(part, name);
}

/* Does the pattern match the first n names? `**` is to names what `*` is to characters. */
static bool names_match(const struct pattern *p, char *const *names, size_t n, bool hidden)
{
	size_t at = 0, i = 0, star = SIZE_MAX, again = 0;

	while (i < n) {
		if (at < p->parts.n && at >= p->literal && str_eq(p->parts.v[at], "**")) {
			star = ++at;
			again = i;
		} else if (at < p->parts.n && part_match(p, at, names[i], hidden)) {
			at++;
			i++;
		} else if (star != SIZE_MAX && (hidden || *names[again] != '.')) {
			i = ++again;
			at = star;
		} else {
			return false;
		}
	}
	while (at < p->parts.n && at >= p->literal && str_eq(p->parts.v[at], "**"))
		at++;
	return at == p->parts.n;
}

/* A pattern matches a folder, and so all that is in it: from the whole path upwards. */
static bool pattern_gives(const struct pattern *p, const struct strv *names, bool hidden)
{
	for (size_t k = names->n;; k--) {
		if (names_match(p, names->v, k, hidden))
			return true;
		if (k == 0 || (!hidden && *names->v[k - 1] == '.'))
			return false;
	}
}

bool pattern_list_takes(const struct pattern_list *l, const char *path, bool hidden)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	bool takes = false;

	split(path, &names);
	for (size_t i = 0; i < l->n; i++)
		if (pattern_gives(&l->v[i], &names, hidden || l->v[i].takes_away))
			takes = !l->v[i].takes_away;
	return takes;
}

enum pattern_reach pattern_list_reach(const struct pattern_list *l, const char *path)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	enum pattern_reach best = PATTERN_OUT;

	split(path, &names);
	for (size_t i = 0; i < l->n && best != PATTERN_INSIDE; i++) {
		const struct pattern *p = &l->v[i];
		size_t k = 0;

		while (k < p->literal && k < names.n && str_eq(p->parts.v[k], names.v[k]))
			k++;
		if (p->takes_away || (k < p->literal && k < names.n))
			continue;
		best = k == p->literal ? PATTERN_INSIDE : PATTERN_ON_THE_WAY;
	}
	return best;
}

char *pattern_list_root(const struct pattern_list *l)
{
	const struct pattern *first = NULL;
	struct buf path = BUF_INIT(1 << 20);
	size_t common = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct pattern *p = &l->v[i];
		size_t k = 0;

		if (p->takes_away)
			continue;
		if (!first) {
			first = p;
			common = p->literal;
		}
		while (k < common && k < p->literal && str_eq(p->parts.v[k], first->parts.v[k]))
			k++;
		common = k;
	}
	for (size_t i = 0; i < common; i++)
		buf_addf(&path, "%s%s", i ? "/" : "", first->parts.v[i]);
	return buf_take(&path);
}
