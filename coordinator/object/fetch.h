/*
 * Objects of a bucket are brought here before a handler reads them: the request waits meanwhile,
 * and nothing else does. On the application's thread.
 *
 *   if (fetch_first(r, app, &keys, handler))
 *           return; // called again when they are here
 *
 * The second time it is not held again: what could not be fetched, object_open says then.
 */
#ifndef COORDINATOR_OBJECT_FETCH_H
#define COORDINATOR_OBJECT_FETCH_H

#include "coordinator/app/app.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/step.h"

/* keys: emptied. The handler must not have called httpd_on_close yet. */
bool fetch_first(struct httpd_request *r, struct app *a, struct strv *keys, httpd_fn again);
/* The archived logs of these steps. */
bool fetch_logs_first(struct httpd_request *r, struct app *a, int64_t run_id,
	const struct job_steps *steps, httpd_fn again);

#endif
