/*
 * What every page shares: who asks, the frame around it, and the pages for what went wrong.
 *
 * A page is written whole before its first byte leaves (but for logs, log_page.h), so that what
 * goes wrong meanwhile becomes a page of its own. Rights are those of the API (app/access.h).
 */
#ifndef COORDINATOR_PAGES_PAGE_H
#define COORDINATOR_PAGES_PAGE_H

#include "coordinator/app/access.h"
#include "coordinator/pages/html.h"
#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/brief/run.h"

#define PAGE_MAX_BYTES MIB(4)

/* Somebody, or somebody whose name is known. */
struct viewer {
	bool known;
	struct pat_row who;
	int64_t session;                /* 0: known by a token in a header */
	char form_token[TOKEN_HEX_MAX]; /* of the session's forms */
};
void viewer_release(struct viewer *v);
#define CLEAN_VIEWER CLEANUP(viewer_release)
/* By a token in a header, ERR_AUTH if that is no good, or by the cookie of a session (session.h).
 */
int viewer_of(
	struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e) CHECK_RESULT;
/* A site admin, with a session or a token of the scope `admin`. */
bool viewer_is_admin(const struct viewer *v);
static inline const struct pat_row *viewer_pat(const struct viewer *v)
{
	return v->known ? &v->who : NULL;
}

/* The repository, run and job that a path names, as far as its pattern does; read and checked. */
struct place {
	struct viewer viewer;
	struct repo_row repo;
	char *url; /* "/owner/name" */
	struct run_brief run;
	char *run_url; /* NULL: the path names no run */
	struct job_row job;
	char *job_url;
};
void place_release(struct place *p);
#define CLEAN_PLACE CLEANUP(place_release)
enum place_depth { PLACE_REPO, PLACE_RUN, PLACE_JOB };
/* ERR_NOT_FOUND: one text for what does not exist and for what the caller may not read. */
int place_of(struct app *a, struct httpd_request *r, enum place_depth depth, struct place *ret,
	struct err *e) CHECK_RESULT;

/* Starts a page; v NULL: nobody is known; at NULL: of no repository. */
void page_begin(struct html *h, const struct viewer *v, const struct place *at, const char *title);
/* Ends it and answers. */
void page_reply(struct httpd_request *r, unsigned status, struct html *h);
/* Answers with the page of an error. */
void page_fail(struct httpd_request *r, const struct err *e);
/* Headers of every page. */
void page_headers(struct httpd_request *r);

#endif
