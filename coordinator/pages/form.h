/* What a page's form sends, and whether it was a page of ours that sent it. */
#ifndef COORDINATOR_PAGES_FORM_H
#define COORDINATOR_PAGES_FORM_H

#include "base/limits.h"
#include "coordinator/pages/page.h"

#define FORM_MAX KIB(16)

/* A field of the body (application/x-www-form-urlencoded), the caller's; NULL: absent. ERR_INPUT
 * for more than max bytes and for what is no UTF-8 text. */
int form_field(const struct httpd_request *r, const char *name, size_t max, char **ret,
	struct err *e) CHECK_RESULT;
/* The browser says that another site's page sends this. */
bool form_is_foreign(const struct app *a, const struct httpd_request *r);
/* ERR_DENIED unless the form holds the session's own token. A caller with a token in a header needs
 * none: no browser adds that by itself. */
int form_check(struct app *a, const struct httpd_request *r, const struct viewer *v,
	struct err *e) CHECK_RESULT;
/* Leads the browser to another page, 303. */
void form_done(struct httpd_request *r, const char *url);

#endif
