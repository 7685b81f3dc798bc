/* The note wins over the environment: a verb that was started with another one must not change a
 * store of which serve knows nothing. */
#include "coordinator/sql/place.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/sql/dsn.h"

#define PLACE_MAX KIB(4)
#define STORE_FILE "shithubd.db"
#define STORE_ENV "SHITHUBD_STORE"
#define SQLITE "sqlite:"

const char *store_place_check(const char *store)
{
	if (dsn_is_postgres(store) || (str_starts(store, SQLITE "/")))
		return NULL;
	return "not the address of a store, expected sqlite:/FOLDER or "
	       "postgres://USER@HOST/DATABASE";
}

bool store_place_is_file(const char *place)
{
	return !dsn_is_postgres(place);
}

int store_place_publish(const char *data_dir, const char *store, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, "store");

	if (store)
		return file_replace(path, store, strlen(store), 0600, e);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "%s", path);
	return 0;
}

static char *place_of(const char *store, const char *data_dir, const char *said_by, struct err *e)
{
	const char *problem = str_empty(store) ? NULL : store_place_check(store);

	if (problem) {
		err_set(e, ERR_INPUT, "%s: %s", said_by, problem);
		return NULL;
	}
	if (str_empty(store))
		return path_join(data_dir, STORE_FILE);
	return dsn_is_postgres(store) ? xstrdup(store)
				      : path_join(store + strlen(SQLITE), STORE_FILE);
}

char *store_place_of(const char *store, struct err *e)
{
	return place_of(str_empty(store) ? "-" : store, "", "--store", e);
}

char *store_place_to_serve(const char *data_dir, const char *store, struct err *e)
{
	return place_of(store, data_dir, "--store", e);
}

char *store_place(const char *data_dir, struct err *e)
{
	CLEAN_STR char *path = path_join(data_dir, "store");
	CLEAN_BUF struct buf text = BUF_INIT(PLACE_MAX);

	if (access(path, F_OK) == 0)
		return file_read(path, &text, e) < 0 ? NULL
						     : place_of(buf_cstr(&text), data_dir, path, e);
	if (errno == ENOENT)
		return place_of(getenv(STORE_ENV), data_dir, STORE_ENV, e);
	err_set_errno(e, errno, "%s", path);
	return NULL;
}

bool store_place_noted(const char *data_dir)
{
	CLEAN_STR char *path = path_join(data_dir, "store");

	return access(path, F_OK) == 0;
}

char *store_place_or(const char *given, const char *data_dir, struct err *e)
{
	return given ? store_place_of(given, e) : store_place(data_dir, e);
}
