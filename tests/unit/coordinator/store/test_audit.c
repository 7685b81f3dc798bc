/* The audit table: an entry and its change are one, and every filter does what it says. */
#include "coordinator/store/audit.h"

#include "coordinator/store/runner.h"
#include "tests/unit/help/coordinator_help.h"

#define AT(s) ((struct wall){ (s)*USEC_PER_SEC })

static void add(struct world *w, const char *kind, const char *target, int64_t second)
{
	struct err e = { 0 };
	const struct audit_entry entry = { .by = AUDIT_USER,
		.who_id = 7,
		.who = "ada",
		.verb = "thing.change",
		.target_kind = kind,
		.target = target,
		.reason = "why" };

	must_err(store_audit_record(w->app.store, &entry, AT(second), &e));
}

static size_t count(struct world *w, struct audit_filter f)
{
	CLEANUP(audit_rows_release) struct audit_rows l = { 0 };
	struct err e = { 0 };

	f.page.limit = f.page.limit ? f.page.limit : 100;
	must_err(store_audit_list(w->app.store, &f, &l, &e));
	return l.n;
}

static void test_filters(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(audit_rows_release) struct audit_rows l = { 0 };

	world_open(&w);
	add(&w, "runner", "3", 10);
	add(&w, "repository", "acme/app", 20);
	add(&w, "site", NULL, 30);
	add(&w, "runner", "4", 40);
	assert_int_equal(4, count(&w, (struct audit_filter){ 0 }));
	assert_int_equal(3, count(&w, (struct audit_filter){ .page = { .limit = 3 } }));
	assert_int_equal(2, count(&w, (struct audit_filter){ .target_kind = "runner" }));
	assert_int_equal(
		1, count(&w, (struct audit_filter){ .target_kind = "runner", .target = "4" }));
	assert_int_equal(
		0, count(&w, (struct audit_filter){ .target_kind = "site", .target = "4" }));
	assert_int_equal(1, count(&w, (struct audit_filter){
					      .target_kind = "repository", .target = "ACME/app" }));
	assert_int_equal(2, count(&w, (struct audit_filter){ .since = AT(30) }));
	assert_int_equal(2, count(&w, (struct audit_filter){ .until = AT(30) }));
	assert_int_equal(1, count(&w, (struct audit_filter){ .since = AT(20), .until = AT(30) }));
	must_err(store_audit_list(
		w.app.store, &(struct audit_filter){ .page = { .limit = 1 } }, &l, &e));
	assert_string_equal("4", l.v[0].target);
	assert_string_equal("user", l.v[0].by);
	assert_string_equal("ada", l.v[0].who);
	assert_int_equal(7, l.v[0].who_id);
	assert_string_equal("thing.change", l.v[0].verb);
	assert_string_equal("why", l.v[0].reason);
	assert_string_equal("done", l.v[0].outcome);
	assert_int_equal(AT(40).us, l.v[0].at.us);
	world_close(&w);
}

static void test_an_entry_lives_and_dies_with_its_change(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	{
		CLEAN_TX struct store_tx tx = { 0 };

		must_err(store_begin(w.app.store, &tx, &e));
		must_err(store_runner_drain(w.app.store, w.runner_id, "x", AT(1), &e));
		add(&w, "runner", "1", 1);
	}
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	must_err(store_runner_get(w.app.store, w.runner_id, &r, &e));
	assert_int_equal(0, r.drained_at.us);
	assert_int_equal(0, count(&w, (struct audit_filter){ 0 }));
	world_close(&w);
}

static void test_long_texts_are_cut_between_characters(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(audit_rows_release) struct audit_rows l = { 0 };
	char text[2 * AUDIT_TEXT_MAX + 1];

	world_open(&w);
	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	text[0] = 'x';
	text[1] = 'y';
	memmove(text + 1, text + 2, sizeof(text) - 3);
	text[sizeof(text) - 2] = '\0';
	must_err(store_audit_record(w.app.store,
		&(struct audit_entry){ .verb = "v", .target_kind = "site", .reason = text }, AT(1),
		&e));
	must_err(store_audit_list(
		w.app.store, &(struct audit_filter){ .page = { .limit = 1 } }, &l, &e));
	assert_int_equal(AUDIT_TEXT_MAX - 1, strlen(l.v[0].reason));
	assert_memory_equal(text, l.v[0].reason, AUDIT_TEXT_MAX - 1);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_an_entry_lives_and_dies_with_its_change),
		cmocka_unit_test(test_long_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
