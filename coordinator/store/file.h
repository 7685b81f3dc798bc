/* The store as a file: copied as a whole while others go on writing, checked, and used again after
 * a restore. */
#ifndef COORDINATOR_STORE_FILE_H
#define COORDINATOR_STORE_FILE_H

#include "base/buf.h"
#include "base/clock.h"
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

/* ---- after a restore ---- */

/* Rows of one table that a coordinator makes in a second, on average, and at once. */
enum { RESTORED_ROWS_SECOND = 1000, RESTORED_ROWS_BURST = 1000000 };
/* Since the backup ids were handed out, which runners, tokens, links and people remember: every
 * table goes on with ids above them, *ret_skipped higher than those of the backup. These are so
 * many as may have been made since then (RESTORED_…), so two restores of one backup differ, too.
 * Tokens of jobs that wait are void, as the jobs may have been claimed since. */
int store_restored(struct store *s, struct wall backup_at, struct wall now, int64_t *ret_skipped,
	struct err *e) CHECK_RESULT;

#endif
