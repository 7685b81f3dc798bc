/* The endpoints of our own: a runner about itself, evidence of host hygiene, reading runs. */
#include "base/log.h"
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "coordinator/api/body.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/hygiene.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/rights/pat.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/view/runner.h"

static struct world *fresh(void)
{
	static struct world w;

	world_open(&w);
	world_serve(&w);
	return &w;
}

static struct json_doc *get(struct world *w, const char *path, const char *token, long want)
{
	struct json_doc *d = NULL;
	struct call_spec c = { .method = "GET", .path = path, .token = token };

	assert_int_equal(want, call_do(w, &c, &d));
	return d;
}

/* ---- /runners/self ---- */

static void test_self(void **state UNUSED)
{
	struct world *w = fresh();
	struct claimed c;

	assert_int_equal(204, heartbeat(w, w->runner_token, "{}", NULL));
	struct run_created run = RUN(w, "a:linux", "b:linux&x64", "c:gpu", "d:linux:a");
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	must(store_job_list(w->app.store, run.run_id, &jobs, NULL));
	CLEAN_JSON struct json_doc *d = get(w, "/api/v1/runners/self", w->runner_token, 200);
	const struct json_value *me = json_root(d), *waiting = json_get(me, "queued_matching");
	assert_int_equal(w->runner_id, json_get_int(me, "id", 0));
	assert_string_equal("r1", json_get_string(me, "name"));
	assert_int_equal(2, json_get_int(me, "capacity", 0));
	assert_int_equal(0, json_get_int(me, "active_jobs", -1));
	assert_false(json_get_bool(me, "draining", true));
	assert_int_equal(2, json_get_int(me, "queued_matching_total", 0));
	assert_int_equal(2, waiting->count);
	assert_int_equal(jobs.v[0].id, json_get_int(waiting->items[0], "job_id", 0));
	assert_non_null(json_get_string(waiting->items[0], "queued_at"));
	assert_false(json_get_bool(me, "deaf", true)); /* they wait for moments only */
	struct wall now;
	must(wall_parse(json_get_string(me, "now"), &now, NULL));
	assert_true(llabs(now.us - wall_now().us) < 60 * USEC_PER_SEC);

	assert_int_equal(200, heartbeat(w, w->runner_token, "{}", &c));
	CLEAN_JSON struct json_doc *busy = get(w, "/api/v1/runners/self", w->runner_token, 200);
	assert_int_equal(1, json_get_int(json_root(busy), "active_jobs", 0));
	assert_int_equal(1, json_get_int(json_root(busy), "queued_matching_total", 0));

	CLEAN_JSON struct json_doc *none = get(w, "/api/v1/runners/self", NULL, 401);
	CLEAN_JSON struct json_doc *job = get(w, "/api/v1/runners/self", c.token, 401);
	must(store_runner_revoke(w->app.store, w->runner_id, NULL, wall_now(), NULL));
	CLEAN_JSON struct json_doc *gone = get(w, "/api/v1/runners/self", w->runner_token, 401);
	world_close(w);
}

static void test_deaf(void **state UNUSED)
{
	const struct wall now = { 1000000 * USEC_PER_SEC };

	static const struct {
		int64_t heartbeat_s, waiting_s, jobs, active, drained_s, free_s;
		bool want;
	} cases[] = {
		{ 5, 61, 1, 0, 0, 900, true },
		{ 5, 59, 1, 0, 0, 900, false },    /* not for long */
		{ 5, 61, 0, 0, 0, 900, false },    /* nothing with its labels */
		{ 121, 500, 1, 0, 0, 900, false }, /* offline */
		{ 5, 500, 1, 1, 0, 900, true },    /* room for one more */
		{ 5, 500, 1, 2, 0, 900, false },   /* at capacity */
		{ 5, 500, 1, 0, 9, 900, false },   /* drained */
		{ 5, 500, 1, 0, 0, 59, false },    /* busy until just now */
		{ 5, 500, 1, 0, 0, 61, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct runner_row r = { .capacity = 2, .active_jobs = cases[i].active };
		struct matching m = { .jobs = cases[i].jobs };

		r.last_heartbeat_at.us = now.us - cases[i].heartbeat_s * USEC_PER_SEC;
		m.oldest_at.us = now.us - cases[i].waiting_s * USEC_PER_SEC;
		r.drained_at.us = cases[i].drained_s;
		r.freed_at.us = now.us - cases[i].free_s * USEC_PER_SEC;
		if (runner_deaf(&r, &m, now) != cases[i].want)
			fail_msg("row %zu", i);
	}
}

/* A job waits ten minutes for the only slot: its runner is not deaf when the slot gets free. */
static void test_not_deaf_after_a_long_job(void **state UNUSED)
{
	struct world *w = fresh();
	CLEANUP(strv_release) struct strv l = labels_of("linux,x64");
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct runner_report beat = { .capacity = 1 };
	struct state_report done = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct wall now = wall_now();
	struct state st, rs;

	RUN(w, "a:linux", "b:linux");
	assert_int_equal(1, store_job_claim(w->app.store, w->runner_id, &l, now, &job, NULL));
	now.us += 600 * USEC_PER_SEC;
	must(store_job_report(w->app.store, job.id, &done, now, &st, &rs, NULL));
	for (int64_t later = 5; later <= 65; later += 60) {
		struct wall then = { now.us + later * USEC_PER_SEC };
		CLEANUP(runner_row_release) struct runner_row r = { 0 };
		struct matching m = { 0 };

		must(store_runner_heartbeat(w->app.store, w->runner_id, &beat, then, NULL));
		must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
		must(store_matching(
			w->app.store, &(struct offer){ .name = "r1", .labels = &l }, &m, NULL));
		assert_int_equal(1, m.jobs);
		assert_int_equal(later > 60, runner_deaf(&r, &m, then));
	}
	world_close(w);
}

/* A job counts from the moment it could be claimed, not from when its run was made. */
static void test_waiting_since(void **state UNUSED)
{
	struct world *w = fresh();
	struct err e = { 0 };
	struct matching m = { 0 };
	struct state st, rs;
	CLEANUP(strv_release) struct strv l = labels_of("linux,x64");
	CLEANUP(job_row_release) struct job_row job = { 0 };

	RUN(w, "a:linux", "b:x64:a");
	must_err(store_matching(
		w->app.store, &(struct offer){ .name = "r1", .labels = &l }, &m, &e));
	assert_int_equal(1, m.jobs);
	assert_int_equal(1, store_job_claim(w->app.store, w->runner_id, &l, wall_now(), &job, &e));
	must_err(store_matching(
		w->app.store, &(struct offer){ .name = "r1", .labels = &l }, &m, &e));
	assert_int_equal(0, m.jobs);
	assert_int_equal(0, m.oldest_at.us);
	struct state_report r = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct wall later = { wall_now().us + 3600 * USEC_PER_SEC };
	must_err(store_job_report(w->app.store, job.id, &r, later, &st, &rs, &e));
	must_err(store_matching(
		w->app.store, &(struct offer){ .name = "r1", .labels = &l }, &m, &e));
	assert_int_equal(1, m.jobs);
	assert_int_equal(later.us, m.oldest_at.us);
	world_close(w);
}

/* ---- /runners/evidence ---- */

#define RECORD(key, host, action, status)                                 \
	"{\"key\":\"" key "\",\"host\":\"" host "\",\"action\":\"" action \
	"\",\"status\":\"" status "\",\"documents\":{\"plan\":[1,\"x\"]}}"

static long tell(struct world *w, const char *idempotency, const char *body)
{
	struct call_spec c = { .path = "/api/v1/runners/evidence",
		.token = w->runner_token,
		.body = body,
		.key = idempotency };

	return call_do(w, &c, NULL);
}

static void test_evidence(void **state UNUSED)
{
	static const struct {
		const char *idempotency, *body;
		long want;
	} calls[] = {
		{ "k1:planned", RECORD("k1", "h1", "prune", "planned"), 201 },
		{ "k1:planned", RECORD("k1", "h1", "prune", "planned"), 200 }, /* again */
		{ "k1:planned", RECORD("k1", "h1", "prune", "failed"), 409 },
		{ "other", RECORD("k1", "h1", "prune", "planned"), 409 }, /* told twice */
		{ "k1:started", RECORD("k1", "h2", "prune", "action_started"), 409 },
		{ "k1:started", RECORD("k1", "h1", "wipe", "action_started"), 409 },
		{ "k1:started", RECORD("k1", "h1", "prune", "action_started"), 201 },
		{ "k1:completed", RECORD("k1", "h1", "prune", "completed"), 201 },
		{ "k1:failed", RECORD("k1", "h1", "prune", "failed"), 409 }, /* a second end */
		{ "k2:planned", RECORD("k2", "H2", "prune", "planned"), 201 },
		{ NULL, RECORD("k3", "h1", "prune", "planned"), 400 },
		{ "k3", RECORD("k 3", "h1", "prune", "planned"), 400 },
		{ "k3", RECORD("", "h1", "prune", "planned"), 400 },
		{ "k3", RECORD("k3", "h1", "prune", "begun"), 400 },
		{ "k3", "{\"key\":\"k3\",\"host\":\"h\",\"action\":\"a\",\"status\":\"planned\"}",
			400 },
		{ "k3",
			"{\"key\":\"k3\",\"host\":\"h\",\"action\":\"a\",\"status\":\"planned\","
			"\"documents\":[]}",
			400 },
		{ "k3",
			"{\"key\":\"k3\",\"host\":\"h\",\"action\":\"a\",\"status\":\"planned\","
			"\"documents\":{},\"more\":1}",
			400 },
	};
	struct world *w = fresh();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		long got = tell(w, calls[i].idempotency, calls[i].body);

		if (got != calls[i].want)
			fail_msg("call %zu: %ld, expected %ld", i, got, calls[i].want);
	}
	struct call_spec stranger = { .path = "/api/v1/runners/evidence",
		.token = "nobody",
		.key = "k",
		.body = RECORD("k9", "h", "a", "planned") };
	assert_int_equal(401, call_do(w, &stranger, NULL));

	CLEANUP(hygiene_list_release) struct hygiene_list all = { 0 };
	CLEANUP(hygiene_list_release) struct hygiene_list one = { 0 };
	CLEANUP(hygiene_list_release) struct hygiene_list few = { 0 };
	must(store_hygiene_list(w->app.store, &(struct hygiene_filter){ 0 },
		&(struct page){ .limit = 25 }, &all, NULL));
	assert_int_equal(4, all.n);
	assert_string_equal("k2", all.v[0].key);
	assert_string_equal("completed", all.v[1].status);
	assert_string_equal("planned", all.v[3].status);
	assert_string_equal("{\"plan\":[1,\"x\"]}", all.v[3].documents);
	assert_string_equal("r1", all.v[3].runner);
	must(store_hygiene_list(w->app.store, &(struct hygiene_filter){ .host = "h2" },
		&(struct page){ .limit = 25 }, &one, NULL));
	assert_int_equal(1, one.n);
	must(store_hygiene_list(w->app.store, &(struct hygiene_filter){ 0 },
		&(struct page){ .limit = 2 }, &few, NULL));
	assert_int_equal(2, few.n);
	assert_int_equal(all.v[0].id, few.v[0].id);
	assert_int_equal(4, w->app.metrics.sum.pending[METRIC_HYGIENE_RECORDS]);
	world_close(w);
}

/* Straight into the store. */
static void evidence_many(struct world *w, int n, struct wall last)
{
	static const unsigned char sha[SHA256_LEN];
	struct err e = { 0 };
	int64_t id;

	for (int i = 0; i < n; i++) {
		CLEAN_STR char *key = xasprintf("old-%d", i);
		struct hygiene_row row = { .runner_id = w->runner_id,
			.key = key,
			.host = (char *)"h",
			.action = (char *)"a",
			.status = (char *)"planned",
			.documents = (char *)"{}" };

		assert_int_equal(1, store_hygiene_add(w->app.store, &row, key, sha, last, &id, &e));
	}
}

static void test_evidence_rate(void **state UNUSED)
{
	struct world *w = fresh();
	const struct wall now = wall_now(), earlier = { now.us - 3601 * USEC_PER_SEC };
	struct err e = { 0 };
	int64_t n;

	evidence_many(w, 600, earlier);
	assert_int_equal(201, tell(w, "k1", RECORD("k1", "h1", "prune", "planned")));
	must_err(store_hygiene_prune(w->app.store, earlier, &n, &e));
	assert_int_equal(600, n);
	evidence_many(w, 599, now);
	assert_int_equal(429, tell(w, "k2", RECORD("k2", "h1", "prune", "planned")));
	must_err(store_hygiene_recent(w->app.store, w->runner_id, earlier, &n, &e));
	assert_int_equal(600, n);
	world_close(w);
}

static void test_evidence_bounds(void **state UNUSED)
{
	struct world *w = fresh();
	struct buf body = BUF_INIT(MIB(3));

	buf_adds(&body, "{\"key\":\"k\",\"host\":\"h\",\"action\":\"a\",\"status\":\"planned\","
			"\"documents\":{\"x\":\"");
	while (body.len < MIB(1) - 4)
		buf_addc(&body, 'x');
	buf_adds(&body, "\"}}");
	assert_int_equal(201, tell(w, "k1", buf_cstr(&body)));
	buf_consume(&body, 1);
	CLEAN_STR char *larger = xasprintf("   %s", buf_cstr(&body));
	assert_int_equal(413, tell(w, "k2", larger));
	buf_release(&body);
	world_close(w);
}

/* ---- reading runs ---- */

static void pat_make(struct world *w, unsigned scopes, char token[PAT_TEXT_MAX])
{
	world_pat(w, "alice", scopes, token);
}

static const char *text_of(
	struct world *w, const char *token, long want, const char *fmt, int64_t a, int64_t b)
{
	static char text[MIB(2)];
	char path[200];

	snprintf(path, sizeof(path), fmt, (long long)a, (long long)b);
	CLEAN_EXCHANGE struct http_exchange *x =
		call_start(w, &(struct call_spec){ .method = "GET", .path = path, .token = token });
	const struct http_result *r = http_wait(x);
	assert_int_equal(HTTP_DONE, r->outcome);
	assert_int_equal(want, r->status);
	assert_true(r->body.len < sizeof(text));
	memcpy(text, r->body.len ? r->body.data : "", r->body.len);
	text[r->body.len] = 0;
	return text;
}

static void log_add(struct world *w, int64_t job, int64_t step, int64_t seq, const char *text)
{
	must(store_log_append(w->app.store, job, step, seq, text, strlen(text), wall_now(), NULL));
}

static void test_runs(void **state UNUSED)
{
#define WHOLE "/api/v1/jobs/%" PRId64 "/log"
#define STEP "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/log"
	struct world *w = fresh();
	struct claimed c;
	char pat[PAT_TEXT_MAX], path[100];
	pat_make(w, SCOPE_REPO_READ, pat);
	struct run_created run = RUN(w, "a:linux", "b:linux:a");
	assert_int_equal(200, heartbeat(w, w->runner_token, "{}", &c));
	snprintf(path, sizeof(path), "/api/v1/runs/%" PRId64, run.run_id);
	CLEAN_JSON struct json_doc *d = get(w, path, pat, 200);
	const struct json_value *jobs = json_get(json_root(d), "jobs");
	assert_string_equal("alice/demo", json_get_string(json_root(d), "repo"));
	assert_string_equal("running", json_get_string(json_root(d), "status"));
	assert_int_equal(2, jobs->count);
	assert_string_equal("r1", json_get_string(json_get(jobs->items[0], "runner"), "name"));
	assert_int_equal(
		c.step_ids[1], json_get_int(json_get(jobs->items[0], "steps")->items[1], "id", 0));
	CLEAN_JSON struct json_doc *none = get(w, "/api/v1/runs/999", pat, 404);
	CLEAN_JSON struct json_doc *stranger = get(w, path, NULL, 401);
	CLEAN_JSON struct json_doc *job = get(w, path, c.token, 401);

	assert_string_equal("", text_of(w, pat, 200, WHOLE, c.job_id, 0));
	log_add(w, c.job_id, c.step_ids[0], 0, "one\n");
	log_add(w, c.job_id, c.step_ids[0], 2, "three\n"); /* gaps are no matter */
	log_add(w, c.job_id, c.step_ids[1], 0, "second step\n");
	assert_string_equal("one\nthree\nsecond step\n", text_of(w, pat, 200, WHOLE, c.job_id, 0));
	assert_string_equal("second step\n", text_of(w, pat, 200, STEP, c.job_id, c.step_ids[1]));
	text_of(w, pat, 404, STEP, c.job_id, c.step_ids[1] + 100);
	text_of(w, pat, 404, WHOLE, 999, 0);
	text_of(w, NULL, 401, WHOLE, c.job_id, 0);
	text_of(w, w->runner_token, 401, WHOLE, c.job_id, 0);

	/* Chunks larger than what is read at a time. */
	CLEAN_STR char *big = xcalloc(1, LIMIT_LOG_CHUNK + 1);
	memset(big, 'x', LIMIT_LOG_CHUNK);
	log_add(w, c.job_id, c.step_ids[1], 1, big);
	assert_int_equal(strlen("second step\n") + LIMIT_LOG_CHUNK,
		strlen(text_of(w, pat, 200, STEP, c.job_id, c.step_ids[1])));
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_not_deaf_after_a_long_job),
		cmocka_unit_test(test_waiting_since),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_evidence_rate),
		cmocka_unit_test(test_evidence_bounds),
		cmocka_unit_test(test_runs),
	};

	log_setup(LOG_ERROR, LOG_TEXT, 2);
	return cmocka_run_group_tests_name("api_own", tests, NULL, NULL);
}
