/*
 * When the bytes of an archived log came. The chunks of a young log have their times; when they
 * become one object, their lengths and times are packed beside its row, so that the object stays
 * the bytes of the log and nothing else.
 *
 * Packed: for each piece its length and the milliseconds since the piece before (the first: since
 * 1970), as numbers of 7 bits a byte, least first; the second zigzag, as clocks go back. At most
 * LOG_TIMES_MAX bytes: pieces that came close together become one then, with the time of the last.
 */
#ifndef COORDINATOR_OBJECT_LOG_TIMES_H
#define COORDINATOR_OBJECT_LOG_TIMES_H

#include "base/buf.h"
#include "base/clock.h"

enum { LOG_TIMES_MAX = 32 << 10 };

struct log_times_piece {
	int64_t bytes, ms;
};
struct log_times_maker {
	struct log_times_piece *v;
	size_t n;
	int64_t grain_ms; /* pieces that came within this are one */
};
void log_times_add(struct log_times_maker *m, int64_t bytes, struct wall at);
/* Appended to out, which holds LOG_TIMES_MAX bytes. */
void log_times_pack(struct log_times_maker *m, struct buf *out);
void log_times_maker_release(struct log_times_maker *m);

/* Reading: packed is set by the caller; the rest starts zeroed. */
struct log_times {
	struct buf packed;
	size_t at;           /* of packed: the next piece */
	int64_t from, until; /* bytes of the log that the current piece is */
	int64_t ms;
};
/* When that byte came, us 0 when it is not known, and up to where that holds (INT64_MAX: to the
 * end). What is no packed text says nothing. */
struct wall log_times_of(struct log_times *t, int64_t byte, int64_t *ret_until);

#endif
