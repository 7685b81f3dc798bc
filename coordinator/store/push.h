/* Pushes under way: whose refs may have moved and whose runs are not made yet
 * (trigger/push_journal.h). */
#ifndef COORDINATOR_STORE_PUSH_H
#define COORDINATOR_STORE_PUSH_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

/* How far the runs are made. A run and what is kept of the progress behind it are one transaction.
 */
struct push_progress {
	int64_t ref, file;  /* positions of the next one: in the push, in the ref's commit */
	int64_t runs, jobs; /* made so far */
};
struct push_row {
	int64_t id, repo_id, attempts;
	char *pusher;   /* NULL: unknown */
	char *commands; /* packets up to the flush, as sent */
	size_t commands_len;
	struct push_progress at;
};
struct push_rows {
	struct push_row *v;
	size_t n;
};
void push_rows_release(struct push_rows *l);
int store_push_add(struct store *s, const struct push_row *p, struct wall now, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
int store_push_done(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
int store_push_progress(
	struct store *s, int64_t id, const struct push_progress *at, struct err *e) CHECK_RESULT;
int store_push_tried(
	struct store *s, int64_t id, struct err *e) CHECK_RESULT; /* failed once more */
int store_push_list(struct store *s, struct push_rows *ret, struct err *e) CHECK_RESULT;

#endif
