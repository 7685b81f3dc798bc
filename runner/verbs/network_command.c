/*
 * The verbs of `network` share everything up to their work, also the order of failures: usage,
 * configuration, engine.
 */
#include "runner/verbs/network_command.h"

extern char **environ;

static int parse(struct network_command *c, struct runner_args *args, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help)
{
	struct cli_flag flags[NETWORK_COMMAND_FLAGS];
	size_t n = 0;

	if (n_own + 1 > ARRAY_LEN(flags))
		BUG("%zu own flags", n_own);
	for (; n < n_own; n++)
		flags[n] = own[n];
	flags[n++] = (struct cli_flag)CLI_OUTPUT_FLAG(c->output);
	return runner_args_parse(args, argc, argv, flags, n, help);
}

static int open_loaded(struct network_command *c, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION };

	log_setup(c->config.runner.log_level, c->config.runner.log_format, STDERR_FILENO);
	if (network_plan_init(&c->plan, &c->config, e) < 0)
		return -1;
	c->loop = loop_new(e);
	c->http = c->loop ? http_new(c->loop, &http, e) : NULL;
	return c->http ? 0 : -1;
}

int network_command_open(struct network_command *c, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help, int *ret_code)
{
	struct runner_args args;
	struct err e = { 0 };

	*c = (struct network_command){ 0 };
	int rc = parse(c, &args, argc, argv, own, n_own, help);
	if (rc != 0) {
		*ret_code = rc > 0 ? EXIT_OK : EXIT_USAGE;
		return -1;
	}
	args.without_token = true;
	if (runner_config_load(&c->config, &c->options, &args, environ) < 0)
		*ret_code = runner_config_report(&c->options);
	else if (open_loaded(c, &e) < 0)
		*ret_code = network_command_fail(&e);
	else
		return 0;
	return -1;
}

int network_command_engine(struct network_command *c, struct err *e)
{
	c->engine =
		engine_open(c->loop, c->http, c->config.engine.kind, c->config.engine.socket, e);
	if (!c->engine)
		return -1;
	if (str_eq(engine_network(c->engine, c->plan.network), "none"))
		return err_set(e, ERR_CONFLICT,
			"the engine at %s makes no bridge of the host (rootless): steps run "
			"without "
			"network there, so there is nothing to guard",
			engine_socket(c->engine));
	return 0;
}

void network_command_release(struct network_command *c)
{
	engine_free(c->engine);
	http_free(c->http);
	loop_free(c->loop);
	network_plan_release(&c->plan);
	options_release(&c->options);
	runner_config_release(&c->config);
}

int network_command_fail(const struct err *e)
{
	return cli_fail(exit_code(e), "%s", e->text);
}
