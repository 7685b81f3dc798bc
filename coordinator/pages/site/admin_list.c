/* A number that leads nowhere near the last row is an empty page, as rows are removed by age. */
#include "coordinator/pages/site/admin_list.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "coordinator/pages/query.h"

#define PAGE_NUMBER_MAX 1000000

int admin_viewer(struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e)
{
	if (viewer_of(a, r, ret, e) < 0)
		return -1;
	return viewer_is_admin(ret) ? 0
				    : err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
}

int admin_offset(struct httpd_request *r, int64_t *ret, struct err *e)
{
	int64_t page;

	if (query_number(r, "page", &page, e) < 0)
		return -1;
	if (page > PAGE_NUMBER_MAX)
		return err_set(e, ERR_INPUT, "page: expected at most %d", PAGE_NUMBER_MAX);
	*ret = page ? (page - 1) * ADMIN_ROWS_SHOWN : 0;
	return 0;
}

void admin_pages(struct html *h, const char *url, int64_t offset, size_t found)
{
	const char *mark = strchr(url, '?') ? "&" : "?";
	bool more = found > ADMIN_ROWS_SHOWN;
	CLEAN_STR char *older =
		more ? xasprintf("%s%spage=%" PRId64, url, mark, offset / ADMIN_ROWS_SHOWN + 2)
		     : NULL;

	if (!found)
		html_none(h, &(struct html_none){ "No entry fits." });
	if (older || offset)
		html_older(h,
			&(struct html_older){
				.newest = offset ? url : NULL, .older = older, .label = "Older" });
}
