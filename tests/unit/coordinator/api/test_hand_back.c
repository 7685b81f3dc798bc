/*
 * A runner hands a job back: the job is as new for the next runner, the one that handed it back
 * waits, and neither a job that got somewhere nor one that no runner can take goes round for ever.
 */
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "base/log.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/step.h"

#define BACK "Shithub-Job-Return: true"
#define FAILURE "{\"status\":\"completed\",\"conclusion\":\"failure\"}"
#define SUCCESS "{\"status\":\"completed\",\"conclusion\":\"success\"}"
#define LINUX "{\"labels\":[\"linux\"]}"

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

static const char *path_of(const struct claimed *c, const char *rest)
{
	static char path[120];

	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "%s", c->job_id, rest);
	return path;
}

/* Ends the job as failed, with the header; the status that the answer tells. */
static const char *hand_back(struct world *w, const struct claimed *c, const char *key)
{
	static char text[40];
	CLEAN_JSON struct json_doc *d = NULL;
	struct call_spec q = { .path = path_of(c, "/status"),
		.token = c->token,
		.body = FAILURE,
		.key = key,
		.header = BACK };

	assert_int_equal(200, call_do(w, &q, &d));
	assert_null(json_get_string(json_root(d), "next_token"));
	snprintf(text, sizeof(text), "%s", json_get_string(json_root(d), "status"));
	return text;
}

/* The runner does not get it now, but after the pause. */
static void assert_paused(struct world *w)
{
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	struct wall later = { wall_now().us + HAND_BACK_PAUSE_US + USEC_PER_SEC };

	assert_int_equal(
		0, store_job_claimable(w->app.store, w->runner_id, &labels, wall_now(), NULL));
	assert_int_equal(1, store_job_claimable(w->app.store, w->runner_id, &labels, later, NULL));
}

static void test_as_new_for_another_runner(void **state)
{
	struct world *w = *state;
	struct claimed c, again;
	char token[TOKEN_HEX_MAX], path[120];
	struct run_created run = RUN(w, "a:linux");
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_runner(w, "r2", "linux", 1, token);
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", c.job_id,
		c.step_ids[0]);
	assert_int_equal(200,
		chain_call(w, path, c.token, sizeof(c.token), "{\"status\":\"running\"}", NULL));
	assert_int_equal(202, chain_call(w, path_of(&c, "/logs"), c.token, sizeof(c.token),
				      "{\"seq\":0,\"chunk\":\"aGVsbG8K\"}", NULL));
	assert_string_equal("queued", hand_back(w, &c, NULL));
	assert_string_equal("queued", world_state(w, run.run_id, "a"));
	assert_string_equal("queued", world_state(w, run.run_id, NULL));
	must(store_step_list(w->app.store, c.job_id, &steps, NULL));
	for (size_t i = 0; i < steps.n; i++) {
		assert_int_equal(STATUS_QUEUED, steps.v[i].state.status);
		assert_int_equal(0, steps.v[i].log_bytes);
		assert_int_equal(0, steps.v[i].started_at.us);
	}
	must(store_job_get(w->app.store, c.job_id, &job, NULL));
	assert_int_equal(0, job.runner_id);
	assert_int_equal(0, job.started_at.us);
	/* its own tokens are worth nothing, the other runner's log begins at 0 */
	assert_int_equal(401,
		chain_call(w, path_of(&c, "/cancel-check"), c.token, sizeof(c.token), "{}", NULL));
	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	assert_int_equal(200, heartbeat(w, token, LINUX, &again));
	assert_int_equal(c.job_id, again.job_id);
	assert_int_equal(
		202, chain_call(w, path_of(&again, "/logs"), again.token, sizeof(again.token),
			     "{\"seq\":0,\"chunk\":\"aGVsbG8K\"}", NULL));
	assert_int_equal(200, chain_call(w, path_of(&again, "/status"), again.token,
				      sizeof(again.token), SUCCESS, NULL));
	assert_string_equal("completed/success", world_state(w, run.run_id, NULL));
	assert_int_equal(1, w->app.metrics.sum.pending[METRIC_JOBS_HANDED_BACK]);
}

static void test_only_after_a_pause_to_the_same_runner(void **state)
{
	struct world *w = *state;
	struct claimed c;

	RUN(w, "a:linux");
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	assert_string_equal("queued", hand_back(w, &c, NULL));
	assert_paused(w);
	/* other jobs it may have at once */
	RUN(w, "b:linux");
	struct claimed other;
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &other));
	assert_true(other.job_id != c.job_id);
}

static void test_answer_repeats(void **state)
{
	struct world *w = *state;
	struct claimed c;
	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	assert_string_equal("queued", hand_back(w, &c, "11111111-1111"));
	assert_string_equal("queued", hand_back(w, &c, "11111111-1111"));
	assert_string_equal("queued", world_state(w, run.run_id, "a"));
	assert_int_equal(1, w->app.metrics.sum.pending[METRIC_JOBS_HANDED_BACK]);
}

static void test_not_after_a_step_succeeded(void **state)
{
	struct world *w = *state;
	struct claimed c;
	char path[120];
	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", c.job_id,
		c.step_ids[0]);
	assert_int_equal(200, chain_call(w, path, c.token, sizeof(c.token), SUCCESS, NULL));
	assert_string_equal("completed", hand_back(w, &c, NULL));
	assert_string_equal("completed/failure", world_state(w, run.run_id, "a"));
}

static void test_cancelled_meanwhile(void **state)
{
	struct world *w = *state;
	struct claimed c;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	must(store_job_cancel(w->app.store, c.job_id, "cancelled by ada", wall_now(), &job, NULL));
	assert_string_equal("cancelled", hand_back(w, &c, NULL));
	assert_string_equal("cancelled/cancelled", world_state(w, run.run_id, "a"));
}

static void test_ends_after_the_tenth_time(void **state)
{
	struct world *w = *state;
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	struct run_created run = RUN(w, "a:linux");
	struct wall now = wall_now();
	struct state job_state, run_state;

	for (int i = 0; i <= HAND_BACKS_MAX; i++) {
		CLEANUP(job_row_release) struct job_row job = { 0 };

		now.us += HAND_BACK_PAUSE_US + USEC_PER_SEC;
		assert_int_equal(
			1, store_job_claim(w->app.store, w->runner_id, &labels, now, &job, NULL));
		assert_int_equal(i < HAND_BACKS_MAX, store_claim_hand_back(w->app.store, job.id,
							     now, &job_state, &run_state, NULL));
	}
	assert_string_equal("running", world_state(w, run.run_id, "a"));
}

static void test_needs_header_and_failure(void **state)
{
	struct world *w = *state;
	struct claimed c;
	struct run_created run = RUN(w, "a:linux", "b:linux");
	struct call_spec q = { .body = SUCCESS, .header = BACK };

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	assert_int_equal(200,
		chain_call(w, path_of(&c, "/status"), c.token, sizeof(c.token), FAILURE, NULL));
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	q.path = path_of(&c, "/status");
	q.token = c.token;
	assert_int_equal(200, call_do(w, &q, NULL));
	assert_string_equal("completed/failure", world_state(w, run.run_id, "a"));
	assert_string_equal("completed/success", world_state(w, run.run_id, "b"));
}

/* ---- lost before its first step ended ---- */

/* As a recover process does it: the step that ran has failed, the others are skipped. */
static const char *lose(struct world *w, struct claimed *c, const char *header)
{
	static char text[40];
	static const char *const ends[] = { FAILURE,
		"{\"status\":\"skipped\",\"conclusion\":\"skipped\"}" };
	CLEAN_JSON struct json_doc *d = NULL;
	char path[120];

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status",
			c->job_id, c->step_ids[i]);
		assert_int_equal(
			200, chain_call(w, path, c->token, sizeof(c->token), ends[i], NULL));
	}
	struct call_spec q = {
		.path = path_of(c, "/status"), .token = c->token, .body = FAILURE, .header = header
	};
	assert_int_equal(200, call_do(w, &q, &d));
	snprintf(text, sizeof(text), "%s", json_get_string(json_root(d), "status"));
	return text;
}

static void assert_reason(struct world *w, int64_t job_id, const char *want)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };

	must(store_job_get(w->app.store, job_id, &job, NULL));
	assert_string_equal(want, job.reason);
}

static void test_lost_once_and_again(void **state)
{
	struct world *w = *state;
	struct claimed c, again;
	char token[TOKEN_HEX_MAX];
	struct run_created run = RUN(w, "a:linux");
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	world_runner(w, "r2", "linux", 1, token);
	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	assert_string_equal("queued", lose(w, &c, "Shithub-Job-Lost: it ended (signal 9)"));
	assert_string_equal("queued", world_state(w, run.run_id, "a"));
	assert_reason(w, c.job_id,
		"Started again: r1 lost it before its first step ended: it ended (signal 9).");
	must(store_step_list(w->app.store, c.job_id, &steps, NULL));
	for (size_t i = 0; i < steps.n; i++)
		assert_int_equal(STATUS_QUEUED, steps.v[i].state.status);
	assert_int_equal(204, heartbeat(w, w->runner_token, LINUX, NULL));
	assert_int_equal(200, heartbeat(w, token, LINUX, &again));
	assert_int_equal(c.job_id, again.job_id);
	assert_string_equal("completed", lose(w, &again, "Shithub-Job-Lost: it hangs"));
	assert_string_equal("completed/failure", world_state(w, run.run_id, NULL));
	assert_reason(w, c.job_id, "r2 lost it: it hangs. It was started again once already.");
	assert_int_equal(1, w->app.metrics.sum.pending[METRIC_JOBS_RETRIED]);
}

/* Whatever its runner says. */
static void test_not_lost_after_a_step_succeeded(void **state)
{
	struct world *w = *state;
	struct claimed c;
	char path[120];
	struct run_created run = RUN(w, "a:linux");
	struct call_spec q = { .body = FAILURE, .header = "Shithub-Job-Lost: it ended" };

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", c.job_id,
		c.step_ids[0]);
	assert_int_equal(200, chain_call(w, path, c.token, sizeof(c.token), SUCCESS, NULL));
	q.path = path_of(&c, "/status");
	q.token = c.token;
	assert_int_equal(200, call_do(w, &q, NULL));
	assert_string_equal("completed/failure", world_state(w, run.run_id, "a"));
	assert_reason(w, c.job_id, "r1 lost it: it ended.");
}

static void test_not_lost_while_cancelled(void **state)
{
	struct world *w = *state;
	struct claimed c;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	must(store_job_cancel(w->app.store, c.job_id, "cancelled by ada", wall_now(), &job, NULL));
	assert_string_equal("completed", lose(w, &c, "Shithub-Job-Lost: it ended"));
	assert_string_equal("completed/failure", world_state(w, run.run_id, "a"));
	assert_reason(w, c.job_id, "cancelled by ada");
}

static void test_bad_words_of_a_loss(void **state)
{
	struct world *w = *state;
	struct claimed c;
	struct run_created run = RUN(w, "a:linux");
	CLEAN_STR char *longer = xasprintf("Shithub-Job-Lost: %0201d", 0);
	const char *const headers[] = { longer, "Shithub-Job-Lost: caf\xc3\xa9" };

	assert_int_equal(200, heartbeat(w, w->runner_token, LINUX, &c));
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct call_spec q = { .path = path_of(&c, "/status"),
			.token = c.token,
			.body = FAILURE,
			.header = headers[i] };

		assert_int_equal(400, call_do(w, &q, NULL));
	}
	assert_string_equal("running", world_state(w, run.run_id, "a"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_new_for_another_runner),
		TEST(test_only_after_a_pause_to_the_same_runner),
		TEST(test_answer_repeats),
		TEST(test_not_after_a_step_succeeded),
		TEST(test_cancelled_meanwhile),
		TEST(test_ends_after_the_tenth_time),
		TEST(test_needs_header_and_failure),
		TEST(test_lost_once_and_again),
		TEST(test_not_lost_after_a_step_succeeded),
		TEST(test_not_lost_while_cancelled),
		TEST(test_bad_words_of_a_loss),
	};

	log_setup(LOG_ERROR, LOG_TEXT, 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
