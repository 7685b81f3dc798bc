/*
 * How results look: colours, signs, names. Pure but for terminal_color and terminal_style, which
 * ask the descriptor and the environment.
 */
#ifndef BASE_TERMINAL_STYLE_H
#define BASE_TERMINAL_STYLE_H

#include "base/cli.h"
#include "base/util.h"

/* Whether fd is a terminal that wants colours (NO_COLOR and TERM=dumb say no). */
bool terminal_color(int fd);
/* How to print to fd. */
struct terminal_style {
	bool color;
	size_t width, height; /* columns, lines; 0: no terminal, or one that does not say */
};
struct terminal_style terminal_style(int fd, enum cli_color color);
/* The colour of a state, conclusion or standing, an escape sequence; NULL: of none. */
const char *terminal_word_color(const char *word);
/* prefix and the first line of text, without what steers a terminal; the caller's. */
char *terminal_shown(const char *prefix, const char *text) CHECK_RESULT;
/* What a step is called: its name, or what it does. The caller frees it. */
char *terminal_step_name(const char *name, const char *run, const char *uses) CHECK_RESULT;
/* "✓" and its like with the colour of that conclusion. */
struct terminal_mark {
	const char *sign, *color; /* color: an escape sequence */
};
struct terminal_mark terminal_mark(const char *conclusion);
#define TERMINAL_COLOR_OFF "\033[0m"
#define TERMINAL_COLOR_BOLD "\033[1m"

#endif
