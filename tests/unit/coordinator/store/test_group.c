/* Group commit: what is seen when, what is rolled back alone, and what a failed commit takes along.
 */
#include "coordinator/store/counter.h"

#include <sqlite3.h>

#include "coordinator/sql/sql.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/store_help.h"

struct stores {
	struct world w;
	struct store *other; /* as another process sees the file */
};

static void pair_open(struct stores *p)
{
	world_open(&p->w);
	p->other = test_store_open(p->w.dir);
}

static void pair_close(struct stores *p)
{
	store_free(p->other);
	world_close(&p->w);
}

static void read_value(void *data, const char *name, int64_t value)
{
	int64_t *sum = data;

	if (str_starts(name, "t_"))
		*sum += value;
}

/* Of all that these tests have counted. */
static int64_t counted(struct store *s)
{
	struct err e = { 0 };
	int64_t sum = 0;

	must_err(store_counter_each(s, read_value, &sum, &e));
	return sum;
}

static void count(struct store *s, int64_t n)
{
	struct err e = { 0 };

	must_err(store_counter_add(s, "t_one", n, &e));
}

/* Two changes in a transaction of their own, kept or not. */
static void count_in_tx(struct store *s, int64_t n, bool keep)
{
	CLEAN_TX struct store_tx tx = { 0 }, inner = { 0 };
	struct err e = { 0 };

	must_err(store_begin(s, &tx, &e));
	count(s, n);
	must_err(store_begin(s, &inner, &e));
	count(s, n);
	must_err(store_commit(&inner, &e));
	if (keep)
		must_err(store_commit(&tx, &e));
}

static void test_nothing_is_seen_before_the_end(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	store_group_begin(p.w.app.store);
	assert_int_equal(0, counted(p.w.app.store));
	assert_false(store_group_changed(p.w.app.store));
	count(p.w.app.store, 1);
	assert_true(store_group_changed(p.w.app.store));
	count_in_tx(p.w.app.store, 10, true);
	assert_int_equal(21, counted(p.w.app.store));
	assert_int_equal(0, counted(p.other));
	must_err(store_group_end(p.w.app.store, &e));
	assert_false(store_group_changed(p.w.app.store));
	assert_int_equal(21, counted(p.other));
	/* and alone again */
	count(p.w.app.store, 1);
	assert_int_equal(22, counted(p.other));
	pair_close(&p);
}

static void test_one_is_rolled_back_alone(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	store_group_begin(p.w.app.store);
	count_in_tx(p.w.app.store, 1, true);
	count_in_tx(p.w.app.store, 100, false);
	count_in_tx(p.w.app.store, 10, true);
	must_err(store_group_end(p.w.app.store, &e));
	assert_int_equal(22, counted(p.other));
	/* first of its group */
	store_group_begin(p.w.app.store);
	count_in_tx(p.w.app.store, 100, false);
	count_in_tx(p.w.app.store, 1, true);
	must_err(store_group_end(p.w.app.store, &e));
	assert_int_equal(24, counted(p.other));
	pair_close(&p);
}

static void test_a_flush_keeps_what_was_before(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	must_err(store_group_flush(p.w.app.store, &e));
	store_group_begin(p.w.app.store);
	count(p.w.app.store, 1);
	must_err(store_group_flush(p.w.app.store, &e));
	assert_int_equal(1, counted(p.other));
	assert_false(store_group_changed(p.w.app.store));
	count(p.w.app.store, 1);
	assert_int_equal(1, counted(p.other));
	must_err(store_group_end(p.w.app.store, &e));
	assert_int_equal(2, counted(p.other));
	pair_close(&p);
}

/* A row that refers to none, which is found at the commit only. */
static void orphan_add(struct store *s)
{
	struct err e = { 0 };

	count(s, 1); /* the setting below ends with the transaction */
	must_err(sql_run(s, &e, "PRAGMA defer_foreign_keys=ON", ""));
	must_err(sql_run(s, &e,
		"INSERT INTO log_chunks (step_id, seq, chunk, created_at) VALUES (987654, 1, 'x', "
		"1)",
		""));
}

static void test_a_failed_commit_takes_all(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	store_group_begin(p.w.app.store);
	count(p.w.app.store, 1);
	orphan_add(p.w.app.store);
	assert_int_equal(-1, store_group_end(p.w.app.store, &e));
	assert_int_equal(0, counted(p.w.app.store));
	count_in_tx(p.w.app.store, 1, true);
	assert_int_equal(2, counted(p.other));
	pair_close(&p);
}

/* After a flush that failed nothing more of the group is taken, and its end says so. */
static void test_a_failed_flush_fails_the_group(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	store_group_begin(p.w.app.store);
	orphan_add(p.w.app.store);
	assert_int_equal(-1, store_group_flush(p.w.app.store, &e));
	assert_int_equal(-1, store_counter_add(p.w.app.store, "t_one", 1, &e));
	assert_true(store_group_changed(p.w.app.store));
	assert_int_equal(-1, store_group_end(p.w.app.store, &e));
	count(p.w.app.store, 1);
	assert_int_equal(1, counted(p.other));
	pair_close(&p);
}

/* ---- the lock of another ---- */

static void lock(struct store *s, const char *sql)
{
	assert_int_equal(SQLITE_OK, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static void test_patience_is_as_long_as_asked(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	lock(p.other, "BEGIN IMMEDIATE");
	store_patience(p.w.app.store, 50 * USEC_PER_MSEC);
	struct mono began = mono_now();
	assert_int_equal(-1, store_counter_add(p.w.app.store, "t_one", 1, &e));
	assert_true(err_is(&e, ERR_TIMEOUT));
	assert_in_range(mono_diff(mono_now(), began), 50 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
	lock(p.other, "ROLLBACK");
	count(p.w.app.store, 1);
	pair_close(&p);
}

static bool third_time(void *data)
{
	int *n = data;

	return ++*n == 3;
}

static void test_who_stops_does_not_wait(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };
	int asked = 0;

	pair_open(&p);
	lock(p.other, "BEGIN IMMEDIATE");
	store_wait_ends(p.w.app.store, third_time, &asked);
	assert_int_equal(-1, store_counter_add(p.w.app.store, "t_one", 1, &e));
	assert_true(err_is(&e, ERR_TIMEOUT));
	assert_int_equal(3, asked);
	lock(p.other, "ROLLBACK");
	count(p.w.app.store, 1);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_seen_before_the_end),
		cmocka_unit_test(test_one_is_rolled_back_alone),
		cmocka_unit_test(test_a_flush_keeps_what_was_before),
		cmocka_unit_test(test_a_failed_commit_takes_all),
		cmocka_unit_test(test_a_failed_flush_fails_the_group),
		cmocka_unit_test(test_patience_is_as_long_as_asked),
		cmocka_unit_test(test_who_stops_does_not_wait),
	};

	return cmocka_run_group_tests_name("store group", tests, NULL, NULL);
}
