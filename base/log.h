/*
 * The log sink: the one mutable global besides main's. One line per event on stderr:
 *   text: 2026-01-31T12:00:00.123Z info supervisor job_claimed job=42 run=7
 *   json: {"ts":…,"level":…,"component":…,"event":…,"job":42,…}
 * `event` is a constant string. Control characters are escaped; values registered as secrets are
 * replaced by *** at the sink. Only verbs and loop callbacks log (base/err.h).
 * SHITHUB_TRACE=topic,topic[:file] turns on trace lines (topics: http engine loop gate checkout job
 * session store; `all`).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_field {
	const char *key;
	enum { LOG_FIELD_STR, LOG_FIELD_INT } type;
	const char *str;
	int64_t num;
};
#define F_STR(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = (v) })
#define F_INT(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_INT, .num = (v) })
#define F_ERR(e) F_STR("error", (e)->text)

void log_setup(enum log_level least, enum log_format format, int fd);
/* Put on every following line of this process, e.g. ("job", "42"). Copies; NULL value removes. */
void log_context(const char *key, const char *value);
/* Values of at least 8 bytes that must never appear in a line (tokens). Copies. */
void log_redact(const char *secret);
void log_event(enum log_level level, const char *component, const char *event,
	const struct log_field *fields, size_t n);
#define LOG_LINE(level, component, event, ...)                                               \
	log_event(level, component, event, (struct log_field[]){ { 0 }, ##__VA_ARGS__ } + 1, \
		ARRAY_LEN(((struct log_field[]){ { 0 }, ##__VA_ARGS__ })) - 1)
#define log_debug(...) LOG_LINE(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_LINE(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_LINE(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_LINE(LOG_ERROR, __VA_ARGS__)

/* For lines that anybody outside can cause: how many of a kind there were in this minute. */
enum { LOG_LIMIT = 60 };
struct log_limit {
	struct mono since;
	unsigned said;
	int64_t left_out;
};
/* False: leave this one out. *ret_left_out: how many were, since the last one that was not. */
bool log_limit_pass(struct log_limit *l, struct mono now, int64_t *ret_left_out);

/* Cheap when off. */
bool trace_on(const char *topic);
void trace(const char *topic, const char *fmt, ...) PRINTF_LIKE(2, 3);

int log_format_parse(const char *s, enum log_format *ret) CHECK_RESULT; /* text json */

#endif
