/* Who may read a repository through the API. */
#ifndef COORDINATOR_API_READER_H
#define COORDINATOR_API_READER_H

#include "coordinator/app/app.h"
#include "coordinator/store/repo.h"

/* The repository of the route's {owner}/{name} into *ret, which is the caller's to release.
 * ERR_NOT_FOUND also when it is private and the caller shows no token that may read it; ERR_AUTH
 * for a token that is no good. */
int reader_repo(
	struct app *a, struct httpd_request *r, struct repo_row *ret, struct err *e) CHECK_RESULT;

#endif
