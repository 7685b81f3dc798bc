/*
 * The table of checks and the verb. The store is opened as it is: doctor may be of another version
 * than the serve that runs.
 */
#include "coordinator/doctor/doctor.h"

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/terminal/style.h"
#include "coordinator/sql/place.h"
#include "hygiene/doctor/doctor.h"

#define DEFAULT_CONFIG "/etc/shithubd/config.toml"

const struct coordinator_check coordinator_checks[] = {
	{ "data folder", false, check_data_folder,
		"chmod 0700 it, chown it to serve's user, and run doctor as that user or root" },
	{ "root key", false, check_root_key,
		"chmod 0600 root.key; if it is gone, take it from a backup: secrets need it" },
	{ "owners", false, check_owners,
		"chown -R the folder to its owner, and run admin verbs as that user" },
	{ "disk", false, check_disk,
		"make room: shithubd run-job workflow:cleanup, or a larger disk" },
	{ "schema", true, check_schema,
		"shithubd migrate (after a backup); a newer schema needs the program that made "
		"it" },
	{ "store", true, check_integrity,
		"stop serve and restore the last backup; keep the damaged file" },
	{ "references", true, check_foreign_keys,
		"stop serve and restore the last backup; keep the damaged file" },
	{ "object store", false, check_object_store,
		"what the line says: server.objects, its keys, the bucket's rights, the clocks" },
	{ "objects", true, check_objects,
		"restore what is missing from a backup; what no row names may be deleted" },
	{ "serve", false, check_serve,
		"start it, check server.public_url and the proxy; its log says why it ended" },
	{ "certificate", false, check_certificate, "renew it, then systemctl reload shithubd" },
	{ "sign-in", false, check_sign_in,
		"check oidc.issuer, oidc.client_secret_file, and the way from this machine to the "
		"provider" },
	{ "clock", false, check_clock, "run chrony or systemd-timesyncd" },
	{ "git", false, check_git, "install git 2.30 or newer, in serve's PATH" },
	{ "confinement", false, check_confinement,
		"Linux 5.13 or newer with Landlock, and its calls in the unit's SystemCallFilter" },
	{ "open files", false, check_open_files,
		"raise LimitNOFILE= of the unit, or lower server.max_connections" },
	{ "runners", true, check_runners,
		"start them, or shithubd admin runner cleanup-stale and revoke" },
	{ "pushes", true, check_pushes, "the log of serve says why: push_runs_failed" },
	{ "backup", false, check_backup, "shithubd backup DIR, every night" },
};
const size_t coordinator_checks_n = ARRAY_LEN(coordinator_checks);

static void facts_release(struct coordinator_facts *f)
{
	store_free(f->store);
	serve_config_release(&f->config);
}

static void check_run(
	const struct coordinator_check *c, const struct coordinator_facts *f, struct doctor_row *r)
{
	*r = (struct doctor_row){ .name = c->name };
	buf_init(&r->detail, KIB(4));
	if (c->needs_store && !f->store)
		doctor_say(r, DOCTOR_FAIL, "%s", f->no_store.text);
	else
		c->run(f, r);
	if (r->verdict == DOCTOR_WARN || r->verdict == DOCTOR_FAIL)
		r->remedy = c->remedy;
}

static int report_print(const struct doctor_report *r, enum cli_output output, enum cli_color color)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct err e = { 0 };

	if (output == OUTPUT_TEXT)
		doctor_write_text(r, terminal_style(STDOUT_FILENO, color).color, &out);
	else if (doctor_write_json(r, &out, &e) < 0 || buf_addc(&out, '\n') < 0)
		return cli_fail(EXIT_INCOMPLETE, "report: %s", e.text);
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_INCOMPLETE, "standard output: %s", e.text);
	return doctor_exit(r);
}

static int checks_run(
	const struct coordinator_facts *f, enum cli_output output, enum cli_color color)
{
	CLEANUP(doctor_report_release) struct doctor_report r = { .n = coordinator_checks_n };

	r.rows = xcalloc(r.n, sizeof(*r.rows));
	for (size_t i = 0; i < r.n; i++) {
		check_run(&coordinator_checks[i], f, &r.rows[i]);
		r.count[r.rows[i].verdict]++;
		r.unproved = r.unproved || r.rows[i].unproved;
	}
	return report_print(&r, output, color);
}

/* The configuration as serve reads it; --data alone stands for a serve without a file. */
static int config_read(struct coordinator_facts *f, const char *file, const char *data_dir)
{
	char verb[] = "doctor", config_flag[] = "--config", data_flag[] = "--data";
	char *argv[6] = { verb };
	const char *none = NULL;
	int n = 1;

	if (!file && !data_dir && access(DEFAULT_CONFIG, R_OK) == 0)
		file = DEFAULT_CONFIG;
	if (file) {
		argv[n++] = config_flag;
		argv[n++] = (char *)(uintptr_t)file;
	}
	if (data_dir) {
		argv[n++] = data_flag;
		argv[n++] = (char *)(uintptr_t)data_dir;
	}
	return serve_config_load(&f->config, &none, n, argv);
}

/* Where serve never ran, as it would find it. */
static void store_find(struct coordinator_facts *f, const char *given)
{
	if (!given && !store_place_noted(f->config.data_dir))
		given = f->config.store;
	CLEAN_STR char *place = store_place_or(given, f->config.data_dir, &f->no_store);
	f->store = place ? store_open_as_is(place, &f->no_store) : NULL;
}

int coordinator_doctor(int argc, char **argv)
{
	CLEANUP(facts_release) struct coordinator_facts f = { .now = wall_now() };
	const char *data_dir = NULL, *file = NULL, *store = NULL;
	enum cli_output output = OUTPUT_TEXT;
	enum cli_color color = COLOR_AUTO;
	const struct cli_flag flags[] = {
		{ "data", CLI_STRING, &data_dir, "DIR", "the data folder" },
		{ "store", CLI_STRING, &store, STORE_FLAG_META, STORE_FLAG_HELP },
		{ "config", CLI_STRING, &file, "FILE",
			"configuration of serve (default: " DEFAULT_CONFIG ", unless --data)" },
		{ "ca-file", CLI_STRING, &f.ca_file, "FILE",
			"authority of serve's certificate, if the system does not know it" },
		{ "offline", CLI_BOOL, &f.offline, NULL, "do not ask serve" },
		{ "verify-objects", CLI_BOOL, &f.verify_objects, NULL,
			"read all artifacts and archived logs against their digests" },
		CLI_OUTPUT_FLAG(output),
		CLI_COLOR_FLAG(color),
	};
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Changes nothing; each WARN and FAIL names its remedy. Run it as serve's user or "
		"root.\nExit codes: 0 all pass or warn, 1 a check fails, 2 usage, 5 something "
		"could "
		"not be proved.",
		0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (config_read(&f, file, data_dir) != 0)
		return EXIT_USAGE;
	log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
	store_find(&f, store);
	return checks_run(&f, output, color);
}
