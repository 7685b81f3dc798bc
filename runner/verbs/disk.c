/*
 * Reads configurations and takes every instance's lock, then starts the disk-guard role once for
 * each; the role inspects and deletes. All locks or none: two guards of one host would count the
 * same free space twice.
 *
 * JSON: one object a line, one line an instance:
 *   {"workspace_root","state_dir","mode","dry_run","high_water","low_water","min_free",
 *    "decisions":[{"at","mode","path","decision","reason","detail","bytes","age_seconds",
 *    "free_bytes"}…],"filesystems":[{"root","pressed","before":{"percent","used_bytes",
 *    "free_bytes"},"after":{…}}…],"freed_bytes","removed","failed","kept","disk_pressure",
 *    "unrecorded","refused":null}
 *   {"workspace_root","state_dir","refused","error"}
 */
#include "runner/verbs/disk.h"

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>

#include "base/cli.h"
#include "base/proc.h"
#include "config/runner_options.h"
#include "runner/helper/disk_guard.h"

extern char **environ;

const char verb_disk_guard_help[] =
	"Frees disk space by deleting left-over workspaces of this runner, oldest first; the "
	"runner\n"
	"does the same before it claims. A workspace whose lease is held, or that belongs to\n"
	"another runner, is never deleted.\n"
	"--mode pre-job (default): when disk use reaches --high-water, delete workspaces of any "
	"age\n"
	"until it falls to --low-water. --mode nightly: delete every workspace unused for "
	"--stale,\n"
	"whatever the disk use. --dry-run makes the same decisions but deletes nothing.\n"
	"Records: hygiene/disk_guard.jsonl.\n"
	"--host needs --instance CONFIG for every runner of the host, and all their locks.\n"
	"Exit codes: always 0, because a job's hook must not fail; 2 usage. With --strict or\n"
	"--host: 0 done, 1 a workspace could not be deleted, 3 refused, 4 free space is still "
	"below\n"
	"--min-free, 5 not all decisions could be recorded.";

enum { INSTANCES_MAX = 64 };

struct instance {
	struct runner_config config;
	int lock;
};
struct disk_verb {
	enum cli_output output;
	bool dry_run, strict, host;
	struct strv instances;
	enum guard_mode mode;
	struct instance v[INSTANCES_MAX];
	size_t n;
};

static void verb_release(struct disk_verb *v)
{
	for (size_t i = 0; i < v->n; i++) {
		close_fdp(&v->v[i].lock);
		runner_config_release(&v->v[i].config);
	}
	strv_release(&v->instances);
}

/* ---- which instances ---- */

static int load(struct disk_verb *v, const struct runner_args *args, char *const *env)
{
	CLEAN_OPTIONS struct options o = { 0 };
	struct instance *i = &v->v[v->n++];

	i->lock = -1;
	if (runner_config_load(&i->config, &o, args, env) == 0)
		return 0;
	runner_config_report(&o);
	return -1;
}

/* Flags hold for all of them; environment and --config would make them all one. */
static int load_all(struct disk_verb *v, const struct runner_args *args)
{
	static char *const no_environment[] = { NULL };

	if (!v->host)
		return load(v, args, environ);
	strv_each (file, &v->instances) {
		struct runner_args own = *args;

		own.config = file;
		if (load(v, &own, no_environment) < 0)
			return -1;
	}
	return 0;
}

static int check(struct disk_verb *v, const struct runner_args *args)
{
	if (v->host != (v->instances.n > 0))
		return cli_fail(-1, v->host ? "--host: expected --instance CONFIG for every runner "
					      "of this host"
					    : "--instance: expected --host too");
	if (v->host && args->config)
		return cli_fail(-1, "--config: with --host name the files as --instance");
	if (v->instances.n > INSTANCES_MAX)
		return cli_fail(-1, "--instance: at most %d", INSTANCES_MAX);
	return 0;
}

/* All or none: a host is swept only when nobody else sweeps a part of it. */
static int lock_all(struct disk_verb *v)
{
	struct err e = { 0 };

	for (size_t i = 0; i < v->n; i++) {
		v->v[i].lock = guard_lock(v->v[i].config.runner.state_dir, &e);
		if (v->v[i].lock >= 0)
			continue;
		return cli_fail(-1, "%s: %s; nothing was touched",
			err_is(&e, ERR_CONFLICT) ? "guard_already_running" : "guard_refused",
			e.text);
	}
	return 0;
}

/* ---- running ---- */

static int wait_for(struct proc *p)
{
	struct pollfd end = { .fd = p->pidfd, .events = POLLIN };
	int status = 0;

	while (proc_reap(p, &status) == 0)
		poll(&end, 1, -1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FINDINGS;
}

static int guard_one(const struct disk_verb *v, const struct instance *i)
{
	const struct disk_guard_order order = { &i->config, v->mode, v->dry_run, i->lock >= 0,
		v->output == OUTPUT_JSON ? REPORT_JSON : REPORT_TEXT };
	const struct proc_fd fds[] = { { STDOUT_FILENO, STDOUT_FILENO },
		{ STDERR_FILENO, STDERR_FILENO }, { i->lock, DISK_GUARD_FD_LOCK } };
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct proc_spec spec = { .path = "/proc/self/exe",
		.fds = fds,
		.n_fds = ARRAY_LEN(fds) - (i->lock < 0),
		.die_with_parent = true };
	struct proc p = PROC_INIT;
	struct err e = { 0 };

	strv_add(&argv, "shithubd-runner");
	disk_guard_argv(&order, &argv);
	spec.argv = argv.v;
	if (proc_spawn(&p, &spec, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return wait_for(&p);
}

static int guard_all(struct disk_verb *v)
{
	int worst = EXIT_OK;

	if (v->host && lock_all(v) < 0)
		return EXIT_REFUSED;
	for (size_t i = 0; i < v->n; i++) {
		int code = guard_one(v, &v->v[i]);

		worst = code > worst ? code : worst;
	}
	return v->strict || v->host ? worst : EXIT_OK;
}

int verb_disk_guard(int argc, char **argv)
{
	CLEANUP(verb_release) struct disk_verb v = { .mode = GUARD_PRE_JOB };
	const struct cli_flag own[] = {
		{ "mode", CLI_CHOICE, &v.mode, .help = "what to delete (default: pre-job)",
			.words = guard_mode_words },
		{ "dry-run", CLI_BOOL, &v.dry_run, NULL, "decide, delete nothing" },
		{ "strict", CLI_BOOL, &v.strict, NULL, "exit codes tell what happened" },
		{ "host", CLI_BOOL, &v.host, NULL, "all runners named by --instance" },
		{ "instance", CLI_STRV, &v.instances, "CONFIG", "a runner's configuration" },
		CLI_OUTPUT_FLAG(v.output),
	};
	struct runner_args args;
	int rc = runner_args_parse(&args, argc, argv, own, ARRAY_LEN(own), verb_disk_guard_help);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	args.without_token = true;
	if (check(&v, &args) < 0 || load_all(&v, &args) < 0)
		return EXIT_USAGE;
	return guard_all(&v);
}
