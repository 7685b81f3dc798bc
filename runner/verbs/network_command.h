/*
 * What the verbs of `network` have in common: flags, configuration, plan, loop, engine. A verb
 * opens one, works, releases it; network_command_fail turns an error into its exit code.
 */
#ifndef RUNNER_VERBS_NETWORK_COMMAND_H
#define RUNNER_VERBS_NETWORK_COMMAND_H

#include "base/cli.h"
#include "config/runner_options.h"
#include "engine/engine.h"
#include "network/plan.h"

struct network_command {
	struct runner_config config;
	struct options options;
	struct network_plan plan;
	struct loop *loop;
	struct http *http;
	struct engine *engine; /* NULL until network_command_engine */
	enum cli_output output;
};

enum { NETWORK_COMMAND_FLAGS = 4 };
/* Parses the flags of the runner, --output and `own`, loads the configuration. 0, or the exit code
 * to return in *ret_code and -1. */
int network_command_open(struct network_command *c, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help, int *ret_code) CHECK_RESULT;
int network_command_engine(struct network_command *c, struct err *e) CHECK_RESULT;
void network_command_release(struct network_command *c);
/* Prints the error; EXIT_REFUSED for what stands in the way, EXIT_USAGE for the configuration. */
int network_command_fail(const struct err *e);

#endif
