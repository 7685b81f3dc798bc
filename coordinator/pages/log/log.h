/*
 * A job's page and what its script asks for (docs/PAGES.md). Beside the pages' other routes.
 *
 *   /{owner}/{repo}/runs/{id}/jobs/{job}   the job: steps and their logs
 *   …/find?q=                              where a text stands
 *   …/steps/{step}/index, …/lines          of one log
 *   …/events                               what happens, as it does (stream.h)
 */
#ifndef COORDINATOR_PAGES_LOG_LOG_H
#define COORDINATOR_PAGES_LOG_LOG_H

#include "coordinator/app/app.h"

extern const struct httpd_route log_routes[];
extern const size_t log_routes_n;

/* What was kept of logs that were read; after httpd_free. */
void logs_stop(struct app *a);

/* In a bucket: the job's archived logs are brought here first (object/fetch.h). */
bool log_fetch_first(struct httpd_request *r, struct app *a, httpd_fn again);

void page_job(struct httpd_request *r, void *app);
void page_log_lines(struct httpd_request *r, void *app);
void page_log_index(struct httpd_request *r, void *app);
void page_log_find(struct httpd_request *r, void *app);
void page_log_events(struct httpd_request *r, void *app);

#endif
