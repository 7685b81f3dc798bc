/*
 * What people and tools say to a running supervisor: one line of JSON, one line back.
 *
 *   {"verb":"status"}                                 {"ok":true,"status":{…}}
 *   {"verb":"drain","cancel":false,"wait":true}       {"ok":true}
 *   {"verb":"undrain"}                                {"ok":false,"error":"…"}
 *
 * Pure; strict: unknown keys and keys that the verb has no use for are errors.
 */
#ifndef RUNNER_CONTROL_MESSAGE_H
#define RUNNER_CONTROL_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"

enum { CONTROL_REQUEST_MAX = 4 << 10, CONTROL_ANSWER_MAX = 256 << 10 };

enum control_verb { CONTROL_STATUS, CONTROL_DRAIN, CONTROL_UNDRAIN, CONTROL_VERBS };
struct control_request {
	enum control_verb verb;
	bool cancel; /* drain: cancel running jobs too */
	bool wait;   /* drain: answer when no job is running */
};

int control_parse(
	const char *line, size_t n, struct control_request *ret, struct err *e) CHECK_RESULT;
void control_format(const struct control_request *r, struct buf *out); /* with its line end */

#endif
