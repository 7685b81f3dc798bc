/*
 * The data folder is not opened: the database may be another program's, on a machine without one.
 * Lines and exit codes are what operators' scripts know from the forge's tool.
 */
#include "coordinator/admin/scope_doctor.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/serve/config.h"
#include "coordinator/sql/place.h"
#include "coordinator/store/scope_doctor.h"

struct doctor_options {
	const char *db, *data, *store, *name, *owner, *repo, *backup_dir, *reason;
	bool check, apply;
	enum cli_output output;
};

static const enum exit_code codes[] = {
	[SCOPE_OK] = EXIT_OK,
	[SCOPE_REPAIRABLE] = EXIT_FINDINGS,
	[SCOPE_MISSING] = EXIT_REFUSED,
	[SCOPE_AMBIGUOUS] = EXIT_REFUSED,
	[SCOPE_UNKNOWN] = EXIT_REFUSED,
	[SCOPE_REPAIRED] = EXIT_OK,
	[SCOPE_CHANGED] = EXIT_REFUSED,
};

static void report_print(const struct scope_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		printf("id=%" PRId64 " %s owner_id=%s repo_id=%s deleted=%s\n", r->v[i].id,
			r->v[i].name, r->v[i].owner, r->v[i].repo,
			r->v[i].deleted ? r->v[i].deleted : "NULL");
	if (r->backup)
		printf("backup %s\n", r->backup);
	printf("%s %s\n", scope_verdict_text(r->verdict), r->why);
	if (r->verdict == SCOPE_REPAIRABLE)
		printf("rerun with --apply after operator approval to repair\n");
}

static void report_write(struct json_writer *w, const struct scope_report *r)
{
	json_begin_object(w);
	json_kv_str(w, "verdict", scope_verdict_text(r->verdict));
	json_kv_str(w, "why", r->why);
	json_kv_str(w, "backup", r->backup);
	json_key(w, "rows");
	json_begin_array(w);
	for (size_t i = 0; i < r->n; i++) {
		json_begin_object(w);
		json_kv_int(w, "id", r->v[i].id);
		json_kv_str(w, "name", r->v[i].name);
		json_kv_str(w, "owner_id", r->v[i].owner);
		json_kv_str(w, "repo_id", r->v[i].repo);
		json_kv_str(w, "deleted", r->v[i].deleted);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static int report_show(const struct scope_report *r, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };

	if (!json) {
		report_print(r);
		return codes[r->verdict];
	}
	json_writer_init(&w, &out, true);
	report_write(&w, r);
	if (json_writer_finish(&w, &e) < 0)
		return cli_fail(exit_code(&e), "%s", e.text);
	printf("%s\n", buf_cstr(&out));
	return codes[r->verdict];
}

/* A schema that PostgreSQL has refuses what this verb repairs. */
static char *own_file(const struct doctor_options *o, struct err *e)
{
	char *place = store_place_or(o->store, o->data ? o->data : COORDINATOR_DATA_DIR, e);

	if (!place || store_place_is_file(place))
		return place;
	free(place);
	err_set(e, ERR_CONFLICT,
		"runner scope-doctor works on an SQLite file alone (--db FILE); the store is in "
		"PostgreSQL, where no registration can have two scopes");
	return NULL;
}

static int run_doctor(const struct doctor_options *o)
{
	CLEANUP(scope_report_release) struct scope_report report = { 0 };
	struct err e = { 0 };
	CLEAN_STR char *own = o->db ? xstrdup(o->db) : own_file(o, &e);
	struct audit_entry entry = { .by = AUDIT_OPERATOR,
		.verb = "runner.scope-doctor",
		.target_kind = "runner",
		.target = o->name,
		.reason = o->reason,
		.outcome = "repaired" };
	CLEAN_STR char *who = admin_operator(&entry.who_id);
	const struct scope_spec spec = { .db = own,
		.name = o->name,
		.owner = o->owner,
		.repo = o->repo,
		.apply = o->apply,
		.backup_dir = o->backup_dir,
		.now = wall_now(),
		.audit = &entry };

	entry.who = who;
	if (!own)
		return cli_fail(EXIT_REFUSED, "%s", e.text);
	if (scope_doctor(&spec, &report, &e) < 0)
		return cli_fail(
			EXIT_INCOMPLETE, "%s%s", e.text, o->apply ? "; nothing was changed" : "");
	return report_show(&report, o->output == OUTPUT_JSON);
}

int admin_runner_scope_doctor(int argc, char **argv)
{
	struct doctor_options o = { 0 };
	char **args;
	int n_args;
	const struct cli_flag flags[] = {
		{ "db", CLI_STRING, &o.db, "FILE",
			"SQLite file of a forge (default: the coordinator's store)" },
		{ "name", CLI_STRING, &o.name, "NAME", "the runner", .required = true },
		{ "owner-id", CLI_STRING, &o.owner, "O", "the owner that may stand there",
			.required = true },
		{ "repo-id", CLI_STRING, &o.repo, "R", "the repository that it belongs to",
			.required = true },
		{ "check", CLI_BOOL, &o.check, NULL, "only say what is there (default)" },
		{ "apply", CLI_BOOL, &o.apply, NULL, "back the file up, then repair that one row" },
		{ "backup-dir", CLI_STRING, &o.backup_dir, "DIR",
			"for the backup (default: beside the file)" },
		{ "reason", CLI_STRING, &o.reason, "TEXT", "why" },
		{ "data", CLI_STRING, &o.data, "DIR", "the data folder" },
		{ "store", CLI_STRING, &o.store, STORE_FLAG_META, STORE_FLAG_HELP },
		CLI_OUTPUT_FLAG(o.output),
	};
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Exit codes: 0 OK or repaired, 1 REPAIRABLE, 2 usage, 3 refused (MISSING, "
		"AMBIGUOUS,\nUNKNOWN, CHANGED), 5 unreadable or no backup. The runner is not "
		"restarted.",
		0, &args, &n_args);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (o.check && o.apply)
		return cli_fail(EXIT_USAGE, "--check and --apply: expected one of them");
	if (!*o.name || !*o.owner || !*o.repo || str_eq(o.owner, "0") || str_eq(o.repo, "0"))
		return cli_fail(EXIT_USAGE, "--name, --owner-id, --repo-id: expected a name and "
					    "two ids that are not 0");
	return run_doctor(&o);
}
