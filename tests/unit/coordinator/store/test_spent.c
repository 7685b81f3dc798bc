/* What is good once: two serves on one store. */
#include "coordinator/store/pool/spent.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/store_help.h"

static const unsigned char first[SHA256_LEN] = { 1 }, second[SHA256_LEN] = { 2 };

static int spend(struct store *s, const unsigned char *what, int64_t until)
{
	struct err e = { 0 };
	int rc = store_spend(s, what, (struct wall){ until }, &e);

	assert_true(rc >= 0);
	return rc;
}

static void test_once_at_all_serves(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	CLEAN_STORE struct store *other = test_store_open(w.dir);
	assert_int_equal(1, spend(w.app.store, first, 1000));
	assert_int_equal(0, spend(other, first, 2000));
	assert_int_equal(0, spend(w.app.store, first, 2000));
	assert_int_equal(1, spend(other, second, 1000));
	world_close(&w);
}

/* A spent one stays so until its time is over. */
static void test_forgotten_when_over(void **state UNUSED)
{
	struct err e = { 0 };
	struct world w;

	world_open(&w);
	spend(w.app.store, first, 1000);
	spend(w.app.store, second, 2000);
	must_err(store_spent_prune(w.app.store, (struct wall){ 1000 }, &e));
	assert_int_equal(0, spend(w.app.store, first, 1000));
	must_err(store_spent_prune(w.app.store, (struct wall){ 1001 }, &e));
	assert_int_equal(1, spend(w.app.store, first, 3000));
	assert_int_equal(0, spend(w.app.store, second, 3000));
	world_close(&w);
}

/* One that is taken back was not spent. */
static void test_rolled_back(void **state UNUSED)
{
	struct store_tx tx = { 0 };
	struct err e = { 0 };
	struct world w;

	world_open(&w);
	must_err(store_begin(w.app.store, &tx, &e));
	assert_int_equal(1, spend(w.app.store, first, 1000));
	store_rollback(&tx);
	assert_int_equal(1, spend(w.app.store, first, 1000));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_at_all_serves),
		cmocka_unit_test(test_forgotten_when_over),
		cmocka_unit_test(test_rolled_back),
	};

	return cmocka_run_group_tests_name("spent", tests, NULL, NULL);
}
