/*
 * A table for people: a line of titles, a line a row, columns aligned by what a terminal shows of
 * them (wide characters count two). Cells are filled in reading order. Any text may be a cell: what
 * could steer a terminal is shown as '?' (text_printable), an empty one as "-". On a terminal the
 * widest texts are cut until a row fits; elsewhere nothing is cut and nothing coloured unless asked
 * for.
 *
 *   static const struct table_column columns[] = {
 *           { "ID", TABLE_NUMBER }, { "NAME" }, { "STATE", TABLE_STATE } };
 *   CLEAN_TABLE struct table t = TABLE(columns);
 *   table_int(&t, id); table_text(&t, name); table_text(&t, state);  // … and so on, row by row
 *   table_print(&t, stdout, terminal_style(STDOUT_FILENO, color));
 */
#ifndef BASE_TERMINAL_TABLE_H
#define BASE_TERMINAL_TABLE_H

#include <stdio.h>

#include "base/clock.h"
#include "base/terminal/style.h"

enum table_kind {
	TABLE_TEXT,   /* to the left */
	TABLE_NUMBER, /* to the right, never cut */
	TABLE_STATE,  /* a word such as "success", in its colour (terminal_word_color) */
};
struct table_column {
	const char *title;
	enum table_kind kind;
};
struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct strv cells;
};
#define TABLE(columns_)                                                  \
	{                                                                \
		.columns = (columns_), .n_columns = ARRAY_LEN(columns_), \
	}
void table_release(struct table *t);
#define CLEAN_TABLE CLEANUP(table_release)

void table_text(struct table *t, const char *text); /* NULL: "-" */
void table_addf(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_int(struct table *t, int64_t n);
void table_time(struct table *t, struct wall when);                 /* UTC, whole seconds; 0: "-" */
void table_span(struct table *t, struct wall from, struct wall to); /* "1m5s"; one is 0: "-" */
void table_strv(struct table *t, const struct strv *words);         /* a,b,c */
size_t table_rows(const struct table *t);
void table_print(const struct table *t, FILE *to, struct terminal_style style);

/* Columns that a terminal shows of a printable text. */
size_t text_columns(const char *text);

#endif
