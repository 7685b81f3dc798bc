/*
 * Inspects this host: the engine (GET alone), file systems, the tree of the workspaces. Fails
 * closed: evidence that is needed and not to be had is an error, never a report with zeros. Each
 * call to the engine is kept for the record. Blocks on the loop; walks with two threads.
 */
#ifndef HYGIENE_HOST_COLLECT_H
#define HYGIENE_HOST_COLLECT_H

#include "engine/storage.h"
#include "hygiene/host/observation.h"
#include "hygiene/host/policy.h"

struct host_calls {
	struct storage_call *v;
	size_t n;
};
struct storage_call *host_calls_add(struct host_calls *c); /* the next one to fill */
void host_calls_write(const struct host_calls *c, struct json_writer *w);
void host_calls_release(struct host_calls *c);

struct host_context {
	struct loop *loop;
	struct engine *engine;
	const struct runner_config *config;
	const struct hygiene_policy *policy;
};
int host_collect(const struct host_context *h, struct host_observation *ret,
	struct host_calls *calls, struct err *e) CHECK_RESULT;

#endif
