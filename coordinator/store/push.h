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
	int64_t instance; /* lease.h: the serve that makes its runs; 0: none */
	bool adopted;     /* from one that is gone */
	char *pusher;     /* NULL: unknown */
	char *commands;   /* packets up to the flush, as sent */
	size_t commands_len;
	struct push_progress at;
};
struct push_rows {
	struct push_row *v;
	size_t n;
};
void push_row_release(struct push_row *p);
void push_rows_release(struct push_rows *l);
/* p->id and p->instance are set: it is this serve's. */
int store_push_add(
	struct store *s, struct push_row *p, struct wall now, struct err *e) CHECK_RESULT;
/* Of one that is not p->instance's any more these change nothing. Its runs are all made: */
int store_push_done(
	struct store *s, const struct push_row *p, struct wall now, struct err *e) CHECK_RESULT;
/* ... so far; ERR_CANCELLED: another serve makes them now. */
int store_push_progress(struct store *s, const struct push_row *p, const struct push_progress *at,
	struct err *e) CHECK_RESULT;
int store_push_tried(struct store *s, const struct push_row *p,
	struct err *e) CHECK_RESULT; /* failed once more */
int store_push_list(struct store *s, struct push_rows *ret, struct err *e) CHECK_RESULT;

/* Those of serves that are gone, and taking one of them over: 1, 0 another did, -1. One that was
 * taken over stays when it is done, as the serve that seemed to be gone may only have been stopped
 * in the middle of the push. */
int store_push_left(struct store *s, struct push_rows *ret, struct err *e) CHECK_RESULT;
int store_push_adopt(struct store *s, struct push_row *p, struct err *e) CHECK_RESULT;
/* git has moved the refs: it is this serve's, from where it stands, whoever took it over meanwhile.
 * 0: its runs were all made, -1. One that was done without a run was done before the refs moved. */
int store_push_keep(struct store *s, struct push_row *p, struct err *e) CHECK_RESULT;
int store_push_prune(struct store *s, struct wall before, struct err *e) CHECK_RESULT;

#endif
