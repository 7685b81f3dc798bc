/*
 * One walk over a text decides what each character becomes; the places differ only in whether a
 * character that is shown as an escape gets a tag around it. A character is taken whole or shown
 * byte by byte, so what leaves is always UTF-8, whatever came.
 */
#include "coordinator/pages/html.h"

#include <inttypes.h>

#include "base/codec.h"
#include "base/utf8.h"
#include "coordinator/pages/markup.h"

enum place { IN_TEXT, IN_ATTRIBUTE };

void html_init(struct html *h, size_t max)
{
	*h = (struct html){ .now = wall_now() };
	buf_init(&h->out, max);
}

void html_release(struct html *h)
{
	buf_release(&h->out);
}

void html_markup_bytes(struct html *h, const char *p, size_t n)
{
	buf_add(&h->out, p, n);
}

void html_add(struct html *h, const struct html *part)
{
	buf_add(&h->out, buf_cstr(&part->out), part->out.len);
}

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static uint32_t code_point(const char *p, size_t n)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (unsigned char)p[0] & first[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}

/* len 0: a byte that is no UTF-8. */
static void show_escape(struct html *h, enum place place, const char *p, size_t len)
{
	uint32_t code = len > 1 ? code_point(p, len) : (unsigned char)*p;

	buf_adds(&h->out, place == IN_TEXT ? "<span class=\"esc\">" : "");
	if (len > 1)
		buf_addf(&h->out, "\\u%04" PRIx32, code);
	else
		buf_addf(&h->out, "\\x%02" PRIx32, code);
	buf_adds(&h->out, place == IN_TEXT ? "</span>" : "");
}

static bool hides(const char *p, size_t len)
{
	if (len == 1 && (*p == '\n' || *p == '\t'))
		return false;
	return len == 0 || text_steers(p, len);
}

/* Bytes from p on that need no change. */
static size_t plain_run(const char *p, size_t n)
{
	size_t at = 0;

	while (at < n && (unsigned char)p[at] >= ' ' && (unsigned char)p[at] < 0x7f &&
		!entity(p[at]))
		at++;
	return at;
}

static void write_text(struct html *h, enum place place, const char *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		size_t plain = plain_run(p + at, n - at);

		buf_add(&h->out, p + at, plain);
		at += plain;
		if (at == n)
			return;
		size_t len = utf8_char(p + at, n - at);
		const char *name = entity(p[at]);
		if (name)
			buf_adds(&h->out, name);
		else if (hides(p + at, len))
			show_escape(h, place, p + at, len);
		else
			buf_add(&h->out, p + at, len);
		at += len ? len : 1;
	}
}

void html_text_n(struct html *h, const char *p, size_t n)
{
	write_text(h, IN_TEXT, p, n);
}

void html_text(struct html *h, const char *text)
{
	if (text)
		html_text_n(h, text, strlen(text));
}

void html_attribute(struct html *h, const char *text)
{
	if (text)
		write_text(h, IN_ATTRIBUTE, text, strlen(text));
}

void html_int(struct html *h, int64_t n)
{
	buf_addf(&h->out, "%" PRId64, n);
}

/* ---- URLs ---- */

static bool url_leads(const char *url)
{
	if (*url == '#' || *url == '?')
		return true;
	if (*url == '/')
		return url[1] != '/' && url[1] != '\\';
	return str_starts(url, "https://") || str_starts(url, "http://");
}

void html_url(struct html *h, const char *url)
{
	if (!url || !url_leads(url)) {
		buf_addc(&h->out, '#');
		return;
	}
	for (; *url; url++) {
		const char *name = entity(*url);

		if (name)
			buf_adds(&h->out, name);
		else if ((unsigned char)*url <= ' ' || (unsigned char)*url >= 0x7f || *url == '\\')
			buf_addf(&h->out, "%%%02X", (unsigned char)*url);
		else
			buf_addc(&h->out, *url);
	}
}

/* ---- times ---- */

/* The largest unit that is whole at least once. */
static void write_ago(struct html *h, int64_t s)
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = { { 365 * 24 * 3600, "year" }, { 30 * 24 * 3600, "month" },
		{ 24 * 3600, "day" }, { 3600, "hour" }, { 60, "minute" } };
	bool ahead = s < 0;

	s = ahead ? -s : s;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		int64_t n = s / units[i].s;

		if (!n)
			continue;
		buf_addf(&h->out, "%s%" PRId64 " %s%s%s", ahead ? "in " : "", n, units[i].name,
			n == 1 ? "" : "s", ahead ? "" : " ago");
		return;
	}
	buf_adds(&h->out, "just now");
}

void html_time(struct html *h, struct wall t)
{
	char text[WALL_TEXT_MAX];

	if (!t.us)
		return;
	wall_format(t, text);
	html_markup(h, "<time datetime=\"");
	html_attribute(h, text);
	html_markup(h, "\" title=\"");
	buf_addf(&h->out, "%.10s %.8s UTC", text, text + 11);
	html_markup(h, "\">");
	write_ago(h, (h->now.us - t.us) / USEC_PER_SEC);
	html_markup(h, "</time>");
}
