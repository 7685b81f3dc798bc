/*
 * What handlers of calls with a personal access token share: who calls about which run or job, and
 * the end of an answer in JSON.
 */
#ifndef COORDINATOR_API_CALLER_H
#define COORDINATOR_API_CALLER_H

#include "base/json.h"
#include "coordinator/app/access.h"

struct caller {
	struct pat_row who;
	int64_t id; /* of the run or job, in the address */
};
void caller_release(struct caller *c);

/* The number {name} of the address; ERR_NOT_FOUND when it is none. */
int caller_id(
	const struct httpd_request *r, const char *name, int64_t *ret, struct err *e) CHECK_RESULT;
/* The caller, who has at least that role on the repository of the run, or of the job, {id}. The
 * errors are those of app/access.h. */
int caller_of_run(struct app *a, struct httpd_request *r, enum role need, struct caller *ret,
	struct err *e) CHECK_RESULT;
int caller_of_job(struct app *a, struct httpd_request *r, enum role need, struct caller *ret,
	struct err *e) CHECK_RESULT;

/* Ends the writer and answers: with what was written to out, or, if e is set or the writer fails,
 * with the error. */
void caller_answer(struct httpd_request *r, unsigned status, struct json_writer *w,
	const struct buf *out, struct err *e);

#endif
