/* The runner protocol over real HTTP: token chain, strict bodies, transitions, waiting claims.
 */
#include "base/log.h"
#include "coordinator/claim/claim.h"
#include "coordinator/rights/pat.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"
#include "tests/unit/help/coordinator_help.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <sys/socket.h>

#define HEARTBEAT "/api/v1/runners/heartbeat"
#define LINUX \
	"{\"labels\":[\"linux\",\"x64\"],\"capacity\":2,\"host_name\":\"h\",\"version\":\"1\"}"
#define RUNNING "{\"status\":\"running\"}"
#define SUCCESS "{\"status\":\"completed\",\"conclusion\":\"success\"}"
#define CHUNK "{\"seq\":0,\"chunk\":\"aGVsbG8K\"}"
#define WAKE_LIMIT_US (20 * USEC_PER_MSEC)

static int setup(void **state)
{
	static struct world w;

	world_open(&w);
	world_serve(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_close(*state);
	return 0;
}

static const char *job_path(const struct claimed *c, const char *rest)
{
	static char path[120];

	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "%s", c->job_id, rest);
	return path;
}

static const char *step_path(const struct claimed *c, size_t step)
{
	static char path[120];

	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", c->job_id,
		c->step_ids[step]);
	return path;
}

static long chain(struct world *w, struct claimed *c, const char *path, const char *body)
{
	return chain_call(w, path, c->token, sizeof(c->token), body, NULL);
}

static void claim(struct world *w, struct claimed *c)
{
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, c));
}

/* Heartbeat, logs, step states, job state, replay: the runbook's smoke and more. */
static void test_whole_job(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	char first[2048];

	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	struct run_created run = RUN(w, "a:linux");
	claim(w, &c);
	assert_string_equal("running", world_state(w, run.run_id, "a"));
	snprintf(first, sizeof(first), "%s", c.token);
	assert_int_equal(202, chain(w, &c, job_path(&c, "/logs"), CHUNK));
	assert_string_not_equal(first, c.token);
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"), RUNNING));
	assert_int_equal(200, chain(w, &c, step_path(&c, 0), RUNNING));
	assert_int_equal(200, chain(w, &c, step_path(&c, 0), SUCCESS));
	assert_int_equal(200, chain(w, &c, step_path(&c, 0), SUCCESS)); /* again: no change */
	assert_int_equal(200, chain(w, &c, step_path(&c, 1), "{\"status\":\"skipped\"}"));
	assert_int_equal(200, chain(w, &c, job_path(&c, "/cancel-check"), "{}"));
	CLEAN_JSON struct json_doc *d = NULL;
	struct call_spec last = {
		.path = job_path(&c, "/status"), .token = c.token, .body = SUCCESS
	};
	assert_int_equal(200, call_do(w, &last, &d));
	assert_string_equal("completed", json_get_string(json_root(d), "run_status"));
	assert_string_equal("success", json_get_string(json_root(d), "run_conclusion"));
	assert_null(json_get(json_root(d), "next_token"));
	assert_string_equal("completed/success", world_state(w, run.run_id, NULL));
	/* Both the used token and the chain's last one are spent. */
	assert_int_equal(401, call_do(w, &last, NULL));
	last.token = first;
	assert_int_equal(401, call_do(w, &last, NULL));
	assert_int_equal(2, w->app.metrics.sum.pending[METRIC_JWT_REPLAYS]);
}

/* A refused call says why and does not use the token up. */
static void test_strict_bodies(void **state)
{
	struct world *w = *state;

	static const struct {
		const char *rest, *body;
		long status;
		const char *word;
	} cases[] = {
		{ "/status", "", 400, "JSON" },
		{ "/status", "[]", 400, "object" },
		{ "/status", "{", 400, "JSON" },
		{ "/status", "{}", 400, "status" },
		{ "/status", "{\"status\":7}", 400, "status" },
		{ "/status", "{\"status\":\"done\"}", 400, "status" },
		{ "/status", "{\"status\":\"queued\"}", 400, "queued" },
		{ "/status", "{\"status\":\"completed\"}", 400, "conclusion" },
		{ "/status", "{\"status\":\"running\",\"conclusion\":\"success\"}", 400,
			"conclusion" },
		{ "/status", "{\"status\":\"completed\",\"conclusion\":\"great\"}", 400, "great" },
		{ "/status", "{\"status\":\"skipped\"}", 400, "steps" },
		{ "/status", "{\"status\":\"running\",\"extra\":1}", 400, "extra" },
		{ "/status", "{\"status\":\"running\",\"status\":\"running\"}", 400, "duplicate" },
		{ "/status", "{\"status\":\"running\",\"started_at\":\"yesterday\"}", 400,
			"started_at" },
		{ "/status", "{\"status\":\"running\",\"started_at\":12}", 400, "started_at" },
		{ "/status",
			"{\"status\":\"completed\",\"conclusion\":\"success\","
			"\"completed_at\":\"9999-12-31T23:59:59Z\"}",
			400, "completed_at" },
		{ "/status", "{\"status\":\"running\",\"started_at\":\"9999-01-01T00:00:00Z\"}",
			400, "started_at" },
		{ "/status", "{\"status\":\"run\\u0000ning\"}", 400, "" },
		{ "/status", "{\"status\":\"\xff\"}", 400, "" },
		{ "/cancel-check", "", 400, "JSON" },
		{ "/cancel-check", "{\"x\":1}", 400, "x" },
		{ "/logs", "{\"seq\":0}", 400, "chunk" },
		{ "/logs", "{\"chunk\":\"aGk=\"}", 400, "seq" },
		{ "/logs", "{\"seq\":-1,\"chunk\":\"aGk=\"}", 400, "seq" },
		{ "/logs", "{\"seq\":0.5,\"chunk\":\"aGk=\"}", 400, "seq" },
		{ "/logs", "{\"seq\":\"0\",\"chunk\":\"aGk=\"}", 400, "seq" },
		{ "/logs", "{\"seq\":0,\"chunk\":\"\"}", 400, "chunk" },
		{ "/logs", "{\"seq\":0,\"chunk\":\"a\"}", 400, "chunk" },
		{ "/logs", "{\"seq\":0,\"chunk\":\"aGk\"}", 400, "chunk" },
		{ "/logs", "{\"seq\":0,\"chunk\":7}", 400, "chunk" },
		{ "/logs", "{\"seq\":0,\"chunk\":\"aGk=\",\"step_id\":0}", 400, "step_id" },
		{ "/logs", "{\"seq\":0,\"chunk\":\"aGk=\",\"step_id\":999999}", 404, "step" },
		{ "/steps/999999/status", RUNNING, 404, "step" },
		{ "/steps/x/status", RUNNING, 404, "step" },
	};
	struct claimed c = { 0 };
	RUN(w, "a:linux");
	claim(w, &c);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_JSON struct json_doc *d = NULL;
		struct call_spec q = {
			.path = job_path(&c, cases[i].rest), .token = c.token, .body = cases[i].body
		};
		long status = call_do(w, &q, &d);
		const char *error = json_get_string(json_root(d), "error");

		if (status != cases[i].status || !error || !strstr(error, cases[i].word))
			fail_msg("%s %s: %ld %s", cases[i].rest, cases[i].body, status, error);
	}
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"), RUNNING));
}

static void test_deep_and_huge_bodies(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	CLEAN_STR char *huge = xcalloc(1, MIB(50) + 1);

	RUN(w, "a:linux");
	claim(w, &c);
	memset(huge, '[', 10000);
	struct call_spec q = { .path = job_path(&c, "/status"), .token = c.token, .body = huge };
	assert_int_equal(400, call_do(w, &q, NULL));
	memset(huge, ' ', MIB(50));
	q.body_len = MIB(50);
	assert_int_equal(413, call_do(w, &q, NULL));
	q.path = job_path(&c, "/logs");
	assert_int_equal(413, call_do(w, &q, NULL));
	q.path = HEARTBEAT;
	q.token = w->runner_token;
	assert_int_equal(413, call_do(w, &q, NULL));
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"), RUNNING));
}

/* Exactly LIMIT_LOG_CHUNK raw bytes pass, one more does not; a repeated chunk changes nothing. */
static void test_log_chunks(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEAN_STR char *raw = xcalloc(1, LIMIT_LOG_CHUNK + 1);

	RUN(w, "a:linux");
	claim(w, &c);
	for (size_t extra = 0; extra < 2; extra++) {
		CLEAN_BUF struct buf body = BUF_INIT(MIB(2));

		buf_adds(&body, "{\"seq\":3,\"chunk\":\"");
		base64_encode(&body, raw, LIMIT_LOG_CHUNK + extra);
		buf_addf(&body, "\",\"step_id\":%" PRId64 "}", c.step_ids[1]);
		assert_int_equal(
			extra ? 413 : 202, chain(w, &c, job_path(&c, "/logs"), buf_cstr(&body)));
		if (!extra)
			assert_int_equal(202, chain(w, &c, job_path(&c, "/logs"), buf_cstr(&body)));
	}
	must(store_step_list(w->app.store, c.job_id, &steps, NULL));
	assert_int_equal(0, steps.v[0].log_bytes);
	assert_int_equal(LIMIT_LOG_CHUNK, steps.v[1].log_bytes);
}

static void test_wrong_tokens(void **state)
{
	struct world *w = *state;
	struct claimed a = { 0 }, b = { 0 };

	RUN(w, "a:linux", "b:linux");
	claim(w, &a);
	claim(w, &b);
	const struct {
		const char *path, *token;
		long status;
	} cases[] = {
		{ HEARTBEAT, NULL, 401 },
		{ HEARTBEAT, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			401 },
		{ HEARTBEAT, a.token, 401 },
		{ "/api/v1/jobs/1/status", NULL, 401 },
		{ "/api/v1/jobs/1/status", w->runner_token, 401 },
		{ "/api/v1/jobs/1/status", a.checkout, 401 },
		{ "/api/v1/jobs/1/status", b.token, 404 },
		{ "/api/v1/jobs/99/status", a.token, 404 },
		{ "/api/v1/jobs/01/status", a.token, 404 },
		{ "/api/v1/jobs/1/cancel", a.token, 401 },
		{ "/api/v1/runs/1/rerun", NULL, 401 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct call_spec q = {
			.path = cases[i].path, .token = cases[i].token, .body = RUNNING
		};
		long status = call_do(w, &q, NULL);

		if (status != cases[i].status)
			fail_msg("case %zu: %ld", i, status);
	}
	/* A revoked runner's job tokens fail as well. */
	must(store_runner_revoke(w->app.store, w->runner_id, NULL, wall_now(), NULL));
	assert_int_equal(401, chain(w, &a, job_path(&a, "/status"), RUNNING));
	assert_int_equal(401, heartbeat(w, w->runner_token, LINUX, NULL));
}

static void test_idempotent_replay(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };

	RUN(w, "a:linux");
	claim(w, &c);
	CLEAN_JSON struct json_doc *one = NULL;
	CLEAN_JSON struct json_doc *two = NULL;
	struct call_spec q = { .path = job_path(&c, "/logs"),
		.token = c.token,
		.body = CHUNK,
		.key = "11111111-1111-4111-8111-111111111111" };
	char path[120];
	snprintf(path, sizeof(path), "%s", q.path);
	q.path = path;
	assert_int_equal(202, call_do(w, &q, &one));
	assert_int_equal(202, call_do(w, &q, &two));
	assert_string_equal(json_get_string(json_root(one), "next_token"),
		json_get_string(json_root(two), "next_token"));
	/* Anything that differs is a replay. */
	struct call_spec other = q;
	other.key = "22222222-2222-4222-8222-222222222222";
	assert_int_equal(401, call_do(w, &other, NULL));
	other = q;
	other.key = NULL;
	assert_int_equal(401, call_do(w, &other, NULL));
	other = q;
	other.body = "{\"seq\":1,\"chunk\":\"aGVsbG8K\"}";
	assert_int_equal(401, call_do(w, &other, NULL));
	other = q;
	other.path = job_path(&c, "/cancel-check");
	assert_int_equal(401, call_do(w, &other, NULL));
	/* The chain goes on with the repeated token; a terminal answer can be repeated too. */
	snprintf(c.token, sizeof(c.token), "%s", json_get_string(json_root(two), "next_token"));
	for (int i = 0; i < 2; i++)
		assert_int_equal(200, chain_call(w, job_path(&c, "/status"), c.token,
					      sizeof(c.token), SUCCESS, "33333333-3333"));
}

static void test_transitions(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	struct run_created run = RUN(w, "a:linux");

	claim(w, &c);
	assert_int_equal(200, chain(w, &c, step_path(&c, 0),
				      "{\"status\":\"completed\",\"conclusion\":\"timed_out\","
				      "\"started_at\":\"2026-01-31T12:00:00Z\","
				      "\"completed_at\":\"2026-01-31T12:01:00.5+00:00\"}"));
	assert_int_equal(1, w->app.metrics.sum.pending[METRIC_STEP_TIMEOUTS]);
	assert_int_equal(400, chain(w, &c, step_path(&c, 0), SUCCESS));
	assert_int_equal(400, chain(w, &c, step_path(&c, 0), RUNNING));
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"),
				      "{\"status\":\"completed\",\"conclusion\":\"timed_out\"}"));
	assert_string_equal("completed/timed_out", world_state(w, run.run_id, NULL));
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must(store_step_list(w->app.store, c.job_id, &steps, NULL));
	/* what was told lies before the claim */
	CLEANUP(job_row_release) struct job_row job = { 0 };
	must(store_job_get(w->app.store, c.job_id, &job, NULL));
	assert_int_equal(job.claimed_at.us, steps.v[0].started_at.us);
	assert_int_equal(job.claimed_at.us, steps.v[0].completed_at.us);
	assert_int_equal(STATUS_SKIPPED, steps.v[1].state.status); /* closed with its job */
}

static void pat_make(struct world *w, unsigned scopes, char out[PAT_TEXT_MAX])
{
	world_pat(w, "alice", scopes, out);
}

static void test_cancel_and_rerun(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	char writer[PAT_TEXT_MAX], reader[PAT_TEXT_MAX];
	CLEAN_JSON struct json_doc *d = NULL;

	pat_make(w, SCOPE_REPO_READ | SCOPE_REPO_WRITE, writer);
	pat_make(w, SCOPE_REPO_READ, reader);
	struct run_created run = RUN(w, "a:linux", "b:windows-latest");
	claim(w, &c);
	struct call_spec cancel = { .path = job_path(&c, "/cancel"), .token = reader };
	char path[120];
	snprintf(path, sizeof(path), "%s", cancel.path);
	cancel.path = path;
	assert_int_equal(403, call_do(w, &cancel, NULL));
	cancel.token = writer;
	assert_int_equal(200, call_do(w, &cancel, &d));
	assert_true(json_get_bool(json_root(d), "cancel_requested", false));
	json_freep(&d);
	struct call_spec check = {
		.path = job_path(&c, "/cancel-check"), .token = c.token, .body = "{}"
	};
	assert_int_equal(200, call_do(w, &check, &d));
	assert_true(json_get_bool(json_root(d), "cancelled", false));
	snprintf(c.token, sizeof(c.token), "%s", json_get_string(json_root(d), "next_token"));
	json_freep(&d);
	struct call_spec rerun = { .path = "/api/v1/runs/1/rerun", .token = writer };
	assert_int_equal(409, call_do(w, &rerun, NULL));
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"), "{\"status\":\"cancelled\"}"));
	assert_int_equal(409, call_do(w, &cancel, NULL));
	/* The queued one ends at once. */
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel", c.job_id + 1);
	assert_int_equal(200, call_do(w, &cancel, NULL));
	assert_string_equal("cancelled/cancelled", world_state(w, run.run_id, NULL));
	assert_int_equal(201, call_do(w, &rerun, &d));
	assert_int_equal(run.run_id, json_get_int(json_root(d), "parent_run_id", 0));
	assert_int_equal(2, json_get_int(json_root(d), "run_index", 0));
	rerun.path = "/api/v1/runs/77/rerun";
	assert_int_equal(404, call_do(w, &rerun, NULL));
}

static void test_heartbeat_bodies(void **state)
{
	struct world *w = *state;

	static const struct {
		const char *body;
		long status;
	} cases[] = {
		{ "{}", 204 },
		{ "{\"labels\":null,\"host_name\":null}", 204 },
		{ "", 400 },
		{ "{\"labels\":\"linux\"}", 400 },
		{ "{\"labels\":[\"a b \"]}", 400 },
		{ "{\"labels\":[\"\"]}", 400 },
		{ "{\"labels\":[7]}", 400 },
		{ "{\"capacity\":0}", 400 },
		{ "{\"capacity\":65}", 400 },
		{ "{\"capacity\":\"1\"}", 400 },
		{ "{\"hostname\":\"x\"}", 400 },
		{ "{\"active_job_ids\":[]}", 204 },
		{ "{\"active_job_ids\":[1,9223372036854775807]}", 204 },
		{ "{\"active_job_ids\":null}", 204 },
		{ "{\"active_job_ids\":{}}", 400 },
		{ "{\"active_job_ids\":7}", 400 },
		{ "{\"active_job_ids\":[\"7\"]}", 400 },
		{ "{\"active_job_ids\":[0]}", 400 },
		{ "{\"active_job_ids\":[1.5]}", 400 },
		{ "{\"active_job_ids\":[9223372036854775808]}", 400 },
		{ "{\"active_jobs\":[]}", 400 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (heartbeat(w, w->runner_token, cases[i].body, NULL) != cases[i].status)
			fail_msg("%s", cases[i].body);
	char body[600];
	snprintf(body, sizeof(body), "{\"host_name\":\"%0300d\"}", 7);
	assert_int_equal(204, heartbeat(w, w->runner_token, body, NULL));
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
	assert_int_equal(LIMIT_METADATA, strlen(r.host_name));
}

#define TROUBLE "/api/v1/runners/trouble"

static long trouble(struct world *w, const char *body)
{
	struct call_spec q = { .path = TROUBLE, .token = w->runner_token, .body = body };

	return call_do(w, &q, NULL);
}

/* As if the last report had been a while ago. */
static void trouble_ages(struct world *w, int64_t us)
{
	CLEANUP(runner_row_release) struct runner_row r = { 0 };

	must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
	struct wall then = { r.trouble_at.us - us };
	must(store_runner_trouble(w->app.store, w->runner_id,
		&(struct runner_trouble){ r.trouble, r.trouble_text, r.trouble_since }, then,
		NULL));
}

static void test_trouble_bodies(void **state)
{
	struct world *w = *state;

	static const struct {
		const char *body;
		long status;
	} cases[] = {
		{ "{}", 400 },
		{ "[]", 400 },
		{ "", 400 },
		{ "{\"kind\":\"disk\",\"text\":\"x\"}", 400 },
		{ "{\"kind\":\"\",\"text\":\"x\",\"seconds\":0}", 400 },
		{ "{\"kind\":\"Disk\",\"text\":\"x\",\"seconds\":0}", 400 },
		{ "{\"kind\":\"<b>\",\"text\":\"x\",\"seconds\":0}", 400 },
		{ "{\"kind\":7,\"text\":\"x\",\"seconds\":0}", 400 },
		{ "{\"kind\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"text\":\"x\",\"seconds\":0}",
			400 },
		{ "{\"kind\":\"disk\",\"text\":null,\"seconds\":0}", 400 },
		{ "{\"kind\":\"disk\",\"text\":\"x\",\"seconds\":-1}", 400 },
		{ "{\"kind\":\"disk\",\"text\":\"x\",\"seconds\":1e9}", 400 },
		{ "{\"kind\":\"disk\",\"text\":\"x\",\"seconds\":0,\"more\":1}", 400 },
		/* a clock that was wrong is no reason to hear nothing */
		{ "{\"kind\":\"a_word_of_a_newer_runner\",\"text\":\"\",\"seconds\":9000000000}",
			204 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (trouble(w, cases[i].body) != cases[i].status)
			fail_msg("%s", cases[i].body);
	struct call_spec stranger = { .path = TROUBLE, .token = "x", .body = cases[0].body };
	assert_int_equal(401, call_do(w, &stranger, NULL));
}

/* It is kept as said, cut, since the first report of its kind, until work is asked for. */
static void test_trouble_is_kept_until_a_heartbeat(void **state)
{
	struct world *w = *state;
	CLEAN_STR char *body =
		xasprintf("{\"kind\":\"disk\",\"text\":\"%0600d\",\"seconds\":60}", 7);

	assert_int_equal(204, trouble(w, body));
	assert_int_equal(429, trouble(w, body)); /* within the same second */
	{
		CLEANUP(runner_row_release) struct runner_row r = { 0 };

		must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
		assert_string_equal("disk", r.trouble);
		assert_int_equal(LIMIT_TROUBLE, strlen(r.trouble_text));
		assert_int_equal(60 * USEC_PER_SEC, r.trouble_at.us - r.trouble_since.us);
		assert_int_equal(0, r.last_heartbeat_at.us);
	}
	trouble_ages(w, 2 * USEC_PER_SEC);
	assert_int_equal(204, trouble(w, "{\"kind\":\"disk\",\"text\":\"again\",\"seconds\":0}"));
	{
		CLEANUP(runner_row_release) struct runner_row r = { 0 };

		must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
		assert_string_equal("again", r.trouble_text);
		assert_true(r.trouble_at.us - r.trouble_since.us >= 60 * USEC_PER_SEC);
	}
	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	CLEANUP(runner_row_release) struct runner_row well = { 0 };
	must(store_runner_get(w->app.store, w->runner_id, &well, NULL));
	assert_null(well.trouble);
	assert_null(well.trouble_text);
	assert_int_equal(0, well.trouble_at.us);
}

static void test_heartbeat_rate(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < HEARTBEATS_PER_MINUTE; i++)
		assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	struct call_spec q = { .path = HEARTBEAT, .token = w->runner_token, .body = LINUX };
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &q);
	const struct http_result *r = http_wait(x);
	assert_int_equal(429, r->status);
	assert_true(r->retry_after_us > 0 && r->retry_after_us <= 60 * USEC_PER_SEC);
	char token[TOKEN_HEX_MAX];
	world_runner(w, "other", "linux", 1, token);
	assert_int_equal(204, heartbeat(w, token, LINUX, NULL));
}

/* Those that another serve took count as well. */
static void test_heartbeat_rate_of_all(void **state)
{
	struct world *w = *state;
	const struct runner_report h = { .capacity = 1 };
	const struct wall now = wall_now();

	for (int i = 0; i < HEARTBEATS_PER_MINUTE - 1; i++)
		must(store_runner_heartbeat(w->app.store, w->runner_id, &h, now, NULL));
	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	struct call_spec q = { .path = HEARTBEAT, .token = w->runner_token, .body = LINUX };
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &q);
	const struct http_result *r = http_wait(x);
	assert_int_equal(429, r->status);
	assert_true(r->retry_after_us > 0 && r->retry_after_us <= 60 * USEC_PER_SEC);
	/* a minute later, and for a clock that is far ahead */
	for (int late = -1; late <= 1; late += 2) {
		const struct wall then = { now.us + late * 2 * RUNNER_BEATS_US };

		for (int i = 0; i < HEARTBEATS_PER_MINUTE; i++)
			must(store_runner_heartbeat(w->app.store, w->runner_id, &h, then, NULL));
		assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	}
}

static void on_tick(struct loop_source *s UNUSED, void *data)
{
	*(bool *)data = true;
}

/* Dispatches the loop until the server has taken in so many heartbeats. */
static void heartbeats_in(struct world *w, int64_t n)
{
	bool tick = false;
	struct loop_source *t = loop_timer(w->app.loop, mono_now(), on_tick, &tick);

	while (w->app.metrics.sum.pending[METRIC_HEARTBEATS] < n) {
		must(loop_wait(w->app.loop, &tick, MONO_NEVER, NULL));
		tick = false;
		loop_timer_set(t, mono_add(mono_now(), USEC_PER_MSEC));
	}
	loop_source_unref(&t);
}

/* Held heartbeats are answered when a job appears; two waiters and one job: one gets it. */
static void test_wait(void **state)
{
	struct world *w = *state;
	char token[TOKEN_HEX_MAX];

	world_runner(w, "r2", "linux", 1, token);
	struct call_spec a = {
		.path = HEARTBEAT, .token = w->runner_token, .body = LINUX, .prefer = "wait=20"
	};
	struct call_spec b = {
		.path = HEARTBEAT, .token = token, .body = LINUX, .prefer = "respond-async, wait=1"
	};
	CLEAN_EXCHANGE struct http_exchange *xa = call_start(w, &a);
	heartbeats_in(w, 1);
	CLEAN_EXCHANGE struct http_exchange *xb = call_start(w, &b);
	heartbeats_in(w, 2);
	assert_false(http_finished(xa) || http_finished(xb));
	RUN(w, "a:linux");
	app_wake(&w->app);
	assert_int_equal(200, http_wait(xa)->status);
	assert_int_equal(204, http_wait(xb)->status); /* after its second */
}

/* The best of some rounds, so that only a slow server fails it, not a busy machine. */
static void test_wake_latency(void **state)
{
	struct world *w = *state;
	int64_t best = INT64_MAX;

	for (int i = 0; i < 10; i++) {
		struct call_spec a = { .path = HEARTBEAT,
			.token = w->runner_token,
			.body = "{\"labels\":[\"linux\"],\"capacity\":64}",
			.prefer = "wait=20" };
		CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &a);

		heartbeats_in(w, i + 1);
		RUN(w, "a:linux");
		struct mono start = mono_now();
		wake_send(w->dir);
		assert_int_equal(200, http_wait(x)->status);
		int64_t took = mono_diff(mono_now(), start);
		best = took < best ? took : best;
	}
	print_message("[  MEASURE ] wake to claim answer: %" PRId64 " us\n", best);
	assert_true(best < WAKE_LIMIT_US);
}

/* The datagram of another process wakes as well. */
static void test_wake_socket(void **state)
{
	struct world *w = *state;
	struct call_spec a = {
		.path = HEARTBEAT, .token = w->runner_token, .body = LINUX, .prefer = "wait=20"
	};
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &a);

	heartbeats_in(w, 1);
	RUN(w, "a:linux");
	wake_send(w->dir);
	assert_int_equal(200, http_wait(x)->status);
}

/* A waiter that hung up does not swallow the job. */
static void test_vanished_waiter(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };
	struct call_spec a = {
		.path = HEARTBEAT, .token = w->runner_token, .body = LINUX, .prefer = "wait=20"
	};
	struct http_exchange *x = call_start(w, &a);

	heartbeats_in(w, 1);
	http_exchange_free(x);
	RUN(w, "a:linux");
	app_wake(&w->app); /* before the server has looked at the socket again */
	claim(w, &c);
}

static void test_finished_need_wakes(void **state)
{
	struct world *w = *state;
	struct claimed c = { 0 };

	RUN(w, "a:linux", "b:linux:a");
	claim(w, &c);
	struct call_spec a = {
		.path = HEARTBEAT, .token = w->runner_token, .body = LINUX, .prefer = "wait=20"
	};
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &a);
	heartbeats_in(w, 2);
	assert_false(http_finished(x));
	assert_int_equal(200, chain(w, &c, job_path(&c, "/status"), SUCCESS));
	assert_int_equal(200, http_wait(x)->status);
}

static void test_metrics_page(void **state)
{
	struct world *w = *state;
	static const char *const words[] = { "shithub_actions_runner_heartbeats_total 1\n",
		"shithub_actions_step_timeouts_total 0\n",
		"shithub_actions_queue_depth{label=\"windows-latest\"} 1\n",
		"shithub_actions_runners_online 1\n", "shithub_actions_leads 1\n",
		"shithub_actions_claim_latency_seconds_bucket{le=\"+Inf\"} 0\n" };

	RUN(w, "a:windows-latest");
	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	struct call_spec q = { .method = "GET", .path = "/metrics" };
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, &q);
	const struct http_result *r = http_wait(x);
	assert_int_equal(200, r->status);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strstr(buf_cstr(&r->body), words[i]))
			fail_msg("no %s in\n%s", words[i], buf_cstr(&r->body));
	q.path = "/healthz";
	CLEAN_EXCHANGE struct http_exchange *y = call_start(w, &q);
	assert_int_equal(200, http_wait(y)->status);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_whole_job),
		T(test_strict_bodies),
		T(test_deep_and_huge_bodies),
		T(test_log_chunks),
		T(test_wrong_tokens),
		T(test_idempotent_replay),
		T(test_transitions),
		T(test_cancel_and_rerun),
		T(test_heartbeat_bodies),
		T(test_trouble_bodies),
		T(test_trouble_is_kept_until_a_heartbeat),
		T(test_heartbeat_rate),
		T(test_heartbeat_rate_of_all),
		T(test_wait),
		T(test_wake_latency),
		T(test_wake_socket),
		T(test_vanished_waiter),
		T(test_finished_need_wakes),
		T(test_metrics_page),
	};
	log_setup(LOG_ERROR, LOG_TEXT, 2);
	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
