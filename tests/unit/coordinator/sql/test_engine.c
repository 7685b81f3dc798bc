/* What every engine promises: the same tests with SQLite and with PostgreSQL. */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/postgres_help.h"

#define must_err(call)                                     \
	do {                                               \
		if ((call) != 0)                           \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

struct stores {
	bool postgres;
	char dir[64];
	char *target;
	struct store *one, *other;
};

static const char tables[] =
	"CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT UNIQUE, data %s, at BIGINT);"
	"CREATE TABLE parts (thing_id BIGINT NOT NULL REFERENCES things, n BIGINT NOT NULL"
	" CHECK (n < 1000));";

/* The file is made by the first byte that SQLite writes to it. */
static void target_make(struct stores *p)
{
	struct err e = { 0 };

	if (p->postgres) {
		p->target = postgres_place_make();
		return;
	}
	snprintf(p->dir, sizeof(p->dir), "/tmp/shithub-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->target = path_join(p->dir, "test.db");
	must_err(file_replace(p->target, "", 0, 0600, &e));
}

static struct store *open_one(const char *target)
{
	struct err e = { 0 };
	struct store *s = store_open_as_is(target, &e);

	if (!s)
		fail_msg("%s", e.text);
	if (!str_starts(target, "postgres"))
		must_err(sql_script(s, &e, "PRAGMA foreign_keys=ON"));
	return s;
}

static void pair_open(struct stores *p, void **state)
{
	struct err e = { 0 };

	*p = (struct stores){ .postgres = *state != NULL };
	CLEAN_STR char *text = xasprintf(tables, p->postgres ? "BYTEA" : "BLOB");
	target_make(p);
	p->one = open_one(p->target);
	must_err(sql_script(p->one, &e, text));
	p->other = open_one(p->target);
}

static void dir_drop(const char *path)
{
	struct err e = { 0 };
	CLEAN_FD int tmp = dir_open("/tmp", &e);

	must_err(tree_remove(tmp, path + strlen("/tmp/"), NULL, &e));
}

static void pair_close(struct stores *p)
{

	store_free(p->one);
	store_free(p->other);
	if (p->postgres)
		postgres_place_drop(p->target);
	else
		dir_drop(p->dir);
	free(p->target);
}

static int add(struct store *s, int64_t id, const char *name, struct err *e)
{
	return sql_run(s, e, "INSERT INTO things (id, name) VALUES (?, ?)", "it", id, name);
}

static void must_add(struct store *s, int64_t id)
{
	CLEAN_STR char *name = xasprintf("thing %" PRId64, id);
	struct err e = { 0 };

	must_err(add(s, id, name, &e));
}

static int64_t count(struct store *s)
{
	struct err e = { 0 };
	int64_t n = -1;

	if (sql_int(s, &n, &e, "SELECT count(*) FROM things", "") != 1)
		fail_msg("%s", e.text);
	return n;
}

/* ---- values and rows ---- */

struct thing {
	int64_t id;
	char *name, *data;
	size_t data_len;
	struct wall at;
};
static const struct column thing_columns[] = {
	COLUMN("id", COLUMN_INT, thing, id),
	COLUMN("name", COLUMN_TEXT, thing, name),
	{ "data", COLUMN_BYTES, offsetof(struct thing, data), offsetof(struct thing, data_len) },
	COLUMN("at", COLUMN_WALL, thing, at),
};
static const struct row_type thing_type = ROW_TYPE(thing, thing_columns);

static void thing_read(struct store *s, int64_t id, struct thing *ret)
{
	CLEAN_QUERY struct query q = { 0 };
	struct err e = { 0 };

	must_err(row_select(s, &q, &e, &thing_type, "FROM things WHERE id = ?", "i", id));
	if (row_next(&q, &thing_type, ret, &e) != 1)
		fail_msg("%s", e.text);
	assert_int_equal(0, sql_next(&q, &e));
}

static void test_values_come_back(void **state)
{
	static const int64_t ids[] = { INT64_MIN, -1, 0, 1, 255, INT64_MAX };
	struct stores p;
	struct err e = { 0 };

	pair_open(&p, state);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct thing t = { 0 };
		const char *name = i ? "caf\xc3\xa9 ? $1 'x'" : NULL;

		must_err(sql_run(p.one, &e, "DELETE FROM things", ""));
		must_err(sql_run(p.one, &e,
			"INSERT INTO things (id, name, data, at) VALUES (?, ?, ?, ?)", "itbw",
			ids[i], name, "a\0b", i, (struct wall){ (int64_t)i }));
		thing_read(p.other, ids[i], &t);
		assert_int_equal(ids[i], t.id);
		assert_true(name ? str_eq(name, t.name) : !t.name);
		assert_int_equal(i, t.data_len);
		assert_memory_equal("a\0b", t.data, i < 3 ? i : 3);
		assert_int_equal(i, t.at.us);
		row_release(&thing_type, &t);
	}
	pair_close(&p);
}

struct lists {
	struct strv words;
	struct pairs map;
};
static const struct column lists_columns[] = {
	COLUMN("name", COLUMN_STRV, lists, words),
	COLUMN("(SELECT name FROM things WHERE id = 2)", COLUMN_PAIRS, lists, map),
};
static const struct row_type lists_type = ROW_TYPE(lists, lists_columns);

static void test_lists_and_maps_come_back(void **state)
{
	struct stores p;
	CLEANUP(strv_release) struct strv words = { 0 };
	CLEANUP(pairs_release) struct pairs map = { 0 };
	struct lists back = { 0 };
	CLEAN_QUERY struct query q = { 0 };
	struct err e = { 0 };

	pair_open(&p, state);
	strv_add(&words, "a \"b\"");
	strv_add(&words, "");
	pairs_set(&map, "k", "v");
	must_err(sql_run(p.one, &e, "INSERT INTO things (id, name) VALUES (1, ?), (2, ?)", "vp",
		&words, &map));
	must_err(row_select(p.one, &q, &e, &lists_type, "FROM things WHERE id = 1", ""));
	assert_int_equal(1, row_next(&q, &lists_type, &back, &e));
	assert_int_equal(2, back.words.n);
	assert_string_equal("a \"b\"", back.words.v[0]);
	assert_string_equal("v", pairs_get(&back.map, "k"));
	row_release(&lists_type, &back);
	query_end(&q);
	pair_close(&p);
}

static void test_numbers_of_any_kind(void **state)
{
	static const struct {
		const char *sql;
		int64_t want;
	} cases[] = {
		{ "SELECT sum(id) FROM things", 30000000010 },
		{ "SELECT sum(id) - sum(id) FROM things", 0 },
		{ "SELECT -sum(id) FROM things", -30000000010 },
		{ "SELECT sum(id) FROM things WHERE id = 20000000000", 20000000000 },
		{ "SELECT count(*) > 1 FROM things", 1 },
		{ "SELECT count(*) > 2 FROM things", 0 },
		{ "SELECT CAST(7 AS INTEGER)", 7 },
		{ "SELECT -7", -7 },
		{ "SELECT sum(id) FROM things WHERE id < 0", 0 },
		{ "SELECT length('?1 '' ?')", 6 },
		{ "SELECT id / 10000000000 FROM things INDEXED BY things_plan WHERE at > 5", 1 },
	};
	struct stores p;
	struct err e = { 0 };

	pair_open(&p, state);
	must_err(sql_script(p.one, &e, "CREATE INDEX things_plan ON things (at)"));
	must_add(p.one, 10000000010);
	must_add(p.one, 20000000000);
	must_err(sql_run(
		p.one, &e, "UPDATE things SET at = 6 WHERE name = 'thing 10000000010'", ""));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t n = -5;

		if (sql_int(p.one, &n, &e, cases[i].sql, "") != 1 || n != cases[i].want)
			fail_msg("%s: %" PRId64 " %s", cases[i].sql, n, e.text);
	}
	pair_close(&p);
}

static void test_a_value_is_named_twice(void **state)
{
	struct stores p;
	struct err e = { 0 };
	int64_t n = 0;

	pair_open(&p, state);
	must_add(p.one, 3);
	assert_int_equal(1, sql_int(p.one, &n, &e,
				    "SELECT id * ?2 + ? FROM things WHERE id = ?1 AND id - ?1 = 0",
				    "iii", (int64_t)3, (int64_t)10, (int64_t)4));
	assert_int_equal(34, n);
	pair_close(&p);
}

static void test_changes_and_returning(void **state)
{
	struct stores p;
	struct err e = { 0 };
	int64_t id = 0;

	pair_open(&p, state);
	for (int64_t i = 1; i <= 3; i++)
		must_add(p.one, i);
	must_err(sql_run(p.one, &e, "UPDATE things SET at = 1 WHERE id > 1", ""));
	assert_int_equal(2, sql_changes(p.one));
	assert_int_equal(3, count(p.one)); /* a read changes nothing of it */
	assert_int_equal(2, sql_changes(p.one));
	assert_int_equal(
		1, sql_int(p.one, &id, &e, "DELETE FROM things WHERE id = ? RETURNING id + 7", "i",
			   (int64_t)3));
	assert_int_equal(10, id);
	assert_int_equal(1, sql_changes(p.one));
	must_err(sql_run(p.one, &e, "UPDATE things SET at = 1 WHERE id = 99", ""));
	assert_int_equal(0, sql_changes(p.one));
	assert_int_equal(2, count(p.other));
	pair_close(&p);
}

/* Of one statement twice at a time, and others between its rows. */
static void test_rows_while_others_run(void **state)
{
	static const char list[] = "SELECT id FROM things ORDER BY id";
	struct stores p;
	CLEAN_QUERY struct query a = { 0 }, b = { 0 };
	struct err e = { 0 };

	pair_open(&p, state);
	for (int64_t i = 1; i <= 3; i++)
		must_add(p.one, i);
	must_err(sql_query(p.one, &a, &e, list, ""));
	assert_int_equal(1, sql_next(&a, &e));
	must_err(sql_query(p.one, &b, &e, list, ""));
	assert_int_equal(1, sql_next(&b, &e));
	assert_int_equal(1, sql_next(&b, &e));
	assert_int_equal(2, col_int(&b, 0));
	assert_int_equal(3, count(p.one));
	assert_int_equal(1, col_int(&a, 0));
	assert_int_equal(1, sql_next(&a, &e));
	assert_int_equal(2, col_int(&a, 0));
	query_end(&a);
	query_end(&b);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(3, count(p.one));
	pair_close(&p);
}

/* ---- failures ---- */

static void test_a_failure_takes_nothing_else(void **state)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };

	pair_open(&p, state);
	must_add(p.one, 1);
	must_err(store_begin(p.one, &tx, &e));
	must_add(p.one, 2);
	assert_int_equal(-1, add(p.one, 3, "thing 1", &e)); /* the name */
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_int_equal(-1, add(p.one, 2, "again", &e)); /* the key */
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	assert_int_equal(-1, sql_run(p.one, &e, "INSERT INTO parts VALUES (99, 1)", ""));
	assert_true(err_is(&e, ERR_INTERNAL));
	err_clear(&e);
	assert_int_equal(-1, sql_run(p.one, &e, "INSERT INTO parts VALUES (1, 1000)", ""));
	assert_true(err_is(&e, ERR_INTERNAL));
	must_add(p.one, 4);
	assert_int_equal(3, count(p.one));
	assert_int_equal(1, count(p.other));
	must_err(store_commit(&tx, &e));
	assert_int_equal(3, count(p.other));
	pair_close(&p);
}

static void test_a_failure_alone(void **state)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p, state);
	must_add(p.one, 1);
	assert_int_equal(-1, add(p.one, 1, "again", &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	must_add(p.other, 2); /* the lock is free */
	must_add(p.one, 3);
	assert_int_equal(3, count(p.other));
	pair_close(&p);
}

static void test_a_bad_statement_is_an_error(void **state)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p, state);
	assert_int_equal(-1, sql_run(p.one, &e, "SELECT id FROM nowhere", ""));
	assert_true(err_is(&e, ERR_INTERNAL));
	if (!strstr(e.text, "nowhere"))
		fail_msg("%s", e.text);
	must_add(p.one, 1);
	pair_close(&p);
}

/* ---- transactions ---- */

static void add_in_tx(struct store *s, int64_t id, bool keep)
{
	CLEAN_TX struct store_tx tx = { 0 }, inner = { 0 };
	struct err e = { 0 };

	must_err(store_begin(s, &tx, &e));
	must_add(s, id);
	must_err(store_begin(s, &inner, &e));
	must_add(s, id + 1);
	must_err(store_commit(&inner, &e));
	if (keep)
		must_err(store_commit(&tx, &e));
}

static void test_a_transaction_is_kept_or_not(void **state)
{
	struct stores p;

	pair_open(&p, state);
	add_in_tx(p.one, 1, true);
	assert_int_equal(2, count(p.other));
	add_in_tx(p.one, 10, false);
	assert_int_equal(2, count(p.one));
	add_in_tx(p.other, 20, true);
	assert_int_equal(4, count(p.one));
	pair_close(&p);
}

static void test_a_group_is_one_transaction(void **state)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p, state);
	store_group_begin(p.one);
	assert_int_equal(0, count(p.one));
	assert_false(store_group_changed(p.one));
	must_add(p.one, 1);
	add_in_tx(p.one, 10, true);
	add_in_tx(p.one, 20, false);
	assert_int_equal(-1, add(p.one, 1, "again", &e));
	assert_true(store_group_changed(p.one));
	assert_int_equal(3, count(p.one));
	assert_int_equal(0, count(p.other));
	must_err(store_group_flush(p.one, &e));
	assert_int_equal(3, count(p.other));
	must_add(p.one, 2);
	must_err(store_group_end(p.one, &e));
	assert_int_equal(4, count(p.other));
	store_group_begin(p.one);
	must_add(p.one, 3);
	store_group_drop(p.one);
	must_err(store_group_end(p.one, &e));
	assert_int_equal(4, count(p.one));
	pair_close(&p);
}

/* ---- the lock ---- */

static bool third_time(void *data)
{
	int *n = data;

	return ++*n == 3;
}

static void test_patience_ends(void **state)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };
	int asked = 0;

	pair_open(&p, state);
	must_err(store_begin(p.other, &tx, &e));
	store_patience(p.one, 50 * USEC_PER_MSEC);
	struct mono began = mono_now();
	assert_int_equal(-1, add(p.one, 1, "x", &e));
	assert_true(err_is(&e, ERR_TIMEOUT));
	assert_in_range(mono_diff(mono_now(), began), 50 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
	assert_true(store_locked_us(p.one) >= 50 * USEC_PER_MSEC);
	assert_int_equal(0, count(p.one)); /* who reads does not wait */
	store_patience(p.one, 60 * USEC_PER_SEC);
	store_wait_ends(p.one, third_time, &asked);
	err_clear(&e);
	assert_int_equal(-1, add(p.one, 1, "x", &e));
	assert_true(err_is(&e, ERR_TIMEOUT));
	assert_int_equal(3, asked);
	store_rollback(&tx);
	must_add(p.one, 1);
	assert_int_equal(0, store_locked_us(p.one));
	pair_close(&p);
}

static bool let_go(void *data)
{
	store_rollback(data);
	return false;
}

static void test_the_lock_comes_when_it_is_free(void **state)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 }, mine = { 0 };
	struct err e = { 0 };

	pair_open(&p, state);
	must_err(store_begin(p.other, &tx, &e));
	must_add(p.other, 7);
	store_wait_ends(p.one, let_go, &tx);
	must_err(store_begin(p.one, &mine, &e));
	must_add(p.one, 7); /* what the other had is gone */
	must_err(store_commit(&mine, &e));
	assert_int_equal(0, store_locked_us(p.one));
	assert_int_equal(1, count(p.other));
	pair_close(&p);
}

/* What somebody committed before the lock was had is seen behind it. */
static bool commit_first(void *data)
{
	struct store_tx *tx = data;
	struct err e = { 0 };

	if (tx->store)
		must_err(store_commit(tx, &e));
	return false;
}

static void test_nobody_acts_on_stale_rows(void **state)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 }, mine = { 0 };
	struct err e = { 0 };

	pair_open(&p, state);
	must_err(store_begin(p.other, &tx, &e));
	must_add(p.other, 1);
	store_wait_ends(p.one, commit_first, &tx);
	must_err(store_begin(p.one, &mine, &e));
	assert_int_equal(1, count(p.one));
	must_err(store_commit(&mine, &e));
	pair_close(&p);
}

#define BOTH(test)                                                     \
	{ #test " (SQLite)", test, NULL, NULL, NULL },                 \
	{                                                              \
#test " (PostgreSQL)", test, NULL, NULL, (void *)"yes" \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_values_come_back),
		BOTH(test_lists_and_maps_come_back),
		BOTH(test_numbers_of_any_kind),
		BOTH(test_a_value_is_named_twice),
		BOTH(test_changes_and_returning),
		BOTH(test_rows_while_others_run),
		BOTH(test_a_failure_takes_nothing_else),
		BOTH(test_a_failure_alone),
		BOTH(test_a_bad_statement_is_an_error),
		BOTH(test_a_transaction_is_kept_or_not),
		BOTH(test_a_group_is_one_transaction),
		BOTH(test_patience_ends),
		BOTH(test_the_lock_comes_when_it_is_free),
		BOTH(test_nobody_acts_on_stale_rows),
	};

	return cmocka_run_group_tests_name("store engines", tests, NULL, NULL);
}
