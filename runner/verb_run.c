/* See verb_run.h. */
#include "runner/verb_run.h"

#include <stdio.h>

#include "base/cli.h"
#include "runner/supervisor.h"
#include "sandbox/walls.h"

extern char **environ;

const char verb_run_help[] =
	"Claims jobs from the coordinator and runs their steps in containers until stopped.\n"
	"Values come from defaults, then the file, then SHITHUB_RUNNER_* variables, then flags;\n"
	"SIGHUP reads them again. The first SIGTERM or SIGINT drains: no new job, running ones\n"
	"finish. A second one (or runner.drain_timeout) cancels, a third kills.\n"
	"`status` and `drain` talk to it meanwhile.\n"
	"Exit codes: 0 stopped as asked (with --once: the job's final status was handled),\n"
	"1 could not run or was killed by a third signal, 2 bad configuration, 3 token refused,\n"
	"state directory in use, or a wall of the sandbox that does not hold.";

static int run(struct settings *settings, const struct settings_source *source,
	const struct strv *warnings, bool once)
{
	const struct runner_config *config = &settings->config;
	struct supervisor_spec spec = { .settings = settings, .source = *source, .once = once };
	struct err e = { 0 };
	int code;

	log_setup(config->runner.log_level, config->runner.log_format, STDERR_FILENO);
	log_redact(config->runner.token);
	strv_each (warning, warnings)
		log_warn("config", "warning", F_STR("text", warning));
	if (walls_announce(config, &e) < 0)
		return cli_fail(EXIT_REFUSED, "%s", e.text);
	code = supervisor_run(&spec, &e);
	return e.class != ERR_NONE ? cli_fail(code, "%s", e.text) : code;
}

static int report_problems(const struct strv *problems)
{
	strv_each (line, problems)
		fprintf(stderr, "%s\n", line);
	return EXIT_USAGE;
}

int verb_run(int argc, char **argv)
{
	bool once = false;
	const struct cli_flag own[] = { { .name = "once",
		.kind = CLI_BOOL,
		.target = &once,
		.help = "wait for one job, run it, then exit" } };
	CLEANUP(settings_report_release) struct settings_report report = { 0 };
	struct runner_args args;
	const struct settings_source source = { &args, environ };
	struct settings *settings;
	int rc = runner_args_parse(&args, argc, argv, own, ARRAY_LEN(own), verb_run_help);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	settings = settings_load(&source, NULL, &report);
	if (!settings)
		return report_problems(&report.problems);
	rc = run(settings, &source, &report.warnings, once);
	settings_unref(settings);
	return rc;
}
