/*
 * Calls with a registration token: the heartbeat (rate, claim or wait), and of our own self and
 * evidence. The rate limit comes before the body is parsed, as a runner that runs wild should cost
 * little.
 */
#include "coordinator/api/api.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api/body.h"
#include "coordinator/api/caller.h"
#include "coordinator/claim/claim.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/store/hygiene.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/row_json.h"
#include "coordinator/view/runner.h"

enum { WAITING_SHOWN = 50, EVIDENCE_PER_HOUR = 600 };
#define REFUSED_LABELS_HEADER "Shithub-Labels-Refused"

void api_runner_begin(struct httpd_request *r, void *app)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	struct err e = { 0 };

	if (auth_runner(app, httpd_bearer(r), &runner, &e) < 0)
		httpd_reply_err(r, &e);
	else
		httpd_trust(r);
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

static bool rate_exceeded(struct app *a, struct httpd_request *r, const struct runner_row *runner)
{
	int64_t seconds = heartbeat_limit(a, runner);
	char text[24];

	if (!seconds)
		return false;
	snprintf(text, sizeof(text), "%" PRId64, seconds);
	metric_add(&a->metrics, METRIC_HEARTBEATS_LIMITED, 1);
	httpd_add_header(r, "Retry-After", text);
	httpd_error(r, 429, "more than %d heartbeats in a minute", HEARTBEATS_PER_MINUTE);
	return true;
}

/* What the runner may serve of what it offers; the rest is said in the answer, and in the log when
 * it changes. */
struct served {
	struct strv labels, refused;
};

static void served_release(struct served *s)
{
	strv_release(&s->labels);
	strv_release(&s->refused);
}

static char *labels_text(const struct strv *labels)
{
	struct buf out = BUF_INIT(KIB(64));

	strv_each (label, labels)
		buf_addf(&out, "%s%s", label_i ? "," : "", label);
	return buf_take(&out);
}

static bool labels_equal(const struct strv *a, const struct strv *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = str_eq(a->v[i], b->v[i]);
	return equal;
}

/* False: nothing is left, and it was answered with 403. */
static bool labels_serve(struct httpd_request *r, const struct runner_row *runner,
	const struct heartbeat_body *b, struct served *ret)
{
	runner_narrow(runner, b->labels_given ? &b->labels : &runner->labels, &ret->labels,
		&ret->refused);
	CLEAN_STR char *refused = labels_text(&ret->refused);
	if (!ret->labels.n) {
		CLEAN_STR char *may = labels_text(&runner->allowed_labels);

		httpd_error(r, 403,
			"runner %s may serve none of its labels (%.300s): it is registered for "
			"%.300s. Change runner.labels, or allow them with `shithubd admin runner "
			"set-labels --id %" PRId64 " --labels …`",
			runner->name, refused, may, runner->id);
		return false;
	}
	if (ret->refused.n) {
		httpd_add_header(r, REFUSED_LABELS_HEADER, refused);
		if (!labels_equal(&ret->refused, &runner->refused_labels))
			log_warn("runner", "labels_refused", F_INT("runner", runner->id),
				F_STR("labels", refused));
	}
	return true;
}

static int heartbeat_store(struct app *a, const struct runner_row *runner,
	const struct heartbeat_body *b, const struct served *served, struct err *e)
{
	struct runner_report h = { .labels = b->labels_given ? &served->labels : NULL,
		.refused_labels = &served->refused,
		.capacity = b->capacity,
		.host_name = b->host_name,
		.version = b->version };

	metric_add(&a->metrics, METRIC_HEARTBEATS, 1);
	return store_runner_heartbeat(a->store, runner->id, &h, wall_now(), e);
}

/* A heartbeat is the word of a runner that is well. */
static void note_recovery(const struct runner_row *runner)
{
	if (runner->trouble)
		log_info("runner", "trouble_over", F_INT("runner", runner->id),
			F_STR("kind", runner->trouble));
}

/* What this runner still counts as running and does not have is over. */
static int heartbeat_reconcile(struct app *a, const struct httpd_request *r, int64_t runner_id,
	const struct heartbeat_body *b, struct err *e)
{
	struct active_jobs active = { runner_id, &b->active_jobs, httpd_header(r, CLAIM_KEY) };
	size_t ended;

	if (!b->active_given)
		return 0;
	return absent_jobs_end(a, &active, wall_now(), &ended, e);
}

/* Answers with a job, holds, or answers 204: a runner that is not held asks again by itself. */
static int claim_or_wait(struct app *a, struct httpd_request *r, const struct runner_row *runner,
	const struct strv *labels, struct err *e)
{
	struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	int64_t seconds = prefer_wait(r);
	struct claim claim;
	int rc = httpd_alive(r) ? claim_try(a, runner->id, labels, &out, &claim, e) : 0;

	if (rc > 0)
		claim_reply(a, r, &claim, &out);
	else if (rc == 0 && seconds && !httpd_crowded(a->httpd))
		claim_wait(a, r, runner, labels, seconds);
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
	CLEANUP(served_release) struct served served = { 0 };

	if (auth_runner(a, httpd_bearer(r), &runner, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (!a->waiters) { /* serve is about to end */
		httpd_error(r, 503, "the coordinator is about to stop");
		return;
	}
	if (rate_exceeded(a, r, &runner))
		return;
	if (heartbeat_parse(httpd_body(r), &body, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (!labels_serve(r, &runner, &body, &served))
		return;
	note_recovery(&runner);
	if (heartbeat_store(a, &runner, &body, &served, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	/* Not before: from here on no other serve claims for this runner, so what it claimed is
	 * seen. */
	claim_repeated(a, runner.id, httpd_header(r, CLAIM_KEY));
	if (heartbeat_reconcile(a, r, runner.id, &body, &e) < 0 ||
		claim_or_wait(a, r, &runner, &served.labels, &e) < 0)
		httpd_reply_err(r, &e);
}

/* A runner that stops must not hang up on a held heartbeat: the claim might be in it. It asks for
 * the answer instead, which is a claim that was already made, or 204. */
void api_heartbeat_release(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };

	if (auth_runner(a, httpd_bearer(r), &runner, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	claim_release_everywhere(a, runner.id);
	httpd_reply(r, 204, NULL, NULL, 0);
}

/* ---- what keeps it from work ---- */

/* Runners say it again every half minute, at once when it changes. */
static bool trouble_too_soon(
	struct httpd_request *r, const struct runner_row *runner, struct wall now)
{
	if (runner->trouble_at.us + USEC_PER_SEC <= now.us)
		return false;
	httpd_add_header(r, "Retry-After", "1");
	httpd_error(r, 429, "more than one report of trouble in a second");
	return true;
}

static int trouble_store(struct app *a, const struct runner_row *runner,
	const struct trouble_body *b, struct wall now, struct err *e)
{
	const struct runner_trouble t = {
		.kind = b->kind, .text = b->text, .since = { now.us - b->seconds * USEC_PER_SEC }
	};

	if (store_runner_trouble(a->store, runner->id, &t, now, e) < 0)
		return -1;
	if (!str_eq(runner->trouble, b->kind))
		log_warn("runner", "trouble", F_INT("runner", runner->id),
			F_STR("name", runner->name), F_STR("kind", b->kind),
			F_STR("text", b->text));
	return 0;
}

/* A runner that cannot work sends no heartbeats, as any of them may be answered with a job. It
 * says here why, which other coordinators answer with 404. */
void api_runner_trouble(struct httpd_request *r, void *app)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEANUP(trouble_release) struct trouble_body body = { 0 };
	struct wall now = wall_now();
	struct err e = { 0 };

	if (auth_runner(app, httpd_bearer(r), &runner, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (trouble_too_soon(r, &runner, now))
		return;
	if (trouble_parse(httpd_body(r), &body, &e) < 0 ||
		trouble_store(app, &runner, &body, now, &e) < 0)
		httpd_reply_err(r, &e);
	else
		httpd_reply(r, 204, NULL, NULL, 0);
}

/* ---- what a runner may know about itself ---- */

static int self_write(
	struct json_writer *w, struct store *s, const struct runner_row *runner, struct err *e)
{
	CLEANUP(waiting_list_release) struct waiting_list waiting = { 0 };
	struct matching m = { 0 };
	struct wall now = wall_now();

	const struct offer offer = offer_of(runner);

	if (store_matching(s, &offer, &m, e) < 0 ||
		store_matching_list(s, &offer, WAITING_SHOWN, &waiting, e) < 0)
		return -1;
	runner_write(w, runner, now);
	matching_write(w, runner, &m, now);
	json_key(w, "queued_matching");
	json_begin_array(w);
	for (size_t i = 0; i < waiting.n; i++) {
		json_begin_object(w);
		json_kv_int(w, "job_id", waiting.v[i].job_id);
		kv_time(w, "queued_at", waiting.v[i].since);
		json_end_object(w);
	}
	json_end_array(w);
	kv_time(w, "now", now);
	return 0;
}

void api_runner_self(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	if (auth_runner(a, httpd_bearer(r), &runner, &e) == 0)
		IGNORE_RESULT(self_write(&w, a->store, &runner, &e), "the answer says it, by e");
	json_end_object(&w);
	caller_answer(r, 200, &w, &out, &e);
}

/* ---- evidence ---- */

static int evidence_key(struct httpd_request *r, const char **ret, struct err *e)
{
	*ret = httpd_header(r, "Idempotency-Key");
	if (str_empty(*ret) || strlen(*ret) > IDEMPOTENCY_KEY_MAX)
		return err_set(e, ERR_INPUT, "Idempotency-Key of 1 to %d bytes is needed",
			IDEMPOTENCY_KEY_MAX);
	return 0;
}

/* -1 was answered: a runner that runs wild must not fill the database. */
static int evidence_rate(struct app *a, struct httpd_request *r, int64_t runner_id)
{
	const struct wall since = { wall_now().us - 3600 * USEC_PER_SEC };
	struct err e = { 0 };
	int64_t n;

	if (store_hygiene_recent(a->store, runner_id, since, &n, &e) < 0) {
		httpd_reply_err(r, &e);
		return -1;
	}
	if (n < EVIDENCE_PER_HOUR)
		return 0;
	httpd_add_header(r, "Retry-After", "60");
	httpd_error(r, 429, "more than %d records of evidence in an hour", EVIDENCE_PER_HOUR);
	return -1;
}

/* 1 new, 0 stored before, -1. */
static int evidence_store(
	struct app *a, struct httpd_request *r, int64_t runner_id, int64_t *ret_id, struct err *e)
{
	CLEANUP(evidence_release) struct evidence_body body = { 0 };
	unsigned char sha[SHA256_LEN];
	const char *key;
	struct slice text = httpd_body(r);

	if (evidence_key(r, &key, e) < 0 || evidence_parse(text, &body, e) < 0)
		return -1;
	sha256(text.ptr, text.len, sha);
	struct hygiene_row row = { .runner_id = runner_id,
		.key = body.key,
		.host = body.host,
		.action = body.action,
		.status = body.status,
		.documents = body.documents };
	return store_hygiene_add(a->store, &row, key, sha, wall_now(), ret_id, e);
}

void api_runner_evidence(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	int64_t id = 0;
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));

	if (auth_runner(a, httpd_bearer(r), &runner, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (evidence_rate(a, r, runner.id) < 0)
		return;
	int rc = evidence_store(a, r, runner.id, &id, &e);
	if (rc < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (rc > 0)
		metric_add(&a->metrics, METRIC_HYGIENE_RECORDS, 1);
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "id", id);
	json_kv_bool(&w, "stored", true);
	json_end_object(&w);
	caller_answer(r, rc > 0 ? 201 : 200, &w, &out, &e);
}
