/* POST /runners/heartbeat: the registration token, the rate, the claim or the wait. */
#include "coordinator/api.h"

#include <stdio.h>

#include "base/limits.h"
#include "coordinator/body.h"
#include "coordinator/claim.h"

static int runner_auth(
	struct app *a, struct httpd_request *r, struct runner_row *ret, struct err *e)
{
	unsigned char sha[SHA256_LEN];
	const char *token = httpd_bearer(r);
	if (!token || strlen(token) > LIMIT_TOKEN)
		return err_set(e, ERR_AUTH, "runner token is unknown, expired or revoked");
	token_hash(token, sha);
	return store_runner_by_token(a->store, sha, wall_now(), ret, e);
}

/* Seconds of `Prefer: wait=N` (RFC 7240), 0 without one. */
static int64_t prefer_wait(const struct httpd_request *r)
{
	CLEANUP(strv_release) struct strv parts = { 0 };
	int64_t n;
	strv_split(&parts, httpd_header(r, "Prefer") ? httpd_header(r, "Prefer") : "", ',');
	strv_each (part, &parts) {
		if (str_starts(part, "wait=") && parse_i64(part + 5, 1, INT32_MAX, &n))
			return n < WAIT_MAX_S ? n : WAIT_MAX_S;
	}
	return 0;
}

static bool rate_exceeded(struct app *a, struct httpd_request *r, int64_t runner_id)
{
	int64_t seconds = heartbeat_limit(a, runner_id);
	char text[24];
	if (!seconds)
		return false;
	snprintf(text, sizeof(text), "%lld", (long long)seconds);
	metric_add(&a->metrics, METRIC_HEARTBEATS_LIMITED, 1);
	httpd_add_header(r, "Retry-After", text);
	httpd_error(r, 429, "more than %d heartbeats in a minute", HEARTBEATS_PER_MINUTE);
	return true;
}

static int heartbeat_store(struct app *a, const struct runner_row *runner,
	const struct heartbeat_body *b, struct err *e)
{
	struct heartbeat h = { .labels = b->labels_given ? &b->labels : NULL,
		.capacity = b->capacity,
		.host_name = b->host_name,
		.version = b->version };
	metric_add(&a->metrics, METRIC_HEARTBEATS, 1);
	return store_runner_heartbeat(a->store, runner->id, &h, wall_now(), e);
}

/* Answers with a job, holds, or answers 204. */
static int claim_or_wait(struct app *a, struct httpd_request *r, int64_t runner_id,
	const struct strv *labels, struct err *e)
{
	struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	int64_t seconds = prefer_wait(r);
	struct claim claim;
	int rc = httpd_alive(r) ? claim_try(a, runner_id, labels, &out, &claim, e) : 0;
	if (rc > 0)
		claim_reply(a, r, &claim, &out);
	else if (rc == 0 && seconds)
		claim_wait(a, r, runner_id, labels, seconds);
	else if (rc == 0)
		httpd_reply(r, 204, NULL, NULL, 0);
	buf_release_wipe(&out);
	return rc < 0 ? -1 : 0;
}

void api_heartbeat(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEANUP(heartbeat_release) struct heartbeat_body body = { 0 };
	if (runner_auth(a, r, &runner, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	if (rate_exceeded(a, r, runner.id))
		return;
	if (heartbeat_parse(httpd_body(r), &body, &e) || heartbeat_store(a, &runner, &body, &e) ||
		claim_or_wait(
			a, r, runner.id, body.labels_given ? &body.labels : &runner.labels, &e))
		httpd_reply_err(r, &e);
}

/* A runner that stops must not hang up on a held heartbeat: the claim might be in it. It asks for
 * the answer instead, which is a claim that was already made, or 204. */
void api_heartbeat_release(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	if (runner_auth(a, r, &runner, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	claim_release(a, runner.id);
	httpd_reply(r, 204, NULL, NULL, 0);
}
