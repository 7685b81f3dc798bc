/*
 * The calls of a job: each is one transaction that uses up the token, has the effect, and mints the
 * next one. All share job_call (api_call.h); what differs is its effect.
 *
 * Order of refusals: token not valid or runner revoked 401, token used 401 (or the stored answer,
 * see below), not this job 404, bad body 400/413, forbidden change 400. A refused call does not use
 * the token up, so that the sender can go on.
 *
 * Idempotency-Key: the answer of a call that carries one is stored (sealed, as it holds the next
 * token) in the same transaction. A later call with the same token, key, path and body gets the
 * same answer instead of 401, so that a sender whose answer was lost keeps its chain.
 */
#include "coordinator/api_call.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/body.h"

#define ANSWER_MAX KIB(16)
#define KEY_MAX 128

/* ---- before the effect ---- */

static int call_token(struct call *c, struct err *e)
{
	const char *token = httpd_bearer(c->request);
	if (!token)
		return err_set(e, ERR_AUTH, "job token is missing");
	if (jwt_verify(&c->app->keys, token, PURPOSE_API, c->now, &c->claims, e)) {
		metric_add(&c->app->metrics, METRIC_JWT_REFUSED, 1);
		return -1;
	}
	return 0;
}

static int call_key(struct call *c, struct err *e)
{
	const char *key = httpd_header(c->request, "Idempotency-Key");
	struct slice body = httpd_body(c->request);
	if (!key)
		return 0;
	if (!*key || strlen(key) > KEY_MAX)
		return err_set(e, ERR_INPUT, "Idempotency-Key has %zu bytes, expected 1 to %d",
			strlen(key), KEY_MAX);
	sha256(body.ptr, body.len, c->body_sha);
	c->answer = (struct answer){ key, httpd_path(c->request), c->body_sha };
	return 0;
}

/* Answers a token that was used before: 1 answered, 0 not used, -1. */
static int call_replay(struct call *c, struct err *e)
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
		rc = unseal(&a->keys, c->claims.jti, sealed.data, sealed.len, &plain, e) ? -1 : 1;
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

static int call_runner(struct call *c, struct err *e)
{
	struct runner_row runner = { 0 };
	if (store_runner_get(c->app->store, c->claims.runner_id, &runner, NULL))
		return err_set(e, ERR_AUTH, "runner does not exist");
	bool revoked = runner.revoked_at.us != 0;
	runner_row_release(&runner);
	return revoked ? err_set(e, ERR_AUTH, "runner is revoked") : 0;
}

static int call_job(struct call *c, struct err *e)
{
	int64_t id;
	if (!httpd_param_id(c->request, "id", &id) || id != c->claims.job_id)
		return err_set(e, ERR_NOT_FOUND, "the token is not of this job");
	if (store_job_get(c->app->store, id, &c->job, e))
		return -1;
	if (c->job.runner_id != c->claims.runner_id)
		return err_set(e, ERR_NOT_FOUND, "the job is not of this runner");
	return 0;
}

/* ---- the effect and the answer ---- */

static int next_token_write(struct call *c, struct json_writer *w, struct err *e)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	struct claims next = c->claims;
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

static int answer_write(struct call *c, call_effect_fn effect, struct buf *out, struct err *e)
{
	struct json_writer w;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	int rc = effect(c, &w, e);
	if (rc == 0 && !c->terminal)
		rc = next_token_write(c, &w, e);
	json_end_object(&w);
	if (json_writer_finish(&w, rc ? NULL : e))
		return -1;
	return rc;
}

static int answer_store(struct call *c, int status, const struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(ANSWER_MAX + 64);
	if (!c->answer.key)
		return 0;
	if (seal(&c->app->keys, c->claims.jti, buf_cstr(out), out->len, &sealed, e))
		return -1;
	/* The token itself is refused after its expiry, so the answer need not live longer. */
	return store_answer_put(c->app->store, c->claims.jti, &c->answer, status, sealed.data,
		sealed.len, c->claims.expires_at, e);
}

static int call_commit(
	struct call *c, call_effect_fn effect, int status, struct buf *out, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(c->app->store, &tx, e) || call_runner(c, e) || call_job(c, e) ||
		store_jwt_use(c->app->store, c->claims.jti, c->claims.job_id, c->now, e) ||
		store_job_seen(c->app->store, c->claims.job_id, c->now, e) ||
		answer_write(c, effect, out, e) || answer_store(c, status, out, e))
		return -1;
	return store_commit(&tx, e);
}

void job_call(struct call *c, call_effect_fn effect, int status)
{
	struct err e = { 0 };
	struct buf out = BUF_INIT(ANSWER_MAX);
	c->now = wall_now();
	int rc = call_token(c, &e) || call_key(c, &e) ? -1 : call_replay(c, &e);
	if (rc == 0) {
		rc = call_commit(c, effect, status, &out, &e);
		if (rc == 0) {
			httpd_reply_json(c->request, (unsigned)status, &out);
			if (c->wake)
				app_wake(c->app);
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

static int job_status_effect(struct call *c, struct json_writer *w, struct err *e)
{
	struct report report = { 0 };
	struct state job, run;
	if (report_parse(httpd_body(c->request), &report, e) ||
		store_job_report(c->app->store, c->job.id, &report, c->now, &job, &run, e))
		return -1;
	state_write(w, "status", "conclusion", job);
	state_write(w, "run_status", "run_conclusion", run);
	c->terminal = status_terminal(job.status);
	c->wake = c->terminal;
	if (c->terminal)
		log_info("job", "job_ended", F_INT("job", c->job.id),
			F_STR("conclusion", conclusion_text(job.conclusion)),
			F_STR("run_status", status_text(run.status)));
	return 0;
}

void api_job_status(struct httpd_request *r, void *app)
{
	struct call c = { .app = app, .request = r };
	job_call(&c, job_status_effect, 200);
}

static int step_status_effect(struct call *c, struct json_writer *w, struct err *e)
{
	struct report report = { 0 };
	struct state step;
	bool changed = false;
	int64_t id;
	if (!httpd_param_id(c->request, "step", &id))
		return err_set(e, ERR_NOT_FOUND, "there is no such step");
	if (report_parse(httpd_body(c->request), &report, e) ||
		store_step_report(
			c->app->store, c->job.id, id, &report, c->now, &step, &changed, e))
		return -1;
	if (changed && step.conclusion == CONCLUSION_TIMED_OUT)
		metric_add(&c->app->metrics, METRIC_STEP_TIMEOUTS, 1);
	state_write(w, "status", "conclusion", step);
	return 0;
}

void api_step_status(struct httpd_request *r, void *app)
{
	struct call c = { .app = app, .request = r };
	job_call(&c, step_status_effect, 200);
}

static int logs_effect(struct call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(log_release) struct log_body body = { 0 };
	if (log_parse(httpd_body(c->request), &body, e))
		return -1;
	if (status_terminal(c->job.state.status))
		return err_set(e, ERR_INPUT, "the job is already %s and takes no more logs",
			status_text(c->job.state.status));
	if (store_log_append(c->app->store, c->job.id, body.step_id, body.seq, body.chunk.data,
		    body.chunk.len, c->now, e))
		return -1;
	metric_add(&c->app->metrics, METRIC_LOG_CHUNKS, 1);
	metric_add(&c->app->metrics, METRIC_LOG_BYTES, (int64_t)body.chunk.len);
	json_kv_bool(w, "accepted", true);
	return 0;
}

void api_job_logs(struct httpd_request *r, void *app)
{
	struct call c = { .app = app, .request = r };
	job_call(&c, logs_effect, 202);
}

/* Of our own: sent when the claim had `outputs`, before the job's last status. */
static int outputs_effect(struct call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(outputs_release) struct outputs_body body = { 0 };
	if (outputs_parse(httpd_body(c->request), &body, e))
		return -1;
	if (status_terminal(c->job.state.status))
		return err_set(e, ERR_INPUT, "the job is already %s and takes no more outputs",
			status_text(c->job.state.status));
	json_kv_bool(w, "accepted", true);
	return store_job_outputs(c->app->store, &c->job, &body.outputs, e);
}

void api_job_outputs(struct httpd_request *r, void *app)
{
	struct call c = { .app = app, .request = r };
	job_call(&c, outputs_effect, 200);
}

static int cancel_check_effect(struct call *c, struct json_writer *w, struct err *e)
{
	if (empty_parse(httpd_body(c->request), e))
		return -1;
	/* Terminal without the runner's word: cancelled, or given up as lost. */
	json_kv_bool(
		w, "cancelled", c->job.cancel_requested || status_terminal(c->job.state.status));
	return 0;
}

void api_cancel_check(struct httpd_request *r, void *app)
{
	struct call c = { .app = app, .request = r };
	job_call(&c, cancel_check_effect, 200);
}
