/* Pages of a repository that are not of one run. */
#ifndef COORDINATOR_PAGES_REPO_REPO_H
#define COORDINATOR_PAGES_REPO_REPO_H

#include "coordinator/app/app.h"

extern const struct httpd_route repo_page_routes[];
extern const size_t repo_page_routes_n;

void page_schedule(struct httpd_request *r, void *app);
void page_commit(struct httpd_request *r, void *app);

#endif
