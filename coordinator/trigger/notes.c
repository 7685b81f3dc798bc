/*
 * The words of a workflow file reach a terminal here, so every line goes through text_printable,
 * whoever wrote it.
 */
#include "coordinator/trigger/notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/utf8.h"

void push_note(struct push_notes *n, const char *fmt, ...)
{
	char line[PUSH_NOTE_BYTES + 1];
	va_list ap;

	if (n->lines.n == PUSH_NOTES_MAX) {
		n->left_out++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	line[utf8_whole_prefix(line, strlen(line))] = '\0';
	strv_add_take(&n->lines, text_printable(line));
}

void push_notes_release(struct push_notes *n)
{
	strv_release(&n->lines);
	n->left_out = 0;
}
