/*
 * The calls of a job: each is one transaction that uses up the token, has the effect, and mints the
 * next one. All share job_call (api/call.h); what differs is its effect.
 *
 * Order of refusals: token not valid 401 (before the body is read), runner revoked 401, token used
 * 401 (or the stored answer, see below), not this job 404, bad body 400/413, forbidden change 400.
 * A refused call does not use the token up, so that the sender can go on.
 *
 * Idempotency-Key: the answer of a call that carries one is stored (sealed, as it holds the next
 * token) in the same transaction. A later call with the same token, key, path and body gets the
 * same answer instead of 401, so that a sender whose answer was lost keeps its chain.
 */
#include "coordinator/api/call.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api/body.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/jwt.h"
#include "coordinator/store/log.h"
#include "coordinator/queue/report.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

#define ANSWER_MAX KIB(16)
#define KEY_MAX 128
enum { LOST_TEXT_MAX = 200 };

/* ---- before the effect ---- */

static int token_check(struct app *a, const struct httpd_request *r, struct wall now,
	struct jwt_claims *ret, struct err *e)
{
	const char *token = httpd_bearer(r);

	if (!token)
		return err_set(e, ERR_AUTH, "job token is missing");
	if (jwt_verify(&a->keys, token, PURPOSE_API, now, ret, e) < 0) {
		metric_add(&a->metrics, METRIC_JWT_REFUSED, 1);
		return -1;
	}
	return 0;
}

void api_job_begin(struct httpd_request *r, void *app)
{
	struct jwt_claims claims;
	struct err e = { 0 };

	if (token_check(app, r, wall_now(), &claims, &e) < 0)
		httpd_reply_err(r, &e);
	else
		httpd_trust(r);
}

static int call_key(struct api_call *c, struct err *e)
{
	const char *key = httpd_header(c->request, "Idempotency-Key");
	struct slice body = httpd_body(c->request);

	if (!key)
		return 0;
	if (!*key || strlen(key) > KEY_MAX)
		return err_set(e, ERR_INPUT, "Idempotency-Key has %zu bytes, expected 1 to %d",
			strlen(key), KEY_MAX);
	sha256(body.ptr, body.len, c->body_sha);
	c->answer = (struct stored_answer){ key, httpd_path(c->request), c->body_sha };
	return 0;
}

/* Answers a token that was used before: 1 answered, 0 not used, -1. */
static int call_replay(struct api_call *c, struct err *e)
{
	struct buf sealed = BUF_INIT(ANSWER_MAX + 64), plain = BUF_INIT(ANSWER_MAX);
	struct app *a = c->app;
	int status = 0, rc = store_jwt_used(a->store, c->claims.jti, e);

	if (rc <= 0)
		return rc;
	rc = c->answer.key ? store_answer_get(a->store, c->claims.jti, &c->answer, c->now, &status,
				     &sealed, e)
			   : 0;
	if (rc > 0)
		rc = unseal(&a->keys, c->claims.jti, sealed.data, sealed.len, &plain, e) < 0 ? -1
											     : 1;
	if (rc > 0) {
		metric_add(&a->metrics, METRIC_ANSWERS_REPLAYED, 1);
		httpd_reply_json(c->request, (unsigned)status, &plain);
	} else if (rc == 0) {
		metric_add(&a->metrics, METRIC_JWT_REPLAYS, 1);
		rc = err_set(e, ERR_AUTH, "job token was used before");
	}
	buf_release_wipe(&sealed);
	buf_release_wipe(&plain);
	return rc;
}

static int call_runner(struct api_call *c, struct err *e)
{
	struct runner_row runner = { 0 };

	if (store_runner_get(c->app->store, c->claims.runner_id, &runner, NULL) < 0)
		return err_set(e, ERR_AUTH, "runner does not exist");
	bool revoked = runner.revoked_at.us != 0;
	runner_row_release(&runner);
	return revoked ? err_set(e, ERR_AUTH, "runner is revoked") : 0;
}

static int call_job(struct api_call *c, struct err *e)
{
	int64_t id;

	if (!httpd_param_id(c->request, "id", &id) || id != c->claims.job_id)
		return err_set(e, ERR_NOT_FOUND, "the token is not of this job");
	if (store_job_get(c->app->store, id, &c->job, e) < 0)
		return -1;
	if (c->job.runner_id != c->claims.runner_id || c->job.returns != c->claims.returns)
		return err_set(e, ERR_NOT_FOUND, "the job is not of this runner");
	return 0;
}

/* ---- the effect and the answer ---- */

static int next_token_write(struct api_call *c, struct json_writer *w, struct err *e)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	struct jwt_claims next = c->claims;
	char when[WALL_TEXT_MAX];
	int rc = jwt_mint(&c->app->keys, &next, c->now, &token, e);

	if (rc == 0) {
		json_kv_str(w, "next_token", buf_cstr(&token));
		json_kv_str(w, "next_token_expires_at", wall_format(next.expires_at, when));
		metric_add(&c->app->metrics, METRIC_JWT_ISSUED, 1);
	}
	buf_release_wipe(&token);
	return rc;
}

static int answer_write(struct api_call *c, call_effect_fn effect, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	int rc = effect(c, &w, e);
	if (rc == 0 && !c->terminal)
		rc = next_token_write(c, &w, e);
	json_end_object(&w);
	if (json_writer_finish(&w, rc < 0 ? NULL : e) < 0)
		return -1;
	return rc;
}

static int answer_store(struct api_call *c, int status, const struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(ANSWER_MAX + 64);

	if (!c->answer.key)
		return 0;
	if (seal(&c->app->keys, c->claims.jti, buf_cstr(out), out->len, &sealed, e) < 0)
		return -1;
	/* The token itself is refused after its expiry, so the answer need not live longer. */
	return store_answer_put(c->app->store, c->claims.jti, &c->answer, status, sealed.data,
		sealed.len, c->claims.expires_at, e);
}

static int call_commit(
	struct api_call *c, call_effect_fn effect, int status, struct buf *out, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(c->app->store, &tx, e) < 0 || call_runner(c, e) < 0 || call_job(c, e) < 0 ||
		store_jwt_use(c->app->store, c->claims.jti, c->claims.job_id, c->now, e) < 0 ||
		store_job_seen(c->app->store, c->claims.job_id, c->now, e) < 0 ||
		answer_write(c, effect, out, e) < 0 || answer_store(c, status, out, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* The same call may have come to another serve a moment before: it was committed after this one had
 * looked for its answer. 1: answered, -1. */
static int call_twice(struct api_call *c, struct err *e)
{
	struct err own = { 0 };
	int rc = call_replay(c, &own);

	if (rc < 0 && err_is(&own, ERR_AUTH))
		*e = own;
	return rc > 0 ? 1 : -1;
}

void job_call(struct api_call *c, call_effect_fn effect, int status)
{
	struct err e = { 0 };
	struct buf out = BUF_INIT(ANSWER_MAX);

	c->now = wall_now();
	int rc = token_check(c->app, c->request, c->now, &c->claims, &e) < 0 || call_key(c, &e) < 0
			 ? -1
			 : call_replay(c, &e);
	if (rc == 0) {
		rc = call_commit(c, effect, status, &out, &e);
		if (rc == 0) {
			httpd_reply_json(c->request, (unsigned)status, &out);
			if (c->wake)
				app_wake(c->app);
		} else {
			rc = call_twice(c, &e);
		}
	}
	if (rc < 0)
		httpd_reply_err(c->request, &e);
	job_row_release(&c->job);
	buf_release_wipe(&out);
}

/* ---- the effects ---- */

static void state_write(
	struct json_writer *w, const char *status, const char *conclusion, struct state s)
{
	json_kv_str(w, status, status_text(s.status));
	json_kv_str(w, conclusion, conclusion_text(s.conclusion));
}

static int report_read(struct api_call *c, struct state_report *ret, struct err *e)
{
	if (report_parse(httpd_body(c->request), ret, e) < 0)
		return -1;
	return state_report_times(ret, c->job.claimed_at, c->now, e);
}

/* Of our own: a failure that is the machine's and not the job's. 1 handed back, 0 it stays, -1. */
static int hand_back(struct api_call *c, const struct state_report *report, struct state *job,
	struct state *run, struct err *e)
{
	if (!str_eq(httpd_header(c->request, "Shithub-Job-Return"), "true") ||
		report->state.conclusion != CONCLUSION_FAILURE)
		return 0;
	int rc = store_claim_hand_back(c->app->store, c->job.id, c->now, job, run, e);
	if (rc > 0) {
		metric_add(&c->app->metrics, METRIC_JOBS_HANDED_BACK, 1);
		log_warn("job", "job_handed_back", F_INT("job", c->job.id),
			F_INT("runner", c->job.runner_id));
	}
	return rc;
}

/* What the header says, NULL without one. */
static int lost_read(const struct api_call *c, const char **ret, struct err *e)
{
	const char *text = httpd_header(c->request, "Shithub-Job-Lost");
	size_t n = text ? strlen(text) : 0;

	*ret = text;
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			n = 0;
	if (text && (n == 0 || n > LOST_TEXT_MAX))
		return err_set(e, ERR_INPUT,
			"header Shithub-Job-Lost: expected 1 to %d printable ASCII characters",
			LOST_TEXT_MAX);
	return 0;
}

/* Of our own: what its runner found of it after a crash, before its first step ended. 1: it is
 * queued once more, 0: it ends, -1. */
static int lost(struct api_call *c, const struct state_report *report, struct state *job,
	struct state *run, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	const char *text;

	if (lost_read(c, &text, e) < 0)
		return -1;
	if (!text || report->state.conclusion != CONCLUSION_FAILURE)
		return 0;
	if (store_runner_get(c->app->store, c->job.runner_id, &runner, e) < 0)
		return -1;
	CLEAN_STR char *again = xasprintf("Started again: %s lost it before its first step ended: "
					  "%s.",
		runner.name, text);
	CLEAN_STR char *ended = xasprintf("%s lost it: %s.", runner.name, text);
	const struct claim_loss loss = { .why = again, .told = true };
	int rc = store_claim_lost(c->app->store, c->job.id, &loss, c->now, run, e);
	if (rc <= 0)
		return rc < 0 ? -1 : store_claim_lost_again(c->app->store, c->job.id, ended, e);
	*job = (struct state){ .status = STATUS_QUEUED };
	metric_add(&c->app->metrics, METRIC_JOBS_RETRIED, 1);
	log_warn("job", "lost_job_queued_again", F_INT("job", c->job.id),
		F_INT("runner", c->job.runner_id), F_STR("how", text));
	return 1;
}

static int job_status_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	struct state_report report = { 0 };
	struct state job = { 0 }, run = { 0 };

	if (report_read(c, &report, e) < 0)
		return -1;
	if (status_terminal(report.state.status) && scrub_end(c->app, c->job.id, 0, c->now, e) < 0)
		return -1;
	int back = hand_back(c, &report, &job, &run, e);
	if (back == 0)
		back = lost(c, &report, &job, &run, e);
	if (back < 0 || (back == 0 && store_job_report(c->app->store, c->job.id, &report, c->now,
					      &job, &run, e) < 0))
		return -1;
	state_write(w, "status", "conclusion", job);
	state_write(w, "run_status", "run_conclusion", run);
	c->terminal = back > 0 || status_terminal(job.status);
	c->wake = c->terminal;
	if (back == 0 && c->terminal)
		log_info("job", "job_ended", F_INT("job", c->job.id),
			F_STR("conclusion", conclusion_text(job.conclusion)),
			F_STR("run_status", status_text(run.status)));
	return 0;
}

void api_job_status(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, job_status_effect, 200);
}

static int step_status_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	struct state_report report = { 0 };
	struct state step;
	bool changed = false;
	int64_t id;

	if (!httpd_param_id(c->request, "step", &id))
		return err_set(e, ERR_NOT_FOUND, "there is no such step");
	/* The rest of the log first: an annotation may end with it. */
	if (report_read(c, &report, e) < 0 ||
		(status_terminal(report.state.status) &&
			scrub_end(c->app, c->job.id, id, c->now, e) < 0) ||
		store_step_report(
			c->app->store, c->job.id, id, &report, c->now, &step, &changed, e) < 0)
		return -1;
	if (changed && step.conclusion == CONCLUSION_TIMED_OUT)
		metric_add(&c->app->metrics, METRIC_STEP_TIMEOUTS, 1);
	state_write(w, "status", "conclusion", step);
	return 0;
}

void api_step_status(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, step_status_effect, 200);
}

static int logs_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(log_release) struct log_body body = { 0 };

	if (log_parse(httpd_body(c->request), &body, e) < 0)
		return -1;
	if (status_terminal(c->job.state.status))
		return err_set(e, ERR_INPUT, "the job is already %s and takes no more logs",
			status_text(c->job.state.status));
	if (scrub_log(c->app, c->job.id, body.step_id, body.seq, buf_slice(&body.chunk), c->now,
		    e) < 0)
		return -1;
	metric_add(&c->app->metrics, METRIC_LOG_CHUNKS, 1);
	metric_add(&c->app->metrics, METRIC_LOG_BYTES, (int64_t)body.chunk.len);
	json_kv_bool(w, "accepted", true);
	return 0;
}

void api_job_logs(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, logs_effect, 202);
}

/* A runner drops these, too, and says so in the log (docs/COORDINATOR.md "Outputs"). */
static int output_keep(
	struct api_call *c, const char *name, const char *value, struct pairs *kept, struct err *e)
{
	int found = scrub_finds(c->app, c->job.id, value, e);

	if (found == 0)
		pairs_set(kept, name, value);
	if (found <= 0)
		return found;
	CLEAN_STR char *line =
		xasprintf("The output \"%.100s\" is not kept: it holds a secret.\n", name);
	metric_add(&c->app->metrics, METRIC_OUTPUTS_DROPPED, 1);
	return store_log_note(c->app->store, c->job.id, line, c->now, e);
}

static int outputs_store(struct api_call *c, const struct pairs *outputs, struct err *e)
{
	CLEANUP(pairs_release) struct pairs kept = { 0 };

	/* names are checked with the whole */
	if (store_job_outputs(c->app->store, &c->job, outputs, e) < 0)
		return -1;
	for (size_t i = 0; i < outputs->n; i++)
		if (output_keep(c, outputs->v[i].key, outputs->v[i].value, &kept, e) < 0)
			return -1;
	return kept.n == outputs->n ? 0 : store_job_outputs(c->app->store, &c->job, &kept, e);
}

/* Of our own: sent when the claim had `outputs`, before the job's last status. */
static int outputs_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(outputs_release) struct outputs_body body = { 0 };

	if (outputs_parse(httpd_body(c->request), &body, e) < 0)
		return -1;
	if (status_terminal(c->job.state.status))
		return err_set(e, ERR_INPUT, "the job is already %s and takes no more outputs",
			status_text(c->job.state.status));
	json_kv_bool(w, "accepted", true);
	return outputs_store(c, &body.outputs, e);
}

void api_job_outputs(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, outputs_effect, 200);
}

static int cancel_check_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	if (empty_parse(httpd_body(c->request), e) < 0)
		return -1;
	/* Terminal without the runner's word: cancelled, or given up as lost. */
	json_kv_bool(
		w, "cancelled", c->job.cancel_requested || status_terminal(c->job.state.status));
	/* Ours: who asked for it, and whether steps may still clean up. A runner that gets them
	 * goes on with its checks. */
	json_kv_bool(
		w, "force", c->job.cancel_requested > 1 || status_terminal(c->job.state.status));
	if (c->job.cancel_requested && c->job.reason)
		json_kv_str(w, "reason", c->job.reason);
	return 0;
}

void api_cancel_check(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, cancel_check_effect, 200);
}
