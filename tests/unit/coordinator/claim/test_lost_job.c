/* Claims that do not arrive and jobs whose runner is gone. */
#include "coordinator/claim/claim.h"
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>

#include "coordinator/claim/lost_job.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/queue/revoke.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/schema.h"
#include "coordinator/environment/secret.h"
#include "coordinator/store/state.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/step.h"
#include "coordinator/store/store.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HEARTBEAT "/api/v1/runners/heartbeat"

/* ---- a client that can go away at any moment ---- */

static int raw_connect(struct world *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int64_t port;

	assert_true(parse_i64(strrchr(w->base, ':') + 1, 1, 65535, &port));
	a.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void raw_heartbeat(struct world *w, int fd, const char *prefer)
{
	CLEAN_STR char *text = xasprintf("POST " HEARTBEAT " HTTP/1.1\r\nHost: x\r\n"
					 "Authorization: Bearer %s\r\n%s"
					 "Content-Length: 2\r\n\r\n{}",
		w->runner_token, prefer);

	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
}

struct until {
	struct world *w;
	bool (*fn)(struct world *w);
	bool met;
};

static void on_look(struct loop_source *s, void *data)
{
	struct until *u = data;

	u->met = u->fn(u->w);
	loop_timer_set(s, mono_add(mono_now(), USEC_PER_MSEC));
}

static void run_until(struct world *w, bool (*fn)(struct world *w))
{
	struct until u = { .w = w, .fn = fn };
	struct err e = { 0 };
	struct loop_source *look = loop_timer(w->app.loop, mono_now(), on_look, &u);

	must_err(loop_wait(w->app.loop, &u.met, mono_add(mono_now(), 20 * USEC_PER_SEC), &e));
	loop_source_unref(&look);
}

static bool held(struct world *w)
{
	struct runner_row r = { 0 };

	must(store_runner_get(w->app.store, w->runner_id, &r, NULL));
	bool seen = r.last_heartbeat_at.us != 0;
	runner_row_release(&r);
	return seen;
}

static bool returned(struct world *w)
{
	return w->app.metrics.sum.pending[METRIC_CLAIMS_RETURNED] > 0;
}

static int close_at_commit(void *data)
{
	close_fdp(data);
	return 0;
}

/* The peer goes after the claim was committed and before its answer is written. */
static void test_claim_not_delivered(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	world_serve(&w);
	int fd = raw_connect(&w);
	raw_heartbeat(&w, fd, "Prefer: wait=20\r\n");
	run_until(&w, held);
	struct run_created run = RUN(&w, "a:linux");
	sqlite3_commit_hook(w.app.store->db, close_at_commit, &fd);
	app_wake(&w.app);
	run_until(&w, returned);
	assert_int_equal(1, w.app.metrics.sum.pending[METRIC_CLAIMS]);
	assert_string_equal("queued", world_state(&w, run.run_id, "a"));
	assert_string_equal("queued", world_state(&w, run.run_id, NULL));
	/* and goes to the next one who asks */
	struct claimed c;
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &c));
	assert_int_equal(run.run_id, c.run_id);
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	world_close(&w);
}

/* A claim that does not fit the socket: the peer reads some of it and goes. */
static void test_claim_half_delivered(void **state UNUSED)
{
	struct world w;
	char some[512];
	int small = 2048;

	world_open(&w);
	CLEAN_STR char *big = xcalloc(1, MIB(7));
	memset(big, 'x', MIB(7) - 1);
	must(store_value_set(w.app.store, VALUE_VARIABLE,
		&(struct value_scope){ .repo_id = w.repo_id }, "BIG", slice_of(big), wall_now(),
		NULL));
	world_serve(&w);
	struct run_created run = RUN(&w, "a:linux");
	int fd = raw_connect(&w);
	must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)));
	raw_heartbeat(&w, fd, "");
	run_until(&w, held);
	assert_true(recv(fd, some, sizeof(some), 0) > 0);
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	close(fd);
	run_until(&w, returned);
	assert_string_equal("queued", world_state(&w, run.run_id, "a"));
	world_close(&w);
}

/* No claim is on its way: what became of each answer is stored. */
static bool all_settled(struct world *w)
{
	int64_t n = -1;

	assert_int_equal(
		1, sql_int(w->app.store, &n, NULL,
			   "SELECT count(*) FROM workflow_jobs WHERE claim_jti IS NOT NULL", ""));
	return n == 0;
}

/* Clients that take their answer and close at once have it. */
static void test_claim_delivered(void **state UNUSED)
{
	struct world w;
	struct claimed c;
	int64_t n = -1;

	world_open(&w);
	world_serve(&w);
	struct run_created run = RUN(&w, "a:linux");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &c));
	run_until(&w, all_settled);
	must(store_claims_return(w.app.store, wall_now(), &n, NULL));
	assert_int_equal(0, n);
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	assert_int_equal(0, w.app.metrics.sum.pending[METRIC_CLAIMS_RETURNED]);
	world_close(&w);
}

static void claim_now(struct world *w, struct claimed *ret)
{
	struct err e = { 0 };
	struct claim c;
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEANUP(strv_release) struct strv l = labels_of("linux");

	if (claim_try(&w->app, w->runner_id, &l, &out, &c, &e) != 1)
		fail_msg("claim: %s", e.text);
	CLEAN_JSON struct json_doc *d = json_parse(buf_cstr(&out), out.len, NULL, NULL);
	claim_take(ret, d);
}

/* A claim that the heartbeat with this key brought; the runner may have heard of it. */
static void claim_with_key(struct world *w, const char *key, struct claim *ret)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEANUP(strv_release) struct strv l = labels_of("linux");
	struct err e = { 0 };

	assert_int_equal(1, claim_try(&w->app, w->runner_id, &l, &out, ret, &e));
	must_err(store_claim_key_set(w->app.store, ret->job_id, ret->jti, key, &e));
}

/* A runner that sends keys says itself what it has. One that works on the job must not lose it to
 * the crash, one that never heard of it has not broken it off. */
static void test_claims_with_keys_after_a_crash(void **state UNUSED)
{
	struct world w;
	struct claim heard, unheard;
	struct claimed again;
	char body[64];

	world_open(&w);
	world_serve(&w);
	w.runner_id = world_runner(&w, "r9", "linux", 9, w.runner_token);
	struct run_created run = RUN(&w, "a:linux", "b:linux");
	claim_with_key(&w, "k1", &heard);
	claim_with_key(&w, "k2", &unheard);
	must(claims_recover(&w.app, NULL));
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	assert_string_equal("running", world_state(&w, run.run_id, "b"));

	snprintf(body, sizeof(body), "{\"active_job_ids\":[%" PRId64 "]}", heard.job_id);
	assert_int_equal(200, heartbeat(&w, w.runner_token, body, &again));
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	assert_int_equal(unheard.job_id, again.job_id); /* queued again, and claimed at once */
	assert_int_equal(1, w.app.metrics.sum.pending[METRIC_CLAIMS_RETURNED]);
	assert_int_equal(0, w.app.metrics.sum.pending[METRIC_JOBS_ABSENT]);
	world_close(&w);
}

/* A crash right after the claim: at the next start nobody knows whether it arrived. */
static void test_claims_after_a_crash(void **state UNUSED)
{
	struct world w;
	struct claimed lost, used, cancelled;
	char path[128];

	world_open(&w);
	world_serve(&w);
	w.runner_id = world_runner(&w, "r9", "linux", 9, w.runner_token);
	struct run_created run = RUN(&w, "a:linux", "b:linux", "c:linux");
	claim_now(&w, &lost);
	claim_now(&w, &used);
	claim_now(&w, &cancelled);
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel-check", used.job_id);
	assert_int_equal(200, chain_call(&w, path, used.token, sizeof(used.token), "{}", NULL));
	struct job_row row = { 0 };
	must(store_job_cancel(
		w.app.store, cancelled.job_id, "cancelled by ada", wall_now(), &row, NULL));
	job_row_release(&row);

	must(claims_recover(&w.app, NULL));
	assert_string_equal("queued", world_state(&w, run.run_id, "a"));
	assert_string_equal("running", world_state(&w, run.run_id, "b"));
	assert_string_equal("cancelled/cancelled", world_state(&w, run.run_id, "c"));
	assert_int_equal(2, w.app.metrics.sum.pending[METRIC_CLAIMS_RETURNED]);
	must(claims_recover(&w.app, NULL));
	assert_int_equal(2, w.app.metrics.sum.pending[METRIC_CLAIMS_RETURNED]);

	/* The runner that has the answer after all cannot work with it, nor once it was claimed
	 * anew. */
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/status", lost.job_id);
	struct call_spec c = {
		.path = path, .token = lost.token, .body = "{\"status\":\"running\"}"
	};
	assert_int_equal(401, call_do(&w, &c, NULL));
	struct claimed again;
	claim_now(&w, &again);
	assert_int_equal(lost.job_id, again.job_id);
	assert_int_equal(401, call_do(&w, &c, NULL));
	c.token = again.token;
	assert_int_equal(200, call_do(&w, &c, NULL));
	world_close(&w);
}

/* ---- lost jobs ---- */

static int collect(void *data, const char *p, size_t n)
{
	return buf_add(data, p, n);
}

static size_t sweep(struct world *w, int64_t expiry_us, int64_t later_us)
{
	struct err e = { 0 };
	size_t n = 99;
	struct wall now = { wall_now().us + later_us };

	must_err(lost_jobs_end(&w->app, expiry_us, now, &n, &e));
	return n;
}

static void test_lost_job(void **state UNUSED)
{
	struct world w;
	struct claimed c;
	char path[128];
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEAN_BUF struct buf log = BUF_INIT(4096);

	world_open(&w);
	world_serve(&w);
	w.app.started_at = wall_now();
	struct run_created run = RUN(&w, "a:linux", "b:linux:a");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &c));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", c.job_id,
		c.step_ids[0]);
	assert_int_equal(
		200, chain_call(&w, path, c.token, sizeof(c.token),
			     "{\"status\":\"completed\",\"conclusion\":\"success\"}", NULL));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/logs", c.job_id);
	assert_int_equal(202, chain_call(&w, path, c.token, sizeof(c.token),
				      "{\"seq\":0,\"chunk\":\"aGkK\"}", NULL));

	assert_int_equal(0, sweep(&w, 20 * MINUTE, 19 * MINUTE));
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	assert_int_equal(1, sweep(&w, 20 * MINUTE, 21 * MINUTE));
	assert_string_equal("completed/failure", world_state(&w, run.run_id, "a"));
	assert_string_equal("completed/skipped", world_state(&w, run.run_id, "b"));
	assert_string_equal("completed/failure", world_state(&w, run.run_id, NULL));
	assert_int_equal(1, w.app.metrics.sum.pending[METRIC_JOBS_LOST]);
	must(store_step_list(w.app.store, c.job_id, &steps, NULL));
	assert_int_equal(CONCLUSION_SUCCESS, steps.v[0].state.conclusion);
	assert_int_equal(CONCLUSION_SKIPPED, steps.v[1].state.conclusion);
	must(store_log_each(w.app.store, steps.v[0].id, collect, &log, NULL));
	assert_true(str_starts(buf_cstr(&log), "hi\n\nRunner lost: r1 has sent nothing"));
	assert_int_equal(0, sweep(&w, 20 * MINUTE, 22 * MINUTE));

	/* One that lives after all hears at its next question that it is over. */
	CLEAN_JSON struct json_doc *d = NULL;
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel-check", c.job_id);
	struct call_spec ask = { .path = path, .token = c.token, .body = "{}" };
	assert_int_equal(200, call_do(&w, &ask, &d));
	assert_true(json_get_bool(json_root(d), "cancelled", false));
	world_close(&w);
}

/* A runner that says what keeps it from work is there, and so may be its job. */
static void test_a_runner_in_trouble_is_not_gone(void **state UNUSED)
{
	struct world w;
	struct claimed c;
	struct err e = { 0 };
	const struct runner_trouble disk = { "disk", "full", wall_now() };

	world_open(&w);
	RUN(&w, "a:linux");
	claim_now(&w, &c);
	must_err(store_runner_trouble(
		w.app.store, w.runner_id, &disk, (struct wall){ wall_now().us + 4 * MINUTE }, &e));
	assert_int_equal(0, sweep(&w, 5 * MINUTE, 6 * MINUTE));
	assert_int_equal(1, sweep(&w, 5 * MINUTE, 10 * MINUTE));
	world_close(&w);
}

/* Nobody but serve can decide what is held back of its log, and that comes first. */
static void test_revoked_while_bytes_are_held_back(void **state UNUSED)
{
	struct world w;
	struct claimed c;
	struct err e = { 0 };
	int64_t jobs = 0;
	CLEANUP(pairs_release) struct pairs secrets = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_BUF struct buf log = BUF_INIT(4096);

	world_open(&w);
	RUN(&w, "a:linux");
	claim_now(&w, &c);
	pairs_set(&secrets, "KEY", "password");
	must_err(scrub_claimed(&w.app, c.job_id, &secrets, &e));
	must_err(scrub_log(&w.app, c.job_id, 0, 0, SLICE("my pass"), wall_now(), &e));
	must_err(runner_revoke(w.app.store, w.runner_id, "stolen", wall_now(), &jobs, &e));
	assert_int_equal(1, jobs);
	must_err(scrub_sweep(&w.app, wall_now(), &e));
	must_err(store_log_each(w.app.store, c.step_ids[0], collect, &log, &e));
	assert_string_equal(
		"my pass\nFailed: its runner r1 was revoked: stolen.\n", buf_cstr(&log));
	must_err(store_job_get(w.app.store, c.job_id, &job, &e));
	assert_string_equal("its runner r1 was revoked: stolen", job.reason);
	world_close(&w);
}

/* Nothing has happened yet: another runner gets it, once. The one that was lost gets no word in. */
static void test_lost_before_a_step_ended(void **state UNUSED)
{
	struct world w;
	struct claimed c, second;
	char path[128], token[TOKEN_HEX_MAX];
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_BUF struct buf log = BUF_INIT(4096);

	world_open(&w);
	world_serve(&w);
	w.app.started_at = wall_now();
	struct run_created run = RUN(&w, "a:linux");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &c));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/logs", c.job_id);
	assert_int_equal(202, chain_call(&w, path, c.token, sizeof(c.token),
				      "{\"seq\":0,\"chunk\":\"aGkK\"}", NULL));
	assert_int_equal(1, sweep(&w, 20 * MINUTE, 21 * MINUTE));
	assert_string_equal("queued", world_state(&w, run.run_id, "a"));
	assert_int_equal(1, w.app.metrics.sum.pending[METRIC_JOBS_RETRIED]);

	/* The sweep's clock was ahead of this one, so r1 is still to pause. */
	assert_int_equal(204, heartbeat(&w, w.runner_token, "{}", &second));
	world_runner(&w, "r2", "linux", 1, token);
	assert_int_equal(200, heartbeat(&w, token, "{}", &second));
	assert_int_equal(c.job_id, second.job_id);
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/status", c.job_id);
	struct call_spec late = { .path = path,
		.token = c.token,
		.body = "{\"status\":\"completed\",\"conclusion\":\"success\"}" };
	assert_int_equal(404, call_do(&w, &late, NULL));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/logs", c.job_id);
	assert_int_equal(202, chain_call(&w, path, second.token, sizeof(second.token),
				      "{\"seq\":0,\"chunk\":\"aG8K\"}", NULL));
	must(store_step_list(w.app.store, c.job_id, &steps, NULL));
	must(store_log_each(w.app.store, steps.v[0].id, collect, &log, NULL));
	assert_true(str_starts(buf_cstr(&log), "Started again: runner lost. r1 has sent nothing"));
	assert_true(str_ends(buf_cstr(&log), "its first step ended.\nho\n"));

	assert_int_equal(1, sweep(&w, 20 * MINUTE, 42 * MINUTE));
	assert_string_equal("completed/failure", world_state(&w, run.run_id, "a"));
	must(store_job_get(w.app.store, c.job_id, &job, NULL));
	assert_int_equal(1, job.returns);
	world_close(&w);
}

/* A token of before is none of the runner that got its own job back. */
static void test_old_token_of_a_job_that_came_back(void **state UNUSED)
{
	struct world w;
	struct claimed c, second;
	char path[128];

	world_open(&w);
	world_serve(&w);
	RUN(&w, "a:linux");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &c));
	struct wall past = { wall_now().us - 2 * MINUTE };
	const struct claim_loss loss = { .why = "Lost." };
	struct state run;
	assert_int_equal(1, store_claim_lost(w.app.store, c.job_id, &loss, past, &run, NULL));
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &second));
	assert_int_equal(c.job_id, second.job_id);
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/status", c.job_id);
	struct call_spec late = {
		.path = path, .token = c.token, .body = "{\"status\":\"running\"}"
	};
	assert_int_equal(404, call_do(&w, &late, NULL));
	late.token = second.token;
	assert_int_equal(200, call_do(&w, &late, NULL));
	world_close(&w);
}

/* ---- absent jobs ---- */

static size_t absent(struct world *w, int64_t runner_id, const struct ids *ids, const char *key)
{
	struct active_jobs active = { runner_id, ids, key };
	struct err e = { 0 };
	size_t n;

	must_err(absent_jobs_end(&w->app, &active, wall_now(), &n, &e));
	return n;
}

/* Heartbeats as a runner of the hosted service sends them; another runner's jobs are not touched.
 */
static void test_absent_jobs(void **state UNUSED)
{
	struct world w;
	struct claimed a, b, other;
	char token[TOKEN_HEX_MAX], body[96];
	CLEAN_BUF struct buf log = BUF_INIT(4096);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	world_open(&w);
	world_serve(&w);
	world_runner(&w, "r2", "linux", 1, token);
	struct run_created run = RUN(&w, "a:linux", "b:linux", "c:linux", "d:linux:a");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &a));
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &b));
	assert_int_equal(200, heartbeat(&w, token, "{}", &other));

	/* an older runner says nothing, another one that it does not know */
	assert_int_equal(204, heartbeat(&w, w.runner_token, "{\"active_job_ids\":null}", NULL));
	snprintf(body, sizeof(body), "{\"active_job_ids\":[%" PRId64 ",%" PRId64 ",77]}", a.job_id,
		b.job_id);
	assert_int_equal(204, heartbeat(&w, w.runner_token, body, NULL));
	assert_string_equal("running", world_state(&w, run.run_id, "a"));

	snprintf(body, sizeof(body), "{\"active_job_ids\":[%" PRId64 "]}", b.job_id);
	for (int i = 0; i < 2; i++) { /* the same again changes nothing */
		assert_int_equal(204, heartbeat(&w, w.runner_token, body, NULL));
		assert_string_equal("cancelled/cancelled", world_state(&w, run.run_id, "a"));
		assert_string_equal("running", world_state(&w, run.run_id, "b"));
		assert_string_equal("running", world_state(&w, run.run_id, "c"));
		assert_string_equal("completed/skipped", world_state(&w, run.run_id, "d"));
		assert_int_equal(1, w.app.metrics.sum.pending[METRIC_JOBS_ABSENT]);
	}
	must(store_step_list(w.app.store, a.job_id, &steps, NULL));
	assert_int_equal(CONCLUSION_CANCELLED, steps.v[1].state.conclusion);
	must(store_log_each(w.app.store, steps.v[0].id, collect, &log, NULL));
	assert_non_null(strstr(buf_cstr(&log), "has this job no longer"));

	assert_int_equal(204, heartbeat(&w, w.runner_token, "{\"active_job_ids\":[]}", NULL));
	assert_string_equal("cancelled/cancelled", world_state(&w, run.run_id, "b"));
	assert_string_equal("running", world_state(&w, run.run_id, "c"));
	world_close(&w);
}

/* A heartbeat that a proxy delivers late, after its repetition brought a job. */
static void test_absent_not_its_own(void **state UNUSED)
{
	struct world w;
	struct json_doc *d = NULL;
	struct ids none = { 0 };
	struct call_spec c = { .path = HEARTBEAT, .body = "{}", .key = "k-1" };

	world_open(&w);
	world_serve(&w);
	c.token = w.runner_token;
	struct run_created run = RUN(&w, "a:linux");
	assert_int_equal(200, call_do(&w, &c, &d));
	json_free(d);
	run_until(&w, all_settled);
	assert_int_equal(0, absent(&w, w.runner_id, &none, "k-1"));
	assert_string_equal("running", world_state(&w, run.run_id, "a"));
	assert_int_equal(1, absent(&w, w.runner_id, &none, "k-2"));
	assert_string_equal("cancelled/cancelled", world_state(&w, run.run_id, "a"));
	world_close(&w);
}

/* An expiry shorter than a token's life asks for the runner's silence too. */
static void test_short_expiry(void **state UNUSED)
{
	static const struct {
		int64_t heartbeat_us, up_us; /* ago */
		size_t lost;
	} cases[] = {
		{ 10 * USEC_PER_SEC, 60 * MINUTE, 0 }, /* it lives */
		{ 6 * MINUTE, 60 * MINUTE, 1 },
		{ 6 * MINUTE, 2 * MINUTE, 0 }, /* it could not have said so */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;
		struct claimed c;
		struct runner_report h = { 0 };
		struct wall now = { wall_now().us + 7 * MINUTE };

		world_open(&w);
		w.app.started_at.us = now.us - cases[i].up_us;
		struct run_created run = RUN(&w, "a:linux");
		claim_now(&w, &c);
		must(store_runner_heartbeat(w.app.store, w.runner_id, &h,
			(struct wall){ now.us - cases[i].heartbeat_us }, NULL));
		assert_int_equal(cases[i].lost, sweep(&w, 5 * MINUTE, 7 * MINUTE));
		assert_string_equal(
			cases[i].lost ? "queued" : "running", world_state(&w, run.run_id, "a"));
		world_close(&w);
	}
}

/* ---- files of earlier programs ---- */

/* As an earlier program sealed it: under the repository's id and the name. */
static char *old_secret_sql(const struct keys *k)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(200);
	char hex[401];

	must(seal(k, "secret:1:OLD", "from before", 11, &sealed, NULL));
	hex_encode(sealed.data, sealed.len, hex);
	return xasprintf("INSERT INTO secrets (repo_id, name, sealed, updated_at)"
			 " VALUES (1, 'OLD', x'%s', 5);"
			 "INSERT INTO variables (repo_id, name, value) VALUES (1, 'LEVEL', 'high')",
		hex);
}

static void check_old_values(struct store *s, const struct keys *k)
{
	CLEANUP(value_list_release) struct value_list l = { 0 };
	CLEANUP(pairs_release) struct pairs variables = { 0 };
	CLEAN_BUF struct buf value = BUF_INIT(100);

	must(store_value_visible(s, VALUE_SECRET, 1, "none", &l, NULL));
	assert_int_equal(1, l.n);
	const struct value_scope scope = value_scope_of(&l.v[0]);
	CLEAN_STR char *context = secret_context(&scope, l.v[0].name);
	must(unseal(k, context, l.v[0].bytes, l.v[0].len, &value, NULL));
	assert_string_equal("from before", buf_cstr(&value));
	must(store_variables(s, 1, NULL, &variables, NULL));
	assert_string_equal("high", pairs_get(&variables, "LEVEL"));
}

static void test_old_file(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	sqlite3 *db;

	world_open(&w);
	CLEAN_STR char *path = path_join(w.dir, "old.db");
	must(sqlite3_open(path, &db));
	must(sqlite3_exec(db, schema_step(1), NULL, NULL, NULL));
	must(sqlite3_exec(db, schema_step(2), NULL, NULL, NULL));
	must(sqlite3_exec(db,
		"PRAGMA user_version = 2;"
		"INSERT INTO repositories (id, owner, name, private, default_branch, created_at)"
		" VALUES (1, 'alice', 'demo', 0, 'trunk', 1);"
		"INSERT INTO workflow_runs (id, repo_id, run_index, workflow_file, workflow_name,"
		" event, event_payload, head_sha, head_ref, status, created_at) VALUES (7, 1, 1,"
		" 'f', 'f', 'push', '{}', '" SHA_A "', 'refs/heads/trunk', 'queued', 1);"
		"INSERT INTO workflow_jobs (id, run_id, position, job_key, name, runs_on, needs,"
		" timeout_minutes, permissions, env, status, ready, created_at) VALUES"
		" (8, 7, 0, 'a', 'a', '[\"linux\"]', '[]', 5, '{}', '{}', 'queued', 1, 1);"
		"INSERT INTO workflow_steps (id, job_id, position, run, env, with_args,"
		" continue_on_error, status) VALUES (9, 8, 0, 'true', '{}', '{}', 0, 'queued');",
		NULL, NULL, NULL));
	CLEAN_STR char *values = old_secret_sql(&w.app.keys);
	must(sqlite3_exec(db, values, NULL, NULL, NULL));
	sqlite3_close(db);
	CLEAN_STORE struct store *s = store_open(path, &e);
	if (!s)
		fail_msg("%s", e.text);
	check_old_values(s, &w.app.keys);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must_err(store_step_list(s, 8, &steps, &e)); /* dropping the old table took nothing along */
	assert_int_equal(1, steps.n);
	CLEANUP(job_row_release) struct job_row job = { 0 };
	must_err(store_job_get(s, 8, &job, &e));
	assert_int_equal(1, job.legs);
	assert_string_equal("{}", job.matrix_json);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_claim_not_delivered),
		cmocka_unit_test(test_claim_half_delivered),
		cmocka_unit_test(test_claim_delivered),
		cmocka_unit_test(test_claims_after_a_crash),
		cmocka_unit_test(test_claims_with_keys_after_a_crash),
		cmocka_unit_test(test_lost_job),
		cmocka_unit_test(test_a_runner_in_trouble_is_not_gone),
		cmocka_unit_test(test_revoked_while_bytes_are_held_back),
		cmocka_unit_test(test_lost_before_a_step_ended),
		cmocka_unit_test(test_old_token_of_a_job_that_came_back),
		cmocka_unit_test(test_absent_jobs),
		cmocka_unit_test(test_absent_not_its_own),
		cmocka_unit_test(test_short_expiry),
		cmocka_unit_test(test_old_file),
	};

	return cmocka_run_group_tests_name("lost_job", tests, NULL, NULL);
}
