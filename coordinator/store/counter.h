/* Counters that outlive a restart. */
#ifndef COORDINATOR_STORE_COUNTER_H
#define COORDINATOR_STORE_COUNTER_H

#include "coordinator/store/store.h"

int store_counter_add(struct store *s, const char *name, int64_t n, struct err *e) CHECK_RESULT;
int store_counter_each(struct store *s, void (*fn)(void *data, const char *name, int64_t value),
	void *data, struct err *e) CHECK_RESULT;

#endif
