/* Texts of statements in PostgreSQL's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "coordinator/sql/dialect.h"

static void test_texts(void **state UNUSED)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "SELECT a FROM t WHERE b = ? AND c = ?",
			"SELECT a FROM t WHERE b = $1 AND c = $2" },
		{ "VALUES (?2, ?, ?1, ?12, ?)", "VALUES ($2, $3, $1, $12, $13)" },
		{ "SELECT '?', 'it''s ?', \"a?\", ?", "SELECT '?', 'it''s ?', \"a?\", $1" },
		{ "SELECT 'open ?", "SELECT 'open ?" },
		{ "FROM t INDEXED BY t_index WHERE x = ?", "FROM t  WHERE x = $1" },
		{ "FROM t indexed  by t_index", "FROM t " },
		{ "SELECT indexed, by FROM t", "SELECT indexed, by FROM t" },
		{ "SELECT not_indexed BY t", "SELECT not_indexed BY t" },
		{ "SELECT 'INDEXED BY x'", "SELECT 'INDEXED BY x'" },
		{ "", "" },
		{ "?", "$1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(KIB(1));

		dialect_postgres(cases[i].text, &out);
		assert_string_equal(cases[i].want, buf_cstr(&out));
	}
}

static void test_which_statements_write(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool writes;
	} cases[] = {
		{ "SELECT 1", false },
		{ " INSERT INTO t VALUES (1)", true },
		{ "update t SET a = 1", true },
		{ "DELETE FROM t", true },
		{ "WITH a AS (SELECT 1) SELECT * FROM a", false },
		{ "WITH a AS (SELECT 'UPDATE') SELECT updated, \"DELETE\" FROM a", false },
		{ "WITH a AS (SELECT 1) SELECT * FROM t FOR UPDATE", false },
		{ "WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a", true },
		{ "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", true },
		{ "SAVEPOINT tx", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (dialect_writes(cases[i].text) != cases[i].writes)
			fail_msg("%s", cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_which_statements_write),
	};

	return cmocka_run_group_tests_name("store dialect", tests, NULL, NULL);
}
