/*
 * One sequence or character is held at a time. As soon as it cannot become one that may pass, its
 * first byte is shown as text and the rest is read again.
 */
#include "base/terminal/text.h"

#include "base/utf8.h"

enum verdict { PASSES, SHOWN_AS_TEXT, NOT_WHOLE };

#define ESC '\033'

/* ESC [ digits and ; : then m (colours) or K (erase the line's rest). */
static enum verdict sequence_verdict(const char *p, size_t n, size_t *ret_len)
{
	size_t i = 2;

	if (n == 1)
		return NOT_WHOLE;
	if (p[1] != '[')
		return SHOWN_AS_TEXT;
	while (i < n && ((p[i] >= '0' && p[i] <= '9') || p[i] == ';' || p[i] == ':'))
		i++;
	if (i == n)
		return n < TERMINAL_HELD_MAX ? NOT_WHOLE : SHOWN_AS_TEXT;
	*ret_len = i + 1;
	return p[i] == 'm' || p[i] == 'K' ? PASSES : SHOWN_AS_TEXT;
}

/* Bytes that the character which begins with c has; 0: none begins with it. */
static size_t char_length(unsigned char c)
{
	return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* U+0080 to U+009F are control characters in two bytes. */
static bool is_c1(const char *p)
{
	return (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static enum verdict text_verdict(const char *p, size_t n, size_t *ret_len)
{
	unsigned char c = (unsigned char)*p;
	size_t whole = char_length(c);

	*ret_len = 1;
	if (c == ESC)
		return sequence_verdict(p, n, ret_len);
	if (c < 0x80)
		return (c >= ' ' && c != 0x7f) || c == '\n' || c == '\t' || c == '\r'
			       ? PASSES
			       : SHOWN_AS_TEXT;
	if (whole > n)
		return NOT_WHOLE;
	*ret_len = utf8_char(p, n);
	return *ret_len && !is_c1(p) ? PASSES : SHOWN_AS_TEXT;
}

static void show_byte(char c, struct buf *out)
{
	buf_addf(out, "\\x%02x", (unsigned char)c);
}

/* Takes from the front of p what can be decided; how many bytes. */
static size_t take_decided(const char *p, size_t n, struct buf *out)
{
	size_t at = 0, len;

	while (at < n) {
		enum verdict v = text_verdict(p + at, n - at, &len);

		if (v == NOT_WHOLE)
			break;
		if (v == PASSES) {
			buf_add(out, p + at, len);
			at += len;
		} else {
			show_byte(p[at++], out);
		}
	}
	return at;
}

void terminal_text_feed(struct terminal_text *t, const char *p, size_t n, struct buf *out)
{
	while (t->n > 0 && n > 0) {
		t->held[t->n++] = *p++;
		n--;
		size_t done = take_decided(t->held, t->n, out);
		memmove(t->held, t->held + done, t->n - done);
		t->n -= done;
	}
	size_t done = take_decided(p, n, out);
	memcpy(t->held, p + done, n - done);
	t->n += n - done;
}

void terminal_text_end(struct terminal_text *t, struct buf *out)
{
	while (t->n > 0) {
		size_t done;

		show_byte(t->held[0], out);
		memmove(t->held, t->held + 1, --t->n);
		done = take_decided(t->held, t->n, out);
		memmove(t->held, t->held + done, t->n - done);
		t->n -= done;
	}
}
