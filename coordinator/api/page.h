/* Pages of a list, asked for as in the field: ?page=1&per_page=30. */
#ifndef COORDINATOR_API_PAGE_H
#define COORDINATOR_API_PAGE_H

#include "coordinator/app/app.h"
#include "coordinator/store/page.h"

enum { PER_PAGE = 30, PER_PAGE_MAX = 100, PAGE_MAX = 1000000 };
/* ERR_INPUT names the parameter. */
int page_of(const struct httpd_request *r, struct page *ret, struct err *e) CHECK_RESULT;

#endif
