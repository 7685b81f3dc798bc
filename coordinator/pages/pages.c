/* The routes. Owners cannot be called static, so the files stand in nobody's way. */
#include "coordinator/pages/pages.h"

#include "coordinator/pages/asset.h"
#include "coordinator/pages/form.h"
#include "coordinator/pages/page.h"

#define RUN "/{owner}/{repo}/runs/{id}"
#define GET(pattern, fn)                                   \
	{                                                  \
		"GET", pattern, HTTPD_NO_BODY, 0, NULL, fn \
	}

#define POST(pattern, fn)                                                      \
	{                                                                      \
		"POST", pattern, HTTPD_BUFFERED, FORM_MAX, page_user_begin, fn \
	}

const struct httpd_route page_routes[] = {
	GET("/", page_repos),
	GET(ASSET_ROUTE, asset_get),
	GET("/login", page_login),
	{ "POST", "/login", HTTPD_BUFFERED, FORM_MAX, page_login_begin, page_login_sent },
	GET("/login/oidc", page_oidc_begin),
	GET("/login/oidc/callback", page_oidc_callback),
	POST("/logout", page_logout),
	GET("/sessions", page_sessions),
	POST("/sessions/{id}/end", page_session_end),
	GET("/{owner}/{repo}", page_runs),
	GET(RUN, page_run),
	GET(RUN "/jobs/{job}/log", page_job_raw),
	GET(RUN "/jobs/{job}/steps/{step}/log", page_step_raw),
	GET(RUN "/artifacts/{artifact}", page_artifact),
	POST(RUN "/rerun", page_rerun),
	POST(RUN "/rerun-failed-jobs", page_rerun_failed),
	POST(RUN "/rerun-job", page_rerun_job),
	POST(RUN "/cancel", page_cancel),
	POST(RUN "/approve", page_approve),
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
