/* See verb_run.h. */
#include "runner/verb_run.h"

#include <stdio.h>

#include "base/cli.h"
#include "config/runner_inherit.h"
#include "runner/role.h"
#include "runner/supervisor.h"

extern char **environ;

const char verb_run_help[] =
	"Claims jobs from the coordinator and runs their steps in containers until stopped.\n"
	"Values come from defaults, then the file, then SHITHUB_RUNNER_* variables, then flags.\n"
	"The first SIGTERM or SIGINT drains: no new job, running ones finish. A second one "
	"cancels.\n"
	"Exit codes: 0 stopped as asked (with --once: the job's final status was handled),\n"
	"1 could not run, 2 bad configuration, 3 token refused or state directory in use.";

static int run(const struct runner_config *config, const struct options *options, bool once)
{
	CLEANUP(strv_release) struct strv env = { 0 };
	struct supervisor_spec spec = { .config = config, .job_env = &env, .once = once };
	struct err e = { 0 };
	int code;

	log_setup(config->runner.log_level, config->runner.log_format, STDERR_FILENO);
	if (runner_config_require(config, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	log_redact(config->runner.token);
	strv_each (warning, &options->warnings)
		log_warn("config", "warning", F_STR("text", warning));
	runner_config_export(options, &env);
	role_pass_through(&env);
	code = supervisor_run(&spec, &e);
	return e.class != ERR_NONE ? cli_fail(code, "%s", e.text) : code;
}

int verb_run(int argc, char **argv)
{
	bool once = false;
	const struct cli_flag own[] = { { .name = "once",
		.kind = CLI_BOOL,
		.target = &once,
		.help = "wait for one job, run it, then exit" } };
	struct runner_config config = { 0 };
	CLEAN_OPTIONS struct options options = { 0 };
	struct runner_args args;
	int rc = runner_args_parse(&args, argc, argv, own, ARRAY_LEN(own), verb_run_help);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (runner_config_load(&config, &options, &args, environ) < 0)
		rc = runner_config_report(&options);
	else
		rc = run(&config, &options, once);
	runner_config_release(&config);
	return rc;
}
