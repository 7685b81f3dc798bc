/*
 * The masker: one streaming automaton over all secret values and their derived forms. It replaces
 * every byte covered by a match by nothing and each run of covered bytes by one "***".
 *
 * Guarantees: byte-at-a-time and one-shot feeding give identical output; the union of overlapping
 * matches is masked; the longest suffix that could still become a match is held back until more
 * bytes or mask_end; at the end, what is covered is masked, the rest is printed. Time is linear,
 * memory bounded by the values. Not thread-safe; runs in the job process.
 */
#ifndef RUNNER_MASK_H
#define RUNNER_MASK_H

#include "base/buf.h"
#include "base/err.h"

#define MASK_TEXT "***"
#define MASK_PIECE_MIN 4 /* derived pieces shorter than this are skipped (P16) */

struct mask;

struct mask *mask_new(void);
void mask_free(struct mask *m); /* wipes; NULL fine */
/* Adds a value and its forms: CRLF form, each line (trimmed, >= MASK_PIECE_MIN), base64 at three
 * alignments, URL, JSON and XML escaped. Values shorter than MASK_PIECE_MIN are masked as a whole
 * value only if they are the complete value; *ret_short (may be NULL) says that derived pieces were
 * skipped. Empty values are ignored. Larger than LIMIT_MASK_VALUE or too many: ERR_LIMIT. May be
 * called while streaming: takes effect for the bytes fed afterwards (and those held back). */
int mask_add(
	struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e) CHECK_RESULT;
/* Streams: output is handed to emit as it becomes certain. */
typedef void (*mask_emit_fn)(void *data, const char *p, size_t n);
void mask_feed(struct mask *m, const char *p, size_t n, mask_emit_fn emit, void *data);
void mask_end(struct mask *m, mask_emit_fn emit, void *data); /* flushes and resets the stream */
/* Bytes currently held back (0: everything fed has been decided). */
size_t mask_held(const struct mask *m);
uint64_t mask_count(const struct mask *m); /* replacements so far, for the metric */

#endif
