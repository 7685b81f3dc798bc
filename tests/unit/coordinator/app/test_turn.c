/* What a turn counts happened when its commit did, and the answers that a flush let go. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/app/turn.h"
#include "coordinator/store/counter.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/store.h"

/* A row that refers to none, which is found at the commit only. */
static void spoil(struct store *s)
{
	struct err e = { 0 };

	must_err(store_counter_add(s, "t_one", 1, &e));
	must_err(sql_run(s, &e, "PRAGMA defer_foreign_keys=ON", ""));
	must_err(sql_run(s, &e,
		"INSERT INTO log_chunks (step_id, seq, chunk, created_at)"
		" VALUES (987654, 1, 'x', 1)",
		""));
}

static void read_claims(void *data, const char *name, int64_t value)
{
	int64_t *n = data;

	if (str_eq(name, "shithub_actions_claims_total"))
		*n = value;
}

/* As /metrics shows it; the page is of a turn, too. */
static int64_t claims_shown(struct app *a)
{
	struct err e = { 0 };
	int64_t n = 0;

	app_turn.begin(a);
	must_err(metrics_flush(&a->metrics, a->store, &e));
	must_err(app_turn.commit(a, &e));
	must_err(store_counter_each(a->store, read_claims, &n, &e));
	return n;
}

static void test_a_turn_that_fails_counts_nothing(void **state UNUSED)
{
	struct world w;
	struct app *a = &w.app;
	struct err e = { 0 };

	world_open(&w);
	app_turn.begin(a);
	metrics_claim(&a->metrics, 1000);
	must_err(app_turn.commit(a, &e));
	app_turn.begin(a);
	metrics_claim(&a->metrics, 1000);
	spoil(a->store);
	assert_int_equal(-1, app_turn.commit(a, &e));
	assert_int_equal(1, claims_shown(a));
	assert_int_equal(1, a->metrics.sum.claim_count);
	metrics_claim(&a->metrics, 1000); /* outside of a turn */
	assert_int_equal(2, claims_shown(a));
	world_close(&w);
}

/* What was moved into a store that could not keep it is moved again. */
static void test_a_page_that_is_lost_loses_no_count(void **state UNUSED)
{
	struct world w;
	struct app *a = &w.app;
	struct err e = { 0 };

	world_open(&w);
	metrics_claim(&a->metrics, 1000);
	app_turn.begin(a);
	must_err(metrics_flush(&a->metrics, a->store, &e));
	spoil(a->store);
	assert_int_equal(-1, app_turn.commit(a, &e));
	assert_int_equal(1, claims_shown(a));
	assert_int_equal(1, claims_shown(a));
	world_close(&w);
}

static void test_what_a_flush_stored_counts(void **state UNUSED)
{
	struct world w;
	struct app *a = &w.app;
	struct err e = { 0 };

	world_open(&w);
	app_turn.begin(a);
	metrics_claim(&a->metrics, 1000);
	must_err(store_counter_add(a->store, "t_one", 1, &e));
	must_err(turn_flush(a, &e));
	metrics_claim(&a->metrics, 1000);
	spoil(a->store);
	assert_int_equal(-1, app_turn.commit(a, &e));
	assert_int_equal(1, claims_shown(a));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_turn_that_fails_counts_nothing),
		cmocka_unit_test(test_a_page_that_is_lost_loses_no_count),
		cmocka_unit_test(test_what_a_flush_stored_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
