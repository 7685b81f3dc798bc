/* Forms of a run's page: the functions and rights of the API, a page in place of JSON. */
#include "coordinator/pages/pages.h"

#include <inttypes.h>

#include "coordinator/act/run.h"
#include "coordinator/pages/form.h"
#include "coordinator/pages/page.h"

void page_user_begin(struct httpd_request *r, void *app)
{
	CLEAN_VIEWER struct viewer v = { 0 };
	struct err e = { 0 };

	if (viewer_of(app, r, &v, &e) == 0 && !v.known)
		err_set(&e, ERR_AUTH, "sign in first");
	if (e.class != ERR_NONE)
		page_fail(r, &e);
}

/* The run, its right, and that the form is one of ours; in this order, as a stranger must not learn
 * from a form what there is. */
static int act_place(struct app *a, struct httpd_request *r, struct place *at, struct err *e)
{
	if (place_of(a, r, PLACE_RUN, at, e) < 0 ||
		access_run(a, viewer_pat(&at->viewer), at->run.id, ROLE_WRITE, NULL, e) < 0)
		return -1;
	return form_check(a, r, &at->viewer, e);
}

enum { NUMBER_MAX = 20 };

/* Which job of the run the form names. */
static int form_job(
	struct app *a, struct httpd_request *r, int64_t run_id, int64_t *ret, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_STR char *text = NULL;

	if (form_field(r, "job", NUMBER_MAX, &text, e) < 0)
		return -1;
	if (!text || !parse_i64(text, 1, INT64_MAX, ret) ||
		store_job_get(a->store, *ret, &job, NULL) < 0 || job.run_id != run_id)
		return err_set(e, ERR_INPUT, "job: expected the id of a job of this run");
	return 0;
}

static void rerun_page(struct httpd_request *r, struct app *a, struct rerun_spec spec)
{
	CLEAN_PLACE struct place at = { 0 };
	struct run_created run;
	struct err e = { 0 };

	if (act_place(a, r, &at, &e) < 0 ||
		(spec.what == RERUN_JOB && form_job(a, r, at.run.id, &spec.job_id, &e) < 0)) {
		page_fail(r, &e);
		return;
	}
	spec.run_id = at.run.id;
	spec.actor = at.viewer.who.login;
	if (act_rerun(a, &spec, &run, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *url = xasprintf("%s/runs/%" PRId64, at.url, run.run_id);
	form_done(r, url);
}

void page_rerun(struct httpd_request *r, void *app)
{
	rerun_page(r, app, (struct rerun_spec){ .what = RERUN_ALL });
}

void page_rerun_failed(struct httpd_request *r, void *app)
{
	rerun_page(r, app, (struct rerun_spec){ .what = RERUN_FAILED });
}

void page_rerun_job(struct httpd_request *r, void *app)
{
	rerun_page(r, app, (struct rerun_spec){ .what = RERUN_JOB });
}

void page_cancel(struct httpd_request *r, void *app)
{
	CLEAN_PLACE struct place at = { 0 };
	struct err e = { 0 };

	if (act_place(app, r, &at, &e) < 0 || act_cancel(app, &at.viewer.who, at.run.id, &e) < 0)
		page_fail(r, &e);
	else
		form_done(r, at.run_url);
}

void page_approve(struct httpd_request *r, void *app)
{
	CLEAN_PLACE struct place at = { 0 };
	CLEAN_STR char *reason = NULL, *secrets = NULL;
	char address[ADDRESS_TEXT_MAX];
	int64_t started;
	struct err e = { 0 };

	if (act_place(app, r, &at, &e) < 0 ||
		form_field(r, "reason", APPROVE_REASON_MAX, &reason, &e) < 0 ||
		form_field(r, "secrets", 10, &secrets, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	const struct act_approval approval = { .reason = str_empty(reason) ? NULL : reason,
		.address = httpd_address_of(r, address),
		.secrets = str_eq(secrets, "yes") };
	if (act_approve(app, &at.viewer.who, at.run.id, &approval, &started, &e) < 0)
		page_fail(r, &e);
	else
		form_done(r, at.run_url);
}
