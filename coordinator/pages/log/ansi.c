/*
 * A sequence is ESC [ numbers and separators, then m (colours) or K (erase the line's rest, which a
 * page has no use for). Anything else that begins with ESC is text. With a colour behind it, text
 * keeps the page's own colour: of two that a program chose, nobody knows that they can be read.
 */
#include "coordinator/pages/log/ansi.h"

#include "coordinator/pages/markup.h"

enum { SEQUENCE_MAX = 64, NUMBERS_MAX = 16 };

/* ---- colours ---- */

/* The nearest of the sixteen, + 1; channels from 0 to 5. */
static unsigned char nearest_colour(int r, int g, int b)
{
	int most = r > g && r > b ? r : g > b ? g : b;
	int bits = (r * 2 > most) | (g * 2 > most) << 1 | (b * 2 > most) << 2;

	if (most <= 1)
		return most ? 9 : 1;
	if (bits == 7)
		return most >= 5 ? 16 : most >= 3 ? 8 : 9;
	return (unsigned char)(bits + (most >= 5 ? 8 : 0) + 1);
}

static unsigned char indexed_colour(int n)
{
	if (n < 0 || n > 255)
		return 0;
	if (n < 16)
		return (unsigned char)(n + 1);
	if (n >= 232)
		return n < 236 ? 1 : n < 244 ? 9 : n < 252 ? 8 : 16;
	n -= 16;
	return nearest_colour(n / 36, n / 6 % 6, n % 6);
}

static bool is_channel(int v)
{
	return v >= 0 && v <= 255;
}

/* 38;5;N and 38;2;R;G;B; how many numbers it took, the first included. */
static size_t extended_colour(const int *v, size_t n, unsigned char *ret)
{
	if (n >= 3 && v[1] == 5) {
		*ret = indexed_colour(v[2]);
		return 3;
	}
	if (n >= 5 && v[1] == 2) {
		if (is_channel(v[2]) && is_channel(v[3]) && is_channel(v[4]))
			*ret = nearest_colour(v[2] / 51, v[3] / 51, v[4] / 51);
		return 5;
	}
	return n;
}

static size_t apply_number(struct ansi *a, const int *v, size_t n)
{
	int c = v[0];

	if (c == 38 || c == 48)
		return extended_colour(v, n, c == 38 ? &a->text : &a->back);
	if (c == 0)
		*a = (struct ansi){ 0 };
	else if (c == 1)
		a->bold = true;
	else if (c == 2)
		a->dim = true;
	else if (c == 3)
		a->italic = true;
	else if (c == 4)
		a->under = true;
	else if (c == 22)
		a->bold = a->dim = false;
	else if (c == 23)
		a->italic = false;
	else if (c == 24)
		a->under = false;
	else if ((c >= 30 && c <= 37) || (c >= 90 && c <= 97))
		a->text = (unsigned char)(c < 90 ? c - 29 : c - 81);
	else if ((c >= 40 && c <= 47) || (c >= 100 && c <= 107))
		a->back = (unsigned char)(c < 100 ? c - 39 : c - 91);
	else if (c == 39)
		a->text = 0;
	else if (c == 49)
		a->back = 0;
	return 1;
}

/* ---- sequences ---- */

/* Length of a sequence that is known, 0: text. */
static size_t sequence_length(const char *p, size_t n)
{
	size_t i = 2;

	if (n < 3 || p[0] != '\033' || p[1] != '[')
		return 0;
	while (i < n && i < SEQUENCE_MAX &&
		((p[i] >= '0' && p[i] <= '9') || p[i] == ';' || p[i] == ':'))
		i++;
	return i < n && (p[i] == 'm' || p[i] == 'K') ? i + 1 : 0;
}

static void apply_sequence(struct ansi *a, const char *p, size_t n)
{
	int v[NUMBERS_MAX] = { 0 };
	size_t count = 1;

	if (p[n - 1] != 'm')
		return;
	for (size_t i = 2; i + 1 < n; i++) {
		if (p[i] == ';' || p[i] == ':') {
			if (count == NUMBERS_MAX)
				break;
			count++;
		} else if (v[count - 1] < 1000) {
			v[count - 1] = v[count - 1] * 10 + (p[i] - '0');
		}
	}
	for (size_t i = 0; i < count;)
		i += apply_number(a, v + i, count - i);
}

/* ---- a line ---- */

static bool is_plain(const struct ansi *a)
{
	return !a->text && !a->back && !a->bold && !a->dim && !a->italic && !a->under;
}

static void add_class(struct html *h, const char *kind, int64_t n)
{
	html_attribute(h, kind);
	if (n >= 0)
		html_int(h, n);
	html_markup(h, " ");
}

static void open_span(struct html *h, const struct ansi *a)
{
	html_markup(h, "<span class=\"");
	if (a->back)
		add_class(h, "b", a->back - 1);
	else if (a->text)
		add_class(h, "f", a->text - 1);
	if (a->bold)
		add_class(h, "bold", -1);
	if (a->dim)
		add_class(h, "dim", -1);
	if (a->italic)
		add_class(h, "italic", -1);
	if (a->under)
		add_class(h, "under", -1);
	html_markup(h, "\">");
}

static void write_piece(struct html *h, const struct ansi *a, const char *p, size_t n)
{
	if (!n)
		return;
	if (!is_plain(a))
		open_span(h, a);
	html_text_n(h, p, n);
	if (!is_plain(a))
		html_markup(h, "</span>");
}

/* h NULL: nothing is written. */
static void walk(struct html *h, struct ansi *a, const char *p, size_t n)
{
	size_t from = 0;

	for (size_t at = 0; at < n;) {
		const char *esc = memchr(p + at, '\033', n - at);
		size_t len = esc ? sequence_length(esc, n - (size_t)(esc - p)) : 0;

		at = esc ? (size_t)(esc - p) : n;
		if (esc && !len) {
			at++;
			continue;
		}
		if (h)
			write_piece(h, a, p + from, at - from);
		if (len)
			apply_sequence(a, esc, len);
		at += len;
		from = at;
	}
	if (h)
		write_piece(h, a, p + from, n - from);
}

size_t ansi_plain(const char *p, size_t n, char *out, size_t max)
{
	size_t used = 0;

	for (size_t at = 0; at < n && used < max;) {
		size_t len = sequence_length(p + at, n - at);

		if (!len)
			out[used++] = p[at++];
		at += len;
	}
	return used;
}

void ansi_line(struct html *h, struct ansi *a, const char *p, size_t n)
{
	walk(h, a, p, n);
}

void ansi_skip(struct ansi *a, const char *p, size_t n)
{
	walk(NULL, a, p, n);
}
