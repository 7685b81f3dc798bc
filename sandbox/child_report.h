/*
 * What every confined child tells its job in frames (base/message/frame.h): lines for the step's
 * log, and the outcome that each result message begins with. The messages' other members are the
 * child's own (checkout/message.h, artifact/message.h).
 */
#ifndef SANDBOX_CHILD_REPORT_H
#define SANDBOX_CHILD_REPORT_H

#include "base/json.h"

/* Lines may hold any bytes: control characters and invalid UTF-8 become '?'. */
int child_line_encode(const char *line, struct buf *out, struct err *e) CHECK_RESULT;
/* The text of a line message, borrowed from the document; NULL: another message. */
const char *child_line_text(const struct json_value *message);

/* Best effort: without a reader the child ends anyway. */
void child_send_line(int fd, const char *line);
void child_send_text(int fd, struct slice message);

/* The members of a result that say how it ended. */
struct child_outcome {
	bool ok;
	char *text;
	int64_t class, errnum;
};
void child_outcome_write(struct json_writer *w, bool ok, const struct err *cause);
/* Rows for the table of a struct that holds a child_outcome as `member`. */
#define CHILD_OUTCOME_ROW(key, kind, type, member, max)                        \
	{                                                                      \
		key, kind, offsetof(type, member), JSON_REQUIRED, 0, max, NULL \
	}
#define CHILD_OUTCOME_ROWS(type, member)                                                   \
	CHILD_OUTCOME_ROW("ok", JSON_TO_BOOL, type, member.ok, 0),                         \
		CHILD_OUTCOME_ROW("class", JSON_TO_INT, type, member.class, ERR_INTERNAL), \
		CHILD_OUTCOME_ROW("errnum", JSON_TO_INT, type, member.errnum, 4096),       \
		CHILD_OUTCOME_ROW("error", JSON_TO_STRING, type, member.text, ERR_TEXT_MAX * 3)
/* The error of a child that failed; ERR_NONE after success. Frees the text. */
void child_outcome_take(struct child_outcome *o, struct err *ret);

#endif
