/*
 * A store in PostgreSQL that has served: whatever an operator or a failover can do to it asks the
 * caller to come again. Of a caller's fault it must never speak, because a runner drops what is
 * its own fault.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/postgres_help.h"

#define must_err(call)                                     \
	do {                                               \
		if ((call) != 0)                           \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

/* The user `served` and a schema of that name, which is the user's. */
struct served {
	char dir[64], *password, *address;
	struct store *store;
};

/* With a statement that is prepared: the table `things` in the store. */
static void served_open(struct served *v)
{
	CLEAN_STR char *server = postgres_server();
	struct err e = { 0 };

	*v = (struct served){ .dir = "/tmp/shithub-test-XXXXXX" };
	postgres_run("DROP SCHEMA IF EXISTS served CASCADE; DROP ROLE IF EXISTS served;"
		     "CREATE ROLE served LOGIN; CREATE SCHEMA AUTHORIZATION served");
	assert_non_null(mkdtemp(v->dir));
	v->password = xasprintf("%s/password", v->dir);
	must_err(file_replace(v->password, "any", 3, 0600, &e));
	v->address =
		xasprintf("postgres://served@/shithub%s&password_file=%s&options=-csearch_path%%3D"
			  "served",
			strchr(server, '?'), v->password);
	v->store = store_open(v->address, &e);
	if (!v->store)
		fail_msg("%s", e.text);
	must_err(sql_script(v->store, &e, "CREATE TABLE things (id BIGINT PRIMARY KEY)"));
}

static void served_close(struct served *v)
{
	store_free(v->store);
	postgres_run("DROP SCHEMA served CASCADE; DROP ROLE served");
	unlink(v->password);
	assert_int_equal(0, rmdir(v->dir));
	free(v->password);
	free(v->address);
}

static int add(struct served *v, int64_t id, struct err *e)
{
	return sql_run(v->store, e, "INSERT INTO things (id) VALUES (?)", "i", id);
}

static int64_t count(struct served *v)
{
	struct err e = { 0 };
	int64_t n = -1;

	if (sql_int(v->store, &n, &e, "SELECT count(*) FROM things", "") != 1)
		fail_msg("%s", e.text);
	return n;
}

#define END_CONNECTIONS \
	"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'served'"

struct mishap {
	const char *harm, *says, *mend;
	enum err_class at_start; /* of a store that is opened meanwhile */
};
static const struct mishap mishaps[] = {
	{ "REVOKE INSERT ON served.things FROM served", "permission denied for table things",
		"GRANT INSERT ON served.things TO served", ERR_NONE },
	{ "ALTER ROLE served SET default_transaction_read_only = on; " END_CONNECTIONS,
		"read-only transaction",
		"ALTER ROLE served RESET default_transaction_read_only; " END_CONNECTIONS,
		ERR_NONE },
	{ "ALTER SCHEMA served RENAME TO served_away; " END_CONNECTIONS,
		"the search_path names no schema that is there",
		"ALTER SCHEMA served_away RENAME TO served", ERR_INPUT },
	{ "ALTER ROLE served NOLOGIN; " END_CONNECTIONS, "not permitted to log in",
		"ALTER ROLE served LOGIN", ERR_NET },
};

static void fails_for_now(struct served *v, const char *says)
{
	struct err e = { 0 };

	if (add(v, 1, &e) == 0)
		fail_msg("%s: it is added", says);
	if (!err_is(&e, ERR_NET) || !strstr(e.text, says))
		fail_msg("%s: %s: %s", says, err_class_name(e.class), e.text);
}

/* A connect is tried once a second at most. */
static void comes_back(struct served *v)
{
	struct err e = { 0 };
	struct mono until = mono_add(mono_now(), 30 * USEC_PER_SEC);

	while (add(v, 1, &e) < 0) {
		if (mono_diff(until, mono_now()) < 0)
			fail_msg("%s", e.text);
		err_clear(&e);
	}
}

static void opens_or_not(struct served *v, enum err_class class)
{
	struct err e = { 0 };
	CLEAN_STORE struct store *s = store_open_as_is(v->address, &e);

	if (e.class != class)
		fail_msg("%s: %s", err_class_name(e.class), e.text);
}

static void test_what_an_operator_mends_is_no_caller_s_fault(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(mishaps); i++) {
		struct served v;

		served_open(&v);
		postgres_run(mishaps[i].harm);
		fails_for_now(&v, mishaps[i].says);
		opens_or_not(&v, mishaps[i].at_start);
		postgres_run(mishaps[i].mend);
		comes_back(&v);
		served_close(&v);
	}
}

static void test_a_password_s_file_that_is_gone_is_waited_for(void **state UNUSED)
{
	struct served v;
	struct err e = { 0 };

	served_open(&v);
	assert_int_equal(0, unlink(v.password));
	postgres_run(END_CONNECTIONS);
	fails_for_now(&v, v.password);
	opens_or_not(&v, ERR_INPUT);
	must_err(file_replace(v.password, "any", 3, 0600, &e));
	comes_back(&v);
	served_close(&v);
}

/* Takes the table; when somebody waits for it, ends that connection and then gives the table back.
 */
static void *waiting_end(void *data UNUSED)
{
	postgres_run(
		"BEGIN; LOCK TABLE served.things;"
		"DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND"
		"  relation = 'served.things'::regclass) LOOP PERFORM pg_sleep(0.002); END LOOP;"
		"PERFORM pg_terminate_backend(pid, 10000) FROM pg_locks WHERE NOT granted"
		"  AND relation = 'served.things'::regclass; END $$; COMMIT");
	return NULL;
}

static void table_is_taken(void)
{
	postgres_run("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE granted AND"
		     "  relation = 'served.things'::regclass AND mode = 'AccessExclusiveLock')"
		     " LOOP PERFORM pg_sleep(0.002); END LOOP; END $$");
}

/* The statement is prepared anew after its transaction was begun, and waits for the table then. */
static void test_no_change_goes_without_its_transaction(void **state UNUSED)
{
	struct served v;
	pthread_t other;
	struct err e = { 0 };

	served_open(&v);
	must_err(add(&v, 1, &e));
	postgres_run(END_CONNECTIONS);
	assert_int_equal(0, pthread_create(&other, NULL, waiting_end, NULL));
	table_is_taken();
	assert_int_equal(-1, add(&v, 2, &e));
	assert_true(err_is(&e, ERR_NET));
	assert_int_equal(0, pthread_join(other, NULL));
	assert_int_equal(1, count(&v));
	err_clear(&e);
	must_err(add(&v, 2, &e));
	served_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_an_operator_mends_is_no_caller_s_fault),
		cmocka_unit_test(test_a_password_s_file_that_is_gone_is_waited_for),
		cmocka_unit_test(test_no_change_goes_without_its_transaction),
	};

	return cmocka_run_group_tests_name("a store in PostgreSQL that serves", tests, NULL, NULL);
}
