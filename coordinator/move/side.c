/* Locks first: what is looked at afterwards stays so. */
#include "coordinator/move/side.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/fs.h"
#include "coordinator/sql/place.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/schema.h"

void side_close(struct side *d)
{
	store_free(d->store);
	d->store = NULL;
	close_fdp(&d->lock);
}

/* A serve has the lock of its data folder and of the folder of its file. */
static int folder_lock(struct side *d, const char *place, struct err *e)
{
	CLEAN_STR char *folder = xmemdup0(place, (size_t)(strrchr(place, '/') - place));
	CLEAN_STR char *lock = path_join(folder, "serve.lock");

	d->lock = lock_file(lock, e);
	return d->lock < 0 ? err_wrap(e, "a serve uses it, or another copy; stop that one first")
			   : 0;
}

/* NULL: it is this program's. */
static int schema_check(struct store *s, int64_t allowed, struct err *e)
{
	int64_t have = store_schema_version(s), want = store_schema_newest();

	if (have < 0)
		return err_set(e, ERR_IO, "the schema's version cannot be read");
	if (have == want || have == allowed)
		return 0;
	if (have == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no store in it");
	if (have > want)
		return err_set(e, ERR_CONFLICT,
			"schema %" PRId64 " is newer than this program's %" PRId64
			": use the program that made it, or a newer one",
			have, want);
	return err_set(e, ERR_CONFLICT,
		"schema %" PRId64 " is older than this program's %" PRId64
		": bring it up first, with `shithubd migrate`",
		have, want);
}

/* A file's serve has the lock of its folder. */
static int leases_check(struct store *s, struct err *e)
{
	int64_t n = 0;

	if (!sql_is_postgres(s))
		return 0;
	if (sql_int(s, &n, e, "SELECT count(*) FROM live_instances", "") < 0)
		return -1;
	return n == 0 ? 0
		      : err_set(e, ERR_CONFLICT,
				"a serve uses it, or ended without a word since less than its "
				"lease; "
				"stop that one first");
}

static int source_open(struct side *d, const char *place, struct err *e)
{
	if (store_place_is_file(place) &&
		(access(place, R_OK) < 0 ? err_set(e, ERR_NOT_FOUND, "there is no %s", place)
					 : folder_lock(d, place, e)) < 0)
		return -1;
	d->store = store_open_to_copy(place, true, e);
	return d->store && schema_check(d->store, -1, e) == 0 ? leases_check(d->store, e) : -1;
}

int side_open_source(struct side *ret, const char *text, struct err *e)
{
	CLEAN_STR char *place = store_place_of(text, e);

	return place && source_open(ret, place, e) == 0 ? 0 : err_wrap(e, "--from");
}

/* A connection that is lost and made anew would see another instant: in_tx keeps it from that. */
static int snapshot_begin(struct store *s, struct err *e)
{
	if (sql_script(s, e, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY") < 0)
		return -1;
	s->in_tx = true;
	return 0;
}

int side_open_snapshot(struct side *ret, const char *text, struct err *e)
{
	CLEAN_STR char *place = store_place_of(text, e);

	ret->store = place ? store_open_as_is(place, e) : NULL;
	if (ret->store && !sql_is_postgres(ret->store))
		BUG("a snapshot of a file");
	if (!ret->store || schema_check(ret->store, -1, e) < 0)
		return -1;
	return snapshot_begin(ret->store, e);
}

/* One that is there must not be brought to another schema by the way. */
static int found_check(const char *place, struct err *e)
{
	if (store_place_is_file(place) && access(place, F_OK) < 0)
		return 0;
	CLEAN_STORE struct store *s = store_open_as_is(place, e);
	return s ? schema_check(s, 0, e) : -1;
}

static int destination_open(struct side *d, const char *place, struct err *e)
{
	if (store_place_is_file(place)) {
		CLEAN_STR char *folder = xmemdup0(place, (size_t)(strrchr(place, '/') - place));

		if (dir_ensure_parents(folder, 0700, e) < 0 || folder_lock(d, place, e) < 0)
			return -1;
	}
	if (found_check(place, e) < 0)
		return -1;
	d->store = store_open_to_copy(place, false, e);
	return d->store ? 0 : -1;
}

int side_open_destination(struct side *ret, const char *text, struct err *e)
{
	CLEAN_STR char *place = store_place_of(text, e);

	return place && destination_open(ret, place, e) == 0 ? 0 : err_wrap(e, "--to");
}
