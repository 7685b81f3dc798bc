#include "coordinator/api.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/body.h"
#include "coordinator/object.h"

static void api_metrics(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_BUF struct buf page = BUF_INIT(MIB(4));
	struct err e = { 0 };
	if (metrics_page(&a->metrics, a->store, &page, &e))
		httpd_reply_err(r, &e);
	else
		httpd_reply(r, 200, "text/plain; version=0.0.4", buf_cstr(&page), page.len);
}

/* Healthy means that the store answers. */
static void api_healthz(struct httpd_request *r, void *app)
{
	struct app *a = app;
	if (store_schema_version(a->store) < 1)
		httpd_reply(r, 503, "text/plain", "store does not answer\n", 22);
	else
		httpd_reply(r, 200, "text/plain", "ok\n", 3);
}

#define API "/api/v1"
const struct httpd_route api_routes[] = {
	{ "POST", API "/runners/heartbeat", HTTPD_BUFFERED, KIB(64), NULL, api_heartbeat },
	{ "POST", API "/runners/heartbeat/release", HTTPD_BUFFERED, KIB(4), NULL,
		api_heartbeat_release },
	{ "GET", API "/runners/self", HTTPD_NO_BODY, 0, NULL, api_runner_self },
	{ "POST", API "/runners/evidence", HTTPD_BUFFERED, LIMIT_API_BODY, NULL,
		api_runner_evidence },
	{ "POST", API "/jobs/{id}/status", HTTPD_BUFFERED, KIB(64), NULL, api_job_status },
	{ "POST", API "/jobs/{id}/steps/{step}/status", HTTPD_BUFFERED, KIB(64), NULL,
		api_step_status },
	{ "POST", API "/jobs/{id}/logs", HTTPD_BUFFERED, LIMIT_API_BODY, NULL, api_job_logs },
	{ "POST", API "/jobs/{id}/outputs", HTTPD_BUFFERED, OUTPUTS_MAX, NULL, api_job_outputs },
	{ "POST", API "/jobs/{id}/cancel-check", HTTPD_BUFFERED, KIB(64), NULL, api_cancel_check },
	{ "POST", API "/jobs/{id}/artifacts/upload", HTTPD_BUFFERED, KIB(64), NULL,
		api_artifact_upload },
	{ "POST", API "/jobs/{id}/artifacts/list", HTTPD_BUFFERED, KIB(64), NULL,
		api_artifact_list },
	{ "PUT", OBJECT_ROUTE, HTTPD_STREAMED, 0, object_put_begin, object_put },
	{ "GET", OBJECT_ROUTE, HTTPD_NO_BODY, 0, NULL, object_get },
	{ "POST", API "/jobs/{id}/cancel", HTTPD_NO_BODY, 0, NULL, api_job_cancel },
	{ "POST", API "/runs/{id}/rerun", HTTPD_NO_BODY, 0, NULL, api_run_rerun },
	{ "GET", API "/runs/{id}", HTTPD_NO_BODY, 0, NULL, api_run_get },
	{ "GET", API "/jobs/{id}/log", HTTPD_NO_BODY, 0, NULL, api_job_log },
	{ "GET", API "/jobs/{id}/steps/{step}/log", HTTPD_NO_BODY, 0, NULL, api_step_log },
	{ "GET", "/metrics", HTTPD_NO_BODY, 0, NULL, api_metrics },
	{ "GET", "/healthz", HTTPD_NO_BODY, 0, NULL, api_healthz },
};
const size_t api_routes_n = ARRAY_LEN(api_routes);
