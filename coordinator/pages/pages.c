/* The routes. Owners cannot be called static, so the files stand in nobody's way. */
#include "coordinator/pages/pages.h"

#include "coordinator/pages/asset.h"
#include "coordinator/pages/page.h"

#define RUN "/{owner}/{repo}/runs/{id}"
#define GET(pattern, fn)                                   \
	{                                                  \
		"GET", pattern, HTTPD_NO_BODY, 0, NULL, fn \
	}

const struct httpd_route page_routes[] = {
	GET("/", page_repos),
	GET("/runners", page_runners),
	GET(ASSET_ROUTE, asset_get),
	GET("/{owner}/{repo}", page_runs),
	GET(RUN, page_run),
	GET(RUN "/jobs/{job}", page_job),
	GET(RUN "/jobs/{job}/log", page_job_raw),
	GET(RUN "/jobs/{job}/steps/{step}/log", page_step_raw),
	GET(RUN "/artifacts/{artifact}", page_artifact),
};
const size_t page_routes_n = ARRAY_LEN(page_routes);

/* The API's callers parse what they get, below /api whatever they accept. */
static void lost_begin(struct httpd_request *r, void *app UNUSED)
{
	const char *accept = httpd_header(r, "Accept");
	struct err e = { 0 };

	if (!accept || !strstr(accept, "text/html") || str_starts(httpd_path(r), "/api/")) {
		httpd_error(r, 404, "there is nothing at this path");
		return;
	}
	err_set(&e, ERR_NOT_FOUND, "there is nothing at this path");
	page_fail(r, &e);
}

/* Answered before a body is read. */
const struct httpd_route page_lost = { "*", "*", HTTPD_NO_BODY, 0, lost_begin, NULL };
