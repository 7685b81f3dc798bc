/*
 * The strict rule of RFC 3629, by hand: libraries and the C locale accept overlong forms or
 * surrogates in places, and a text that two readers decode differently passes a check in one of
 * them. err.c and json.c need it, so it uses nothing but util.
 */
#include "base/utf8.h"

#include "base/util.h"

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

static size_t lead_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2) /* a tail, or an overlong form */
		return 0;
	if (c < 0xe0)
		return 2;
	if (c < 0xf0)
		return 3;
	return c < 0xf5 ? 4 : 0;
}

size_t utf8_char(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = n ? lead_length(p[0]) : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if (!is_tail(p[i]))
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90))
		return 0; /* overlong */
	if ((p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0; /* a surrogate; above U+10FFFF */
	return len;
}

bool utf8_valid(const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		uint64_t eight;

		if (end - p >= 8 &&
			(memcpy(&eight, p, 8), !(eight & UINT64_C(0x8080808080808080)))) {
			p += 8;
			continue;
		}
		size_t len = utf8_char(p, (size_t)(end - p));
		if (len == 0)
			return false;
		p += len;
	}
	return true;
}

size_t utf8_whole_prefix(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = p[n - back];

		if (is_tail(c))
			continue;
		return lead_length(c) > back ? n - back : n;
	}
	return n;
}

size_t utf8_cut(const char *text, size_t most)
{
	size_t n = strnlen(text, most + 1);

	return n <= most ? n : utf8_whole_prefix(text, most);
}

void utf8_repair(char *text)
{
	char *end = text + utf8_whole_prefix(text, strlen(text));

	*end = '\0';
	while (text < end) {
		size_t n = utf8_char(text, (size_t)(end - text));

		if (!n)
			*text = '?';
		text += n ? n : 1;
	}
}

struct slice utf8_without_mark(struct slice text)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t n = sizeof(mark) - 1;

	if (text.len < n || memcmp(text.ptr, mark, n) != 0)
		return text;
	return (struct slice){ text.ptr + n, text.len - n };
}

size_t utf8_put(uint32_t code, unsigned char out[4])
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; code >>= 6)
		out[i] = (unsigned char)(0x80 | (code & 0x3f));
	out[0] = (unsigned char)(leads[len] | code);
	return len;
}
