/*
 * What an S3 store answers: small XML documents without attributes that matter, and errors. Pure;
 * the bytes are not ours, so nothing in them is trusted but what is looked for.
 */
#ifndef COORDINATOR_OBJECT_S3_ANSWER_H
#define COORDINATOR_OBJECT_S3_ANSWER_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "coordinator/object/bucket.h"

/* The content of the first <name> in text, NULL pointer: there is none. No name stands in one of
 * its own. */
struct slice xml_element(struct slice text, const char *name);
/* What is behind the end of an element. */
struct slice xml_after(struct slice text, struct slice element);
/* An element's text without its entities; false: it does not fit into out, or is none. */
bool xml_text(struct slice element, struct buf *out);
/* The text of the first <name>, or NULL; at most 1 KiB. */
char *xml_string(struct slice text, const char *name) CHECK_RESULT;
bool xml_int(struct slice text, const char *name, int64_t *ret) CHECK_RESULT;

/* An answer that is no success. */
struct s3_refusal {
	long status;
	struct slice body;         /* empty after a HEAD */
	const char *date, *region; /* headers Date, x-amz-bucket-region; NULL: none */
	const char *method;
	struct wall now;
};
/* One line with the remedy, and the class: ERR_NOT_FOUND for an object alone, else ERR_TIMEOUT for
 * what may pass, ERR_IO for what will not. Returns -1. */
int s3_refusal_error(const struct s3_refusal *r, const struct bucket *p, struct err *e);

#endif
