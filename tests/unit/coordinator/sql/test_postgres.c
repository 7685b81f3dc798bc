/* What PostgreSQL alone can do to a store: lost connections, and addresses that lead nowhere. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/sql/engine.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/postgres_help.h"

#define must_err(call)                                     \
	do {                                               \
		if ((call) != 0)                           \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

struct stores {
	char *target;
	struct store *one, *other;
};

static struct store *open_one(const char *target)
{
	struct err e = { 0 };
	struct store *s = store_open_as_is(target, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static void pair_open(struct stores *p)
{
	struct err e = { 0 };

	p->target = postgres_place_make();
	p->one = open_one(p->target);
	p->other = open_one(p->target);
	must_err(sql_script(p->one, &e, "CREATE TABLE things (id BIGINT PRIMARY KEY)"));
}

static void pair_close(struct stores *p)
{
	store_free(p->one);
	store_free(p->other);
	postgres_place_drop(p->target);
	free(p->target);
}

static int add(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "INSERT INTO things (id) VALUES (?)", "i", id);
}

static int64_t number(struct store *s, const char *sql)
{
	struct err e = { 0 };
	int64_t n = -1;

	if (sql_int(s, &n, &e, sql, "") != 1)
		fail_msg("%s: %s", sql, e.text);
	return n;
}

static int64_t count(struct store *s)
{
	return number(s, "SELECT count(*) FROM things");
}

/* As a restart of the server ends it. */
static void connection_end(struct stores *p)
{
	struct err e = { 0 };
	int64_t pid = number(p->one, "SELECT pg_backend_pid()"), gone = 0;

	assert_int_equal(
		1, sql_int(p->other, &gone, &e,
			   "SELECT pg_terminate_backend(CAST(? AS INTEGER), 10000)", "i", pid));
	assert_int_equal(1, gone);
}

/* ---- lost connections ---- */

static void test_nobody_notices_between_transactions(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	must_err(add(p.one, 1, &e));
	connection_end(&p);
	assert_int_equal(1, count(p.one));
	connection_end(&p);
	must_err(add(p.one, 2, &e));
	connection_end(&p);
	CLEAN_TX struct store_tx tx = { 0 };
	must_err(store_begin(p.one, &tx, &e));
	must_err(add(p.one, 3, &e));
	must_err(store_commit(&tx, &e));
	assert_int_equal(3, count(p.other));
	pair_close(&p);
}

static void tx_is_lost(struct stores *p, bool read)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };
	int64_t n = 0;

	must_err(store_begin(p->one, &tx, &e));
	must_err(add(p->one, 1, &e));
	connection_end(p);
	if (read)
		assert_int_equal(-1, sql_int(p->one, &n, &e, "SELECT count(*) FROM things", ""));
	else
		assert_int_equal(-1, add(p->one, 2, &e));
	assert_true(err_is(&e, ERR_NET));
	err_clear(&e);
	assert_int_equal(-1, add(p->one, 3, &e)); /* nor in a new connection */
	assert_true(err_is(&e, ERR_NET));
	assert_int_equal(-1, store_commit(&tx, &e));
}

static void test_a_transaction_is_lost_as_a_whole(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	tx_is_lost(&p, false);
	assert_int_equal(0, count(p.one));
	tx_is_lost(&p, true);
	assert_int_equal(0, count(p.one));
	must_err(add(p.one, 4, &e));
	assert_int_equal(1, count(p.other));
	pair_close(&p);
}

static void test_a_commit_that_is_lost_says_so(void **state UNUSED)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };

	pair_open(&p);
	must_err(store_begin(p.one, &tx, &e));
	must_err(add(p.one, 1, &e));
	connection_end(&p);
	assert_int_equal(-1, store_commit(&tx, &e));
	assert_true(err_is(&e, ERR_NET));
	store_rollback(&tx);
	assert_int_equal(0, count(p.one));
	pair_close(&p);
}

static void test_a_group_is_lost_as_a_whole(void **state UNUSED)
{
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	for (int used = 0; used < 2; used++) {
		store_group_begin(p.one);
		must_err(add(p.one, 1, &e));
		connection_end(&p);
		if (used)
			assert_int_equal(-1, add(p.one, 2, &e));
		assert_true(store_group_changed(p.one));
		assert_int_equal(-1, store_group_end(p.one, &e));
		assert_int_equal(0, count(p.other));
	}
	store_group_begin(p.one);
	must_err(add(p.one, 5, &e));
	must_err(store_group_end(p.one, &e));
	assert_int_equal(1, count(p.other));
	pair_close(&p);
}

/* A statement that only reads and fails takes its transaction with it, which the commit tells. */
static void test_a_transaction_that_failed_is_not_kept(void **state UNUSED)
{
	struct stores p;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };
	int64_t n = 0;

	pair_open(&p);
	must_err(store_begin(p.one, &tx, &e));
	must_err(add(p.one, 1, &e));
	assert_int_equal(-1, sql_int(p.one, &n, &e, "SELECT 1 / (count(*) - 1) FROM things", ""));
	assert_int_equal(-1, store_commit(&tx, &e));
	store_rollback(&tx);
	assert_int_equal(0, count(p.one));
	pair_close(&p);
}

static void test_a_new_connection_is_set_up_as_the_first(void **state UNUSED)
{
	static const char asked[] =
		"SELECT CASE current_setting('synchronous_commit') WHEN 'off' THEN 1 ELSE 0 END";
	struct stores p;
	struct err e = { 0 };

	pair_open(&p);
	assert_int_equal(0, number(p.one, asked));
	must_err(store_sync_later(p.one, &e));
	assert_int_equal(1, number(p.one, asked));
	connection_end(&p);
	assert_int_equal(1, number(p.one, asked));
	pair_close(&p);
}

/* Another schema of the same database is another store: it has its own lock. */
static void test_the_lock_is_the_schema_s(void **state UNUSED)
{
	struct stores p, q;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };

	pair_open(&p);
	pair_open(&q);
	must_err(store_begin(p.one, &tx, &e));
	store_patience(q.one, 0);
	must_err(add(q.one, 1, &e));
	store_rollback(&tx);
	pair_close(&p);
	pair_close(&q);
}

/* ---- addresses ---- */

/* "%s" stands for the folder of the server's socket. */
static char *address_make(const char *form)
{
	CLEAN_STR char *server = postgres_server();
	const char *host = strstr(server, "host=");

	assert_non_null(host);
	return xasprintf(form, host + strlen("host="));
}

static void test_bad_addresses(void **state UNUSED)
{
	static const struct {
		const char *form;
		enum err_class class;
		const char *says;
	} cases[] = {
		{ "postgres://u:hunter2@h/d?%s", ERR_INPUT, "not an address of a PostgreSQL" },
		{ "postgres://u:hunter2@h/d?application_name=%s", ERR_INPUT,
			"add password_file=FILE to the address" },
		{ "postgres://h:port/d?application_name=%s", ERR_NET, "at h:port: " },
		{ "postgresql://shithub@/shithub?host=%s&password=hunter2", ERR_INPUT,
			"a password in the address is seen by everybody" },
		{ "postgres://shithub@no-such-host.invalid/d?application_name=%s", ERR_NET,
			"(check the host's name)" },
		{ "postgres://shithub@127.0.0.1:1/d?application_name=%s", ERR_NET,
			"(is the server running, and does it listen there?)" },
		{ "postgres://shithub@/d?host=%s/nowhere", ERR_NET,
			"(is the server running, and is that its socket?)" },
		{ "postgres://shithub@/missing?host=%s", ERR_NET,
			"(make it: createdb -E UTF8 -O USER DATABASE)" },
		{ "postgres://nobody@/shithub?host=%s", ERR_NET, "(make it: createuser USER)" },
		{ "postgres://shithub@127.0.0.1/d?sslmode=perhaps&application_name=%s", ERR_NET,
			"(expected disable, prefer, require, verify-ca or verify-full)" },
		{ "postgres://shithub@/shithub?host=%s&options=-csearch_path%%3Dgone", ERR_INPUT,
			"the search_path names no schema that is there" },
		{ "postgres://shithub@/shithub?host=%s&password_file=/nowhere/p", ERR_INPUT,
			"/nowhere/p" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *address = address_make(cases[i].form);
		struct err e = { 0 };

		assert_null(store_open_as_is(address, &e));
		if (!err_is(&e, cases[i].class) || !strstr(e.text, cases[i].says) ||
			strstr(e.text, "hunter2") || strchr(e.text, '\n'))
			fail_msg("%s: %s: %s", address, err_class_name(e.class), e.text);
	}
}

/* "nowhere/p": a file of that mode that holds the text. */
static char *file_make(const char *dir, const char *text, mode_t mode)
{
	char *path = xasprintf("%s/password", dir);
	struct err e = { 0 };

	must_err(file_replace(path, text, strlen(text), mode, &e));
	return path;
}

static void test_passwords_come_from_a_file(void **state UNUSED)
{
	static const struct {
		const char *password;
		mode_t mode;
		const char *says; /* NULL: it connects */
	} cases[] = {
		{ "right\n", 0600, NULL },
		{ "wrong\n", 0600, "(check the password's file and the user)" },
		{ "", 0600, "(add password_file=FILE, or use ~/.pgpass)" },
		{ "right\n", 0644, "lets others at the password" },
	};
	char dir[] = "/tmp/shithub-test-XXXXXX";
	struct err e = { 0 };

	assert_non_null(mkdtemp(dir));
	postgres_run("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *file = file_make(dir, cases[i].password, cases[i].mode);
		CLEAN_STR char *form =
			xasprintf("postgres://locked@/shithub?password_file=%s&host=%%s", file);
		CLEAN_STR char *address = address_make(form);
		CLEAN_STORE struct store *s = store_open_as_is(address, &e);

		if (!s != !!cases[i].says || (cases[i].says && !strstr(e.text, cases[i].says)))
			fail_msg("%zu: %s", i, e.text);
		err_clear(&e);
		unlink(file);
	}
	must_err(rmdir(dir));
	postgres_run("DROP ROLE locked");
}

static void test_rights_that_are_missing(void **state UNUSED)
{
	CLEAN_STR char *place = postgres_place_make();
	CLEAN_STR char *schema = xstrdup(strstr(place, "%3D") + 3);
	CLEAN_STR char *make = xasprintf("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN;"
					 "CREATE TABLE %s.things (id BIGINT)",
		schema);
	CLEAN_STR char *allow = xasprintf("GRANT USAGE ON SCHEMA %s TO guest", schema);
	CLEAN_STR char *form = xasprintf(
		"postgres://guest@/shithub?options=-csearch_path%%%%3D%s&host=%%s", schema);
	struct err e = { 0 };

	postgres_run(make);
	CLEAN_STR char *address = address_make(form);
	assert_null(store_open_as_is(address, &e));
	assert_non_null(strstr(e.text, "store: "));
	assert_non_null(strstr(e.text, "GRANT USAGE, CREATE ON SCHEMA"));
	postgres_run(allow);
	struct store *s = open_one(address);
	err_clear(&e);
	assert_int_equal(-1, add(s, 1, &e));
	assert_non_null(strstr(e.text, "permission denied for table things"));
	store_free(s);
	CLEAN_STR char *end = xasprintf("DROP OWNED BY guest; DROP ROLE guest");
	postgres_run(end);
	postgres_place_drop(place);
}

/* Whoever has the write lock and does not go on (it is stopped, or its host is gone) loses it. */
static void test_a_silent_transaction_ends(void **state UNUSED)
{
	struct stores p;
	struct store_tx tx = { 0 };
	struct err e = { 0 };

	pair_open(&p);
	must_err(store_begin(p.one, &tx, &e));
	must_err(add(p.one, 1, &e));
	store_patience(p.other, 30 * USEC_PER_SEC);
	must_err(add(p.other, 2, &e));
	assert_int_equal(-1, store_commit(&tx, &e));
	store_rollback(&tx);
	assert_int_equal(1, count(p.other));
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_notices_between_transactions),
		cmocka_unit_test(test_a_transaction_is_lost_as_a_whole),
		cmocka_unit_test(test_a_commit_that_is_lost_says_so),
		cmocka_unit_test(test_a_group_is_lost_as_a_whole),
		cmocka_unit_test(test_a_transaction_that_failed_is_not_kept),
		cmocka_unit_test(test_a_new_connection_is_set_up_as_the_first),
		cmocka_unit_test(test_the_lock_is_the_schema_s),
		cmocka_unit_test(test_a_silent_transaction_ends),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_passwords_come_from_a_file),
		cmocka_unit_test(test_rights_that_are_missing),
	};

	return cmocka_run_group_tests_name("store in PostgreSQL", tests, NULL, NULL);
}
