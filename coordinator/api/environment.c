/*
 * Environments over the API: who waits for one in a run, and what its reviewers say. A reviewer is
 * whoever the token stands for; the coordinator's operators have `admin environment`.
 */
#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/api/api.h"
#include "coordinator/api/body.h"
#include "coordinator/api/caller.h"
#include "coordinator/queue/gate.h"
#include "coordinator/store/audit.h"
#include "coordinator/view/row_json.h"

#define ANSWER_MAX MIB(1)

/* A reviewer has to see the run; that the token may not only read is asked besides, as it stands
 * for a decision. */
static int reviewer(struct app *a, struct httpd_request *r, struct caller *ret, struct err *e)
{
	if (caller_of_run(a, r, ROLE_READ, ret, e) < 0)
		return -1;
	if (!(ret->who.scopes & SCOPE_REPO_WRITE))
		return err_set(e, ERR_DENIED, "the token lacks the scope repo:write");
	return 0;
}

void api_review_begin(struct httpd_request *r, void *app)
{
	CLEANUP(caller_release) struct caller c = { 0 };
	struct err e = { 0 };

	if (reviewer(app, r, &c, &e) < 0)
		httpd_reply_err(r, &e);
}

/* ---- who waits ---- */

static void waiting_write(struct json_writer *w, const struct gate_rows *l)
{
	json_begin_array(w);
	for (size_t i = 0; i < l->n; i++) {
		json_begin_object(w);
		json_kv_int(w, "job_id", l->v[i].job_id);
		json_kv_str(w, "job", l->v[i].job);
		json_kv_str(w, "environment", l->v[i].environment);
		json_kv_str(w, "reason", l->v[i].why);
		kv_time(w, "since", l->v[i].since);
		json_end_object(w);
	}
	json_end_array(w);
}

void api_waiting(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(gate_rows_release) struct gate_rows l = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(ANSWER_MAX);

	json_writer_init(&w, &out, false);
	if (caller_of_run(a, r, ROLE_READ, &c, &e) == 0 &&
		gate_waiting(a->store, 0, c.id, &l, &e) == 0)
		waiting_write(&w, &l);
	caller_answer(r, 200, &w, &out, &e);
}

/* ---- what a reviewer says ---- */

static int review_store(struct app *a, const struct httpd_request *r, const struct gate_decision *d,
	const struct pat_row *who, int64_t *ret_jobs, struct err *e)
{
	char address[ADDRESS_TEXT_MAX];
	CLEAN_STR char *run = xasprintf("%" PRId64, d->run_id);
	CLEAN_STR char *reason = xasprintf("environment %s%s%s", d->environment,
		d->comment ? ": " : "", d->comment ? d->comment : "");
	const struct audit_entry entry = { .by = AUDIT_USER,
		.who_id = who->user_id,
		.who = who->login,
		.verb = d->approve ? "environment.approve" : "environment.reject",
		.target_kind = "run",
		.target = run,
		.reason = reason,
		.address = httpd_address_of(r, address) };
	CLEAN_TX struct store_tx tx = { 0 };
	struct wall now = wall_now();

	if (store_begin(a->store, &tx, e) < 0 || gate_decide(a->store, d, now, ret_jobs, e) < 0 ||
		store_audit_record(a->store, &entry, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static void review_answer(struct httpd_request *r, const struct gate_decision *d, int64_t jobs)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", d->run_id);
	json_kv_str(&w, "environment", d->environment);
	json_kv_str(&w, "state", d->approve ? "approved" : "rejected");
	json_kv_int(&w, "jobs", jobs);
	json_end_object(&w);
	caller_answer(r, 200, &w, &out, &e);
}

static void review(struct app *a, struct httpd_request *r, const struct gate_decision *d,
	const struct pat_row *who)
{
	struct err e = { 0 };
	int64_t jobs;

	if (review_store(a, r, d, who, &jobs, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	app_wake(a);
	review_answer(r, d, jobs);
}

void api_review(struct httpd_request *r, void *app)
{
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(review_release) struct review_body body = { 0 };
	struct err e = { 0 };

	if (reviewer(app, r, &c, &e) < 0 || review_parse(httpd_body(r), &body, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	review(app, r,
		&(struct gate_decision){ .run_id = c.id,
			.environment = body.environment,
			.approve = str_eq(body.state, "approved"),
			.who = c.who.login,
			.comment = body.comment },
		&c.who);
}
