/* The routes. */
#include "coordinator/pages/log/log.h"

#include "coordinator/object/fetch.h"
#include "coordinator/pages/log/feed.h"
#include "coordinator/pages/page.h"

#define JOB "/{owner}/{repo}/runs/{id}/jobs/{job}"
#define GET(pattern, fn)                                   \
	{                                                  \
		"GET", pattern, HTTPD_NO_BODY, 0, NULL, fn \
	}

const struct httpd_route log_routes[] = {
	GET(JOB, page_job),
	GET(JOB "/find", page_log_find),
	GET(JOB "/events", page_log_events),
	GET(JOB "/steps/{step}/index", page_log_index),
	GET(JOB "/steps/{step}/lines", page_log_lines),
};
const size_t log_routes_n = ARRAY_LEN(log_routes);

bool log_fetch_first(struct httpd_request *r, struct app *a, httpd_fn again)
{
	CLEAN_PLACE struct place at = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	/* what is wrong the handler finds and says itself */
	return objects_far(a->objects) && place_of(a, r, PLACE_JOB, &at, NULL) == 0 &&
	       store_step_list(a->store, at.job.source_id, &steps, NULL) == 0 &&
	       fetch_logs_first(r, a, at.job.source_run_id, &steps, again);
}

void logs_stop(struct app *a)
{
	log_feeds_free(a);
	log_indexes_free(a);
}
