/*
 * The masker: all secret values in all spellings, in a stream. A byte is covered when any
 * occurrence of any form (base/mask/forms.h) contains it, however its characters are spelled
 * (base/mask/token.h, base/mask/lane.h); each maximal run of covered bytes becomes one "***",
 * everything else passes unchanged. Matches that overlap or touch are one run: with the secret
 * "ab", "abab" becomes
 * "***", however it was cut into chunks (and nobody can count what was hidden).
 *
 * Guarantees: the output depends on the bytes only, never on how they were cut into mask_feed
 * calls; the longest suffix that could still become a match is held back until more bytes or
 * mask_end; at the end, what is covered is masked, the rest is printed. Time is linear in the
 * bytes but for a logarithm, whatever they are, and memory is bounded by the values (about 50 times
 * MASK_FORMS_BYTES and MASK_STEP_BYTES) and 32 MiB. Values and text can be made so that there are
 * too many readings to follow; then it hides everything that any of them could become (mask_lost).
 * Not thread-safe; runs in the job process and in the coordinator.
 *
 * Order: mask_new, mask_add…, mask_feed… mask_end for each stream, mask_free.
 */
#ifndef BASE_MASK_MASK_H
#define BASE_MASK_MASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define MASK_TEXT "***"
#define MASK_PIECE_MIN 4 /* derived pieces shorter than this are skipped (P16) */
#define MASK_VALUES_MAX 4096
#define MASK_FORMS_BYTES MIB(4) /* all forms of the values that a job starts with */
#define MASK_STEP_BYTES MIB(1)  /* and of those that its steps add */

struct mask;

struct mask *mask_new(void);
void mask_free(struct mask *m); /* wipes; NULL fine */
static inline void mask_freep(struct mask **m)
{
	mask_free(*m);
	*m = NULL;
}
#define CLEAN_MASK CLEANUP(mask_freep)
/* Hex digits of values that are added from now on stay visible. For local runs only, whose reader
 * owns the secrets: hex is how one looks at what bytes a step really got. */
void mask_show_hex(struct mask *m);
/* Adds a value and its other forms: lines, without quotes, base64, hex (base/mask/forms.h). Derived
 * pieces shorter than MASK_PIECE_MIN are skipped, and a value shorter than that is looked for as it
 * is, in no other spelling; *ret_short (may be NULL) says that this happened. The whole value,
 * without the line ends around it, is always masked, except one of nothing but blanks and line
 * ends, which is ignored. Larger than LIMIT_MASK_VALUE or too many: ERR_LIMIT; when only the forms
 * find no room, the value itself is masked nevertheless. May be called while streaming: takes
 * effect for the bytes fed afterwards (and those held back). */
int mask_add(
	struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e) CHECK_RESULT;
/* The two halves of mask_add: whoever has many values adds each of them before the forms of any. */
int mask_add_value(struct mask *m, const char *value, size_t n, struct err *e) CHECK_RESULT;
int mask_add_derived(
	struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e) CHECK_RESULT;
/* From now on values come from steps: they have MASK_STEP_BYTES, whatever came before. */
void mask_begin_steps(struct mask *m);
/* Streams: output is handed to emit as it becomes certain. */
typedef void (*mask_emit_fn)(void *data, const char *p, size_t n);
void mask_feed(struct mask *m, const char *p, size_t n, mask_emit_fn emit, void *data);
void mask_end(struct mask *m, mask_emit_fn emit, void *data); /* flushes and resets the stream */
/* A stream that goes on in another process, or after others went through this masker: appends what
 * has to be known of it (the undecided bytes, and a few before them: as secret as the values) … */
void mask_save(const struct mask *m, struct buf *out);
/* … and takes it up again, with the same values; what m was in before is forgotten. ERR_INPUT, and
 * nothing changed, when mask_save did not write this. */
int mask_restore(struct mask *m, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* How much may be held back (default 8 MiB); what is not decided by then is hidden. */
void mask_set_hold(struct mask *m, size_t bytes);
/* Bytes currently held back (0: everything fed has been decided). */
size_t mask_held(const struct mask *m);
uint64_t mask_lost(const struct mask *m);  /* how often it hid what it could not follow */
uint64_t mask_count(const struct mask *m); /* replacements so far, for the metric */
/* Bytes for the automaton's dense rows (default MASK_DENSE_BYTES); takes effect at the next
 * mask_add. Tests use 0 to drive the sparse rows. */
void mask_set_dense(struct mask *m, size_t bytes);
#define MASK_DENSE_BYTES KIB(512)
/* Without the wide registers of this processor, as on one that has none; before the first byte. */
void mask_set_narrow(struct mask *m);

#endif
