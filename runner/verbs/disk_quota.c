/*
 * A verb of its own, because the runner that the unit starts is no root and must not become it: the
 * unit runs this one before it, with all rights. `run` as root does the same itself.
 */
#include "runner/verbs/disk_quota.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cli.h"
#include "config/runner_options.h"
#include "hygiene/disk/project.h"

extern char **environ;

const char verb_disk_quota_help[] =
	"Limits each project of runner.project_ids to runner.workspace_limit on the file system "
	"of\n"
	"runner.workspace_root, in bytes and in entries of 4 KiB. Needs root, and ext4 with the\n"
	"features quota and project or XFS, mounted with prjquota. Run it again when one of these\n"
	"values changes.\n"
	"Exit codes: 0 done, or runner.project_ids is not set; 1 a limit could not be set; 2 bad\n"
	"configuration.";

int verb_disk_quota(int argc, char **argv)
{
	CLEANUP(runner_config_release) struct runner_config c = { 0 };
	CLEAN_OPTIONS struct options o = { 0 };
	char limit[SIZE_TEXT_MAX];
	struct runner_args args;
	struct err e = { 0 };
	int rc = runner_args_parse(&args, argc, argv, NULL, 0, verb_disk_quota_help);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (runner_config_load(&c, &o, &args, environ) < 0) {
		runner_config_report(&o);
		return EXIT_USAGE;
	}
	if (!c.runner.project_ids) {
		puts("runner.project_ids is not set: a watcher measures the workspaces");
		return EXIT_OK;
	}
	if (project_limit_all(c.runner.workspace_root, c.runner.project_first, c.runner.project_ids,
		    c.runner.workspace_limit, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	printf("projects %" PRId64 "-%" PRId64 ": %s each on the file system of %s\n",
		c.runner.project_first, c.runner.project_first + c.runner.project_ids - 1,
		size_format(c.runner.workspace_limit, limit), c.runner.workspace_root);
	return EXIT_OK;
}
