/* What hygiene and audit have in common: for site admins alone, a page at a time. */
#ifndef COORDINATOR_PAGES_SITE_ADMIN_LIST_H
#define COORDINATOR_PAGES_SITE_ADMIN_LIST_H

#include "coordinator/pages/page.h"

enum { ADMIN_ROWS_SHOWN = 50 };

/* Who asks. For all but site admins there is nothing here: ERR_NOT_FOUND. */
int admin_viewer(
	struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e) CHECK_RESULT;
/* Links to the first page and the next; url: of the list with its filters. before: the id behind
 * which this page begins, 0: the first. found: rows, of which at most ADMIN_ROWS_SHOWN are shown.
 * last: the id of the last one shown. */
void admin_pages(struct html *h, const char *url, int64_t before, size_t found, int64_t last);

#endif
