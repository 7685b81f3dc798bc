/* What hygiene and audit have in common: for site admins alone, a page at a time by its number. */
#ifndef COORDINATOR_PAGES_SITE_ADMIN_LIST_H
#define COORDINATOR_PAGES_SITE_ADMIN_LIST_H

#include "coordinator/pages/page.h"

enum { ADMIN_ROWS_SHOWN = 50 };

/* Who asks. For all but site admins there is nothing here: ERR_NOT_FOUND. */
int admin_viewer(
	struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e) CHECK_RESULT;
/* The rows before the page that the query asks for. ERR_INPUT. */
int admin_offset(struct httpd_request *r, int64_t *ret, struct err *e) CHECK_RESULT;
/* Links to the first page and the next; url: of the list with its filters. found: rows, of which at
 * most ADMIN_ROWS_SHOWN are shown. */
void admin_pages(struct html *h, const char *url, int64_t offset, size_t found);

#endif
