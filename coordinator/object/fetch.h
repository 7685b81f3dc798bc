/*
 * Objects of a bucket are brought here before a handler reads them: the request waits meanwhile,
 * and nothing else does. On the application's thread.
 *
 *   fetch_add(&wanted, app, key, size);
 *   if (fetch_first(r, app, &wanted, handler))
 *           return; // called again when they are here
 *
 * The second time it is not held again: what could not be fetched, object_open says then. Threads
 * of its own fetch (app->fetcher): readers do not wait for uploads. They stop when the client goes
 * away.
 */
#ifndef COORDINATOR_OBJECT_FETCH_H
#define COORDINATOR_OBJECT_FETCH_H

#include "coordinator/app/app.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/step.h"

enum { FETCH_THREADS = 4 };
struct fetch_list {
	struct fetch_wanted {
		char *key;
		int64_t size; /* as its row says */
	} * v;
	size_t n;
};
/* Unless it is here. */
void fetch_add(struct fetch_list *l, const struct app *a, const char *key, int64_t size);
/* wanted: emptied. The handler must not have called httpd_on_close yet. */
bool fetch_first(struct httpd_request *r, struct app *a, struct fetch_list *wanted, httpd_fn again);
/* The archived logs of these steps. */
bool fetch_logs_first(struct httpd_request *r, struct app *a, int64_t run_id,
	const struct job_steps *steps, httpd_fn again);

#endif
