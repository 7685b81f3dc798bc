/*
 * Failed tries to come in, of the last minute: with a token, or signing in with a name. This serve
 * counts its own (failures.h). Where others serve the same store too, failures are counted there as
 * well, so that more serves do not mean more tries; what is still under way counts in its own serve
 * only. When the store cannot be asked, its own counts are what there is.
 */
#ifndef COORDINATOR_APP_TRIES_H
#define COORDINATOR_APP_TRIES_H

#include "coordinator/app/app.h"

/* Counts a failure of the request's address; more than AUTH_FAILURES_MAX in this minute? */
bool auth_failed_often(struct app *a, const struct httpd_request *r);

/* Signing in: has the address (httpd_peer) or the name (NULL: not known yet) AUTH_FAILURES_MAX
 * failures in this minute? */
bool login_failed_enough(struct app *a, uint64_t peer, const char *login);
/* A try counts as a failure of both from its start on, so that those under way count, until it
 * fits. One that failed is said, for the other serves. login NULL: of the address alone. */
void login_begins(struct app *a, uint64_t peer, const char *login);
void login_fits(struct app *a, uint64_t peer, const char *login);
void login_fails(struct app *a, uint64_t peer, const char *login);

/* Every few seconds: forgets what is over. */
int tries_prune(struct app *a, struct wall now, struct err *e) CHECK_RESULT;

#endif
