/*
 * Time in two types that do not mix: struct mono for deadlines and durations, struct wall for what
 * people and the wire see. Both hold microseconds. The loop samples mono once a tick (loop_now).
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"

struct mono {
	int64_t us; /* since an arbitrary start (CLOCK_BOOTTIME) */
};
struct wall {
	int64_t us; /* since 1970-01-01T00:00:00Z */
};

#define USEC_PER_SEC INT64_C(1000000)
#define USEC_PER_MSEC INT64_C(1000)
#define MONO_NEVER ((struct mono){ INT64_MAX })

struct mono mono_now(void);
struct wall wall_now(void);
static inline struct mono mono_add(struct mono t, int64_t us)
{
	return (struct mono){ t.us > INT64_MAX - us ? INT64_MAX : t.us + us };
}
static inline int64_t mono_diff(struct mono later, struct mono earlier)
{
	return later.us - earlier.us;
}

enum { WALL_TEXT_MAX = 32 };
/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.123Z. Returns out. */
const char *wall_format(struct wall t, char out[WALL_TEXT_MAX]);
/* RFC 3339 with Z or offset, optional fraction. */
int wall_parse(const char *text, struct wall *ret, struct err *e) CHECK_RESULT;

/* "5s", "500ms", "1h30m", "24h", "7d"; 0 as "0" or "0s". Units ms s m h d. Microseconds. */
int duration_parse(const char *text, int64_t *ret_us, struct err *e) CHECK_RESULT;
enum { DURATION_TEXT_MAX = 32 };
const char *duration_format(int64_t us, char out[DURATION_TEXT_MAX]); /* parses back to the same */

/* "512k", "2g", "64m", "100" (bytes), powers of 1024, optional trailing b. */
int size_parse(const char *text, uint64_t *ret_bytes, struct err *e) CHECK_RESULT;
enum { SIZE_TEXT_MAX = 24 };
const char *size_format(uint64_t bytes, char out[SIZE_TEXT_MAX]); /* parses back to the same */

#endif
