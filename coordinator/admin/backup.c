/*
 * Not in the frame of the other verbs: that opens the store and brings it to this program's schema,
 * which is just what a backup before an upgrade must not do.
 */
#include "coordinator/admin/backup.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "coordinator/backup/backup.h"
#include "coordinator/backup/restore.h"
#include "coordinator/backup/series.h"
#include "coordinator/serve/config.h"
#include "coordinator/sql/place.h"
#include "coordinator/store/schema.h"
#include "coordinator/store/store.h"

#define RESULT_MAX MIB(1)

/* One line of JSON of members that `write` adds. */
static int json_print(void (*write)(struct json_writer *w, const void *data), const void *data)
{
	CLEAN_BUF struct buf out = BUF_INIT(RESULT_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	write(&w, data);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	puts(buf_cstr(&out));
	return EXIT_OK;
}

/* ---- backup ---- */

static void backup_write(struct json_writer *w, const void *data)
{
	const struct backup_done *d = data;

	json_kv_int(w, "files", d->files);
	json_kv_int(w, "bytes", d->bytes);
	json_kv_int(w, "linked", d->linked);
	json_kv_int(w, "artifacts_replaced", d->replaced);
	json_kv_int(w, "objects_missing", d->missing);
	json_kv_int(w, "backups_removed", d->removed);
}

static void backup_print(const struct backup_done *d, const char *dir)
{
	char size[SIZE_TEXT_MAX];

	printf("%s: %" PRId64 " files, %s, %" PRId64 " of them links to the data folder's\n", dir,
		d->files, size_format((uint64_t)d->bytes, size), d->linked);
	if (d->replaced)
		printf("artifacts that were replaced meanwhile and are left out: %" PRId64 "\n",
			d->replaced);
	if (d->missing)
		printf("objects that are missing in the data folder: %" PRId64
		       " (shithubd doctor names them)\n",
			d->missing);
	if (d->removed)
		printf("older backups that were deleted: %" PRId64 "\n", d->removed);
}

struct backup_options {
	struct backup_series series;
	const char *data_dir;
	char *dir; /* that was made */
};

/* A folder of its own, or one more of a series. */
static int backup_make(
	struct backup_options *o, const char *dir, struct backup_done *ret, struct err *e)
{
	char name[BACKUP_NAME_MAX];

	if (!o->series.folder) {
		o->dir = xstrdup(dir);
		return backup_run(o->data_dir, o->series.store, dir, o->series.without_key, ret, e);
	}
	if (backup_series_run(o->data_dir, &o->series, ret, name, e) < 0)
		return -1;
	o->dir = path_join(o->series.folder, name);
	return 0;
}

int verb_backup(int argc, char **argv)
{
	struct backup_options o = { .data_dir = COORDINATOR_DATA_DIR };
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = {
		{ "data", CLI_STRING, &o.data_dir, "DIR", "the data folder" },
		{ "store", CLI_STRING, &o.series.store, STORE_FLAG_META, STORE_FLAG_HELP },
		{ "in", CLI_STRING, &o.series.folder, "FOLDER",
			"make a folder in this one, named by the time" },
		{ "keep", CLI_INT, &o.series.keep, "N",
			"with --in: afterwards delete all such folders but the newest N", .min = 1,
			.max = 10000 },
		{ "without-key", CLI_BOOL, &o.series.without_key, NULL,
			"leave root.key out, without which secrets cannot be opened" },
		CLI_OUTPUT_FLAG(output),
	};
	struct backup_done done;
	struct err e = { 0 };
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Works while serve runs. DIR must be new or empty; on the data folder's file "
		"system "
		"most\nfiles become hard links. With --in, what an earlier backup left unfinished "
		"is deleted, and\nnothing else while an object is missing. Exit codes: 0 done, 1 "
		"an object was missing, or it\nfailed, 2 usage, 3 DIR is not empty, or another "
		"backup is at work in FOLDER.",
		1, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if ((n == 1) == (o.series.folder != NULL) || (o.series.keep && !o.series.folder))
		return cli_fail(EXIT_USAGE, "expected DIR, the folder of the backup, or --in "
					    "FOLDER with or without --keep N");
	if (backup_make(&o, args[0], &done, &e) < 0)
		return cli_fail(exit_code(&e), "%s", e.text);
	if (output == OUTPUT_JSON)
		rc = json_print(backup_write, &done);
	else
		backup_print(&done, o.dir);
	free(o.dir);
	return done.missing ? EXIT_FINDINGS : rc;
}

/* ---- restore ---- */

static void restore_write(struct json_writer *w, const void *data)
{
	const struct restore_done *d = data;

	json_kv_str(w, "created_at", d->created_at);
	json_kv_int(w, "files", d->files);
	json_kv_int(w, "bytes", d->bytes);
	json_kv_int(w, "jobs_lost", d->jobs_lost);
	json_kv_int(w, "ids_skipped", d->ids_skipped);
	json_kv_int(w, "from_schema", d->from_schema);
	json_kv_int(w, "to_schema", d->to_schema);
}

/* cli_parse of a verb whose one argument is DIR. */
static int dir_parse(int argc, char **argv, const struct cli_flag *flags, size_t n_flags,
	const char *help, const char **ret_dir)
{
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, n_flags, help, 1, &args, &n);

	if (rc != 0)
		return rc;
	*ret_dir = args[0];
	if (n == 1)
		return 0;
	cli_fail(EXIT_USAGE, "DIR is missing, expected the folder of a backup");
	return -1;
}

int verb_restore(int argc, char **argv)
{
	const char *data_dir = NULL, *root_key = NULL, *store = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = {
		{ "data", CLI_STRING, &data_dir, "DIR", "the data folder to make",
			.required = true },
		{ "store", CLI_STRING, &store, STORE_FLAG_META,
			"postgres://…: an empty database for the rows (default: a file in DIR)" },
		{ "root-key", CLI_STRING, &root_key, "FILE",
			"root key of a backup --without-key (or SHITHUB_TOTP_KEY)" },
		CLI_OUTPUT_FLAG(output),
	};
	struct restore_done done = { 0 };
	struct err e = { 0 };
	const char *dir;
	int rc = dir_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Checks each file against the manifest; --data must be new or empty. Jobs that ran "
		"at the\ntime of the backup end as lost. Exit codes: 0 done, 1 failed, 2 usage, 3 "
		"refused.",
		&dir);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (store && (store_place_check(store) || store_place_is_file(store)))
		return cli_fail(EXIT_USAGE, "--store: expected postgres://…; without it the rows "
					    "are in a file of the data folder");
	int code = restore_run(dir, data_dir, root_key, store, &done, &e) < 0
			   ? cli_fail(exit_code(&e), "%s", e.text)
			   : EXIT_OK;
	if (code == EXIT_OK && output == OUTPUT_JSON)
		code = json_print(restore_write, &done);
	else if (code == EXIT_OK)
		printf("%s: backup of %s, %" PRId64 " files; %" PRId64
		       " running jobs ended as lost; new ids begin %" PRId64
		       " higher; schema %" PRId64 " to %" PRId64 "\n",
			data_dir, done.created_at, done.files, done.jobs_lost, done.ids_skipped,
			done.from_schema, done.to_schema);
	free(done.created_at);
	return code;
}

/* ---- migrate ---- */

struct migration {
	int64_t from, to, steps;
	bool dry_run;
	struct strv texts; /* of a dry run: what each step would run */
};

static void migration_write(struct json_writer *w, const void *data)
{
	const struct migration *m = data;

	json_kv_int(w, "from_schema", m->from);
	json_kv_int(w, "to_schema", m->to);
	json_kv_int(w, "steps", m->steps);
	json_kv_bool(w, "dry_run", m->dry_run);
	json_key(w, "texts");
	json_begin_array(w);
	strv_each (text, &m->texts)
		json_str(w, text);
	json_end_array(w);
}

static void migration_print(const struct migration *m)
{
	if (m->from == m->to)
		printf("schema %" PRId64 ": nothing to do\n", m->to);
	else
		printf("schema %" PRId64 " to %" PRId64 ", %" PRId64 " steps%s\n", m->from, m->to,
			m->steps,
			m->dry_run ? " to do; take a backup first: shithubd backup DIR" : " done");
	strv_each (text, &m->texts)
		printf("%s\n", text);
}

static int schema_read(struct store *s, struct migration *m, struct err *e)
{
	m->from = store_schema_version(s);
	m->to = store_schema_newest();
	if (m->from < 0)
		return err_set(e, ERR_IO, "the schema's version cannot be read");
	if (m->from > m->to)
		return err_set(e, ERR_CONFLICT,
			"schema %" PRId64 " is newer than this program's %" PRId64
			": use the program that made it, or a newer one",
			m->from, m->to);
	const char *text;
	for (int64_t n = m->from; (text = store_schema_next(s, &n)); m->steps++)
		if (m->dry_run)
			strv_addf(&m->texts, "-- step %" PRId64 "\n%s", n, text);
	return 0;
}

static int migration_plan(const char *place, struct migration *m, struct err *e)
{
	CLEAN_STORE struct store *s = store_open_as_is(place, e);

	if (!s)
		return -1;
	return schema_read(s, m, e) < 0 ? err_wrap(e, "%s", place) : 0;
}

/* Older serves of a database go on, or end by themselves (docs/POOL.md). */
static int migrate(const char *data_dir, const char *store, struct migration *m, struct err *e)
{
	CLEAN_STR char *place = store_place_or(store, data_dir, e);
	CLEAN_STR char *lock = path_join(data_dir, "serve.lock");
	CLEAN_FD int held = -1;

	if (!place || migration_plan(place, m, e) < 0)
		return -1;
	if (m->dry_run || m->from == m->to)
		return 0;
	if (store_place_is_file(place))
		held = lock_file(lock, e);
	if (store_place_is_file(place) && held < 0)
		return err_wrap(e, "an older serve uses this data folder, stop it first");
	CLEAN_STORE struct store *s = store_open(place, e);
	return s ? 0 : -1;
}

int verb_migrate(int argc, char **argv)
{
	const char *data_dir = COORDINATOR_DATA_DIR, *store = NULL;
	enum cli_output output = OUTPUT_TEXT;
	struct migration m = { 0 };
	const struct cli_flag flags[] = {
		{ "data", CLI_STRING, &data_dir, "DIR", "the data folder" },
		{ "store", CLI_STRING, &store, STORE_FLAG_META, STORE_FLAG_HELP },
		{ "dry-run", CLI_BOOL, &m.dry_run, NULL,
			"say what would be done, with the statements of each step" },
		CLI_OUTPUT_FLAG(output),
	};
	struct err e = { 0 };
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"serve does the same when it starts. There is no way back but a backup: take one "
		"first.\nExit codes: 0 done or nothing to do, 1 failed, 2 usage, 3 the schema is "
		"newer, or serve runs.",
		0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	rc = EXIT_OK;
	if (migrate(data_dir, store, &m, &e) < 0)
		rc = cli_fail(exit_code(&e), "%s", e.text);
	else if (output == OUTPUT_JSON)
		rc = json_print(migration_write, &m);
	else
		migration_print(&m);
	strv_release(&m.texts);
	return rc;
}
