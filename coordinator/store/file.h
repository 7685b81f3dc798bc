/* The store as a file: copied as a whole while others go on writing, and checked. */
#ifndef COORDINATOR_STORE_FILE_H
#define COORDINATOR_STORE_FILE_H

#include "base/buf.h"
#include "coordinator/store/store.h"

/* path must not exist; it appears with 0600 and is one file, without a journal beside it. What it
 * holds is the store at one instant. */
int store_copy(struct store *s, const char *path, struct err *e) CHECK_RESULT;

/* Both read all of it. SQLite's quick_check: what it finds, a line each, at most 20; nothing when
 * it is sound. */
int store_quick_check(struct store *s, struct buf *out, struct err *e) CHECK_RESULT;
/* Rows that refer to rows which are not there: how many, and the first one's table into out. */
int store_foreign_keys(
	struct store *s, int64_t *ret_n, struct buf *out, struct err *e) CHECK_RESULT;

#endif
