/*
 * An admin verb at a coordinator elsewhere: --url URL with a site admin's token, from --token-file
 * or SHITHUB_ADMIN_TOKEN (never a flag: a command line can be read by every user of the machine).
 * The flags are checked here, by the verb's own table; the verb runs there.
 */
#ifndef COORDINATOR_REMOTE_VERB_H
#define COORDINATOR_REMOTE_VERB_H

#include "base/cli.h"

struct remote {
	const char *url, *token_file;
	char **argv; /* of the verb, as typed: argv[0] is its name */
	int argc;
	bool reads_stdin;
};
/* Its two flags, into flags; how many. */
size_t remote_flags(struct remote *r, struct cli_flag *flags);
/* Prints what the verb prints; *ret_code gets its exit code. */
int remote_run(const struct remote *r, int *ret_code, struct err *e) CHECK_RESULT;

#endif
