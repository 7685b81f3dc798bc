/*
 * The configuration is loaded and checked before the log is set up: problems are lines on stderr
 * for a person, all at once; what happens later are log events.
 */
#include "runner/verbs/run.h"

#include <stdio.h>

#include "base/cli.h"
#include "runner/supervisor/supervisor.h"
#include "sandbox/confinement.h"

extern char **environ;

const char verb_run_help[] =
	"Claims jobs from the coordinator and runs their steps in containers until stopped.\n"
	"Values come from defaults, then the file, then SHITHUB_RUNNER_* variables, then flags;\n"
	"SIGHUP reads them again. The first SIGTERM or SIGINT drains: no new job, running ones\n"
	"finish. A second one (or runner.drain_timeout) cancels, a third kills.\n"
	"Use `status` and `drain` to talk to it while it runs.\n"
	"Exit codes: 0 stopped as asked (with --once: the final status was delivered or stored),\n"
	"1 could not run or was killed by a third signal (with --once also: this machine could "
	"not\n"
	"run the job, which was handed back if the coordinator takes it), 2 bad configuration, 3 "
	"the token was\n"
	"refused at the start, the state directory is in use, or a confinement requirement or a\n"
	"limit is not met.";

static int run_supervisor(struct settings *settings, const struct settings_source *source,
	const struct strv *warnings, struct supervisor_spec *spec)
{
	const struct runner_config *config = &settings->config;
	struct err e = { 0 };
	int code;

	spec->settings = settings;
	spec->source = *source;
	log_setup(config->runner.log_level, config->runner.log_format, STDERR_FILENO);
	log_redact(config->runner.token);
	strv_each (warning, warnings)
		log_warn("config", "warning", F_STR("text", warning));
	if (confinement_announce(config, &e) < 0)
		return cli_fail(EXIT_REFUSED, "%s", e.text);
	code = supervisor_run(spec, &e);
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
	struct supervisor_spec spec = { 0 };
	const struct cli_flag own[] = {
		{ .name = "once",
			.kind = CLI_BOOL,
			.target = &spec.once,
			.help = "wait for one job, run it, then exit" },
		{ .name = "exit-on-refusal",
			.kind = CLI_BOOL,
			.target = &spec.exit_on_refusal,
			.help = "exit 3 also when a token is refused that was good before" },
	};
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
	rc = run_supervisor(settings, &source, &report.warnings, &spec);
	settings_unref(settings);
	return rc;
}
