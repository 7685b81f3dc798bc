/* One place knows which tables there are, so a new one is tested without anybody thinking of it. */
#include "tests/unit/help/routes_help.h"

struct routes world_routes(void)
{
	struct routes all = routes_all();

	all.sizes[ROUTES_GIT] = 0;
	return all;
}

size_t routes_n(void)
{
	const struct routes all = world_routes();
	size_t n = 0;

	for (size_t i = 0; i < ROUTES_TABLES; i++)
		n += all.sizes[i];
	return n;
}

const struct httpd_route *route_at(size_t i)
{
	const struct routes all = world_routes();
	size_t n = 0;

	while (i >= all.sizes[n])
		i -= all.sizes[n++];
	const struct httpd_route *table = all.tables[n];
	return table + i;
}

bool route_is_page(const struct httpd_route *route)
{
	const struct routes all = world_routes();

	for (size_t i = ROUTES_PAGES; i < ROUTES_TABLES; i++)
		if (route >= all.tables[i] && route < all.tables[i] + all.sizes[i])
			return true;
	return false;
}
