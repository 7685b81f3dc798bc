/* Tests know folders only, so that one that runs with SQLite runs with PostgreSQL, too. */
#include "tests/unit/help/store_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/sql/place.h"
#include "tests/unit/help/postgres_help.h"

bool test_store_is_postgres(void)
{
	const char *wanted = getenv("SHITHUB_TEST_STORE");

	return wanted && str_eq(wanted, "postgres");
}

static void place_make(const char *data_dir)
{
	CLEAN_STR char *note = path_join(data_dir, "store");
	struct err e = { 0 };

	if (!test_store_is_postgres() || access(note, F_OK) == 0)
		return;
	CLEAN_STR char *place = postgres_place_make();
	if (store_place_publish(data_dir, place, &e) < 0)
		fail_msg("%s", e.text);
}

struct store *test_store_open(const char *data_dir)
{
	struct err e = { 0 };

	place_make(data_dir);
	CLEAN_STR char *place = store_place(data_dir, &e);
	struct store *s = place ? store_open(place, &e) : NULL;
	if (!s)
		fail_msg("%s", e.text);
	return s;
}

void test_store_drop(const char *data_dir)
{
	struct err e = { 0 };
	CLEAN_STR char *place = store_place(data_dir, &e);

	if (!place)
		fail_msg("%s", e.text);
	if (!store_place_is_file(place))
		postgres_place_drop(place);
}
