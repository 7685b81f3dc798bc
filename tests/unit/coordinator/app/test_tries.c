/* Failed tries that several serves count together: two apps on one store. */
#include "coordinator/app/tries.h"
#include "coordinator/store/pool/tries.h"
#include "tests/unit/help/coordinator_help.h"

enum { PEER = 77, OTHER_PEER = 78 };

/* Another serve on the store of a world. */
static struct app other_serve(const struct world *w)
{
	return (struct app){ .store = w->app.store, .keys = w->app.keys };
}

static void fails(struct app *a, uint64_t peer, const char *login)
{
	login_begins(a, peer, login);
	login_fails(a, peer, login);
}

static void test_failures_count_everywhere(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	struct app b = other_serve(&w);
	bool shared = store_tries_shared(w.app.store);
	for (int i = 0; i < AUTH_FAILURES_MAX / 2; i++) {
		fails(&w.app, PEER, "Ada");
		fails(&b, PEER, "ada");
	}
	assert_int_equal(shared, login_failed_enough(&w.app, PEER, NULL));
	assert_int_equal(shared, login_failed_enough(&b, PEER, NULL));
	assert_int_equal(shared, login_failed_enough(&b, OTHER_PEER, "ADA"));
	assert_false(login_failed_enough(&b, OTHER_PEER, "eve"));
	assert_false(login_failed_enough(&b, OTHER_PEER, NULL));
	world_close(&w);
}

/* What fits costs nothing in the store, and what is under way counts in its own serve. */
static void test_good_tries_are_not_written(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	struct app b = other_serve(&w);
	for (int i = 0; i < AUTH_FAILURES_MAX; i++)
		login_begins(&w.app, PEER, "ada");
	assert_true(login_failed_enough(&w.app, PEER, "ada"));
	assert_false(login_failed_enough(&b, PEER, "ada"));
	for (int i = 0; i < AUTH_FAILURES_MAX; i++)
		login_fits(&w.app, PEER, "ada");
	assert_false(login_failed_enough(&w.app, PEER, "ada"));
	assert_int_equal(0, w.app.tries_written);
	world_close(&w);
}

/* ---- the rows ---- */

static int64_t add(struct world *w, unsigned char who, struct wall now)
{
	const unsigned char hash[TRIES_HASH_LEN] = { who };
	struct err e = { 0 };
	int64_t n = 0;

	must_err(store_tries_add(w->app.store, hash, now, &n, &e));
	return n;
}

static int64_t count_of(struct world *w, unsigned char who, struct wall now)
{
	const unsigned char hash[TRIES_HASH_LEN] = { who };
	struct err e = { 0 };
	int64_t n = 0;

	must_err(store_tries_of(w->app.store, hash, now, &n, &e));
	return n;
}

static void test_a_minute_from_the_first_on(void **state UNUSED)
{
	struct world w;
	const struct wall now = wall_now(), late = { now.us + TRIES_WINDOW_US };
	const struct wall later = { late.us + 1 }, early = { now.us - 1 };

	world_open(&w);
	assert_int_equal(0, count_of(&w, 1, now));
	assert_int_equal(1, add(&w, 1, now));
	assert_int_equal(2, add(&w, 1, late));
	assert_int_equal(0, count_of(&w, 2, now));
	assert_int_equal(0, count_of(&w, 1, later));
	/* of a clock that is behind: not begun yet */
	assert_int_equal(0, count_of(&w, 1, early));
	assert_int_equal(1, add(&w, 1, later));
	world_close(&w);
}

static void test_those_with_the_fewest_make_room(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	const struct wall now = wall_now(), later = { now.us + TRIES_WINDOW_US + 1 };

	world_open(&w);
	for (unsigned char who = 1; who <= 5; who++)
		for (int i = 0; i < who; i++)
			add(&w, who, now);
	must_err(store_tries_prune(w.app.store, now, 5, &e));
	assert_int_equal(1, count_of(&w, 1, now));
	must_err(store_tries_prune(w.app.store, now, 2, &e));
	assert_int_equal(0, count_of(&w, 3, now));
	assert_int_equal(4, count_of(&w, 4, now));
	assert_int_equal(5, count_of(&w, 5, now));
	must_err(store_tries_prune(w.app.store, later, 2, &e));
	assert_int_equal(0, count_of(&w, 5, now));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures_count_everywhere),
		cmocka_unit_test(test_good_tries_are_not_written),
		cmocka_unit_test(test_a_minute_from_the_first_on),
		cmocka_unit_test(test_those_with_the_fewest_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
