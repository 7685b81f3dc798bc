/* The rooms know their routes, this file knows the rooms. */
#include "coordinator/serve/routes.h"

#include "coordinator/api/api.h"
#include "coordinator/git/git_http.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/pages/pages.h"
#include "coordinator/pages/repo/repo.h"
#include "coordinator/pages/site/site.h"

struct routes routes_all(void)
{
	return (struct routes){
		.tables = { api_routes, git_http_routes, site_routes, repo_page_routes, page_routes,
			log_routes },
		.sizes = { api_routes_n, GIT_HTTP_ROUTES, site_routes_n, repo_page_routes_n,
			page_routes_n, log_routes_n },
	};
}
