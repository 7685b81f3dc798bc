/*
 * The role and its three forms of report. Everything is printed as it happens in text and log, and
 * at the end in JSON, where a refusal replaces whatever was begun.
 */
#include "runner/helper/disk_guard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "hygiene/disk/guard_record.h"
#include "runner/helper/janitor.h"

static const char *const report_words[] = {
	[REPORT_TEXT] = "text",
	[REPORT_JSON] = "json",
	[REPORT_LOG] = "log",
	NULL,
};

void disk_guard_argv(const struct disk_guard_order *o, struct strv *argv)
{
	const struct runner_config *c = o->config;
	char stale[DURATION_TEXT_MAX];

	strv_add(argv, "disk-guard");
	strv_addf(argv, "--root=%s", c->runner.workspace_root);
	strv_addf(argv, "--state-dir=%s", c->runner.state_dir);
	strv_addf(argv, "--mode=%s", guard_mode_name(o->mode));
	strv_addf(argv, "--high-water=%" PRId64, c->disk.high_water);
	strv_addf(argv, "--low-water=%" PRId64, c->disk.low_water);
	strv_addf(argv, "--min-free=%" PRId64, c->disk.min_free);
	strv_addf(argv, "--stale=%s", duration_format(c->disk.stale_us, stale));
	CLEAN_BUF struct buf names = BUF_INIT(KIB(32));
	strv_each (name, &c->disk.protected)
		buf_addf(&names, "%s%s", names.len ? "," : "", name);
	if (names.len)
		strv_addf(argv, "--protected=%s", buf_cstr(&names));
	strv_addf(argv, "--output=%s", report_words[o->output]);
	strv_addf(argv, "--log-format=%s", c->runner.log_format == LOG_JSON ? "json" : "text");
	if (o->dry_run)
		strv_add(argv, "--dry-run");
	if (o->locked)
		strv_add(argv, "--locked");
}

/* ---- reports ---- */

struct guard_report {
	const struct guard_spec *spec;
	struct buf out;       /* json */
	struct json_writer w; /* json */
	bool begun;
};
struct report_form {
	void (*measured)(void *data, const struct guard_fs *fs, size_t n);
	void (*tell)(void *data, const struct guard_decision *d);
	void (*end)(struct guard_report *r, const struct guard_result *g);
	/* why: the event's name; nothing was touched */
	void (*refused)(struct guard_report *r, const char *why, const struct err *e);
};

static void text_measured(void *data, const struct guard_fs *fs, size_t n)
{
	const struct guard_report *r = data;

	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *root = text_escaped(fs[i].root);
		bool nightly = r->spec->mode == GUARD_NIGHTLY;

		printf("%s: %u%% used, %" PRIu64 " bytes free, high water %" PRId64 "%%: %s\n",
			root, disk_percent(&fs[i].before), fs[i].before.avail, r->spec->high_water,
			nightly            ? "looking for stale workspaces"
			: !fs[i].pressed   ? "enough"
			: r->spec->dry_run ? "would prune"
					   : "pruning");
	}
	fflush(stdout);
}

/* Large trees take their time: a person wants to see that something happens. */
static void show_progress(void *data, size_t done, size_t all)
{
	(void)data;
	fprintf(stderr, "\r%zu of %zu examined%s", done, all, done == all ? "\n" : "");
}

static void text_tell(void *data, const struct guard_decision *d)
{
	CLEAN_STR char *path = text_escaped(d->path);
	CLEAN_STR char *detail = d->detail ? text_printable(d->detail) : NULL;
	char age[DURATION_TEXT_MAX] = "unknown";

	(void)data;
	if (d->age_us >= 0)
		duration_format(d->age_us / USEC_PER_SEC * USEC_PER_SEC, age);
	printf("%-7s %s: %s%s%s%s, %" PRIu64 " bytes, age %s\n", d->what, path, d->reason,
		detail ? " (" : "", detail ? detail : "", detail ? ")" : "", d->bytes, age);
	fflush(stdout);
}

static bool any_pressed(const struct guard_result *g)
{
	for (size_t i = 0; i < g->n_fs; i++)
		if (g->fs[i].pressed)
			return true;
	return false;
}

static void text_sums(const struct guard_report *r, const struct guard_result *g)
{
	printf("%s %" PRIu64 " bytes: %" PRIu64 " removed, %" PRIu64 " failed, %" PRIu64 " kept\n",
		r->spec->dry_run ? "dry run, would free" : "freed", g->freed, g->removed, g->failed,
		g->kept);
	for (size_t i = 0; i < g->n_fs; i++) {
		CLEAN_STR char *root = text_escaped(g->fs[i].root);

		printf("%s: %u%% before, %u%% after\n", root, disk_percent(&g->fs[i].before),
			disk_percent(&g->fs[i].after));
	}
}

static void text_end(struct guard_report *r, const struct guard_result *g)
{
	if (any_pressed(g))
		text_sums(r, g);
	if (g->full)
		cli_fail(0,
			"disk_pressure: less than %" PRId64 "%% is free and nothing else may "
			"be deleted",
			r->spec->min_free);
	if (g->unrecorded)
		cli_fail(0, "not all decisions could be recorded: %s", g->unrecorded);
}

static void text_refused(struct guard_report *r, const char *why, const struct err *e)
{
	(void)r;
	cli_fail(0, "%s: %s", why, e->text);
}

static void json_measured(void *data, const struct guard_fs *fs, size_t n)
{
	struct guard_report *r = data;

	(void)fs, (void)n;
	r->begun = true;
	json_writer_init(&r->w, &r->out, false);
	json_begin_object(&r->w);
	json_kv_str(&r->w, "workspace_root", r->spec->root);
	json_kv_str(&r->w, "state_dir", r->spec->state_dir);
	json_kv_str(&r->w, "mode", guard_mode_name(r->spec->mode));
	json_kv_bool(&r->w, "dry_run", r->spec->dry_run);
	json_kv_int(&r->w, "high_water", r->spec->high_water);
	json_kv_int(&r->w, "low_water", r->spec->low_water);
	json_kv_int(&r->w, "min_free", r->spec->min_free);
	json_key(&r->w, "decisions");
	json_begin_array(&r->w);
}

static void json_tell(void *data, const struct guard_decision *d)
{
	struct guard_report *r = data;

	guard_decision_write(d, r->spec->mode, wall_now(), &r->w);
}

static void json_space(struct json_writer *w, const char *key, const struct disk_space *d)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_int(w, "percent", disk_percent(d));
	json_kv_int(w, "used_bytes", (int64_t)d->used);
	json_kv_int(w, "free_bytes", (int64_t)d->avail);
	json_end_object(w);
}

static void print_json(struct guard_report *r)
{
	struct err e = { 0 };

	if (json_writer_finish(&r->w, &e) < 0 || buf_addc(&r->out, '\n') < 0)
		cli_fail(0, "report: %s", e.text);
	else if (fd_write_all(STDOUT_FILENO, buf_cstr(&r->out), r->out.len, &e) < 0)
		cli_fail(0, "standard output: %s", e.text);
}

static void json_end(struct guard_report *r, const struct guard_result *g)
{
	struct json_writer *w = &r->w;

	json_end_array(w);
	json_key(w, "filesystems");
	json_begin_array(w);
	for (size_t i = 0; i < g->n_fs; i++) {
		json_begin_object(w);
		json_kv_str(w, "root", g->fs[i].root);
		json_kv_bool(w, "pressed", g->fs[i].pressed);
		json_space(w, "before", &g->fs[i].before);
		json_space(w, "after", &g->fs[i].after);
		json_end_object(w);
	}
	json_end_array(w);
	json_kv_int(w, "freed_bytes", (int64_t)g->freed);
	json_kv_int(w, "removed", (int64_t)g->removed);
	json_kv_int(w, "failed", (int64_t)g->failed);
	json_kv_int(w, "kept", (int64_t)g->kept);
	json_kv_bool(w, "disk_pressure", g->full);
	json_kv_str(w, "unrecorded", g->unrecorded);
	json_kv_str(w, "refused", NULL);
	json_end_object(w);
	print_json(r);
}

static void json_refused(struct guard_report *r, const char *why, const struct err *e)
{
	struct err ignored = { 0 };

	if (r->begun) /* what was written of it is not the answer */
		IGNORE_RESULT(json_writer_finish(&r->w, &ignored), "a cut report is still shown");
	buf_clear(&r->out);
	json_writer_init(&r->w, &r->out, false);
	json_begin_object(&r->w);
	json_kv_str(&r->w, "workspace_root", r->spec->root);
	json_kv_str(&r->w, "state_dir", r->spec->state_dir);
	json_kv_str(&r->w, "refused", why);
	json_kv_str(&r->w, "error", e->text);
	json_end_object(&r->w);
	print_json(r);
}

static void log_measured(void *data, const struct guard_fs *fs, size_t n)
{
	const struct guard_report *r = data;

	for (size_t i = 0; i < n; i++)
		if (fs[i].pressed)
			log_info("disk", "guard_prunes", F_STR("root", fs[i].root),
				F_INT("percent", disk_percent(&fs[i].before)),
				F_INT("high_water", r->spec->high_water));
}

static void log_tell(void *data, const struct guard_decision *d)
{
	bool failed = str_eq(d->what, "failed");

	(void)data;
	if (failed || str_eq(d->what, "removed"))
		log_event(failed ? LOG_WARN : LOG_INFO, "disk",
			failed ? "guard_failed" : "guard_removed",
			(struct log_field[]){ F_STR("path", d->path), F_STR("reason", d->reason),
				F_INT("bytes", (int64_t)d->bytes),
				F_STR("error", d->detail ? d->detail : "") },
			failed ? 4 : 3);
	else if (str_eq(d->what, "keep"))
		log_debug("disk", "guard_kept", F_STR("path", d->path), F_STR("reason", d->reason));
}

static void log_end(struct guard_report *r, const struct guard_result *g)
{
	(void)r;
	for (size_t i = 0; i < g->n_fs; i++)
		if (g->fs[i].pressed)
			log_info("disk", "guard_done", F_STR("root", g->fs[i].root),
				F_INT("percent", disk_percent(&g->fs[i].after)),
				F_INT("freed_bytes", (int64_t)g->freed),
				F_INT("removed", (int64_t)g->removed),
				F_INT("failed", (int64_t)g->failed),
				F_INT("kept", (int64_t)g->kept));
	if (g->unrecorded)
		log_warn("disk", "guard_unrecorded", F_STR("error", g->unrecorded));
}

static void log_refused(struct guard_report *r, const char *why, const struct err *e)
{
	(void)r;
	log_warn("disk", why, F_ERR(e));
}

static const struct report_form forms[] = {
	[REPORT_TEXT] = { text_measured, text_tell, text_end, text_refused },
	[REPORT_JSON] = { json_measured, json_tell, json_end, json_refused },
	[REPORT_LOG] = { log_measured, log_tell, log_end, log_refused },
};

/* ---- the role ---- */

static const char *const log_format_words[] = { [LOG_TEXT] = "text", [LOG_JSON] = "json", NULL };

struct order {
	const char *root, *state_dir, *stale, *protected;
	enum report_kind output;
	enum log_format log_format;
	bool dry_run, locked;
};

static int parse_order(
	const struct order *o, struct guard_spec *spec, struct strv *protected, struct err *e)
{
	log_setup(LOG_INFO, o->log_format, STDERR_FILENO);
	if (o->protected)
		strv_split(protected, o->protected, ',');
	spec->root = o->root;
	spec->state_dir = o->state_dir;
	spec->protected = protected;
	spec->dry_run = o->dry_run;
	spec->now = wall_now();
	return duration_parse(o->stale, &spec->stale_us, e);
}

/* As the owner of the state directory: records and leases stay the runner's own, whoever calls. */
static int become_janitor(const char *state_dir, struct err *e)
{
	struct stat st;
	bool other;

	if (stat(state_dir, &st) < 0)
		return err_set_errno(e, errno, "state directory %s", state_dir);
	other = geteuid() == 0 && st.st_uid != 0;
	return janitor_drop(other ? st.st_uid : (uid_t)-1, other ? st.st_gid : (gid_t)-1, e);
}

static enum exit_code code_of(const struct guard_result *g)
{
	if (g->full)
		return EXIT_ESCALATE;
	if (g->unrecorded)
		return EXIT_INCOMPLETE;
	return g->failed ? EXIT_FINDINGS : EXIT_OK;
}

/* Held until we end. */
static int take_lock(const struct guard_spec *spec, int *ret, struct err *e)
{
	*ret = guard_lock(spec->state_dir, e);
	return *ret < 0 ? -1 : 0;
}

static enum exit_code run_guard(const struct guard_spec *spec, bool locked, enum report_kind kind)
{
	const struct report_form *form = &forms[kind];
	struct guard_report r = { .spec = spec, .out = BUF_INIT(MIB(256)) };
	struct guard_spec told = *spec;
	CLEANUP(guard_result_release) struct guard_result g = { 0 };
	CLEAN_FD int lock = -1; /* held until the end */
	const char *why = NULL;
	struct err e = { 0 };

	told.tell = form->tell;
	told.measured = form->measured;
	told.data = &r;
	if (kind == REPORT_TEXT && isatty(STDERR_FILENO))
		told.progress = show_progress;
	if (become_janitor(spec->state_dir, &e) < 0)
		why = "guard_refused";
	else if (!locked && take_lock(spec, &lock, &e) < 0)
		why = err_is(&e, ERR_CONFLICT) ? "guard_already_running" : "guard_refused";
	else if (guard_run(&told, &g, &e) < 0)
		why = "guard_refused";
	if (why)
		form->refused(&r, why, &e);
	else
		form->end(&r, &g);
	buf_release(&r.out);
	return why ? EXIT_REFUSED : code_of(&g);
}

int disk_guard_role_main(int argc, char **argv)
{
	struct order o = { .stale = "7d" };
	struct guard_spec spec = { .high_water = 85, .low_water = 75, .min_free = 5 };
	CLEANUP(strv_release) struct strv protected = { 0 };
	const struct cli_flag flags[] = {
		{ "root", CLI_STRING, &o.root, "DIR", "workspace root", .required = true },
		{ "state-dir", CLI_STRING, &o.state_dir, "DIR", "leases", .required = true },
		{ "mode", CLI_CHOICE, &spec.mode, .required = true, .words = guard_mode_words },
		{ "high-water", CLI_INT, &spec.high_water, "N", "percent", 1, 100 },
		{ "low-water", CLI_INT, &spec.low_water, "N", "percent", 0, 99 },
		{ "min-free", CLI_INT, &spec.min_free, "N", "percent", 0, 99 },
		{ "stale", CLI_STRING, &o.stale, "TIME", "age for nightly" },
		{ "protected", CLI_STRING, &o.protected, "A,B", "names to keep" },
		{ "output", CLI_CHOICE, &o.output, .words = report_words },
		{ "log-format", CLI_CHOICE, &o.log_format, .words = log_format_words },
		{ "dry-run", CLI_BOOL, &o.dry_run, NULL, "delete nothing" },
		{ "locked", CLI_BOOL, &o.locked, NULL, "the starter holds the lock" },
	};
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (parse_order(&o, &spec, &protected, &e) < 0)
		return cli_fail(EXIT_USAGE, "disk-guard: %s", e.text);
	return run_guard(&spec, o.locked, o.output);
}
