/*
 * The route table, and the two pages for those who watch. A path that is missing here is answered
 * 404 by the server, a method 405, so handlers never check either.
 */
#include "coordinator/api/api.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api/body.h"
#include "coordinator/instance/instance.h"
#include "coordinator/app/turn.h"
#include "coordinator/object/object.h"

static int metrics_may(const struct app *a, struct httpd_request *r, struct err *e)
{
	const struct metrics_access *access = &a->metrics_access;
	const char *token = httpd_bearer(r);
	unsigned char sha[SHA256_LEN];

	if (access->reader == METRICS_TOKEN) {
		sha256(token ? token : "", token ? strlen(token) : 0, sha);
		if (memcmp(sha, access->sha, sizeof(sha)) != 0)
			return err_set(e, ERR_AUTH, "expected the token of /metrics");
		httpd_trust(r);
		return 0;
	}
	if (access->reader == METRICS_HERE && httpd_is_local(r))
		return 0;
	return err_set(e, ERR_DENIED,
		"without server.metrics_token_file only callers on the coordinator's machine may "
		"read this, and with a server.public_url of another one nobody");
}

static void api_metrics(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_BUF struct buf page = BUF_INIT(MIB(4));
	struct err e = { 0 };

	a->metrics.follows = !instance_leads(a->instance);
	if (metrics_may(a, r, &e) < 0 || metrics_page(&a->metrics, a->store, &page, &e) < 0)
		httpd_reply_err(r, &e);
	else
		httpd_reply(r, 200, "text/plain; version=0.0.4", buf_cstr(&page), page.len);
}

/* On the connections' thread: it also answers while everything else waits. */
static void api_healthz(struct httpd_request *r, void *app)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(1));
	bool healthy = app_healthy(app, &text);

	httpd_reply(r, healthy ? 200 : 503, "text/plain", buf_cstr(&text), text.len);
}

#define API "/api/v1"
const struct httpd_route api_routes[] = {
	{ "POST", API "/runners/heartbeat", HTTPD_BUFFERED, KIB(64), api_runner_begin,
		api_heartbeat },
	{ "POST", API "/runners/heartbeat/release", HTTPD_NO_BODY, 0, api_runner_begin,
		api_heartbeat_release },
	{ "POST", API "/runners/trouble", HTTPD_BUFFERED, KIB(16), api_runner_begin,
		api_runner_trouble },
	{ "GET", API "/runners/self", HTTPD_NO_BODY, 0, api_runner_begin, api_runner_self },
	{ "POST", API "/runners/evidence", HTTPD_BUFFERED, LIMIT_API_BODY, api_runner_begin,
		api_runner_evidence },
	{ "POST", API "/jobs/{id}/status", HTTPD_BUFFERED, KIB(64), api_job_begin, api_job_status },
	{ "POST", API "/jobs/{id}/steps/{step}/status", HTTPD_BUFFERED, KIB(64), api_job_begin,
		api_step_status },
	{ "POST", API "/jobs/{id}/logs", HTTPD_BUFFERED, LIMIT_API_BODY, api_job_begin,
		api_job_logs },
	{ "POST", API "/jobs/{id}/outputs", HTTPD_BUFFERED, LIMIT_JOB_OUTPUTS_BODY, api_job_begin,
		api_job_outputs },
	{ "POST", API "/jobs/{id}/cancel-check", HTTPD_BUFFERED, KIB(64), api_job_begin,
		api_cancel_check },
	{ "POST", API "/jobs/{id}/artifacts/upload", HTTPD_BUFFERED, KIB(64), api_job_begin,
		api_artifact_upload },
	{ "POST", API "/jobs/{id}/artifacts/list", HTTPD_BUFFERED, KIB(64), api_job_begin,
		api_artifact_list },
	{ "POST", API "/jobs/{id}/artifacts/complete", HTTPD_BUFFERED, KIB(64), api_job_begin,
		api_artifact_complete },
	{ "PUT", OBJECT_ROUTE, HTTPD_STREAMED, 0, object_put_begin, object_put },
	{ "GET", OBJECT_ROUTE, HTTPD_NO_BODY, 0, NULL, object_get },
	{ "POST", API "/admin/verbs", HTTPD_BUFFERED, LIMIT_API_BODY, api_admin_begin,
		api_admin_call },
	{ "POST", API "/jobs/{id}/cancel", HTTPD_NO_BODY, 0, NULL, api_job_cancel },
	{ "POST", API "/runs/{id}/rerun", HTTPD_NO_BODY, 0, NULL, api_run_rerun },
	{ "GET", API "/runs/{id}/pending_deployments", HTTPD_NO_BODY, 0, NULL, api_waiting },
	{ "POST", API "/runs/{id}/pending_deployments", HTTPD_BUFFERED, KIB(16), api_review_begin,
		api_review },
	{ "POST", API "/runs/{id}/approve", HTTPD_BUFFERED, KIB(4), api_user_begin,
		api_run_approve },
	{ "POST", API "/repos/{owner}/{name}/pulls/{n}/events", HTTPD_BUFFERED, KIB(512),
		api_user_begin, api_pull_event },
	{ "POST", API "/runs/{id}/rerun-failed-jobs", HTTPD_NO_BODY, 0, NULL,
		api_run_rerun_failed },
	{ "POST", API "/jobs/{id}/rerun", HTTPD_NO_BODY, 0, NULL, api_job_rerun },
	{ "POST", API "/runs/{id}/cancel", HTTPD_NO_BODY, 0, NULL, api_run_cancel },
	{ "GET", API "/runs/{id}/explain", HTTPD_NO_BODY, 0, NULL, api_run_explain },
	{ "GET", API "/jobs/{id}/explain", HTTPD_NO_BODY, 0, NULL, api_job_explain },
	{ "POST", API "/repos/{owner}/{name}/actions/workflows/{workflow}/dispatches",
		HTTPD_BUFFERED, KIB(64), api_user_begin, api_dispatch },
	{ "GET", API "/runs/{id}", HTTPD_NO_BODY, 0, NULL, api_run_get },
	{ "GET", API "/runs/{id}/annotations", HTTPD_NO_BODY, 0, NULL, api_run_annotations },
	{ "GET", API "/jobs/{id}/log", HTTPD_NO_BODY, 0, NULL, api_job_log },
	{ "GET", API "/jobs/{id}/steps/{step}/log", HTTPD_NO_BODY, 0, NULL, api_step_log },
	{ "GET", API "/repos/{owner}/{name}/commits/{sha}/status", HTTPD_NO_BODY, 0, NULL,
		api_commit_status },
	{ "GET", API "/repos/{owner}/{name}/commits/{sha}/check-runs", HTTPD_NO_BODY, 0, NULL,
		api_commit_check_runs },
	{ "GET", "/{owner}/{name}/badge.svg", HTTPD_NO_BODY, 0, NULL, api_badge },
	{ "GET", "/metrics", HTTPD_NO_BODY, 0, NULL, api_metrics },
	{ "GET", "/healthz", HTTPD_NO_BODY, 0, NULL, api_healthz, .at_once = true },
};
const size_t api_routes_n = ARRAY_LEN(api_routes);
