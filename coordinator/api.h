/*
 * The API below /api/v1 (PROTOCOL.md), /metrics and /healthz: one route table.
 * api_runner.c: the calls of a registration token. api_job.c, api_artifact.c: those of a job's
 * token. api_user.c, api_run.c: calls with a PAT. object_http.c: objects by signed URL.
 */
#ifndef COORDINATOR_API_H
#define COORDINATOR_API_H

#include "coordinator/app.h"

extern const struct httpd_route api_routes[];
extern const size_t api_routes_n;

void api_heartbeat(struct httpd_request *r, void *app);
void api_heartbeat_release(struct httpd_request *r, void *app);

void api_runner_self(struct httpd_request *r, void *app);
void api_runner_evidence(struct httpd_request *r, void *app);

void api_job_status(struct httpd_request *r, void *app);
void api_step_status(struct httpd_request *r, void *app);
void api_job_outputs(struct httpd_request *r, void *app);
void api_job_logs(struct httpd_request *r, void *app);
void api_cancel_check(struct httpd_request *r, void *app);

void api_artifact_upload(struct httpd_request *r, void *app);
void api_artifact_list(struct httpd_request *r, void *app);
void object_put_begin(struct httpd_request *r, void *app);
void object_put(struct httpd_request *r, void *app);
void object_get(struct httpd_request *r, void *app);

void api_job_cancel(struct httpd_request *r, void *app);
void api_run_rerun(struct httpd_request *r, void *app);

void api_run_get(struct httpd_request *r, void *app);
void api_job_log(struct httpd_request *r, void *app);
void api_step_log(struct httpd_request *r, void *app);

#endif
