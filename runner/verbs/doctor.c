/*
 * Collects facts in the order in which they need each other (the runner's process tells whose
 * limits count), then judges and prints. A configuration that does not load is a finding, not an
 * end: everything that does not need it is still checked.
 */
#include "runner/verbs/doctor.h"

#include <errno.h>

#include "base/terminal/style.h"
#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_options.h"
#include "hygiene/doctor/doctor.h"
#include "hygiene/doctor/inspect.h"
#include "runner/control/control.h"
#include "runner/helper/program.h"

const char verb_doctor_help[] =
	"Checks everything the runner needs: configuration, token, coordinator, clock, TLS, "
	"engine,\n"
	"image, gate, egress firewall, seccomp, capabilities, folders, limits, systemd unit. Runs\n"
	"one container with the settings of a step and reads back what it sees. It claims no job,\n"
	"prints no secret and changes nothing; each WARN and FAIL names its remedy in one line.\n"
	"Run it as the runner's user, or as root.\n"
	"--offline contacts no coordinator and runs no container.\n"
	"Exit codes: 0 all pass or warn, 1 a check fails, 2 usage, 5 something could not be "
	"proved.";

struct doctor_command {
	struct runner_config config;
	struct options options;
	struct options tokenless; /* of a second reading that leaves the token out */
	struct doctor_facts facts;
	struct doctor_tools tools;
	char *gate, *probe;
	struct err no_gate, no_probe;
	struct engine *engine;
};

static void release(struct doctor_command *c)
{
	engine_free(c->engine);
	http_free(c->tools.http);
	loop_free(c->tools.loop);
	doctor_facts_release(&c->facts);
	free(c->gate);
	free(c->probe);
	options_release(&c->options);
	options_release(&c->tokenless);
	runner_config_release(&c->config);
}

/* A token that the configuration refuses is no reason to check nothing else. */
static void load_without_token(struct doctor_command *c, const struct runner_args *args)
{
	int i = options_find(&c->options, "runner", "token_file");
	const char *path = i < 0 ? NULL : c->options.values[i].text;
	struct runner_args fewer = *args;

	for (size_t k = 0; k < c->options.n_problems; k++)
		if (!str_eq(c->options.problems[k].key, "runner.token_file"))
			return;
	if (!path)
		return;
	fewer.text[i] = "";
	if (runner_config_load(&c->config, &c->tokenless, &fewer, environ) < 0)
		return;
	c->facts.config = &c->config;
	c->facts.token.from = TOKEN_OWN_FILE;
	c->facts.token.path = xstrdup(path);
}

static void load(struct doctor_command *c, const struct runner_args *args)
{
	struct err e = { 0 };

	if (runner_config_load(&c->config, &c->options, args, environ) < 0) {
		load_without_token(c, args);
	} else {
		c->facts.config = &c->config;
		if (runner_config_require(&c->config, &e) < 0)
			c->facts.missing = xstrdup(e.text);
	}
	for (size_t i = 0; i < c->options.n_problems; i++)
		strv_add_take(&c->facts.problems, option_problem_line(&c->options.problems[i]));
	strv_each (line, &c->options.warnings)
		strv_add(&c->facts.warnings, line);
}

static int open_tools(struct doctor_command *c, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = c->config.server.ca_file };

	c->gate = helper_program(c->config.engine.gate_path, "shithub-gate", &c->no_gate);
	c->probe = helper_program(NULL, "shithub-probe", &c->no_probe);
	c->tools.gate_path = c->gate;
	c->tools.probe_path = c->probe;
	c->tools.gate_error = c->no_gate.text;
	c->tools.probe_error = c->no_probe.text;
	c->tools.loop = loop_new(e);
	c->tools.http = c->tools.loop ? http_new(c->tools.loop, &http, e) : NULL;
	return c->tools.http ? 0 : -1;
}

static void ask_runner(struct doctor_command *c)
{
	struct runner_facts *r = &c->facts.runner;
	CLEAN_JSON struct json_doc *answer = NULL;
	struct err e = { 0 };

	if (!c->facts.config)
		return;
	if (control_call(c->config.runner.state_dir,
		    &(struct control_request){ .verb = CONTROL_STATUS }, &answer, &e) == 0)
		doctor_read_runner(json_get(json_root(answer), "status"), r);
	else if (!err_is(&e, ERR_NOT_FOUND))
		inspection_failed(&r->inspection, e.text);
}

static int collect_facts(struct doctor_command *c, struct err *e)
{
	if (open_tools(c, e) < 0)
		return -1;
	ask_runner(c);
	doctor_inspect_host(&c->facts, &c->options);
	doctor_inspect_unit(&c->facts, &c->tools);
	doctor_inspect_server(&c->facts, &c->tools);
	doctor_inspect_engine(&c->facts, &c->tools, &c->engine);
	doctor_inspect_box(&c->facts, &c->tools, c->engine);
	doctor_inspect_egress(&c->facts, &c->tools, c->engine);
	return 0;
}

static int print_report(
	const struct doctor_command *c, enum cli_output output, enum cli_color color)
{
	CLEANUP(doctor_report_release) struct doctor_report r = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	struct err e = { 0 };

	doctor_judge(&c->facts, c->config.runner.token, &r);
	if (output == OUTPUT_TEXT)
		doctor_write_text(&r, terminal_style(STDOUT_FILENO, color).color, &out);
	else if (doctor_write_json(&r, &out, &e) < 0 || buf_addc(&out, '\n') < 0)
		return cli_fail(EXIT_INCOMPLETE, "report: %s", e.text);
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_INCOMPLETE, "standard output: %s", e.text);
	return doctor_exit(&r);
}

int verb_doctor(int argc, char **argv)
{
	CLEANUP(release) struct doctor_command c = { 0 };
	enum cli_output output = OUTPUT_TEXT;
	enum cli_color color = COLOR_AUTO;
	const struct cli_flag own[] = {
		CLI_OUTPUT_FLAG(output),
		CLI_COLOR_FLAG(color),
		{ .name = "offline",
			.kind = CLI_BOOL,
			.target = &c.facts.offline,
			.help = "no coordinator, no container" },
		{ .name = "unit",
			.target = &c.tools.unit,
			.meta = "FILE",
			.help = "systemd unit to check (default: this machine's)" },
	};
	struct runner_args args;
	struct err e = { 0 };
	int rc = runner_args_parse(&args, argc, argv, own, ARRAY_LEN(own), verb_doctor_help);

	if (rc != 0)
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
	load(&c, &args);
	if (collect_facts(&c, &e) < 0)
		return cli_fail(EXIT_INCOMPLETE, "%s", e.text);
	return print_report(&c, output, color);
}
