/*
 * Objects and git's own files are hard links where that is possible: they are never changed in
 * place, and a nightly backup then costs the store's size and what is new. All of it is read once,
 * for the digests.
 */
#include "coordinator/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "coordinator/backup/copy.h"
#include "coordinator/move/move.h"
#include "coordinator/object/named.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/reader.h"
#include "coordinator/sql/place.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/file.h"
#include "coordinator/store/schema.h"

#define YOUNG_US (3600 * USEC_PER_SEC) /* an upload takes a quarter of that */

struct job {
	struct backup b;
	char *database; /* NULL: the store is a file */
	struct store *live, *copy;
	struct objects *taken; /* those of the backup */
	bool elsewhere;        /* they are in a bucket, which is not copied */
	struct wall began;
	struct backup_done *done;
};

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
	*d = NULL;
}

static int target_make(const char *dir, struct err *e)
{
	if (mkdir(dir, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return err_set_errno(e, errno, "%s", dir);
	CLEANUP(dir_closep) DIR *d = opendir(dir);
	const struct dirent *ent;
	if (!d)
		return err_set_errno(e, errno, "%s", dir);
	while ((errno = 0, ent = readdir(d)))
		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, ".."))
			return err_set(e, ERR_CONFLICT,
				"%s is not empty: a backup overwrites nothing, give it a folder of "
				"its own",
				dir);
	if (errno)
		return err_set_errno(e, errno, "%s", dir);
	return chmod(dir, 0700) < 0 ? err_set_errno(e, errno, "%s", dir) : 0;
}

/* ---- objects ---- */

/* A folder of objects that lies elsewhere has a lock of its serve. */
static bool skip_uploads(const char *path, const char *name)
{
	return str_eq(path, "objects") && (str_eq(name, "tmp") || str_eq(name, "serve.lock"));
}

static bool object_there(const struct job *j, const struct object_named *o)
{
	int64_t size = 0;
	CLEAN_FD int fd = object_open(j->taken, o->key, o->size, &size, NULL);

	if (fd < 0 || size != o->size)
		return false;
	if (!o->artifact_id || o->created_at.us < j->began.us - YOUNG_US)
		return true;
	return object_verify(j->taken, o->key, o->size, o->digest, NULL) == 0;
}

/* Between the two passes over the objects. */
static int object_take(struct job *j, const char *key, struct err *e)
{
	CLEAN_STR char *path = path_join("objects", key);
	CLEAN_STR char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	return backup_folder(&j->b, folder, e) < 0 ? -1 : backup_file(&j->b, path, true, e);
}

/* Another one took its name since, or it has gone. */
static bool artifact_replaced(struct job *j, const struct object_named *o)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };

	return store_artifact_get(j->live, o->artifact_id, &row, NULL) < 0 ||
	       !str_eq(row.digest, o->digest);
}

static int object_ensure(void *data, const struct object_named *o, struct err *e)
{
	struct job *j = data;

	if (object_there(j, o))
		return 0;
	if (object_take(j, o->key, e) < 0)
		return -1;
	if (object_there(j, o))
		return 0;
	if (o->artifact_id && artifact_replaced(j, o)) {
		j->done->replaced++;
		return store_artifact_delete(j->copy, o->artifact_id, e);
	}
	log_warn("backup", "object_missing", F_STR("object", o->key));
	j->done->missing++;
	return 0;
}

/* ---- the store ---- */

/* Of a database its rows, as one file: so a backup is the same whichever engine the store has. */
static int rows_take(struct job *j, const char *path, struct err *e)
{
	CLEANUP(move_done_release) struct move_done moved = { 0 };
	CLEAN_STR char *full = realpath(j->b.to, NULL);
	CLEAN_STR char *to = full ? xasprintf("sqlite:%s", full) : NULL;
	CLEAN_STR char *lock = path_join(j->b.to, "serve.lock");
	const struct move_options o = { .from = j->database, .to = to, .snapshot = true };

	if (!j->database)
		return store_copy(j->live, path, e);
	if (!to)
		return err_set_errno(e, errno, "%s", j->b.to);
	if (move_run(&o, &moved, e) < 0)
		return -1;
	return unlink(lock) < 0 ? err_set_errno(e, errno, "%s", lock) : 0;
}

static int store_take(struct job *j, struct err *e)
{
	CLEAN_STR char *path = path_join(j->b.to, "shithubd.db");

	if (rows_take(j, path, e) < 0)
		return -1;
	j->copy = store_open_as_is(path, e);
	int rc = !j->copy       ? -1
		 : j->elsewhere ? 0
				: object_each_named(j->copy, j->taken, object_ensure, j, e);
	store_freep(&j->copy);
	return rc;
}

/* After the last change of the copy. */
static int store_enter(struct job *j, struct err *e)
{
	CLEAN_STR char *path = path_join(j->b.to, "shithubd.db");

	return backup_enter(&j->b, "shithubd.db", path, e);
}

/* ---- repositories ---- */

static int owner_take(struct backup *b, const char *owner, struct err *e)
{
	CLEAN_STR char *from = path_join(b->from, owner);
	CLEANUP(dir_closep) DIR *d = opendir(from);
	const struct dirent *ent;

	if (!d)
		return err_set_errno(e, errno, "%s", from);
	if (backup_folder(b, owner, e) < 0)
		return -1;
	while ((errno = 0, ent = readdir(d))) {
		CLEAN_STR char *path = path_join(owner, ent->d_name);

		if (str_ends(ent->d_name, ".git") && backup_repository(b, path, e) < 0)
			return -1;
	}
	return errno ? err_set_errno(e, errno, "%s", from) : 0;
}

static int repositories_take(struct backup *b, struct err *e)
{
	CLEAN_STR char *from = path_join(b->from, "repos");
	CLEANUP(dir_closep) DIR *d = opendir(from);
	const struct dirent *ent;

	if (!d)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", from);
	while ((errno = 0, ent = readdir(d))) {
		CLEAN_STR char *path = path_join("repos", ent->d_name);

		if (*ent->d_name != '.' && owner_take(b, path, e) < 0)
			return -1;
	}
	return errno ? err_set_errno(e, errno, "%s", from) : 0;
}

/* ---- all of it ---- */

static int keys_take(struct backup *b, bool without_key, struct err *e)
{
	if (!without_key && backup_file(b, "root.key", false, e) < 0)
		return -1;
	return backup_file(b, "key.id", false, e);
}

static int everything_take(struct job *j, bool without_key, struct err *e)
{
	if ((!j->elsewhere && backup_tree(&j->b, "objects", true, skip_uploads, e) < 0) ||
		store_take(j, e) < 0 || store_enter(j, e) < 0 || repositories_take(&j->b, e) < 0 ||
		keys_take(&j->b, without_key, e) < 0 ||
		manifest_commit(j->b.manifest, &j->done->files, &j->done->bytes, e) < 0)
		return -1;
	j->done->linked = j->b.linked;
	return 0;
}

static bool key_kept(const char *data_dir, bool without_key)
{
	CLEAN_STR char *path = path_join(data_dir, "root.key");

	return !without_key && access(path, F_OK) == 0;
}

/* The backup is whole and good without the note; only doctor will not know of it. */
static void last_note(const char *data_dir, const char *dir)
{
	CLEAN_STR char *path = path_join(data_dir, BACKUP_LAST);
	struct err e = { 0 };

	if (file_replace(path, dir, strlen(dir), 0600, &e) < 0)
		log_warn("backup", "not_noted", F_ERR(&e),
			F_STR("effect", "shithubd doctor does not know of this backup"));
}

/* *ret: the caller's, of a database. */
static struct store *live_open(
	const char *data_dir, const char *store, char **ret_database, struct err *e)
{
	CLEAN_STR char *place = store_place_or(store, data_dir, e);

	if (place && !store_place_is_file(place))
		*ret_database = xstrdup(place);
	return place ? store_open_as_is(place, e) : NULL;
}

int backup_run(const char *data_dir, const char *store, const char *dir, bool without_key,
	struct backup_done *ret, struct err *e)
{
	CLEAN_STR char *database = NULL;
	CLEAN_STORE struct store *live = live_open(data_dir, store, &database, e);
	char when[WALL_TEXT_MAX];
	CLEAN_STR char *objects = NULL;
	CLEAN_OBJECTS struct objects *taken =
		objects_open(&(struct objects_place){ .data_dir = dir }, e);
	struct job j = { .b = { .from = data_dir, .to = dir },
		.database = database,
		.live = live,
		.taken = taken,
		.began = wall_now(),
		.done = ret };
	struct manifest_head head = { .program = (char *)(uintptr_t)PROJECT_VERSION,
		.created_at = when,
		.schema = live ? store_schema_version(live) : 0,
		.root_key = key_kept(data_dir, without_key) };

	*ret = (struct backup_done){ 0 };
	wall_format(j.began, when);
	if (!live || objects_folder_published(data_dir, &objects, e) < 0 || !taken ||
		target_make(dir, e) < 0)
		return -1;
	j.b.objects = objects;
	j.elsewhere = !objects;
	j.b.manifest = manifest_begin(dir, &head, e);
	int rc = j.b.manifest ? everything_take(&j, without_key, e) : -1;
	manifest_writer_free(j.b.manifest);
	if (rc < 0)
		return err_wrap(e, "backup");
	last_note(data_dir, dir);
	return 0;
}
