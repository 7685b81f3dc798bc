/*
 * Pages for browsers, beside the API: what runs, why it waits and what failed. Public repositories
 * are shown to everybody, private ones to those who may read them. Nothing here needs a script.
 *
 *   /                                    repositories
 *   /runners                             the pool
 *   /{owner}/{repo}                      runs, newest first, with filters
 *   /{owner}/{repo}/runs/{id}            one run: jobs, annotations, artifacts
 *   …/jobs/{job}                         one job: steps and their logs; …/log: the bytes as stored
 *   …/artifacts/{artifact}               an artifact's bytes
 *   /static/…                            style sheet and icon
 */
#ifndef COORDINATOR_PAGES_PAGES_H
#define COORDINATOR_PAGES_PAGES_H

#include "coordinator/app/app.h"

extern const struct httpd_route page_routes[];
extern const size_t page_routes_n;
/* For a path that no table has: a page for browsers, the API's words for others. */
extern const struct httpd_route page_lost;

void page_repos(struct httpd_request *r, void *app);
void page_runners(struct httpd_request *r, void *app);
void page_runs(struct httpd_request *r, void *app);
void page_run(struct httpd_request *r, void *app);
void page_job(struct httpd_request *r, void *app);
void page_job_raw(struct httpd_request *r, void *app);
void page_step_raw(struct httpd_request *r, void *app);
void page_artifact(struct httpd_request *r, void *app);

#endif
