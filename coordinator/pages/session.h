/* The session's cookie. Under TLS its name begins with __Host-, so that no other host and no plain
 * connection can set it. */
#ifndef COORDINATOR_PAGES_SESSION_H
#define COORDINATOR_PAGES_SESSION_H

#include "coordinator/pages/page.h"

/* The session of the request's cookie, if it has one that is good. */
void session_viewer(struct app *a, struct httpd_request *r, struct viewer *ret);
/* Begins one for that user, whose password was checked against digest, and sets the cookie on the
 * answer. ERR_AUTH when the digest is the user's no more. */
int session_begin(struct app *a, struct httpd_request *r, int64_t user_id, const char *digest,
	struct err *e) CHECK_RESULT;
/* The same for who came as this identity (rights/identity.h). */
int session_begin_linked(struct app *a, struct httpd_request *r, int64_t user_id, int64_t identity,
	struct err *e) CHECK_RESULT;
void session_forget(struct app *a, struct httpd_request *r); /* the cookie goes */

/* Cookies of both kinds have the same attributes. name: without the prefix; value "": it goes. */
void cookie_set(struct app *a, struct httpd_request *r, const char *name, const char *value,
	int64_t seconds);
/* The value that the browser sent, the caller's; NULL: none, or longer than max. */
char *cookie_get(const struct app *a, const struct httpd_request *r, const char *name, size_t max);

#endif
