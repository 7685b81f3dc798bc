/*
 * The API below /api/v1 (docs/COORDINATOR.md), /metrics and /healthz: one route table.
 * api/runner.c: the calls of a registration token. api/job.c, api/artifact.c: those of a job's
 * token. api/run_control.c, api/run.c, api/admin.c, api/pull.c: calls with a PAT. api/object.c:
 * objects by signed URL.
 */
#ifndef COORDINATOR_API_API_H
#define COORDINATOR_API_API_H

#include "coordinator/app/app.h"

extern const struct httpd_route api_routes[];
extern const size_t api_routes_n;

/* Before the body is read: is there a valid token of that kind? Whether it may do what it asks is
 * the handler's to say. */
void api_runner_begin(struct httpd_request *r, void *app);
void api_job_begin(struct httpd_request *r, void *app);
void api_user_begin(struct httpd_request *r, void *app);

void api_heartbeat(struct httpd_request *r, void *app);
void api_heartbeat_release(struct httpd_request *r, void *app);
void api_runner_trouble(struct httpd_request *r, void *app);

void api_runner_self(struct httpd_request *r, void *app);
void api_runner_evidence(struct httpd_request *r, void *app);

void api_job_status(struct httpd_request *r, void *app);
void api_step_status(struct httpd_request *r, void *app);
void api_job_outputs(struct httpd_request *r, void *app);
void api_job_logs(struct httpd_request *r, void *app);
void api_cancel_check(struct httpd_request *r, void *app);

void api_artifact_upload(struct httpd_request *r, void *app);
void api_artifact_list(struct httpd_request *r, void *app);
void api_artifact_complete(struct httpd_request *r, void *app);
void object_put_begin(struct httpd_request *r, void *app);
void object_put(struct httpd_request *r, void *app);
void object_get(struct httpd_request *r, void *app);

void api_pull_event(struct httpd_request *r, void *app);
void api_run_approve(struct httpd_request *r, void *app);

void api_job_cancel(struct httpd_request *r, void *app);
void api_run_rerun(struct httpd_request *r, void *app);
void api_run_rerun_failed(struct httpd_request *r, void *app);
void api_job_rerun(struct httpd_request *r, void *app);
void api_run_cancel(struct httpd_request *r, void *app);
void api_run_explain(struct httpd_request *r, void *app);
void api_job_explain(struct httpd_request *r, void *app);
void api_dispatch(struct httpd_request *r, void *app);

/* The name of the role that runs a verb for api_admin_call (coordinator/admin/call.h). */
#define ADMIN_CALL_VERB "admin-call"
void api_admin_begin(struct httpd_request *r, void *app);
void api_admin_call(struct httpd_request *r, void *app);
void api_review_begin(struct httpd_request *r, void *app);
void api_review(struct httpd_request *r, void *app);
void api_waiting(struct httpd_request *r, void *app);

void api_run_get(struct httpd_request *r, void *app);
void api_run_annotations(struct httpd_request *r, void *app);
void api_commit_status(struct httpd_request *r, void *app);
void api_commit_check_runs(struct httpd_request *r, void *app);
void api_badge(struct httpd_request *r, void *app);

void api_job_log(struct httpd_request *r, void *app);
void api_step_log(struct httpd_request *r, void *app);

#endif
