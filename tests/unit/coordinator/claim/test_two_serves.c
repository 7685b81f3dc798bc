/* Two serves on one store, each with a connection of its own: what one has in hand the other leaves
 * alone until the first is gone, and nothing is done twice. */
#include "tests/unit/help/coordinator_help.h"

#include <pthread.h>
#include <unistd.h>

#include "coordinator/claim/claim.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/queue/claim.h"
#include "coordinator/sql/sql.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/push.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/schedule.h"
#include "coordinator/store/webhook.h"
#include "tests/unit/help/store_help.h"

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)

struct serves {
	struct world w; /* its store is a's */
	struct store *a, *b;
	int64_t id_a, id_b;
	struct strv labels;
};

static void serves_open(struct serves *p)
{
	struct err e = { 0 };

	world_open(&p->w);
	p->a = p->w.app.store;
	p->b = test_store_open(p->w.dir);
	must_err(store_instance_add(p->a, "a", "1", HOUR, wall_now(), &p->id_a, &e));
	must_err(store_instance_add(p->b, "b", "1", HOUR, wall_now(), &p->id_b, &e));
	p->labels = labels_of("linux");
}

static void serves_close(struct serves *p)
{
	strv_release(&p->labels);
	store_free(p->b);
	world_close(&p->w);
}

/* A file has no leases: there a serve is gone with its row. */
static void gone(struct serves *p, int64_t id)
{
	struct err e = { 0 };

	if (test_store_is_postgres())
		must_err(sql_run(p->b, &e, "UPDATE instances SET until = 0 WHERE id = ?", "i", id));
	else
		must_err(store_instance_end(p->b, id, &e));
}

static void heartbeat_of(struct serves *p, struct store *s)
{
	struct err e = { 0 };
	const struct runner_report r = { .capacity = 2 };

	must_err(store_runner_heartbeat(s, p->w.runner_id, &r, wall_now(), &e));
}

static int claim_by(struct serves *p, struct store *s, const char *jti, int64_t *ret_job)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct err e = { 0 };
	int rc = store_job_claim(s, p->w.runner_id, &p->labels, wall_now(), &job, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	if (rc > 0)
		must_err(store_claim_made(s, job.id, jti, &e));
	*ret_job = job.id;
	return rc;
}

static int64_t returned(struct store *s)
{
	struct err e = { 0 };
	int64_t n = -1;

	must_err(store_claims_return(s, wall_now(), &n, &e));
	return n;
}

/* ---- claims ---- */

static void a_claim_comes_back_when_its_serve_is_gone(void **state UNUSED)
{
	struct serves p = { 0 };
	int64_t job, again;

	serves_open(&p);
	struct run_created run = RUN(&p.w, "a:linux");
	assert_int_equal(1, claim_by(&p, p.a, "one", &job));
	assert_int_equal(0, returned(p.b));
	assert_string_equal("running", world_state(&p.w, run.run_id, "a"));
	gone(&p, p.id_a);
	assert_int_equal(1, returned(p.b));
	assert_string_equal("queued", world_state(&p.w, run.run_id, "a"));
	assert_int_equal(1, claim_by(&p, p.b, "two", &again));
	assert_int_equal(job, again);
	/* the first one comes back to life, and learns what became of its answer */
	struct err e = { 0 };
	must_err(store_claim_delivered(p.a, job, "one", &e));
	assert_int_equal(0, store_claim_return(p.a, job, "one", wall_now(), &e));
	assert_int_equal(0, returned(p.a));
	assert_string_equal("running", world_state(&p.w, run.run_id, "a"));
	serves_close(&p);
}

static void a_runner_that_asks_elsewhere_gets_nothing_here(void **state UNUSED)
{
	struct serves p = { 0 };
	int64_t job;

	serves_open(&p);
	RUN(&p.w, "a:linux");
	heartbeat_of(&p, p.a);
	heartbeat_of(&p, p.b);
	assert_int_equal(0, claim_by(&p, p.a, "one", &job));
	assert_int_equal(1, claim_by(&p, p.b, "two", &job));
	serves_close(&p);
}

/* The answer is under way at one serve, and the runner repeats its heartbeat at the other. */
static void a_repeated_heartbeat_finds_the_claim_of_another_serve(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	CLEAN_STR char *jti = NULL;
	int64_t job, found = 0, again;

	serves_open(&p);
	struct run_created run = RUN(&p.w, "a:linux");
	heartbeat_of(&p, p.a);
	assert_int_equal(1, claim_by(&p, p.a, "one", &job));
	must_err(store_claim_key_set(p.a, job, "one", "key", &e));
	heartbeat_of(&p, p.b);
	assert_int_equal(1, store_claim_key_find(p.b, p.w.runner_id, "key", &found, &jti, &e));
	assert_int_equal(job, found);
	assert_int_equal(1, store_claim_return(p.b, job, jti, wall_now(), &e));
	assert_int_equal(1, claim_by(&p, p.b, "two", &again));
	assert_int_equal(job, again);
	/* whatever the first one hears of its answer */
	must_err(store_claim_delivered(p.b, job, "two", &e));
	assert_int_equal(0, store_claim_return(p.a, job, "one", wall_now(), &e));
	must_err(store_claim_delivered(p.a, job, "one", &e));
	assert_string_equal("running", world_state(&p.w, run.run_id, "a"));
	serves_close(&p);
}

/* ---- pushes ---- */

static struct push_row push_add(struct serves *p)
{
	struct push_row row = {
		.repo_id = p->w.repo_id, .commands = (char *)"x", .commands_len = 1
	};
	struct err e = { 0 };

	must_err(store_push_add(p->a, &row, wall_now(), &e));
	return row;
}

static size_t pushes_left(struct store *s, struct push_row *ret)
{
	CLEANUP(push_rows_release) struct push_rows l = { 0 };
	struct err e = { 0 };

	must_err(store_push_left(s, &l, &e));
	if (l.n && ret)
		*ret = (struct push_row){ .id = l.v[0].id, .at = l.v[0].at };
	return l.n;
}

static void a_push_is_taken_over_once(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	struct push_row adopted = { 0 }, late;
	const struct push_progress half = { 1, 2, 3, 4 }, whole = { 2, 0, 5, 6 };

	serves_open(&p);
	struct push_row row = push_add(&p);
	must_err(store_push_progress(p.a, &row, &half, &e));
	assert_int_equal(0, pushes_left(p.b, NULL));
	gone(&p, p.id_a);
	assert_int_equal(1, pushes_left(p.b, &adopted));
	late = adopted;
	assert_int_equal(3, adopted.at.runs);
	assert_int_equal(1, store_push_adopt(p.b, &adopted, &e));
	assert_int_equal(0, store_push_adopt(p.b, &late, &e));
	/* what the first one makes now is undone with its progress */
	assert_int_equal(-1, store_push_progress(p.a, &row, &whole, &e));
	assert_int_equal(ERR_CANCELLED, e.class);
	err_clear(&e);
	must_err(store_push_done(p.a, &row, wall_now(), &e));
	must_err(store_push_progress(p.b, &adopted, &whole, &e));
	must_err(store_push_done(p.b, &adopted, wall_now(), &e));
	assert_int_equal(0, pushes_left(p.b, NULL));
	/* all its runs are made: nothing is left for the first one */
	assert_int_equal(0, store_push_keep(p.a, &row, &e));
	must_err(store_push_prune(p.b, (struct wall){ INT64_MAX }, &e));
	serves_close(&p);
}

/* It was taken over before git had moved a ref, so no run was made. */
static void a_push_of_a_serve_that_only_slept_goes_on_there(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	struct push_row adopted = { 0 };
	const struct push_progress first = { 0, 1, 1, 1 };

	serves_open(&p);
	struct push_row row = push_add(&p);
	gone(&p, p.id_a);
	assert_int_equal(1, pushes_left(p.b, &adopted));
	assert_int_equal(1, store_push_adopt(p.b, &adopted, &e));
	must_err(store_push_done(p.b, &adopted, wall_now(), &e));
	must_err(store_instance_add(p.a, "a again", "1", HOUR, wall_now(), &p.id_a, &e));
	assert_int_equal(1, store_push_keep(p.a, &row, &e));
	assert_int_equal(p.id_a, row.instance);
	must_err(store_push_progress(p.a, &row, &first, &e));
	must_err(store_push_done(p.a, &row, wall_now(), &e));
	assert_int_equal(0, store_push_keep(p.a, &row, &e)); /* the row went */
	serves_close(&p);
}

/* ---- schedules ---- */

static void a_line_that_another_serve_has_started_waits_no_more(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	struct wall now = wall_now();
	struct schedule_row row = {
		.workflow_file = (char *)"a.yml", .cron = (char *)"* * * * *", .next_at = now
	};
	const struct schedule_list lines = { &row, 1 };
	CLEANUP(schedule_list_release) struct schedule_list due = { 0 };

	serves_open(&p);
	must_err(store_schedule_replace(p.a, p.w.repo_id, &lines, &e));
	must_err(store_schedule_due(p.a, now, &due, &e));
	assert_int_equal(1, due.n);
	assert_int_equal(1, store_schedule_waits(p.a, &due.v[0], &e));
	must_err(store_schedule_set(p.b, due.v[0].id, (struct wall){ now.us + HOUR }, &e));
	assert_int_equal(0, store_schedule_waits(p.a, &due.v[0], &e));
	serves_close(&p);
}

/* ---- webhooks ---- */

static int64_t hook_add(struct serves *p)
{
	const struct webhook_spec spec = { .url = "http://127.0.0.1:1/",
		.format = "forge",
		.events = 1,
		.sealed = "x",
		.sealed_len = 1 };
	struct err e = { 0 };
	int64_t id, delivery;

	must_err(store_webhook_set(p->a, &spec, wall_now(), &id, &e));
	must_err(store_webhook_ping(p->a, id, wall_now(), &delivery, &e));
	return id;
}

static void one_serve_sends_to_a_webhook(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };

	serves_open(&p);
	int64_t hook = hook_add(&p);
	assert_int_equal(1, store_webhook_take(p.a, hook, p.id_a, &e));
	assert_int_equal(1, store_webhook_take(p.a, hook, p.id_a, &e));
	assert_int_equal(0, store_webhook_take(p.b, hook, p.id_b, &e));
	must_err(store_webhooks_free(p.a, p.id_a, &e));
	assert_int_equal(1, store_webhook_take(p.b, hook, p.id_b, &e));
	gone(&p, p.id_a);
	assert_int_equal(0, store_webhook_take(p.a, hook, p.id_a, &e));
	serves_close(&p);
}

/* One that slept with a request under way hears that it failed; another has sent it since. */
static void what_was_delivered_stays_so(void **state UNUSED)
{
	struct serves p = { 0 };
	struct err e = { 0 };
	CLEANUP(delivery_row_release) struct delivery_row d = { 0 };
	CLEANUP(webhook_row_release) struct webhook_row hook = { 0 };

	serves_open(&p);
	int64_t id = hook_add(&p);
	assert_int_equal(1, store_delivery_next(p.a, id, &d, &e));
	struct delivery_result r = {
		.id = d.id, .hook_id = id, .delivered = true, .answered = true, .now = wall_now()
	};
	must_err(store_delivery_tried(p.b, &r, &e));
	r.delivered = false;
	r.next_at = (struct wall){ wall_now().us + HOUR };
	must_err(store_delivery_tried(p.a, &r, &e));
	delivery_row_release(&d);
	assert_int_equal(0, store_delivery_next(p.a, id, &d, &e));
	must_err(store_webhook_get(p.a, id, &hook, &e));
	assert_int_equal(0, hook.failures);
	assert_int_equal(0, hook.next_at.us);
	serves_close(&p);
}

/* ---- two that both think they lead ---- */

struct leader {
	struct app app;
	void (*act)(struct leader *l);
	size_t done;
};

static void *leader_main(void *data)
{
	struct leader *l = data;

	l->act(l);
	return NULL;
}

/* Both have read what is to be done, and wait for the lock, when the first may act. */
static void both_lead(struct serves *p, struct leader l[2], void (*act)(struct leader *l))
{
	CLEAN_STORE struct store *other = test_store_open(p->w.dir);
	struct store *stores[] = { p->a, p->b };
	struct store_tx tx = { 0 };
	struct err e = { 0 };
	pthread_t threads[2];

	must_err(store_begin(other, &tx, &e));
	for (size_t i = 0; i < 2; i++) {
		l[i] = (struct leader){ .act = act };
		l[i].app.store = stores[i];
		l[i].app.data_dir = p->w.app.data_dir;
		l[i].app.keys = p->w.app.keys;
		l[i].app.scrub = p->w.app.scrub;
		must(pthread_create(&threads[i], NULL, leader_main, &l[i]));
	}
	for (size_t i = 0; i < 2; i++)
		while (!store_locked_us(stores[i]))
			usleep(1000);
	store_rollback(&tx);
	for (size_t i = 0; i < 2; i++)
		must(pthread_join(threads[i], NULL));
}

static void end_lost_jobs(struct leader *l)
{
	struct err e = { 0 };

	must_err(lost_jobs_end(
		&l->app, 20 * MINUTE, (struct wall){ wall_now().us + 30 * MINUTE }, &l->done, &e));
}

/* The second must not end as failed what the first has queued again. */
static void a_lost_job_is_queued_again_once(void **state UNUSED)
{
	struct serves p = { 0 };
	struct leader l[2];
	int64_t job;

	serves_open(&p);
	struct run_created run = RUN(&p.w, "a:linux");
	assert_int_equal(1, claim_by(&p, p.a, "one", &job));
	both_lead(&p, l, end_lost_jobs);
	assert_int_equal(1, l[0].done + l[1].done);
	assert_string_equal("queued", world_state(&p.w, run.run_id, "a"));
	serves_close(&p);
}

static void return_claims(struct leader *l)
{
	l->done = (size_t)returned(l->app.store);
}

static void a_claim_is_returned_once(void **state UNUSED)
{
	struct serves p = { 0 };
	struct leader l[2];
	int64_t job;

	serves_open(&p);
	RUN(&p.w, "a:linux");
	assert_int_equal(1, claim_by(&p, p.a, "one", &job));
	gone(&p, p.id_a);
	both_lead(&p, l, return_claims);
	assert_int_equal(1, l[0].done + l[1].done);
	serves_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_claim_comes_back_when_its_serve_is_gone),
		cmocka_unit_test(a_runner_that_asks_elsewhere_gets_nothing_here),
		cmocka_unit_test(a_repeated_heartbeat_finds_the_claim_of_another_serve),
		cmocka_unit_test(a_push_is_taken_over_once),
		cmocka_unit_test(a_push_of_a_serve_that_only_slept_goes_on_there),
		cmocka_unit_test(a_line_that_another_serve_has_started_waits_no_more),
		cmocka_unit_test(one_serve_sends_to_a_webhook),
		cmocka_unit_test(what_was_delivered_stays_so),
		cmocka_unit_test(a_lost_job_is_queued_again_once),
		cmocka_unit_test(a_claim_is_returned_once),
	};

	return cmocka_run_group_tests_name("two serves", tests, NULL, NULL);
}
