/* The routes. */
#include "coordinator/pages/repo/repo.h"

const struct httpd_route repo_page_routes[] = {
	{ "GET", "/{owner}/{repo}/schedule", HTTPD_NO_BODY, 0, NULL, page_schedule },
	{ "GET", "/{owner}/{repo}/commits/{sha}", HTTPD_NO_BODY, 0, NULL, page_commit },
};
const size_t repo_page_routes_n = ARRAY_LEN(repo_page_routes);
