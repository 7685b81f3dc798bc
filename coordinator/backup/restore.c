/* Everything that can be refused is refused before the first byte is written, but for damage. */
#include "coordinator/backup/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "coordinator/backup/copy.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/move/move.h"
#include "coordinator/serve/config.h"
#include "coordinator/sql/place.h"
#include "coordinator/store/file.h"
#include "coordinator/store/schema.h"

#define ROOT_KEY_ENV "SHITHUB_TOTP_KEY"

struct target {
	const char *from, *to;
	const char *store; /* a database for the rows; NULL: a file in the folder */
	struct restore_done *done;
};

static int entry_restore(void *data, const struct manifest_entry *entry, struct err *e)
{
	struct target *t = data;
	CLEAN_STR char *from = path_join(t->from, entry->path);
	CLEAN_STR char *to = path_join(t->to, entry->path);
	char sha[SHA256_HEX_MAX];
	int64_t size;

	if (entry->directory)
		return mkdir(to, 0700) < 0 ? err_set_errno(e, errno, "%s", to) : 0;
	if (file_copy_hashed(from, to, &size, sha, e) < 0)
		return -1;
	if (size != entry->size || !str_eq(sha, entry->sha256))
		return err_set(e, ERR_CONFLICT,
			"%s: this backup is damaged: the file is not the one of the manifest",
			from);
	t->done->files++;
	t->done->bytes += size;
	return 0;
}

/* ---- what is refused ---- */

static int head_check(
	const char *dir, const struct manifest_head *h, const char *root_key, struct err *e)
{
	if (h->schema > store_schema_newest())
		return err_set(e, ERR_CONFLICT,
			"%s: schema %" PRId64 " is newer than this program's %" PRId64
			": restore it with the program that made it (%s)",
			dir, h->schema, store_schema_newest(), h->program);
	if (!h->root_key && !root_key && str_empty(getenv(ROOT_KEY_ENV)))
		return err_set(e, ERR_CONFLICT,
			"%s: the root key is not in this backup; give it as --root-key FILE or "
			"in " ROOT_KEY_ENV,
			dir);
	if (h->root_key && root_key)
		return err_set(
			e, ERR_INPUT, "--root-key: the root key is in this backup, expected none");
	return 0;
}

/* An empty folder gives way to the one that takes its name. */
static int target_check(const char *data_dir, struct err *e)
{
	if (rmdir(data_dir) == 0 || errno == ENOENT)
		return 0;
	return err_set(e, ERR_CONFLICT,
		"%s is there and not an empty folder: a restore overwrites nothing", data_dir);
}

/* ---- after the files ---- */

static int key_install(const char *to, const char *root_key, struct err *e)
{
	CLEAN_STR char *path = path_join(to, "root.key");
	char sha[SHA256_HEX_MAX];
	struct keys keys;
	int64_t size;

	if (root_key && file_copy_hashed(root_key, path, &size, sha, e) < 0)
		return err_wrap(e, "root key");
	if (root_key && chmod(path, 0600) < 0)
		return err_set_errno(e, errno, "root key");
	int rc = serve_keys_load(&keys, to, e);
	keys_wipe(&keys);
	return rc < 0 ? err_wrap(e, "the backup was made with another root key") : 0;
}

static int rows_renew(const char *to, struct restore_done *done, struct err *e)
{
	CLEAN_STR char *db = path_join(to, "shithubd.db");
	CLEAN_STORE struct store *s = store_open(db, e);
	CLEAN_STR char *why = xasprintf("the coordinator was restored from a backup of %s. What "
					"this job did since then is unknown",
		done->created_at);
	struct app a = { .store = s };
	struct wall now = wall_now(), backup_at;
	size_t n = 0;

	if (!s || wall_parse(done->created_at, &backup_at, e) < 0 ||
		restored_jobs_end(&a, why, now, &n, e) < 0 ||
		store_restored(s, backup_at, now, &done->ids_skipped, e) < 0)
		return -1;
	done->to_schema = store_schema_version(s);
	done->jobs_lost = (int64_t)n;
	return 0;
}

static int named(const char *temp, const char *data_dir, struct err *e)
{
	CLEAN_FD int fd = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0 || rename(temp, data_dir) < 0 || syncfs(fd) < 0)
		return err_set_errno(e, errno, "%s", data_dir);
	return 0;
}

/* Into an empty database; nothing is left of the file. */
static int rows_to_database(struct target *t, struct err *e)
{
	static const char *const gone[] = { "shithubd.db", "shithubd.db-wal", "shithubd.db-shm",
		"serve.lock" };
	CLEANUP(move_done_release) struct move_done moved = { 0 };
	CLEAN_STR char *full = realpath(t->to, NULL);

	if (!full)
		return err_set_errno(e, errno, "%s", t->to);
	CLEAN_STR char *from = xasprintf("sqlite:%s", full);
	const struct move_options o = { .from = from, .to = t->store };
	if (move_run(&o, &moved, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
		CLEAN_STR char *path = path_join(full, gone[i]);

		if (unlink(path) < 0 && errno != ENOENT)
			return err_set_errno(e, errno, "%s", path);
	}
	return store_place_publish(full, t->store, e);
}

static int files_restore(
	struct target *t, const char *data_dir, const char *root_key, struct err *e)
{
	if (manifest_read(t->from, NULL, entry_restore, t, e) < 0 ||
		key_install(t->to, root_key, e) < 0 || rows_renew(t->to, t->done, e) < 0 ||
		(t->store && rows_to_database(t, e) < 0))
		return -1;
	return named(t->to, data_dir, e);
}

static void temp_remove(const char *temp)
{
	CLEAN_STR char *parent = xstrdup(temp);
	char *slash = strrchr(parent, '/');
	uint64_t left;

	*slash = 0;
	CLEAN_FD int fd = dir_open(*parent ? parent : "/", NULL);
	if (fd >= 0 && tree_remove(fd, slash + 1, &left, NULL) < 0)
		return; /* what is left has a name that says so */
}

int restore_run(const char *dir, const char *data_dir, const char *root_key, const char *store,
	struct restore_done *ret, struct err *e)
{
	CLEANUP(manifest_head_release) struct manifest_head head = { 0 };
	CLEAN_STR char *full = *data_dir == '/' ? xstrdup(data_dir) : xasprintf("./%s", data_dir);
	CLEAN_STR char *temp = NULL;

	*ret = (struct restore_done){ 0 };
	while (strlen(full) > 1 && str_ends(full, "/"))
		full[strlen(full) - 1] = 0;
	temp = xasprintf("%s.restoring", full);
	if (manifest_read(dir, &head, NULL, NULL, e) < 0 ||
		head_check(dir, &head, root_key, e) < 0 || target_check(full, e) < 0)
		return -1;
	ret->created_at = xstrdup(head.created_at);
	ret->from_schema = head.schema;
	struct target t = { dir, temp, store, ret };
	if (mkdir(temp, 0700) < 0)
		return err_set_errno(
			e, errno, "restore: %s (an earlier one was stopped? remove it)", temp);
	if (files_restore(&t, full, root_key, e) == 0)
		return 0;
	temp_remove(temp);
	return err_wrap(e, "restore");
}
