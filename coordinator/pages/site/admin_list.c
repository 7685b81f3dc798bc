/* A page goes on behind the last row of the one before, so that rows that come or go move none. */
#include "coordinator/pages/site/admin_list.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/codec.h"
#include "base/limits.h"

int admin_viewer(struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e)
{
	if (viewer_of(a, r, ret, e) < 0)
		return -1;
	return viewer_is_admin(ret) ? 0
				    : err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
}

void admin_pages(struct html *h, const char *url, int64_t before, size_t found, int64_t last)
{
	struct buf older = BUF_INIT(KIB(8));
	CLEAN_STR char *id = xasprintf("%" PRId64, last), *link = NULL;

	if (found > ADMIN_ROWS_SHOWN) {
		buf_adds(&older, url);
		percent_field(&older, "before", id);
		link = buf_take(&older);
	}
	if (!found)
		html_none(h, &(struct html_none){ "No entry fits." });
	if (link || before)
		html_older(h,
			&(struct html_older){
				.newest = before ? url : NULL, .older = link, .label = "Older" });
}
