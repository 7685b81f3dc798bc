/* One pass over the text by its lexemes, so that a question mark in a literal is never taken for a
 * value. Texts are this program's own: what is not understood is passed on for the server to
 * refuse. */
#include "coordinator/sql/dialect.h"

#include <ctype.h>
#include <strings.h>

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The length of what begins at text: a literal or quoted name, a word, or one character. */
static size_t lexeme(const char *text)
{
	size_t n = 1;

	if (*text == '\'' || *text == '"') { /* a doubled quote is two of them, side by side */
		while (text[n] && text[n] != *text)
			n++;
		return text[n] ? n + 1 : n;
	}
	if (is_word(*text))
		while (is_word(text[n]))
			n++;
	return n;
}

static bool word_is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static size_t blanks(const char *text)
{
	return strspn(text, " \t\n");
}

/* "INDEXED BY name": its length, 0 when that does not stand here. */
static size_t indexed_by(const char *text)
{
	size_t n = lexeme(text);

	if (!word_is(text, n, "INDEXED"))
		return 0;
	n += blanks(text + n);
	if (!word_is(text + n, lexeme(text + n), "BY"))
		return 0;
	n += 2 + blanks(text + n + 2);
	return n + lexeme(text + n);
}

/* The mark at text, which is a ?; its length. */
static size_t mark(const char *text, unsigned *highest, struct buf *out)
{
	size_t n = 1;
	unsigned number = 0;

	while (isdigit((unsigned char)text[n]) && number < 1000)
		number = number * 10 + (unsigned)(text[n++] - '0');
	if (n == 1)
		number = *highest + 1;
	if (number > *highest)
		*highest = number;
	buf_addf(out, "$%u", number);
	return n;
}

void dialect_postgres(const char *text, struct buf *out)
{
	unsigned highest = 0;

	while (*text) {
		size_t n = lexeme(text), gone = indexed_by(text);

		if (gone)
			n = gone;
		else if (*text == '?')
			n = mark(text, &highest, out);
		else
			buf_add(out, text, n);
		text += n;
	}
}

static bool changes_rows(const char *text, size_t len)
{
	return word_is(text, len, "INSERT") || word_is(text, len, "UPDATE") ||
	       word_is(text, len, "DELETE");
}

/* Behind a WITH any of the three words will do: SELECT ... FOR UPDATE is not taken for one. */
bool dialect_writes(const char *text)
{
	text += blanks(text);
	size_t n = lexeme(text);

	if (!word_is(text, n, "WITH"))
		return changes_rows(text, n);
	for (bool after_for = false; *text; text += n) {
		n = lexeme(text);
		if (changes_rows(text, n) && !after_for)
			return true;
		if (!isspace((unsigned char)*text))
			after_for = word_is(text, n, "FOR");
	}
	return false;
}
