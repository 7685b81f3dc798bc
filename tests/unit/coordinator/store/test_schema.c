/*
 * The steps of the schema in PostgreSQL: once, however many processes begin at a time, in one
 * transaction, and not over what a newer program made. For SQLite test_store.c has it; that both
 * come to the same is tests/lint/schemas.py.
 */
#include "coordinator/store/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/sql/sql.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/postgres_help.h"

enum { PROCESSES = 6 };

static struct store *opened(const char *address)
{
	struct err e = { 0 };
	struct store *s = store_open(address, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static int64_t number(struct store *s, const char *sql)
{
	struct err e = { 0 };
	int64_t n = -1;

	if (sql_int(s, &n, &e, sql, "") < 0)
		fail_msg("%s", e.text);
	return n;
}

static void change(struct store *s, const char *sql)
{
	struct err e = { 0 };

	if (sql_script(s, &e, sql) < 0)
		fail_msg("%s", e.text);
}

static void test_a_new_database_gets_it(void **state UNUSED)
{
	CLEAN_STR char *address = postgres_place_make();
	struct store *s = opened(address);

	assert_int_equal(store_schema_newest(), store_schema_version(s));
	assert_int_equal(1, number(s, "SELECT count(*) FROM policies"));
	change(s, "INSERT INTO policies (owner) VALUES ('ada')");
	store_free(s);
	s = opened(address);
	assert_int_equal(2, number(s, "SELECT count(*) FROM policies"));
	store_free(s);
	postgres_place_drop(address);
}

/* The places of all of them are ready before the first one opens. */
static void process(const char *address, int begin)
{
	struct err e = { 0 };
	char byte;

	IGNORE_RESULT(read(begin, &byte, 1), "the end of the pipe is the sign");
	struct store *s = store_open(address, &e);
	if (!s)
		fprintf(stderr, "%s\n", e.text);
	_exit(s && store_schema_version(s) == store_schema_newest() ? 0 : 1);
}

static void test_several_begin_at_once(void **state UNUSED)
{
	CLEAN_STR char *address = postgres_place_make();
	pid_t children[PROCESSES];
	int begin[2], status;

	assert_int_equal(0, pipe(begin));
	for (size_t i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			close(begin[1]);
			process(address, begin[0]);
		}
	}
	close(begin[1]);
	close(begin[0]);
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_int_equal(children[i], waitpid(children[i], &status, 0));
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	struct store *s = opened(address);
	assert_int_equal(1, number(s, "SELECT count(*) FROM schema_version"));
	assert_int_equal(1, number(s, "SELECT count(*) FROM policies"));
	store_free(s);
	postgres_place_drop(address);
}

static void test_a_newer_one_is_refused(void **state UNUSED)
{
	CLEAN_STR char *address = postgres_place_make();
	struct store *s = opened(address);
	struct err e = { 0 };

	change(s, "UPDATE schema_version SET version = 9999");
	store_free(s);
	assert_null(store_open(address, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_non_null(strstr(e.text, "schema 9999 is newer than this program's"));
	postgres_place_drop(address);
}

/* A name that is taken: nothing of the step stays, and it succeeds when the name is free. */
static void test_a_step_that_fails_leaves_nothing(void **state UNUSED)
{
	CLEAN_STR char *address = postgres_place_make();
	const char *name = strrchr(address, 'D') + 1;
	CLEAN_STR char *taken = xasprintf("CREATE TABLE %s.groups_left (n int)", name);
	CLEAN_STR char *left = xasprintf("DROP TABLE %s.groups_left", name);
	struct err e = { 0 };

	postgres_run(taken);
	assert_null(store_open(address, &e));
	assert_non_null(strstr(e.text, "groups_left"));
	postgres_run(left);
	struct store *s = opened(address);
	assert_int_equal(store_schema_newest(), store_schema_version(s));
	store_free(s);
	postgres_place_drop(address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_database_gets_it),
		cmocka_unit_test(test_several_begin_at_once),
		cmocka_unit_test(test_a_newer_one_is_refused),
		cmocka_unit_test(test_a_step_that_fails_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
