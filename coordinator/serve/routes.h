/*
 * Every route that serve answers, in one list: it is what serve listens with and what the tests of
 * all routes go over, so that no route is left out of either.
 */
#ifndef COORDINATOR_SERVE_ROUTES_H
#define COORDINATOR_SERVE_ROUTES_H

#include "coordinator/http/httpd.h"

/* In the order in which they are asked: a page of the site before one of a repository. */
enum {
	ROUTES_API,
	ROUTES_GIT,
	ROUTES_PAGES, /* the first table of pages; all behind it are pages, too */
	ROUTES_TABLES = ROUTES_PAGES + 4
};

struct routes {
	const struct httpd_route *tables[ROUTES_TABLES];
	size_t sizes[ROUTES_TABLES];
};
struct routes routes_all(void);

#endif
