/*
 * The token is looked at before the number of the address, and the right before anything is read of
 * what it names: an answer must not tell a stranger what exists.
 */
#include "coordinator/api/caller.h"

void caller_release(struct caller *c)
{
	pat_row_release(&c->who);
}

int caller_id(const struct httpd_request *r, const char *name, int64_t *ret, struct err *e)
{
	return httpd_param_id(r, name, ret) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such id");
}

int caller_of_run(
	struct app *a, struct httpd_request *r, enum role need, struct caller *ret, struct err *e)
{
	if (auth_user(a, r, &ret->who, e) < 0 || caller_id(r, "id", &ret->id, e) < 0)
		return -1;
	return access_run(a, &ret->who, ret->id, need, NULL, e);
}

int caller_of_job(
	struct app *a, struct httpd_request *r, enum role need, struct caller *ret, struct err *e)
{
	if (auth_user(a, r, &ret->who, e) < 0 || caller_id(r, "id", &ret->id, e) < 0)
		return -1;
	return access_job(a, &ret->who, ret->id, need, NULL, e);
}

void caller_answer(struct httpd_request *r, unsigned status, struct json_writer *w,
	const struct buf *out, struct err *e)
{
	bool failed = e->class != ERR_NONE;

	/* the writer ends in any case; the first error stays */
	if (json_writer_finish(w, failed ? NULL : e) < 0 || failed)
		httpd_reply_err(r, e);
	else
		httpd_reply_json(r, status, out);
}
