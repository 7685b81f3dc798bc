/* Evidence of host hygiene: records that are only ever added. */
#ifndef COORDINATOR_STORE_HYGIENE_H
#define COORDINATOR_STORE_HYGIENE_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/page.h"
#include "coordinator/store/store.h"

struct hygiene_row {
	int64_t id, runner_id; /* runner_id 0: it is gone */
	char *runner;          /* its name, NULL likewise */
	char *key;             /* of the audit: one undertaking */
	char *host, *action;
	char *status;    /* planned, action_started, completed, failed */
	char *documents; /* JSON object */
	struct wall created_at;
};
struct hygiene_list {
	struct hygiene_row *v;
	size_t n;
};
void hygiene_list_release(struct hygiene_list *l);
/* 1 and *ret_id stored; 0 and *ret_id it was there already, the same idempotency key and bytes; -1,
 * ERR_CONFLICT: the idempotency key with other bytes, the audit key with another host or action, a
 * status of it reported twice, a second end. */
int store_hygiene_add(struct store *s, const struct hygiene_row *r, const char *idempotency_key,
	const unsigned char body_sha[SHA256_LEN], struct wall now, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
/* Which records; NULL: any. */
/* How many the runner added since then. */
int store_hygiene_recent(struct store *s, int64_t runner_id, struct wall since, int64_t *ret,
	struct err *e) CHECK_RESULT;
/* Deletes those from before then. */
int store_hygiene_prune(
	struct store *s, struct wall before, int64_t *ret_count, struct err *e) CHECK_RESULT;

struct hygiene_filter {
	const char *host, *action, *status;
};
/* Newest first. */
int store_hygiene_list(struct store *s, const struct hygiene_filter *f, const struct page *page,
	struct hygiene_list *ret, struct err *e) CHECK_RESULT;
int store_hygiene_count(
	struct store *s, const struct hygiene_filter *f, int64_t *ret, struct err *e) CHECK_RESULT;

#endif
