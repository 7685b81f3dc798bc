/*
 * The routes that a world answers: all of serve's but git's, which have tests of their own
 * (test_git_requests). The tests of all routes go over these.
 */
#ifndef TESTS_UNIT_HELP_ROUTES_HELP_H
#define TESTS_UNIT_HELP_ROUTES_HELP_H

#include "coordinator/serve/routes.h"

struct routes world_routes(void); /* git's table is empty */
size_t routes_n(void);
const struct httpd_route *route_at(size_t i); /* the API's first, then the pages' */
bool route_is_page(const struct httpd_route *route);

#endif
