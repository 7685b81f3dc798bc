/*
 * How a shell reads a place of a script: whether it would replace ${NAME} there. Follows quotes,
 * substitutions, here-documents and comments of sh and bash while a script is put together, and
 * knows enough of the command to tell data (echo '…') from code (awk '…').
 *
 * It decides only how a reference to a variable is written, never whether a value becomes script
 * text. So a script that it misreads is at worst a script with a wrong text in it. What it cannot
 * follow (nested too deep, an end word too long) counts as QUOTING_READ. Pure.
 */
#ifndef WORKFLOW_EXPR_QUOTING_H
#define WORKFLOW_EXPR_QUOTING_H

#include <stdbool.h>
#include <stddef.h>

#define QUOTING_DEPTH 48
#define QUOTING_WORD 16
#define QUOTING_DOCUMENTS 8
#define QUOTING_END_WORD 64

enum quoting_place {
	QUOTING_READ,  /* ${NAME} is replaced: bare, in double quotes, in a here-document */
	QUOTING_LATER, /* in single quotes, but another shell reads them: sh -c '…', trap '…' */
	QUOTING_DATA,  /* in single quotes that are data: echo '…', NAME='…', <<<'…' */
	QUOTING_ANSI,  /* the same in $'…' */
	QUOTING_LITERAL,  /* in other single quotes, which may be code of another language */
	QUOTING_DOCUMENT, /* in a here-document with a quoted end word */
};

/* Code or quotes in code or quotes; for code also the command that is being read. */
struct quoting_level {
	unsigned char kind, command;
	bool in_word, assigns, option_c, here_string;
	char word[QUOTING_WORD], last; /* its beginning and its last character */
	size_t word_len, parens, cases;
};

struct quoting_document {
	char word[QUOTING_END_WORD];
	size_t len;
	bool quoted, tabs; /* tabs: <<- */
};

/* All zero is the start of a script. */
struct quoting {
	unsigned char mode;
	bool lost, off_line; /* off_line: this line of a here-document is not its end */
	struct quoting_level levels[QUOTING_DEPTH];
	size_t top;
	struct quoting_document documents[QUOTING_DOCUMENTS];
	size_t waiting, reading, matched;
};

/* The next bytes of the script. */
void quoting_feed(struct quoting *q, const char *text, size_t n);
/* What holds behind the last of them. */
enum quoting_place quoting_now(const struct quoting *q);

#endif
