/* What is good once, whichever serve is shown it: kept by its SHA-256 until nobody would take it
 * any more. */
#ifndef COORDINATOR_STORE_POOL_SPENT_H
#define COORDINATOR_STORE_POOL_SPENT_H

#include "base/codec.h"
#include "coordinator/store/store.h"

/* 1, or 0: it was spent before. */
int store_spend(struct store *s, const unsigned char what[SHA256_LEN], struct wall until,
	struct err *e) CHECK_RESULT;
/* Forgets what was kept until before now; changes nothing where there is nothing. */
int store_spent_prune(struct store *s, struct wall now, struct err *e) CHECK_RESULT;

#endif
