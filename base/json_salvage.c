/*
 * json_scan: the few values one still needs from a text that the parser refused, for instance whom
 * to tell that it was. No tree and no stack: the state is how many objects are open and, per path,
 * how many of its leading keys lead to where we are. Brackets are believed, not checked.
 */
#include <stdio.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"

enum { MAX_PATHS = 16 };

struct salvage {
	const char *text;
	size_t n, at;
	size_t depth; /* open objects; arrays are no level */
	const char *const *paths;
	size_t n_paths, missing;
	size_t matched[MAX_PATHS];
	char **ret;
};

static void skip_blanks(struct salvage *s)
{
	while (s->at < s->n && memchr(" \t\r\n", s->text[s->at], 4))
		s->at++;
}

/* Behind the opening quote: the raw text in *ret, at behind the closing one. False when cut. */
static bool raw_string(struct salvage *s, struct slice *ret)
{
	size_t from = s->at;

	for (; s->at < s->n; s->at++) {
		char c = s->text[s->at];

		if (c == '"') {
			*ret = (struct slice){ s->text + from, s->at++ - from };
			return true;
		}
		if (c == '\\' && ++s->at == s->n)
			return false;
	}
	return false;
}

static void add_code(struct buf *out, uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return; /* control characters are dropped */
	if (c < 0x80) {
		buf_addc(out, (char)c);
		return;
	}
	int tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	buf_addc(out, (char)(lead[tails] | c >> (6 * tails)));
	while (tails--)
		buf_addc(out, (char)(0x80 | (c >> (6 * tails) & 0x3f)));
}

/* The four digits behind "\u"; 0 (dropped) when they are none. */
static uint32_t code_unit(const char *p, const char *end)
{
	char digits[5] = { 0 };
	unsigned char raw[2];

	if (end - p < 4)
		return 0;
	memcpy(digits, p, 4);
	return hex_decode(digits, raw, 2) < 0 ? 0 : (uint32_t)raw[0] << 8 | raw[1];
}

/* p is behind the backslash; returns what follows the escape. */
static const char *add_escape(struct buf *out, const char *p, const char *end)
{
	uint32_t high, low;

	if (*p != 'u') {
		if (*p && strchr("\"\\/", *p)) /* the others are control characters */
			buf_addc(out, *p);
		return p + 1;
	}
	high = code_unit(++p, end);
	p = end - p < 4 ? end : p + 4;
	if (high < 0xd800 || high > 0xdfff) {
		add_code(out, high);
		return p;
	}
	low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? code_unit(p + 2, end) : 0;
	if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return p;
	add_code(out, 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
	return p + 6;
}

/* Unescaped and printable; NULL when too long to be of use. */
static char *clean_text(struct slice raw)
{
	struct buf out CLEAN_BUF = BUF_INIT_SECRET(KIB(64));
	const char *p = raw.ptr, *end = raw.ptr + raw.len;

	while (p < end && buf_ok(&out)) {
		size_t n = utf8_char(p, (size_t)(end - p));

		if (*p == '\\' && end - p > 1) {
			p = add_escape(&out, p + 1, end);
			continue;
		}
		bool c1 = n == 2 && p[0] == '\xc2' && (unsigned char)p[1] < 0xa0;
		if (n > 1 ? !c1 : n == 1 && (unsigned char)*p >= 0x20 && *p != 0x7f)
			buf_add(&out, p, n);
		p += n ? n : 1;
	}
	return buf_ok(&out) ? buf_take(&out) : NULL;
}

/* Component i of a dotted path; ptr NULL when it has fewer. */
static struct slice component(const char *path, size_t i)
{
	for (; i && path; i--) {
		path = strchr(path, '.');
		path = path ? path + 1 : NULL;
	}
	return (struct slice){ path, path ? strcspn(path, ".") : 0 };
}

static void saw_key(struct salvage *s, struct slice raw)
{
	char *key = NULL;

	if (s->depth == 0)
		return;
	for (size_t i = 0; i < s->n_paths; i++) {
		if (s->matched[i] >= s->depth)
			s->matched[i] = s->depth - 1;
		struct slice part = component(s->paths[i], s->depth - 1);
		if (s->matched[i] != s->depth - 1 || !part.ptr)
			continue;
		if (!key && !(key = clean_text(raw)))
			return;
		if (slice_eq(part, key))
			s->matched[i] = s->depth;
	}
	free(key);
}

static void saw_value(struct salvage *s, struct slice raw)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		if (s->ret[i] || s->matched[i] != s->depth || component(s->paths[i], s->depth).ptr)
			continue;
		s->ret[i] = clean_text(raw);
		s->missing -= s->ret[i] != NULL;
	}
}

static void close_object(struct salvage *s)
{
	if (s->depth == 0)
		return;
	s->depth--;
	for (size_t i = 0; i < s->n_paths; i++)
		if (s->matched[i] > s->depth)
			s->matched[i] = s->depth;
}

/* A number ends at something else: one at the end of the text may be cut. */
static bool saw_word(struct salvage *s)
{
	static const char numeric[] = "-+.eE0123456789";
	size_t from = s->at;

	while (s->at < s->n && memchr(numeric, s->text[s->at], sizeof(numeric) - 1))
		s->at++;
	if (s->at == s->n)
		return false;
	if (s->at > from) {
		saw_value(s, (struct slice){ s->text + from, s->at - from });
		return true;
	}
	while (s->at < s->n && s->text[s->at] >= 'a' && s->text[s->at] <= 'z')
		s->at++;
	return s->at > from;
}

static bool saw_string(struct salvage *s)
{
	struct slice raw;

	if (!raw_string(s, &raw))
		return false;
	skip_blanks(s);
	if (s->at < s->n && s->text[s->at] == ':')
		saw_key(s, raw);
	else
		saw_value(s, raw);
	return true;
}

static bool step(struct salvage *s)
{
	switch (s->text[s->at]) {
	case '"':
		s->at++;
		return saw_string(s);
	case '{':
		s->depth++;
		break;
	case '}':
		close_object(s);
		break;
	case '[':
	case ']':
	case ',':
	case ':':
		break;
	default:
		return saw_word(s);
	}
	s->at++;
	return true;
}

void json_scan(const char *text, size_t n, const char *const *paths, size_t n_paths, char **ret)
{
	struct salvage s = { .text = text, .n = n, .paths = paths, .n_paths = n_paths, .ret = ret };

	if (n_paths > MAX_PATHS)
		BUG("%zu paths", n_paths);
	s.missing = n_paths;
	for (size_t i = 0; i < n_paths; i++)
		ret[i] = NULL;
	do {
		skip_blanks(&s);
	} while (s.missing && s.at < s.n && step(&s));
}
