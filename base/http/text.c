/*
 * The text rules of HTTP that curl leaves to us, as pure functions over untrusted bytes. A header
 * with a NUL or a blank in its name is no header: two programs could read it differently.
 */
#include "base/http/private.h"

#include <ctype.h>

/* RFC 9110 5.6.2 */
static bool is_tchar(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(const char *s)
{
	if (str_empty(s))
		return false;
	for (; *s; s++)
		if (!is_tchar(*s))
			return false;
	return true;
}

bool http_is_clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *http_header_normalize(const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);

	if (!colon || colon == line || memchr(line, '\0', n))
		return NULL;
	size_t name = (size_t)(colon - line);
	for (size_t i = 0; i < name; i++)
		if (!is_tchar(line[i]))
			return NULL;
	const char *value = colon + 1, *end = line + n;
	while (value < end && is_blank(*value))
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	char *out = xasprintf("%.*s: %.*s", (int)name, line, (int)(end - value), value);
	for (size_t i = 0; i < name; i++)
		out[i] = (char)tolower((unsigned char)out[i]);
	return out;
}

int64_t http_retry_after(const char *text, struct wall now)
{
	/* a year is for ever here, and far from overflow */
	const int64_t most = 366 * 86400;
	int64_t seconds;

	if (str_empty(text))
		return -1;
	if (text[strspn(text, "0123456789")] == '\0') {
		if (!parse_i64(text, 0, most, &seconds))
			seconds = most;
		return seconds * USEC_PER_SEC;
	}
	time_t at = curl_getdate(text, NULL);
	if (at < 0)
		return -1;
	int64_t left = at - now.us / USEC_PER_SEC;
	if (left < 0)
		left = 0;
	return (left > most ? most : left) * USEC_PER_SEC;
}

void http_one_line(char *out, size_t size, const char *text, size_t n)
{
	size_t len = 0;

	while (n > 0 && is_blank(*text)) {
		text++;
		n--;
	}
	for (; len < n && len + 1 < size && text[len] != '\n' && text[len] != '\0'; len++)
		out[len] = ((unsigned char)text[len] < 0x20 || text[len] == 0x7f) ? ' ' : text[len];
	while (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
}
