/*
 * One step takes one token of the script. Levels are a stack: a script, `$(` in it, `"` in that, …
 * The quotes that hold no others (single ones, comments, here-documents) are a mode on top.
 */
#include "workflow/expr/quoting.h"

#include <string.h>

#include "base/util.h"

enum mode { BY_LEVEL, SINGLE, ANSI, COMMENT, DOCUMENT };
enum kind { CODE, ARRAY, TICKS, BRACES, BRACES_QUOTED, DOUBLE, ARITHMETIC };
enum command { NONE, DATA, LATER, SHELL, OTHER };

static struct quoting_level *top(struct quoting *q)
{
	return &q->levels[q->top];
}

/* used: the bytes of the token that opens it; they are handed back. */
static size_t push(struct quoting *q, enum kind kind, enum command command, size_t used)
{
	top(q)->in_word = true;
	q->lost |= q->top + 1 == QUOTING_DEPTH;
	if (!q->lost) {
		q->top++;
		*top(q) = (struct quoting_level){ .kind = kind, .command = command };
	}
	return used;
}

static size_t pop(struct quoting *q, size_t used)
{
	if (q->top > 0)
		q->top--;
	return used;
}

/* A backslash and what it escapes. */
static size_t escaped(size_t n)
{
	return n < 2 ? n : 2;
}

/* ---- words of a command ---- */

static bool word_is(const struct quoting_level *l, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) == l->word_len && memcmp(words[i], l->word, l->word_len) == 0)
			return true;
	return false;
}
#define WORD_IS(l, words) word_is(l, words, ARRAY_LEN(words))

static enum command command_of(struct quoting_level *l)
{
	/* behind these stands a command, or more of what is before it */
	static const char *const before[] = { "if", "then", "elif", "else", "while", "until", "do",
		"!", "{", "}", "time", "exec", "command", "builtin", "done", "fi" };
	/* their arguments are text for the shell itself or for the output */
	static const char *const data[] = { "echo", "printf", "test", "[", "[[", "export",
		"readonly", "local", "declare", "typeset", "for", "case", "select", "set", ":" };
	static const char *const later[] = { "trap", "eval" };
	static const char *const shells[] = { "sh", "bash", "dash", "zsh", "ksh" };
	static const char *const opens[] = { "case" }, *const closes[] = { "esac" };

	l->cases += WORD_IS(l, opens);
	if (l->cases > 0 && WORD_IS(l, closes))
		l->cases--;
	if (WORD_IS(l, before))
		return NONE;
	if (WORD_IS(l, data))
		return DATA;
	if (WORD_IS(l, later))
		return LATER;
	return WORD_IS(l, shells) ? SHELL : OTHER;
}

static void end_word(struct quoting_level *l)
{
	if (!l->in_word)
		return;
	l->option_c = l->command == SHELL && l->word[0] == '-' && l->last == 'c';
	if (l->command == NONE && !l->assigns && !l->here_string)
		l->command = command_of(l);
	l->in_word = l->assigns = l->here_string = false;
	l->word_len = 0;
	l->word[0] = 0;
}

static size_t end_command(struct quoting_level *l)
{
	end_word(l);
	l->here_string = l->option_c = false;
	/* what is inside of ${ } or of an array stays data */
	if (l->kind == CODE || l->kind == TICKS)
		l->command = NONE;
	return 1;
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void add_to_word(struct quoting_level *l, char c)
{
	if (l->word_len < sizeof(l->word))
		l->word[l->word_len] = c;
	if (c == '=' && l->word_len > 0 && starts_name(l->word[0]))
		l->assigns = true;
	l->word_len++;
	l->last = c;
	l->in_word = true;
}

/* ---- here-documents ---- */

static bool ends_word(char c)
{
	return c == 0 || strchr(" \t\r\n;&|<>()", c) != NULL;
}

static void add_to_end(struct quoting *q, struct quoting_document *d, char c)
{
	if (d->len == sizeof(d->word))
		q->lost = true;
	else
		d->word[d->len++] = c;
}

/* The end word, from behind `<<`. */
static size_t read_end_word(struct quoting *q, const char *p, size_t n)
{
	struct quoting_document none, *d = &none;
	char quote = 0;
	size_t i = 0;

	if (q->waiting == QUOTING_DOCUMENTS)
		q->lost = true;
	else
		d = &q->documents[q->waiting++];
	*d = (struct quoting_document){ .tabs = n > 0 && *p == '-' };
	i += d->tabs;
	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	for (; i < n && (quote ? p[i] != '\n' : !ends_word(p[i])); i++) {
		if (quote ? p[i] == quote : (p[i] == '\'' || p[i] == '"')) {
			quote = quote ? 0 : p[i];
			d->quoted = true;
		} else if (p[i] == '\\' && quote != '\'' && i + 1 < n) {
			d->quoted = true;
			add_to_end(q, d, p[++i]);
		} else {
			add_to_end(q, d, p[i]);
		}
	}
	return i;
}

static void start_line(struct quoting *q)
{
	q->matched = 0;
	q->off_line = false;
}

static void end_line(struct quoting *q)
{
	const struct quoting_document *d = &q->documents[q->reading];

	if (!q->off_line && q->matched == d->len && ++q->reading == q->waiting) {
		q->reading = q->waiting = 0;
		q->mode = BY_LEVEL;
	}
	start_line(q);
}

static size_t document_step(struct quoting *q, char c)
{
	const struct quoting_document *d = &q->documents[q->reading];

	if (c == '\n')
		end_line(q);
	else if (!(c == '\t' && d->tabs && q->matched == 0 && !q->off_line)) {
		q->off_line |= q->matched == d->len || d->word[q->matched] != c;
		q->matched++;
	}
	return 1;
}

static size_t new_line(struct quoting *q)
{
	q->mode = q->waiting ? DOCUMENT : BY_LEVEL;
	start_line(q);
	return end_command(top(q));
}

/* ---- tokens ---- */

static bool starts(const char *p, size_t n, const char *token)
{
	size_t len = strlen(token);

	return n >= len && memcmp(p, token, len) == 0;
}

/* What opens a level wherever a shell replaces: `$(`, `${`, a backtick. 0: none of them. */
static size_t opens_level(struct quoting *q, const char *p, size_t n)
{
	bool quoted = top(q)->kind == DOUBLE || top(q)->kind == BRACES_QUOTED;

	if (starts(p, n, "$(("))
		return push(q, ARITHMETIC, DATA, 3);
	if (starts(p, n, "$("))
		return push(q, CODE, NONE, 2);
	if (starts(p, n, "${"))
		return push(q, quoted ? BRACES_QUOTED : BRACES, DATA, 2);
	if (*p != '`')
		return 0;
	return top(q)->kind == TICKS ? pop(q, 1) : push(q, TICKS, NONE, 1);
}

static size_t double_step(struct quoting *q, const char *p, size_t n)
{
	size_t used;

	if (*p == '\\')
		return escaped(n);
	if (*p == '"')
		return pop(q, 1);
	used = opens_level(q, p, n);
	return used ? used : 1;
}

static size_t arithmetic_step(struct quoting *q, const char *p, size_t n)
{
	size_t used = opens_level(q, p, n);

	if (used)
		return used;
	if (*p == '(')
		top(q)->parens++;
	else if (*p == ')' && top(q)->parens > 0)
		top(q)->parens--;
	else if (*p == ')')
		return pop(q, starts(p, n, "))") ? 2 : 1);
	return 1;
}

/* `<` and `>` with all that belongs to them. */
static size_t redirection(struct quoting *q, const char *p, size_t n)
{
	struct quoting_level *l = top(q);
	size_t i = 1;

	/* 2> is no word 2 */
	if (l->word_len == 1 && l->last >= '0' && l->last <= '9') {
		l->in_word = false;
		l->word_len = 0;
	}
	end_word(l);
	if (starts(p, n, "<<<")) {
		l->here_string = true;
		return 3;
	}
	if (starts(p, n, "<<"))
		return 2 + read_end_word(q, p + 2, n - 2);
	while (i < n && strchr("<>&|", p[i]) && p[i])
		i++;
	return i;
}

/* `(` is no part of a word, whatever stands before it. */
static size_t open_parenthesis(struct quoting *q, enum kind kind, enum command command, size_t used)
{
	struct quoting_level *l = top(q);

	push(q, kind, command, used);
	l->in_word = false;
	return used;
}

static size_t parenthesis(struct quoting *q, const char *p, size_t n)
{
	struct quoting_level *l = top(q);

	if (*p == ')') { /* of `case … in a)` or the end of a level */
		end_command(l);
		return l->cases == 0 && (l->kind == CODE || l->kind == ARRAY) ? pop(q, 1) : 1;
	}
	if (starts(p, n, "((") && !l->in_word && l->command == NONE)
		return open_parenthesis(q, ARITHMETIC, DATA, 2);
	if (l->assigns && l->last == '=')
		return push(q, ARRAY, DATA, 1);
	end_command(l);
	return open_parenthesis(q, CODE, NONE, 1);
}

/* What means something to a shell outside of all quotes, but opens none; 0: an ordinary byte. */
static size_t operator_step(struct quoting *q, const char *p, size_t n)
{
	struct quoting_level *l = top(q);

	switch (*p) {
	case '\n':
		return new_line(q);
	case ' ':
	case '\t':
		end_word(l);
		return 1;
	case '<':
	case '>':
		return redirection(q, p, n);
	case '(':
	case ')':
		return parenthesis(q, p, n);
	case '&':
		return starts(p, n, "&>") ? redirection(q, p, n) : end_command(l);
	case ';':
	case '|':
		return end_command(l);
	default:
		return 0;
	}
}

static size_t quote_step(struct quoting *q, const char *p, size_t n)
{
	struct quoting_level *l = top(q);

	switch (*p) {
	case '\\':
		l->in_word |= !starts(p, n, "\\\n");
		return escaped(n);
	case '"':
		return push(q, DOUBLE, NONE, 1);
	case '\'':
		if (l->kind == BRACES_QUOTED)
			return 1;
		l->in_word = true;
		q->mode = SINGLE;
		return 1;
	default:
		break;
	}
	if (starts(p, n, "$'")) {
		l->in_word = true;
		q->mode = ANSI;
		return 2;
	}
	return opens_level(q, p, n);
}

static size_t code_step(struct quoting *q, const char *p, size_t n)
{
	struct quoting_level *l = top(q);
	bool braces = l->kind == BRACES || l->kind == BRACES_QUOTED;
	size_t used = quote_step(q, p, n);

	if (used)
		return used;
	if (braces && *p == '}')
		return pop(q, 1);
	if (!braces && *p == '#' && !l->in_word) {
		q->mode = COMMENT;
		return 1;
	}
	used = braces ? 0 : operator_step(q, p, n);
	if (used)
		return used;
	add_to_word(l, *p);
	return 1;
}

static size_t level_step(struct quoting *q, const char *p, size_t n)
{
	switch (top(q)->kind) {
	case DOUBLE:
		return double_step(q, p, n);
	case ARITHMETIC:
		return arithmetic_step(q, p, n);
	default:
		return code_step(q, p, n);
	}
}

static size_t step(struct quoting *q, const char *p, size_t n)
{
	switch (q->mode) {
	case SINGLE:
	case ANSI:
		if (*p == '\'')
			q->mode = BY_LEVEL;
		return *p == '\\' && q->mode == ANSI ? escaped(n) : 1;
	case COMMENT:
		return *p == '\n' ? new_line(q) : 1;
	case DOCUMENT:
		return document_step(q, *p);
	default:
		return level_step(q, p, n);
	}
}

void quoting_feed(struct quoting *q, const char *text, size_t n)
{
	for (size_t i = 0; i < n && !q->lost;)
		i += step(q, text + i, n - i);
}

static enum quoting_place in_single_quotes(const struct quoting *q)
{
	const struct quoting_level *l = &q->levels[q->top];

	if (l->assigns || l->here_string || l->command == DATA)
		return q->mode == ANSI ? QUOTING_ANSI : QUOTING_DATA;
	if (l->command == LATER || (l->command == SHELL && l->option_c))
		return QUOTING_LATER;
	return QUOTING_LITERAL;
}

enum quoting_place quoting_now(const struct quoting *q)
{
	if (q->lost)
		return QUOTING_READ;
	switch (q->mode) {
	case SINGLE:
	case ANSI:
		return in_single_quotes(q);
	case DOCUMENT:
		return q->documents[q->reading].quoted ? QUOTING_DOCUMENT : QUOTING_READ;
	default:
		return QUOTING_READ;
	}
}
