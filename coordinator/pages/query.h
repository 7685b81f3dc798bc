/* What a page's URL asks for, checked. */
#ifndef COORDINATOR_PAGES_QUERY_H
#define COORDINATOR_PAGES_QUERY_H

#include "coordinator/http/httpd.h"

/* The value of a form's field, the caller's; NULL: absent or empty. ERR_INPUT for more than max
 * bytes. */
int query_text(const struct httpd_request *r, const char *name, size_t max, char **ret,
	struct err *e) CHECK_RESULT;
/* A number from 1 on; 0: absent. ERR_INPUT. */
int query_number(
	const struct httpd_request *r, const char *name, int64_t *ret, struct err *e) CHECK_RESULT;
#endif
