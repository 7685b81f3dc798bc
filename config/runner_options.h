/*
 * The runner's option table, the flags of `run`, and loading: defaults < file < environment <
 *flags.
 *
 *	struct runner_args args;
 *	int rc = runner_args_parse(&args, argc, argv, own_flags, n, help);
 *	… rc as cli_parse …
 *	if (runner_config_load(&config, &options, &args, environ) < 0)
 *		return runner_config_report(&options);    // one line for each problem, exit 2
 *	strv_each(w, &options.warnings) …
 *	if (runner_config_require(&config, &e) < 0) …     // what `run` cannot do without
 *
 * The file is --config, else SHITHUB_RUNNER_CONFIG, else RUNNER_CONFIG_PATH (which may be absent).
 * Reads that file and runner.token_file, nothing else. Any process that has no secrets of jobs.
 */
#ifndef CONFIG_RUNNER_OPTIONS_H
#define CONFIG_RUNNER_OPTIONS_H

#include <limits.h>

#include "config/options.h"
#include "config/runner_config.h"

enum { RUNNER_OPTION_COUNT = 65, RUNNER_OWN_FLAGS_MAX = 16 };
extern const struct option runner_option_table[RUNNER_OPTION_COUNT];
extern const struct option_alias runner_option_aliases[];

/* The flags as given; borrows from argv. */
struct runner_args {
	const char *config;
	const char *text[RUNNER_OPTION_COUNT];  /* in the order of the table */
	const char *other[RUNNER_OPTION_COUNT]; /* the same, by the flag's other name */
	char cwd[PATH_MAX];                     /* where relative paths begin; "": unknown */
	/* The verb sends no token: none is read, and a wrong one is no problem of its. */
	bool without_token;
};

/* For callers that fill the struct themselves: relative paths begin here. */
void runner_args_here(struct runner_args *a);
/* Parses --config, the table's flags and the caller's own; no other arguments. As cli_parse: 0 go
 * on, 1 help was printed, -1 usage error was printed. */
int runner_args_parse(struct runner_args *ret, int argc, char **argv, const struct cli_flag *own,
	size_t n_own, const char *help) CHECK_RESULT;

/* The same for a verb that takes up to max_args arguments of its own. */
int runner_args_parse_rest(struct runner_args *ret, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help, int max_args, char ***ret_rest,
	int *ret_n) CHECK_RESULT;

/* Fills both (release both, also after -1). -1: o->problems says everything that is wrong. */
int runner_config_load(struct runner_config *ret, struct options *o, const struct runner_args *args,
	char *const *environ) CHECK_RESULT;
/* Prints every problem as a line on stderr; returns EXIT_USAGE. */
int runner_config_report(const struct options *o);
/* What the struct keeps of where values came from; after options_apply. */
void runner_config_origins(const struct options *o, struct runner_config *ret);
/* URL, token and labels are there; the error names what is missing and how to set it. */
int runner_config_require(const struct runner_config *c, struct err *e) CHECK_RESULT;

#endif
