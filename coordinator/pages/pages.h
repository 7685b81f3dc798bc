/*
 * Pages for browsers, beside the API: what runs, why it waits and what failed. Public repositories
 * are shown to everybody, private ones to those who may read them. Nothing here needs a script.
 *
 *   /                                    repositories
 *   /queue, /runners, …                  the coordinator as a whole (site/site.h)
 *   /{owner}/{repo}                      runs, newest first, with filters
 *   /{owner}/{repo}/schedule, …          what is not of one run (repo/repo.h)
 *   /{owner}/{repo}/runs/{id}            one run: jobs, annotations, artifacts
 *   …/jobs/{job}                         one job: log/log.h; …/log: its logs' bytes as stored
 *   …/artifacts/{artifact}               an artifact's bytes
 *   /login, /logout, /sessions           signing in, out, and where one is signed in
 *   /login/oidc, /login/oidc/callback    signing in by a provider, and back from there
 *   …/runs/{id}/rerun, /cancel, …        forms of a run's page
 *   /static/…                            style sheet and icon
 */
#ifndef COORDINATOR_PAGES_PAGES_H
#define COORDINATOR_PAGES_PAGES_H

#include "coordinator/app/app.h"

extern const struct httpd_route page_routes[];
extern const size_t page_routes_n;
/* For a path that no table has: a page for browsers, the API's words for others. */
extern const struct httpd_route page_lost;

/* Ends what still checks a password or asks a provider; after httpd_free. */
void pages_stop(struct app *a);

void page_user_begin(struct httpd_request *r, void *app); /* only for those who are known */
void page_login(struct httpd_request *r, void *app);
void page_login_begin(struct httpd_request *r, void *app);
void page_login_sent(struct httpd_request *r, void *app);
void page_oidc_begin(struct httpd_request *r, void *app);
void page_oidc_callback(struct httpd_request *r, void *app);
void page_logout(struct httpd_request *r, void *app);
void page_sessions(struct httpd_request *r, void *app);
void page_session_end(struct httpd_request *r, void *app);
void page_rerun(struct httpd_request *r, void *app);
void page_rerun_failed(struct httpd_request *r, void *app);
void page_rerun_job(struct httpd_request *r, void *app);
void page_cancel(struct httpd_request *r, void *app);
void page_approve(struct httpd_request *r, void *app);

void page_repos(struct httpd_request *r, void *app);
void page_runs(struct httpd_request *r, void *app);
void page_run(struct httpd_request *r, void *app);
void page_job_raw(struct httpd_request *r, void *app);
void page_step_raw(struct httpd_request *r, void *app);
void page_artifact(struct httpd_request *r, void *app);

#endif
