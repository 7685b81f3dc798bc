/*
 * Pages of a list: ?per_page=30&after=ID, ID being that of the last entry seen. The answer's Link
 * header leads to the next page, as in the field. Lists that stand in the field's own API also
 * take ?page=N, which counts from the start and so shifts when entries are added.
 */
#ifndef COORDINATOR_API_PAGE_H
#define COORDINATOR_API_PAGE_H

#include "coordinator/app/app.h"

enum { PER_PAGE = 30, PER_PAGE_MAX = 100, PAGE_MAX = 1000000 };
struct api_page {
	int64_t limit;
	int64_t after;  /* may be negative; 0: from the start */
	int64_t number; /* of the page, from 1; more than 1 only where it may be asked for */
};
/* numbered: ?page=N may be asked for, but not together with after. ERR_INPUT names the parameter.
 */
int api_page_of(const struct httpd_request *r, bool numbered, struct api_page *ret,
	struct err *e) CHECK_RESULT;
/* There are entries behind the one with the id `last`. per_page goes along, and so do the
 * query's fields of these names, up to a NULL. */
void api_page_more(
	struct httpd_request *r, const struct app *a, int64_t last, const char *const *kept);

#endif
