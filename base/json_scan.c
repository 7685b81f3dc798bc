/*
 * json_scan: salvage from text that the parser refuses. A tokenizer with no grammar: brackets and
 * keys say where it is, everything else is skipped. Constant memory: names and kinds of the outer
 * SCAN_DEPTH containers, a counter for what is deeper.
 */
#include "base/json.h"

#include <ctype.h>

enum { SCAN_DEPTH = 32, SCAN_PATH = 256 };

struct level {
	bool object;
	struct slice key; /* of the member that is being read */
};

struct scan {
	const char *p, *end;
	struct level levels[SCAN_DEPTH];
	size_t depth, deeper;
	bool key_next; /* the next string is a member's name */
	const char *const *paths;
	size_t n_paths;
	char **ret;
};

/* "job.steps.id" of where we are; false when it is too long to be asked for. */
static bool path_of(const struct scan *s, char out[SCAN_PATH])
{
	size_t n = 0;

	for (size_t i = 0; i < s->depth; i++) {
		const struct level *l = &s->levels[i];

		if (!l->object)
			continue;
		if (n + l->key.len + 2 > SCAN_PATH)
			return false;
		if (n)
			out[n++] = '.';
		if (l->key.len)
			memcpy(out + n, l->key.ptr, l->key.len);
		n += l->key.len;
	}
	out[n] = '\0';
	return true;
}

static bool plain(struct slice v)
{
	for (size_t i = 0; i < v.len; i++)
		if ((unsigned char)v.ptr[i] < 0x20 || v.ptr[i] == '\\' || v.ptr[i] == 0x7f)
			return false;
	return true;
}

static void offer(struct scan *s, struct slice value)
{
	char path[SCAN_PATH];

	if (s->deeper || !plain(value) || !path_of(s, path))
		return;
	for (size_t i = 0; i < s->n_paths; i++)
		if (!s->ret[i] && str_eq(path, s->paths[i]))
			s->ret[i] = xmemdup0(value.ptr, value.len);
}

static void on_string(struct scan *s, struct slice text)
{
	struct level *top = s->depth ? &s->levels[s->depth - 1] : NULL;

	if (top && top->object && s->key_next && !s->deeper) {
		top->key = text;
		s->key_next = false;
	} else {
		offer(s, text);
	}
}

/* p stands behind the opening quote; a string without an end ends the scan. */
static void scan_string(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p != '"')
		s->p += *s->p == '\\' && s->end - s->p > 1 ? 2 : 1;
	if (s->p >= s->end)
		return;
	on_string(s, (struct slice){ start, (size_t)(s->p - start) });
	s->p++;
}

static void scan_word(struct scan *s)
{
	const char *start = s->p - 1;

	while (s->p < s->end && (isalnum((unsigned char)*s->p) || strchr("+-.", *s->p)))
		s->p++;
	/* a number that the text was cut in is not the number that was meant */
	if (s->p < s->end && (isdigit((unsigned char)*start) || *start == '-'))
		offer(s, (struct slice){ start, (size_t)(s->p - start) });
}

static void open_container(struct scan *s, bool object)
{
	if (s->depth == SCAN_DEPTH) {
		s->deeper++;
		return;
	}
	s->levels[s->depth++] = (struct level){ .object = object };
	s->key_next = object;
}

static void close_container(struct scan *s)
{
	if (s->deeper)
		s->deeper--;
	else if (s->depth)
		s->depth--;
	s->key_next = false;
}

static void scan_token(struct scan *s, char c)
{
	if (c == '"')
		scan_string(s);
	else if (c == '{' || c == '[')
		open_container(s, c == '{');
	else if (c == '}' || c == ']')
		close_container(s);
	else if (c == ',')
		s->key_next = s->depth && s->levels[s->depth - 1].object;
	else if (isalnum((unsigned char)c) || c == '-')
		scan_word(s);
}

void json_scan(const char *text, size_t n, const char *const *paths, size_t n_paths, char **ret)
{
	struct scan s = {
		.p = text, .end = text + n, .paths = paths, .n_paths = n_paths, .ret = ret
	};

	for (size_t i = 0; i < n_paths; i++)
		ret[i] = NULL;
	while (s.p < s.end)
		scan_token(&s, *s.p++);
}
