/* See workdir_args.h. */
#include "runner/workdir_args.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "config/runner_options.h"

extern char **environ;

int workdir_args_parse(struct workdir_args *a, int argc, char **argv, const struct cli_flag *own,
	size_t n_own, const char *help, int max_args, char ***ret_rest, int *ret_n)
{
	const struct cli_flag common[] = {
		{ "config", CLI_STRING, &a->config, "FILE", "configuration of the runner" },
		{ "workspace-root", CLI_STRING, &a->workspace_root, "DIR", "its workspaces" },
		{ "state-dir", CLI_STRING, &a->state_dir, "DIR", "its leases; records go there" },
		{ "layout", CLI_STRING, &a->layout, "NAME",
			"shithub (default: our own workspaces) or actions (_work/<repo>)" },
		{ "instance", CLI_STRV, &a->instances, "DIR",
			"actions: folder of a runner instance" },
		{ "instances", CLI_STRV, &a->folders, "DIR",
			"actions: folder whose folders are instances" },
		{ "expect-uid", CLI_STRING, &a->expect, "N[,N…]",
			"owners to expect; the first one is who deletes" },
		{ "stale-after", CLI_STRING, &a->stale_after, "TIME",
			"older is stale (shithub: runner.workspace_ttl; actions: never)" },
		{ "output", CLI_STRING, &a->output, "FORMAT", "text (default) or json" },
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

/* the configuration */

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
	return str_eq(a->layout, "actions") || (!a->layout && (a->instances.n || a->folders.n));
}

static int check_choices(struct workdir_args *a, struct err *e)
{
	bool roots = a->instances.n || a->folders.n;

	if (a->layout && !workdir_args_actions(a) && !str_eq(a->layout, "shithub"))
		return err_set(e, ERR_INPUT, "--layout %s: expected shithub or actions", a->layout);
	if (workdir_args_actions(a) != roots)
		return err_set(e, ERR_INPUT,
			roots ? "--instance and --instances belong to --layout actions"
			      : "--layout actions: expected --instance or --instances too");
	a->json = str_eq(a->output, "json");
	if (!a->json && !str_eq(a->output, "text"))
		return err_set(e, ERR_INPUT, "--output %s: expected text or json", a->output);
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

/* the hosts */

static int open_host(struct workdir_args *a, const char *path, struct err *e)
{
	bool actions = workdir_args_actions(a);
	struct workdir_host_spec spec = { .layout = actions ? WORKDIR_ACTIONS : WORKDIR_SHITHUB,
		.path = path,
		.state_dir = actions ? NULL : a->runner.runner.state_dir,
		.step_uid = actions ? -1 : a->runner.engine.uid,
		.expected = a->expect ? &a->expected : NULL };
	struct workdir_host h;

	if (workdir_host_open(&h, &spec, e) < 0)
		return -1;
	a->hosts = xrealloc(a->hosts, (a->n + 1) * sizeof(*a->hosts));
	a->hosts[a->n++] = h;
	return 0;
}

/* Instances are told by what they hold, not by their names. */
static int open_folder(struct workdir_args *a, const char *folder, struct err *e)
{
	DIR *d = opendir(folder);
	size_t before = a->n;
	struct stat st;
	int rc = 0;

	if (!d)
		return err_set_errno(e, errno, "instances %s", folder);
	for (struct dirent *ent; rc == 0 && (ent = readdir(d));) {
		CLEAN_STR char *work = xasprintf("%s/%s/_work", folder, ent->d_name);
		CLEAN_STR char *instance = path_join(folder, ent->d_name);

		if (ent->d_name[0] != '.' && lstat(work, &st) == 0)
			rc = open_host(a, instance, e);
	}
	closedir(d);
	if (rc == 0 && a->n == before)
		return err_set(
			e, ERR_NOT_FOUND, "instances %s: no folder in it has a _work", folder);
	return rc;
}

static int by_name(const void *x, const void *y)
{
	const struct workdir_host *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->root, b->root);
}

static int open_all(struct workdir_args *a, struct err *e)
{
	if (!workdir_args_actions(a) && open_host(a, a->runner.runner.workspace_root, e) < 0)
		return -1;
	strv_each (instance, &a->instances)
		if (open_host(a, instance, e) < 0)
			return -1;
	strv_each (folder, &a->folders)
		if (open_folder(a, folder, e) < 0)
			return -1;
	qsort(a->hosts, a->n, sizeof(*a->hosts), by_name);
	return 0;
}

/* A million entries take a second: a person wants to see that something happens. */
static void show_progress(void *data, uint64_t entries)
{
	static atomic_uint_least64_t seen, shown_ms;
	uint64_t now = (uint64_t)(mono_now().us / USEC_PER_MSEC);
	uint64_t all = atomic_fetch_add(&seen, entries) + entries, last = atomic_load(&shown_ms);

	(void)data;
	if (now - last >= 250 && atomic_compare_exchange_strong(&shown_ms, &last, now) && last)
		fprintf(stderr, "\r%" PRIu64 " entries … \r", all);
}

int workdir_args_open(struct workdir_args *a)
{
	struct err e = { 0 };

	if (workdir_args_load(a) < 0)
		return -1;
	if (open_all(a, &e) < 0) {
		bool refused = err_is(&e, ERR_CONFLICT);
		a->code = (enum exit_code)cli_fail(
			refused ? EXIT_REFUSED : EXIT_INCOMPLETE, "%s", e.text);
		return -1;
	}
	a->in_use = in_use_look();
	a->audit.in_use = a->in_use;
	a->audit.now = wall_now();
	a->audit.threads = 2;
	if (isatty(STDERR_FILENO))
		a->audit.progress = show_progress;
	return 0;
}

void workdir_args_release(struct workdir_args *a)
{
	for (size_t i = 0; i < a->n; i++)
		workdir_host_release(&a->hosts[i]);
	free(a->hosts);
	in_use_free(a->in_use);
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
