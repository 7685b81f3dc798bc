/*
 * This serve among those of one store: its row and lease (instance/lease.h), whether it leads, and
 * what the others say. A serve whose lease ran out although it lives (it was stopped, or its
 * database was away) becomes a new instance, and the application hears of that.
 */
#ifndef COORDINATOR_INSTANCE_INSTANCE_H
#define COORDINATOR_INSTANCE_INSTANCE_H

#include "base/loop.h"
#include "coordinator/store/store.h"

struct instance;
struct instance_config {
	struct store *store; /* of the loop's thread; the caller's, until instance_stop */
	struct loop *loop;
	const char *place; /* where the store is (coordinator/sql/place.h); copied */
	const char *version;
	int64_t lease_us;
	/* On the loop. A word of another serve; NULL: some may have been missed. */
	void (*heard)(void *data, const char *word);
	void (*anew)(void *data); /* it is a new instance */
	void *data;
};

/* Registers this serve; its lease is renewed from now on, when the loop runs. */
struct instance *instance_start(const struct instance_config *c, struct err *e) CHECK_RESULT;
/* Gives everything back at once: another one need not wait for the lease. NULL fine. */
void instance_stop(struct instance *i);

/* For any thread. NULL, as where there is no serve: 0, and it leads. */
int64_t instance_id(const struct instance *i);
bool instance_leads(const struct instance *i);
bool instance_is_alone(
	const struct instance *i); /* its store is a file, which nobody else serves */

#endif
