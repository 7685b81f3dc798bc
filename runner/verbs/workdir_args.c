/*
 * Which hosts the workdir verbs inspect. Hosts are opened before anything is inspected: a wrong
 * path on the command line then changes nothing anywhere.
 */
#include "runner/verbs/workdir_args.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "config/runner_options.h"

extern char **environ;

static const char *const layout_words[] = { "auto", "shithub", "actions", NULL };

int workdir_args_parse(struct workdir_args *a, int argc, char **argv, const struct cli_flag *own,
	size_t n_own, const char *help, int max_args, char ***ret_rest, int *ret_n)
{
	const struct cli_flag common[] = {
		{ "config", CLI_STRING, &a->config, "FILE", "configuration of the runner" },
		{ "workspace-root", CLI_STRING, &a->workspace_root, "DIR", "its workspaces" },
		{ "state-dir", CLI_STRING, &a->state_dir, "DIR", "its leases; records go there" },
		{ "layout", CLI_CHOICE, &a->layout,
			.help = "auto (default), our own workspaces, or _work/<repo>",
			.words = layout_words },
		{ "instance", CLI_STRV, &a->instances, "DIR",
			"actions: folder of a runner instance" },
		{ "instances", CLI_STRV, &a->folders, "DIR",
			"actions: folder whose folders are instances" },
		{ "expect-uid", CLI_STRING, &a->expect, "N[,N…]",
			"expected owners; the first one deletes" },
		{ "stale-after", CLI_STRING, &a->stale_after, "TIME",
			"older is stale (shithub: runner.workspace_ttl; actions: never)" },
		CLI_OUTPUT_FLAG(a->output),
	};
	struct cli_flag all[ARRAY_LEN(common) + WORKDIR_OWN_FLAGS_MAX];

	if (n_own > WORKDIR_OWN_FLAGS_MAX)
		BUG("too many flags");
	memcpy(all, common, sizeof(common));
	if (n_own)
		memcpy(all + ARRAY_LEN(common), own, n_own * sizeof(*own));
	return cli_parse(
		argc, argv, all, ARRAY_LEN(common) + n_own, help, max_args, ret_rest, ret_n);
}

/* ---- the configuration ---- */

static void set_option(struct runner_args *args, const char *flag, const char *value)
{
	for (size_t i = 0; i < RUNNER_OPTION_COUNT; i++)
		if (str_eq(runner_option_table[i].flag, flag))
			args->text[i] = value;
}

static int load_config(struct workdir_args *a)
{
	CLEAN_OPTIONS struct options o = { 0 };
	struct runner_args args = { .config = a->config };

	runner_args_here(&args);
	set_option(&args, "workspace-root", a->workspace_root);
	set_option(&args, "state-dir", a->state_dir);
	set_option(&args, "server-url", a->server_url);
	if (runner_config_load(&a->runner, &o, &args, environ) < 0) {
		a->code = (enum exit_code)runner_config_report(&o);
		return -1;
	}
	return 0;
}

bool workdir_args_actions(const struct workdir_args *a)
{
	return a->layout == LAYOUT_ACTIONS ||
	       (a->layout == LAYOUT_AUTO && (a->instances.n || a->folders.n));
}

static int check_choices(struct workdir_args *a, struct err *e)
{
	bool roots = a->instances.n || a->folders.n;

	if (workdir_args_actions(a) != roots)
		return err_set(e, ERR_INPUT,
			roots ? "--instance and --instances belong to --layout actions"
			      : "--layout actions: expected --instance or --instances too");
	if (a->expect && workdir_uids_parse(a->expect, &a->expected, e) < 0)
		return err_wrap(e, "--expect-uid");
	a->audit.stale_after_us = workdir_args_actions(a) ? 0 : a->runner.runner.workspace_ttl_us;
	if (a->stale_after && duration_parse(a->stale_after, &a->audit.stale_after_us, e) < 0)
		return err_wrap(e, "--stale-after");
	return 0;
}

int workdir_args_load(struct workdir_args *a)
{
	struct err e = { 0 };

	if (load_config(a) < 0)
		return -1;
	if (check_choices(a, &e) < 0) {
		a->code = (enum exit_code)cli_fail(EXIT_USAGE, "%s", e.text);
		return -1;
	}
	return 0;
}

/* ---- the hosts ---- */

static void open_host(struct workdir_args *a, const char *path)
{
	bool actions = workdir_args_actions(a);
	struct workdir_host_spec spec = { .layout = actions ? WORKDIR_ACTIONS : WORKDIR_SHITHUB,
		.path = path,
		.state_dir = actions ? NULL : a->runner.runner.state_dir,
		.step_uid = actions ? -1 : a->runner.engine.uid,
		.step_users = a->runner.engine.users,
		.expected = a->expect ? &a->expected : NULL };
	struct workdir_host h;
	struct err e = { 0 };

	if (workdir_host_open(&h, &spec, &e) < 0) {
		host_failures_add(&a->failures, path, &e);
		return;
	}
	a->hosts = xrealloc(a->hosts, (a->n + 1) * sizeof(*a->hosts));
	a->hosts[a->n++] = h;
}

/* Instances are told by what they hold, not by their names. */
static int open_folder(struct workdir_args *a, const char *folder, struct err *e)
{
	DIR *d = opendir(folder);
	bool any = false;
	struct stat st;

	if (!d)
		return err_set_errno(e, errno, "instances %s", folder);
	for (struct dirent *ent; (ent = readdir(d));) {
		CLEAN_STR char *work = xasprintf("%s/%s/_work", folder, ent->d_name);
		CLEAN_STR char *instance = path_join(folder, ent->d_name);

		if (ent->d_name[0] == '.' || lstat(work, &st) < 0)
			continue;
		any = true;
		open_host(a, instance);
	}
	closedir(d);
	return any ? 0
		   : err_set(e, ERR_NOT_FOUND, "instances %s: no folder in it has a _work", folder);
}

static int by_name(const void *x, const void *y)
{
	const struct workdir_host *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->root, b->root);
}

/* One that cannot be opened hides none of the others. */
static void open_all(struct workdir_args *a)
{
	struct err e = { 0 };

	if (!workdir_args_actions(a))
		open_host(a, a->runner.runner.workspace_root);
	strv_each (instance, &a->instances)
		open_host(a, instance);
	strv_each (folder, &a->folders) {
		if (open_folder(a, folder, &e) < 0)
			host_failures_add(&a->failures, folder, &e);
		err_clear(&e);
	}
	if (a->n)
		qsort(a->hosts, a->n, sizeof(*a->hosts), by_name);
}

/* A million entries take a second: a person wants to see that something happens. */
static void show_progress(void *data, uint64_t entries)
{
	struct workdir_progress *p = data;
	uint64_t now = (uint64_t)(mono_now().us / USEC_PER_MSEC);
	uint64_t all = atomic_fetch_add(&p->seen, entries) + entries;
	uint64_t last = atomic_load(&p->shown_ms);

	if (now - last >= 250 && atomic_compare_exchange_strong(&p->shown_ms, &last, now) && last)
		fprintf(stderr, "\r%" PRIu64 " entries … \r", all);
}

int workdir_args_open(struct workdir_args *a)
{
	if (workdir_args_load(a) < 0)
		return -1;
	open_all(a);
	a->audit.now = wall_now();
	a->audit.threads = 2;
	a->audit.progress_data = &a->progress;
	workdir_engine_init(&a->engine, &a->runner);
	a->audit.engine = &a->engine.ask;
	if (isatty(STDERR_FILENO))
		a->audit.progress = show_progress;
	return 0;
}

void workdir_args_release(struct workdir_args *a)
{
	for (size_t i = 0; i < a->n; i++)
		workdir_host_release(&a->hosts[i]);
	free(a->hosts);
	host_failures_release(&a->failures);
	workdir_engine_release(&a->engine);
	strv_release(&a->instances);
	strv_release(&a->folders);
	runner_config_release(&a->runner);
}

enum exit_code workdir_print(const struct buf *out, enum exit_code code)
{
	struct err e = { 0 };

	if (!buf_ok(out))
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "the report is too large");
	if (fd_write_all(STDOUT_FILENO, buf_cstr(out), out->len, &e) < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return code;
}
