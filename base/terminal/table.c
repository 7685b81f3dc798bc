/*
 * Widths are asked of the C library under C.UTF-8 whatever the environment says, so that a table
 * written by a timer aligns like one at a desk. The locale is this thread's and for the time of the
 * printing only: nothing else of the program changes its ways.
 */
#include "base/terminal/table.h"

#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <wchar.h>

#include "base/codec.h"
#include "base/utf8.h"

enum { GAP = 2, CUT_MIN = 12, COLUMNS_MAX = 24 };

void table_release(struct table *t)
{
	strv_release(&t->cells);
}

/* ---- filling ---- */

void table_text(struct table *t, const char *text)
{
	strv_add_take(&t->cells, text_printable(str_empty(text) ? "-" : text));
}

void table_addf(struct table *t, const char *fmt, ...)
{
	char *text CLEAN_STR = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	table_text(t, text);
}

void table_int(struct table *t, int64_t n)
{
	table_addf(t, "%" PRId64, n);
}

void table_time(struct table *t, struct wall when)
{
	char text[WALL_TEXT_MAX];

	if (!when.us) {
		table_text(t, NULL);
		return;
	}
	wall_format(when, text);
	table_addf(t, "%.19sZ", text);
}

void table_span(struct table *t, struct wall from, struct wall to)
{
	char text[DURATION_TEXT_MAX];
	int64_t us = to.us - from.us;

	if (!from.us || !to.us || us < 0)
		table_text(t, NULL);
	else if (us < 10 * USEC_PER_SEC)
		table_addf(t, "%.1fs", (double)us / (double)USEC_PER_SEC);
	else
		table_text(t, duration_format(us - us % USEC_PER_SEC, text));
}

void table_strv(struct table *t, const struct strv *words)
{
	CLEAN_BUF struct buf text = BUF_INIT(SIZE_MAX / 2);

	strv_each (word, words)
		buf_addf(&text, "%s%s", word_i ? "," : "", word);
	table_text(t, buf_cstr(&text));
}

size_t table_rows(const struct table *t)
{
	return t->n_columns ? t->cells.n / t->n_columns : 0;
}

/* ---- widths ---- */

static size_t char_columns(const char *p, size_t len)
{
	wchar_t c = 0;
	mbstate_t state = { 0 };

	if (len == 1)
		return 1;
	if (mbrtowc(&c, p, len, &state) != len)
		return 1;
	int n = wcwidth(c);
	return n < 0 ? 1 : (size_t)n;
}

/* Bytes of the longest start of text that takes at most `columns`, which it counts down. */
static size_t fitting_bytes(const char *text, size_t *columns)
{
	size_t n = strlen(text), at = 0;

	while (at < n) {
		size_t len = utf8_char(text + at, n - at), wide;

		if (len == 0)
			len = 1;
		wide = char_columns(text + at, len);
		if (wide > *columns)
			break;
		*columns -= wide;
		at += len;
	}
	return at;
}

static size_t width_of(const char *text)
{
	size_t left = SIZE_MAX;

	fitting_bytes(text, &left);
	return SIZE_MAX - left;
}

static locale_t utf8_enter(locale_t *made)
{
	*made = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return *made ? uselocale(*made) : (locale_t)0;
}

static void utf8_leave(locale_t before, locale_t made)
{
	if (!made)
		return;
	uselocale(before);
	freelocale(made);
}

size_t text_columns(const char *text)
{
	locale_t made, before = utf8_enter(&made);
	size_t n = width_of(text);

	utf8_leave(before, made);
	return n;
}

static void measure(const struct table *t, size_t *widths)
{
	for (size_t i = 0; i < t->n_columns; i++)
		widths[i] = width_of(t->columns[i].title);
	strv_each (cell, &t->cells) {
		size_t *width = &widths[cell_i % t->n_columns], n = width_of(cell);

		if (n > *width)
			*width = n;
	}
}

/* Takes from the widest text, one column at a time, until a row fits or no text is long. */
static void fit(const struct table *t, size_t *widths, size_t room)
{
	size_t total = GAP * (t->n_columns - 1);

	for (size_t i = 0; i < t->n_columns; i++)
		total += widths[i];
	while (room && total > room) {
		size_t widest = t->n_columns;

		for (size_t i = 0; i < t->n_columns; i++)
			if (t->columns[i].kind == TABLE_TEXT && widths[i] > CUT_MIN &&
				(widest == t->n_columns || widths[i] > widths[widest]))
				widest = i;
		if (widest == t->n_columns)
			return;
		widths[widest]--;
		total--;
	}
}

/* ---- printing ---- */

static void print_spaces(FILE *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fputc(' ', to);
}

struct cell {
	const char *text, *color; /* color NULL: none */
	enum table_kind kind;
	size_t width;
	bool last;
};

static void print_cell(FILE *to, const struct cell *c)
{
	size_t wide = width_of(c->text), room = c->width;
	size_t bytes = strlen(c->text);
	bool cut = wide > room;

	if (cut) {
		room--; /* for the mark */
		bytes = fitting_bytes(c->text, &room);
	} else {
		room -= wide;
	}
	if (c->kind == TABLE_NUMBER)
		print_spaces(to, room);
	fprintf(to, "%s%.*s%s%s", c->color ? c->color : "", (int)bytes, c->text, cut ? "…" : "",
		c->color ? TERMINAL_COLOR_OFF : "");
	if (c->kind != TABLE_NUMBER && !c->last)
		print_spaces(to, room);
	if (c->last)
		fputc('\n', to);
	else
		print_spaces(to, GAP);
}

static void print_row(const struct table *t, FILE *to, const size_t *widths, size_t row,
	struct terminal_style style)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct table_column *column = &t->columns[i];
		struct cell c = {
			.kind = column->kind, .width = widths[i], .last = i + 1 == t->n_columns
		};

		c.text = row ? t->cells.v[(row - 1) * t->n_columns + i] : column->title;
		if (style.color)
			c.color = !row                          ? TERMINAL_COLOR_BOLD
				  : column->kind == TABLE_STATE ? terminal_word_color(c.text)
								: NULL;
		print_cell(to, &c);
	}
}

void table_print(const struct table *t, FILE *to, struct terminal_style style)
{
	size_t widths[COLUMNS_MAX];
	locale_t made, before = utf8_enter(&made);

	if (t->n_columns == 0 || t->n_columns > COLUMNS_MAX || t->cells.n % t->n_columns)
		BUG("%zu cells in %zu columns", t->cells.n, t->n_columns);
	measure(t, widths);
	fit(t, widths, style.width);
	for (size_t row = 0; row <= table_rows(t); row++)
		print_row(t, to, widths, row, style);
	utf8_leave(before, made);
}
