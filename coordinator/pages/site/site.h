/*
 * Pages about the coordinator as a whole. The queue and the runners show to each caller what that
 * caller may read; hygiene and audit are for site admins, and for all others there is nothing at
 * their paths.
 */
#ifndef COORDINATOR_PAGES_SITE_SITE_H
#define COORDINATOR_PAGES_SITE_SITE_H

#include "coordinator/app/app.h"

extern const struct httpd_route site_routes[];
extern const size_t site_routes_n;

void page_queue(struct httpd_request *r, void *app);
void page_runners(struct httpd_request *r, void *app);
void page_runner(struct httpd_request *r, void *app);
void page_hygiene(struct httpd_request *r, void *app);
void page_audit(struct httpd_request *r, void *app);

#endif
