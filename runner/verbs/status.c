/*
 * The runner is found by its state directory; the configuration is read only to learn that path.
 * Nothing else of it is used, so a broken token does not hide a running runner.
 */
#include "runner/verbs/status.h"

#include <errno.h>

#include "base/fs.h"
#include "config/runner_options.h"
#include "runner/control/control.h"
#include "runner/supervisor/status.h"

const char verb_status_help[] =
	"Shows what the runner on this host is doing: its jobs and their steps, log bytes not yet\n"
	"delivered, the last heartbeat, the engine. --state-dir selects the runner; the default "
	"is\n"
	"runner.state_dir of the configuration.\n"
	"Exit codes: 0 it answered, 1 it did not answer, 2 bad usage or configuration, 3 no runner "
	"is\n"
	"running, or this user may not ask it.";

void runner_choice_flags(struct runner_choice *c, struct cli_flag flags[RUNNER_CHOICE_FLAGS])
{
	flags[0] = (struct cli_flag){ .name = "state-dir",
		.target = &c->state_dir,
		.meta = "DIR",
		.help = "state directory of the runner" };
	flags[1] = (struct cli_flag){ .name = "config",
		.target = &c->config,
		.meta = "FILE",
		.help = "configuration that names the state directory (default " RUNNER_CONFIG_PATH
			")" };
}

static int call(const char *state_dir, const struct control_request *r, struct json_doc **ret)
{
	struct err e = { 0 };
	bool refused;

	if (control_call(state_dir, r, ret, &e) == 0)
		return EXIT_OK;
	refused = err_is(&e, ERR_NOT_FOUND) || err_is(&e, ERR_CONFLICT) || e.errnum == EACCES ||
		  e.errnum == EPERM;
	return cli_fail(refused ? EXIT_REFUSED : EXIT_FINDINGS, "%s", e.text);
}

int runner_choice_call(const struct runner_choice *c, const struct control_request *r,
	struct json_doc **ret_answer)
{
	const struct runner_args args = { .config = c->config, .without_token = true };
	struct runner_config config = { 0 };
	CLEAN_OPTIONS struct options options = { 0 };
	int rc;

	if (c->state_dir)
		return call(c->state_dir, r, ret_answer);
	if (runner_config_load(&config, &options, &args, environ) < 0)
		rc = runner_config_report(&options);
	else
		rc = call(config.runner.state_dir, r, ret_answer);
	runner_config_release(&config);
	return rc;
}

static int print(const struct json_value *status, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(CONTROL_ANSWER_MAX);
	struct err e = { 0 };

	if (json) {
		struct json_writer w;

		json_writer_init(&w, &out, true);
		json_copy(&w, status);
		if (json_writer_finish(&w, &e) < 0)
			return cli_fail(EXIT_FINDINGS, "%s", e.text);
		if (out.len && out.data[out.len - 1] != '\n')
			buf_addc(&out, '\n');
	} else {
		status_describe(status, &out);
	}
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return EXIT_OK;
}

int verb_status(int argc, char **argv)
{
	struct runner_choice which = { 0 };
	enum cli_output output = OUTPUT_TEXT;
	struct cli_flag flags[RUNNER_CHOICE_FLAGS + 1] = { CLI_OUTPUT_FLAG(output) };
	CLEAN_JSON struct json_doc *answer = NULL;
	char **rest;
	int n, rc;

	runner_choice_flags(&which, flags + 1);
	rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), verb_status_help, 0, &rest, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	rc = runner_choice_call(
		&which, &(struct control_request){ .verb = CONTROL_STATUS }, &answer);
	if (rc != EXIT_OK)
		return rc;
	return print(json_get(json_root(answer), "status"), output == OUTPUT_JSON);
}
