/* Which store belongs to a data folder. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/sql/place.h"

static int folder_make(void **state)
{
	char *dir = xstrdup("/tmp/shithub-test-XXXXXX");

	*state = mkdtemp(dir);
	unsetenv("SHITHUBD_STORE");
	return *state ? 0 : -1;
}

static int folder_drop(void **state)
{
	CLEAN_STR char *dir = *state;
	CLEAN_FD int tmp = dir_open("/tmp", NULL);

	return tree_remove(tmp, dir + strlen("/tmp/"), NULL, NULL);
}

/* want: what store_place says, behind the folder's path where it begins with "@". */
static void expect(const char *dir, const char *want)
{
	struct err e = { 0 };
	CLEAN_STR char *place = store_place(dir, &e);
	CLEAN_STR char *whole = xasprintf("%s%s", *want == '@' ? dir : "", want + (*want == '@'));

	assert_string_equal(whole, place ? place : e.text);
}

static void test_the_note_of_serve_wins(void **state)
{
	const char *dir = *state;
	struct err e = { 0 };

	expect(dir, "@/shithubd.db");
	setenv("SHITHUBD_STORE", "sqlite:/elsewhere", 1);
	expect(dir, "/elsewhere/shithubd.db");
	assert_int_equal(0, store_place_publish(dir, "postgres://u@h/d", &e));
	expect(dir, "postgres://u@h/d");
	assert_int_equal(0, store_place_publish(dir, "sqlite:/there", &e));
	expect(dir, "/there/shithubd.db");
	unsetenv("SHITHUBD_STORE");
	assert_int_equal(0, store_place_publish(dir, NULL, &e));
	assert_int_equal(0, store_place_publish(dir, NULL, &e));
	expect(dir, "@/shithubd.db");
}

static void test_addresses_that_are_none(void **state)
{
	static const char *const bad[] = { "", "/folder", "sqlite:", "sqlite:folder",
		"postgres:/u@h/d", "mysql://u@h/d", "Postgres://u@h/d" };
	const char *dir = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_non_null(store_place_check(bad[i]));
	assert_null(store_place_check("postgresql://u@h/d"));
	setenv("SHITHUBD_STORE", "postgres:/secret@h", 1);
	expect(dir, "SHITHUBD_STORE: not the address of a store, expected sqlite:/FOLDER or "
		    "postgres://USER@HOST/DATABASE");
	setenv("SHITHUBD_STORE", "", 1);
	expect(dir, "@/shithubd.db");
}

/* It may be another store's: the environment's is not taken in its place. */
static void test_a_note_that_cannot_be_reached_is_no_absent_one(void **state)
{
	const char *dir = *state;
	CLEAN_STR char *note = path_join(dir, "store");

	setenv("SHITHUBD_STORE", "sqlite:/elsewhere", 1);
	assert_int_equal(0, symlink("store", note));
	struct err e = { 0 };
	assert_null(store_place(dir, &e));
	assert_non_null(strstr(e.text, "/store: Too many levels of symbolic links"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_the_note_of_serve_wins, folder_make, folder_drop),
		cmocka_unit_test_setup_teardown(test_a_note_that_cannot_be_reached_is_no_absent_one,
			folder_make, folder_drop),
		cmocka_unit_test_setup_teardown(
			test_addresses_that_are_none, folder_make, folder_drop),
	};

	return cmocka_run_group_tests_name("store place", tests, NULL, NULL);
}
