/* The routes. */
#include "coordinator/pages/log/log.h"

#include "coordinator/pages/log/feed.h"

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

void logs_stop(struct app *a)
{
	log_feeds_free(a);
	log_indexes_free(a);
}
