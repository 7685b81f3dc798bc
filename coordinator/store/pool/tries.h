/*
 * Failed tries of the last minute, by whom they count for, of all serves on this store. Who it is
 * stands there as a keyed hash. A row is a minute from the first failure on.
 */
#ifndef COORDINATOR_STORE_POOL_TRIES_H
#define COORDINATOR_STORE_POOL_TRIES_H

#include "coordinator/store/store.h"

#define TRIES_WINDOW_US (60 * USEC_PER_SEC)
enum { TRIES_HASH_LEN = 16 };

/* Failures matter where several serves are: with a store of one serve its own counts are enough. */
bool store_tries_shared(const struct store *s);
/* One more; *ret: how many there are with it. */
int store_tries_add(struct store *s, const unsigned char who[TRIES_HASH_LEN], struct wall now,
	int64_t *ret, struct err *e) CHECK_RESULT;
int store_tries_of(struct store *s, const unsigned char who[TRIES_HASH_LEN], struct wall now,
	int64_t *ret, struct err *e) CHECK_RESULT;
/* Drops what is over, and of the rest all but `most`, those with the fewest failures first. Changes
 * nothing where nothing is to be dropped. */
int store_tries_prune(struct store *s, struct wall now, int64_t most, struct err *e) CHECK_RESULT;

#endif
