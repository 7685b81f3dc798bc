/*
 * What an option table knows, for people and for programs that write documents from it: every key
 * with its default, range, flag, variable and meaning. Text is a configuration file in which every
 * key is a comment; JSON is an array of
 * {"section","key","default","expected","flag","variable","help","sensitive"}.
 */
#ifndef CONFIG_OPTION_LIST_H
#define CONFIG_OPTION_LIST_H

#include "config/options.h"

/* Prints to standard output; returns enum exit_code. */
int option_list_print(const struct option *table, size_t count, const struct option_names *names,
	enum cli_output output);

/* `VERB [--output table|json]` as a whole, for the verb tables of both programs. */
int option_list_verb(int argc, char **argv, const struct option *table, size_t count,
	const struct option_names *names);

#endif
