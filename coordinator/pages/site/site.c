/* The routes. `runners` is a word that no owner may have, so a runner's page hides no repository.
 */
#include "coordinator/pages/site/site.h"

#define GET(pattern, fn)                                   \
	{                                                  \
		"GET", pattern, HTTPD_NO_BODY, 0, NULL, fn \
	}

const struct httpd_route site_routes[] = {
	GET("/queue", page_queue),
	GET("/runners", page_runners),
	GET("/runners/{id}", page_runner),
	GET("/hygiene", page_hygiene),
	GET("/audit", page_audit),
};
const size_t site_routes_n = ARRAY_LEN(site_routes);
