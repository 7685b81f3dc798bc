/*
 * Written by hand: two boxes and two words. Widths are a guess at the width of letters, as no font
 * is at hand here; textLength makes the text fit the guess. The title is what screen readers say.
 */
#include "coordinator/view/badge.h"

#include "base/codec.h"
#include "base/utf8.h"

enum { LETTER = 7, PADDING = 12 }; /* in pixels */

static void add_text(struct buf *out, const char *text)
{
	static const struct {
		char byte;
		const char *entity;
	} entities[] = { { '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" }, { '"', "&quot;" },
		{ '\'', "&#39;" } };

	for (; *text; text++) {
		size_t i = 0;

		while (i < ARRAY_LEN(entities) && entities[i].byte != *text)
			i++;
		if (i < ARRAY_LEN(entities))
			buf_adds(out, entities[i].entity);
		else
			buf_addc(out, *text);
	}
}

static int width_of(const char *text)
{
	int letters = 0;

	for (; *text; text++)
		letters += ((unsigned char)*text & 0xc0) != 0x80;
	return letters * LETTER;
}

static void add_label(struct buf *out, int middle, int width, const char *text)
{
	buf_addf(out, "<text x=\"%d\" y=\"14\" textLength=\"%d\">", middle, width);
	add_text(out, text);
	buf_adds(out, "</text>");
}

static char *label_text(const char *label)
{
	CLEAN_STR char *clean = text_printable(label);

	return xstrndup(clean, utf8_cut(clean, BADGE_LABEL_MAX));
}

void badge_write(struct buf *out, const char *label, enum badge_state s)
{
	static const struct {
		const char *word, *color;
	} looks[] = {
		[BADGE_NO_RUNS] = { "no runs", "#6a6a6a" },
		[BADGE_PENDING] = { "pending", "#8a6100" },
		[BADGE_PASSING] = { "passing", "#2c7a1f" },
		[BADGE_FAILING] = { "failing", "#b3261e" },
	};
	CLEAN_STR char *name = label_text(label);
	const char *word = looks[s].word;
	int left = width_of(name) + PADDING, right = width_of(word) + PADDING;

	buf_addf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"20\" role=\"img\""
		" aria-label=\"",
		left + right);
	add_text(out, name);
	buf_addf(out, ": %s\"><title>", word);
	add_text(out, name);
	buf_addf(out,
		": %s</title><rect width=\"%d\" height=\"20\" fill=\"#3b3b3b\"/>"
		"<rect x=\"%d\" width=\"%d\" height=\"20\" fill=\"%s\"/>"
		"<g fill=\"#fff\" text-anchor=\"middle\" font-size=\"11\""
		" font-family=\"Verdana,DejaVu Sans,sans-serif\">",
		word, left, left, right, looks[s].color);
	add_label(out, left / 2, left - PADDING, name);
	add_label(out, left + right / 2, right - PADDING, word);
	buf_adds(out, "</g></svg>\n");
}
