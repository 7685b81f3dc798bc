/* The row that says how far a copy into a store is, and what may stand in one before it begins. */
#ifndef COORDINATOR_MOVE_BOOKMARK_H
#define COORDINATOR_MOVE_BOOKMARK_H

#include "coordinator/move/shape.h"

struct bookmark {
	char *source;   /* NULL: no copy is under way */
	char *at_table; /* "": none yet */
	int64_t rows;   /* of it */
};
void bookmark_release(struct bookmark *b);
int bookmark_get(struct store *s, struct bookmark *ret, struct err *e) CHECK_RESULT;

/* ERR_CONFLICT: the store has rows of its own. Else what the schema made goes, as it comes with the
 * rows, triggers rest and the row is there. */
int bookmark_begin(
	struct store *s, const struct shape *h, const char *source, struct err *e) CHECK_RESULT;
/* In the transaction of the page. */
int bookmark_set(struct store *s, const char *at_table, int64_t rows, struct err *e) CHECK_RESULT;
/* In the transaction of what else belongs to the end: triggers work, the row is gone. */
int bookmark_end(struct store *s, struct err *e) CHECK_RESULT;

#endif
