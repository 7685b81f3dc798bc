/*
 * The masker: one streaming automaton over all secret values and their derived forms. A byte is
 * covered when any occurrence of any form contains it; each maximal run of covered bytes becomes
 * one
 * "***", everything else passes unchanged. Matches that overlap or touch are one run: with the
 * secret "ab", "abab" becomes "***", however it was cut into chunks (and nobody can count what was
 * hidden).
 *
 * Guarantees: the output depends on the bytes only, never on how they were cut into mask_feed
 * calls; the longest suffix that could still become a match is held back until more bytes or
 * mask_end; at the end, what is covered is masked, the rest is printed. Time is linear in the
 * bytes, memory is bounded by the values (MASK_FORMS_BYTES). Not thread-safe; runs in the job
 * process.
 *
 * Order: mask_new, mask_add…, mask_feed… mask_end for each stream, mask_free.
 */
#ifndef RUNNER_MASK_H
#define RUNNER_MASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define MASK_TEXT "***"
#define MASK_PIECE_MIN 4 /* derived pieces shorter than this are skipped (P16) */
#define MASK_VALUES_MAX 4096
#define MASK_FORMS_BYTES MIB(8) /* all forms of all values together */

struct mask;

struct mask *mask_new(void);
void mask_free(struct mask *m); /* wipes; NULL fine */
static inline void mask_freep(struct mask **m)
{
	mask_free(*m);
	*m = NULL;
}
#define CLEAN_MASK CLEANUP(mask_freep)
/* Adds a value and its forms: with LF as CRLF and the reverse, each line (trimmed), base64 at three
 * alignments in both alphabets, URL, JSON, XML and shell escaped (mask_forms.h). Derived pieces
 * shorter than MASK_PIECE_MIN are skipped, and a value shorter than that has no derived forms;
 * *ret_short (may be NULL) says that this happened. The whole value is always masked, except an
 * empty one and one of nothing but blanks and line ends, which are ignored.
 * Larger than LIMIT_MASK_VALUE or too many: ERR_LIMIT. May be called while streaming: takes effect
 * for the bytes fed afterwards (and those held back). */
int mask_add(
	struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e) CHECK_RESULT;
/* Streams: output is handed to emit as it becomes certain. */
typedef void (*mask_emit_fn)(void *data, const char *p, size_t n);
void mask_feed(struct mask *m, const char *p, size_t n, mask_emit_fn emit, void *data);
void mask_end(struct mask *m, mask_emit_fn emit, void *data); /* flushes and resets the stream */
/* Bytes currently held back (0: everything fed has been decided). */
size_t mask_held(const struct mask *m);
uint64_t mask_count(const struct mask *m); /* replacements so far, for the metric */
/* Bytes for the automaton's dense rows (default MASK_DENSE_BYTES); takes effect at the next
 * mask_add. Tests use 0 to drive the sparse rows. */
void mask_set_dense(struct mask *m, size_t bytes);
#define MASK_DENSE_BYTES KIB(512)

#endif
