/*
 * Commands come from the output of arbitrary programs, so nothing here assumes text: lengths go
 * with every slice, and decoding never makes a value longer, so that one buffer of the line's
 * length is enough for all its parts.
 */
#include "workflow/command/text.h"

#include "base/utf8.h"

#include <strings.h>

static struct slice cut(struct slice s, size_t from, size_t to)
{
	return (struct slice){ s.ptr + from, to - from };
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice command_text_trim(struct slice s)
{
	size_t from = 0, to = s.len;

	while (from < to && is_blank(s.ptr[from]))
		from++;
	while (to > from && is_blank(s.ptr[to - 1]))
		to--;
	return cut(s, from, to);
}

/* s without what it has up to and including the first c; that part without c into *ret_before. */
static struct slice split_at(struct slice s, char c, struct slice *ret_before)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
	size_t i = at ? (size_t)(at - s.ptr) : s.len;

	*ret_before = cut(s, 0, i);
	return cut(s, at ? i + 1 : i, s.len);
}

bool command_name_eq(struct slice s, const char *name)
{
	return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

bool command_text_split(struct slice line, struct command_text *ret)
{
	const char *end;
	size_t at;

	if (line.len < 4 || memcmp(line.ptr, "::", 2) != 0)
		return false;
	end = memmem(line.ptr + 2, line.len - 2, "::", 2);
	if (!end)
		return false;
	at = (size_t)(end - line.ptr);
	ret->message = cut(line, at + 2, line.len);
	ret->properties = split_at(cut(line, 2, at), ' ', &ret->name);
	return true;
}

struct slice command_text_property(struct slice properties, const char *key)
{
	struct slice found = { "", 0 };

	while (properties.len) {
		struct slice name, value;

		properties = split_at(properties, ',', &value);
		value = split_at(value, '=', &name);
		if (value.len && command_name_eq(command_text_trim(name), key))
			found = command_text_trim(value);
	}
	return found;
}

struct slice command_text_decode(struct slice raw, enum command_escapes which, char *out)
{
	static const struct {
		char code[3], byte;
	} escapes[] = { { "25", '%' }, { "0D", '\r' }, { "0A", '\n' }, { "3A", ':' },
		{ "2C", ',' } };
	const size_t n_escapes = which == COMMAND_PROPERTY ? ARRAY_LEN(escapes) : 3;
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		out[n] = raw.ptr[i];
		for (size_t k = 0; raw.ptr[i] == '%' && raw.len - i > 2 && k < n_escapes; k++) {
			if (memcmp(raw.ptr + i + 1, escapes[k].code, 2) != 0)
				continue;
			out[n] = escapes[k].byte;
			i += 2;
			break;
		}
		n++;
	}
	return (struct slice){ out, n };
}

/* The longest run of whole characters but NUL at p. */
static size_t valid_run(const char *p, size_t n)
{
	size_t i = 0, len;

	while (i < n && p[i] && (len = utf8_char(p + i, n - i)))
		i += len;
	return i;
}

bool command_text_clean(struct slice raw, struct buf *out)
{
	static const struct slice replacement = SLICE("\xef\xbf\xbd");

	for (size_t i = 0; i < raw.len;) {
		size_t room = out->max - out->len;
		struct slice piece = cut(raw, i, i + valid_run(raw.ptr + i, raw.len - i));

		i += piece.len ? piece.len : 1;
		if (!piece.len)
			piece = replacement;
		if (piece.len > room) {
			if (piece.ptr != replacement.ptr)
				buf_add(out, piece.ptr, utf8_whole_prefix(piece.ptr, room));
			return false;
		}
		buf_add(out, piece.ptr, piece.len);
	}
	return true;
}
