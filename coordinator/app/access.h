/*
 * Who calls with a personal access token, and what that caller may do with a repository, a run or a
 * job. A role is what the store says (rights/access.h), narrowed by the token's scopes.
 *
 * Errors: ERR_AUTH, no valid token; ERR_NOT_FOUND, there is no such thing or the caller may not
 * know of it (one text for both); ERR_DENIED, it may be read but not more.
 */
#ifndef COORDINATOR_APP_ACCESS_H
#define COORDINATOR_APP_ACCESS_H

#include "coordinator/app/app.h"
#include "coordinator/rights/access.h"

/* A personal access token (Bearer or Basic password), NULL: none was sent; *ret is the caller's to
 * release. Records that the token was used. */
int auth_pat(struct app *a, const char *token, struct pat_row *ret, struct err *e) CHECK_RESULT;
/* The same of a request's Bearer token; vouches for its connection. */
int auth_user(
	struct app *a, struct httpd_request *r, struct pat_row *ret, struct err *e) CHECK_RESULT;

/* The user whose repositories a list shows to who (NULL: somebody without a token); 0: nobody, the
 * public ones alone. */
int64_t access_reader(const struct pat_row *who);
/* who NULL: somebody without a token. ret_repo NULL fine. */
int access_repo(struct app *a, const struct pat_row *who, int64_t repo_id, enum role need,
	struct err *e) CHECK_RESULT;
int access_named(struct app *a, const struct pat_row *who, const char *owner, const char *name,
	enum role need, int64_t *ret_repo, struct err *e) CHECK_RESULT;
int access_run(struct app *a, const struct pat_row *who, int64_t run_id, enum role need,
	int64_t *ret_repo, struct err *e) CHECK_RESULT;
int access_job(struct app *a, const struct pat_row *who, int64_t job_id, enum role need,
	int64_t *ret_repo, struct err *e) CHECK_RESULT;

/* What lies between checking a right and using it up took a while: is the token still good, and
 * does its user still have that role? */
int access_again(
	struct app *a, int64_t pat_id, int64_t repo_id, enum role need, struct err *e) CHECK_RESULT;

#endif
