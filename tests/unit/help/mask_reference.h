/*
 * What the masker has to hide, found slowly: each form is tried at each position of the whole text
 * by generating the spellings of its next symbols and comparing. Written from the documentation,
 * not from the masker, which reads in the other direction. For texts of a few thousand bytes.
 */
#ifndef TESTS_UNIT_HELP_MASK_REFERENCE_H
#define TESTS_UNIT_HELP_MASK_REFERENCE_H

#include <ctype.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "base/mask/entity.h"
#include "base/mask/forms.h"

enum { REFERENCE_GAP = 64, REFERENCE_WRAP = 32, REFERENCE_TOKEN = 32 };

struct reference_text {
	const char *p;
	size_t n;
};

/* ---- spellings ---- */

/* Length of `spelling` at t[at], hex digits in either case; `%` and `&` as written. 0: it is not.
 */
static inline size_t reference_is(struct reference_text t, size_t at, const char *spelling)
{
	size_t n = strlen(spelling);

	if (n > t.n - at)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char c = t.p[at + i], s = spelling[i];

		/* digits are written in upper case below, letters that are none in lower case */
		if (c != s && !(s >= 'A' && s <= 'F' && c == s + 32))
			return 0;
	}
	return n;
}

/* `%`, however often its own percent sign is encoded. */
static inline size_t reference_percent(struct reference_text t, size_t at)
{
	size_t n = reference_is(t, at, "%");

	while (n && at + n < t.n && reference_is(t, at + n, "25"))
		n += 2;
	return n;
}

struct reference_ends {
	size_t v[64];
	size_t n;
};

static inline void reference_add(struct reference_ends *e, size_t at, size_t len)
{
	if (len && len <= REFERENCE_TOKEN && e->n < ARRAY_LEN(e->v))
		e->v[e->n++] = at + len;
}

static inline void reference_tail(
	struct reference_ends *e, struct reference_text t, size_t at, size_t head, const char *tail)
{
	size_t n = head && at + head <= t.n ? reference_is(t, at + head, tail) : 0;

	reference_add(e, at, n ? head + n : 0);
}

/* Every prefix of encoded percent signs can end before the digits. */
static inline void reference_percents(
	struct reference_ends *e, struct reference_text t, size_t at, const char *tail)
{
	size_t most = reference_percent(t, at);

	for (size_t n = 1; n <= most; n += 2)
		reference_tail(e, t, at, n, tail);
}

static inline uint32_t reference_code(const char *p, size_t n)
{
	uint32_t code = (unsigned char)p[0];

	if (n > 1)
		code &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

static inline void reference_byte(
	struct reference_ends *e, struct reference_text t, size_t at, unsigned c)
{
	static const struct {
		char c;
		const char *text;
	} named[] = { { '\a', "\\a" }, { '\b', "\\b" }, { 0x1b, "\\e" }, { 0x1b, "\\E" },
		{ '\f', "\\f" }, { '\n', "\\n" }, { '\r', "\\r" }, { '\t', "\\t" }, { '\v', "\\v" },
		{ '/', "\\/" }, { '\n', "\r\n" } };
	static const char *const numbers[] = { "\\x%02X", "\\x%X", "\\%o", "\\%02o", "\\%03o" };
	char text[16];

	snprintf(text, sizeof(text), "%02X", c);
	reference_percents(e, t, at, text);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), numbers[i], c);
#pragma GCC diagnostic pop
		reference_add(e, at, reference_is(t, at, text));
	}
	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		if (named[i].c == (char)c)
			reference_add(e, at, reference_is(t, at, named[i].text));
	}
}

static inline void reference_unit(
	struct reference_ends *e, struct reference_text t, size_t at, uint32_t code)
{
	char text[32];

	if (code < 0x10000) {
		snprintf(text, sizeof(text), "\\u%04X", code);
		reference_add(e, at, reference_is(t, at, text));
		snprintf(text, sizeof(text), "u%04X", code);
		reference_percents(e, t, at, text);
	} else {
		unsigned high = 0xd800 + ((code - 0x10000) >> 10), low = 0xdc00 + (code & 0x3ff);

		snprintf(text, sizeof(text), "\\u%04X\\u%04X", high, low);
		reference_add(e, at, reference_is(t, at, text));
		snprintf(text, sizeof(text), "u%04X%%u%04X", high, low);
		reference_percents(e, t, at, text);
	}
	snprintf(text, sizeof(text), "\\U%08X", code);
	if (at + 1 < t.n && t.p[at + 1] == 'U')
		reference_add(e, at, reference_is(t, at, text));
	for (int zeros = 1; zeros <= 8; zeros++) {
		char number[16];
		int n = snprintf(number, sizeof(number), "%0*X", zeros, code);

		if (n != zeros)
			continue;
		snprintf(text, sizeof(text), "\\u{%s}", number);
		reference_add(e, at, reference_is(t, at, text));
		snprintf(text, sizeof(text), "\\x{%s}", number);
		reference_add(e, at, reference_is(t, at, text));
	}
}

/* &…; with `amp;` as often as you like; the tail is what stands behind the ampersand. */
static inline void reference_entity(
	struct reference_ends *e, struct reference_text t, size_t at, uint32_t code);

static inline void reference_entity_from(
	struct reference_ends *e, struct reference_text t, size_t at, size_t head, uint32_t code)
{
	size_t i = at + head;
	uint32_t first, end, got;
	size_t len = 0;

	if (i < t.n && t.p[i] == '#') {
		bool hex = i + 1 < t.n && (t.p[i + 1] == 'x' || t.p[i + 1] == 'X');
		uint64_t value = 0;
		size_t from = i + (hex ? 2 : 1), to = from;

		while (to < t.n &&
			(hex ? isxdigit((unsigned char)t.p[to])
			     : isdigit((unsigned char)t.p[to])) &&
			to - from < REFERENCE_TOKEN) {
			char digit = t.p[to++];

			value = value * (hex ? 16 : 10) +
				(uint64_t)(isdigit((unsigned char)digit) ? digit - '0'
									 : (digit | 32) - 'a' + 10);
		}
		if (to == from || to >= t.n || t.p[to] != ';' || (hex && to - from > 8))
			return;
		if (value == code)
			reference_add(e, at, to + 1 - at);
		if (value == '&')
			reference_entity_from(e, t, at, to + 1 - at, code);
		return;
	}
	mask_entity_begin(&first, &end);
	while (i + len < t.n && t.p[i + len] != ';' &&
		mask_entity_narrow(&first, &end, len, (unsigned char)t.p[i + len]))
		len++;
	if (!len || i + len >= t.n || t.p[i + len] != ';' || !mask_entity_at(first, len, &got))
		return;
	if (got == code)
		reference_add(e, at, head + len + 1);
	if (got == '&')
		reference_entity_from(e, t, at, head + len + 1, code);
}

static inline void reference_entity(
	struct reference_ends *e, struct reference_text t, size_t at, uint32_t code)
{
	if (at < t.n && t.p[at] == '&')
		reference_entity_from(e, t, at, 1, code);
}

/* Where tokens end that begin at `at` and spell the n symbols at p. */
static inline void reference_tokens(
	struct reference_ends *e, struct reference_text t, size_t at, const char *p, size_t n)
{
	e->n = 0;
	if (n == 1)
		reference_byte(e, t, at, (unsigned char)*p);
	if (utf8_char(p, n) != n)
		return;
	uint32_t code = reference_code(p, n);
	if (code >= 0x80 && code < 0x100)
		reference_byte(e, t, at, code);
	reference_unit(e, t, at, code);
	reference_entity(e, t, at, code);
}

/* ---- what a lane reads ---- */

static inline bool reference_plain(enum mask_lane lane, char c, char symbol)
{
	if (lane == MASK_LANE_TEXT && c == '+' && symbol == ' ')
		return true;
	if (lane == MASK_LANE_BASE64)
		c = c == '-' ? '+' : c == '_' ? '/' : c;
	if (lane == MASK_LANE_HEX)
		c = c >= 'A' && c <= 'F' ? (char)(c + 32) : c == ' ' || c == '-' ? ':' : c;
	return c == symbol;
}

static inline bool reference_own(enum mask_lane lane, char c)
{
	return lane == MASK_LANE_HEX ? isxdigit((unsigned char)c)
				     : isalnum((unsigned char)c) || (c && strchr("+/-_", c));
}

static inline bool reference_wraps(enum mask_lane lane, struct reference_text t, size_t at)
{
	if (lane != MASK_LANE_BASE64 && lane != MASK_LANE_HEX)
		return false;
	if (at >= 2 && memcmp(t.p + at - 2, "\\r", 2) == 0)
		at -= 2;
	else if (at >= 1 && t.p[at - 1] == '\r')
		at--;
	for (size_t i = 1; i <= REFERENCE_WRAP; i++) {
		if (at < i || !reference_own(lane, t.p[at - i]))
			return false;
	}
	return true;
}

/* Length of what stands for nothing at t[at]; there may be a longer one too. */
static inline void reference_nothing(
	struct reference_ends *e, enum mask_lane lane, struct reference_text t, size_t at)
{
	char c = t.p[at];

	e->n = 0;
	if (lane == MASK_LANE_LITERAL)
		return;
	if (lane == MASK_LANE_TEXT && (c == '\\' || c == '\'' || c == '"'))
		reference_add(e, at, 1);
	if (c == 0x1b && at + 2 < t.n && (t.p[at + 1] == '(' || t.p[at + 1] == ')'))
		reference_add(e, at, 3);
	if (c == 0x1b && at + 1 < t.n && t.p[at + 1] == '[') {
		size_t i = at + 2;

		while (i < t.n && t.p[i] >= 0x30 && t.p[i] <= 0x3f)
			i++;
		if (i < t.n && t.p[i] >= 0x40 && t.p[i] <= 0x7e)
			reference_add(e, at, i + 1 - at);
	}
	if (!reference_wraps(lane, t, at))
		return;
	if (c == '\n' || c == '\r')
		reference_add(e, at, 1);
	if (lane == MASK_LANE_BASE64) {
		struct reference_ends ends;

		for (const char *end = "\n\r"; *end; end++) {
			reference_tokens(&ends, t, at, end, 1);
			for (size_t i = 0; i < ends.n; i++)
				reference_add(e, at, ends.v[i] - at);
		}
	}
}

/* ---- occurrences ---- */

struct reference {
	const struct mask_form *form;
	struct reference_text text;
	size_t from;
	unsigned char *seen;        /* (symbols read, position): least gap so far + 1 */
	size_t *touched, n_touched; /* cells of seen */
	char *covered;
	size_t *last; /* for each end: start + 1 of the shortest occurrence */
};

static inline void reference_walk(struct reference *r, size_t have, size_t at, size_t gap)
{
	const struct mask_form *f = r->form;
	size_t cell = have * (r->text.n + 1) + at;
	unsigned char *seen = &r->seen[cell];
	struct reference_ends ends;

	if (*seen && *seen <= gap + 1)
		return;
	if (!*seen)
		r->touched[r->n_touched++] = cell;
	*seen = (unsigned char)(gap + 1);
	if (have == f->len) {
		if (gap == 0) {
			memset(r->covered + r->from, 1, at - r->from);
			r->last[at] = r->from + 1;
		}
		return;
	}
	if (at == r->text.n)
		return;
	if (reference_plain(f->lane, r->text.p[at], f->bytes[have]))
		reference_walk(r, have + 1, at + 1, 0);
	if (have) {
		reference_nothing(&ends, f->lane, r->text, at);
		for (size_t i = 0; i < ends.n; i++) {
			if (gap + ends.v[i] - at <= REFERENCE_GAP)
				reference_walk(r, have, ends.v[i], gap + ends.v[i] - at);
		}
	}
	for (size_t n = 1; n <= 4 && have + n <= f->len; n++) {
		if (f->lane != MASK_LANE_TEXT && f->lane != MASK_LANE_BASE64)
			break;
		reference_tokens(&ends, r->text, at, f->bytes + have, n);
		for (size_t i = 0; i < ends.n; i++)
			reference_walk(r, have + n, ends.v[i], 0);
	}
}

/* Marks in most: every byte that an occurrence of a form contains. In least: the same, but of those
 * that end at the same place the shortest alone. The two differ only where a form begins with a
 * quote or a backslash, which an encoder might have put there. */
static inline void reference_cover(
	const struct mask_forms *forms, struct slice text, char *least, char *most)
{
	size_t *last = xcalloc(text.len + 1, sizeof(*last));

	for (size_t i = 0; i < forms->n; i++) {
		struct reference r = { .form = &forms->v[i],
			.text = { text.ptr, text.len },
			.covered = most,
			.last = last };
		size_t cells = (r.form->len + 1) * (text.len + 1);

		r.seen = xcalloc(cells, 1);
		r.touched = xcalloc(cells, sizeof(*r.touched));
		memset(last, 0, (text.len + 1) * sizeof(*last));
		for (r.from = 0; r.from < text.len; r.from++) {
			reference_walk(&r, 0, r.from, 0);
			while (r.n_touched)
				r.seen[r.touched[--r.n_touched]] = 0;
		}
		for (size_t end = 1; end <= text.len; end++) {
			if (last[end])
				memset(least + last[end] - 1, 1, end - last[end] + 1);
		}
		free(r.touched);
		free(r.seen);
	}
	free(last);
}

/* Can `out` be the text with each run of covered bytes as ***, when these are all of least, and
 * some of most? The text must hold no asterisk. */
static inline bool reference_allows(
	struct slice text, const char *least, const char *most, struct slice out)
{
	/* for each state: text bytes used, and whether the last one was covered */
	char *now = xcalloc(2 * (text.len + 1), 1);
	size_t o = 0;
	bool ok;

	now[0] = 1;
	while (o < out.len) {
		bool stars = out.len - o >= 3 && memcmp(out.ptr + o, "***", 3) == 0;
		char *next = xcalloc(2 * (text.len + 1), 1);

		for (size_t at = 0; at < text.len; at++) {
			if (stars && now[2 * at] && most[at])
				next[2 * at + 3] = 1;
			if (stars && next[2 * at + 1] && most[at])
				next[2 * at + 3] = 1;
			if (!stars && (now[2 * at] || now[2 * at + 1]) && !least[at] &&
				text.ptr[at] == out.ptr[o])
				next[2 * at + 2] = 1;
		}
		free(now);
		now = next;
		o += stars ? 3 : 1;
	}
	ok = now[2 * text.len] || now[2 * text.len + 1];
	free(now);
	return ok;
}

static inline bool reference_check(
	const struct mask_forms *forms, struct slice text, struct slice out)
{
	CLEAN_STR char *least = xcalloc(text.len + 1, 1), *most = xcalloc(text.len + 1, 1);

	reference_cover(forms, text, least, most);
	return reference_allows(text, least, most, out);
}

#endif
