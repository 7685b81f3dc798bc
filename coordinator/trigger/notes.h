/*
 * What whoever pushed learns at once, in the output of `git push`: lines about runs that were
 * refused or wait, made beside the runs. Only news; a push whose runs all start has none. Bounded
 * in lines and bytes, and no line steers a terminal.
 */
#ifndef COORDINATOR_TRIGGER_NOTES_H
#define COORDINATOR_TRIGGER_NOTES_H

#include "base/util.h"

enum { PUSH_NOTES_MAX = 40, PUSH_NOTE_BYTES = 800 };

struct push_notes {
	struct strv lines;
	size_t left_out; /* lines beyond PUSH_NOTES_MAX */
};
/* One line; a longer one is cut. */
void push_note(struct push_notes *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
void push_notes_release(struct push_notes *n);

#endif
