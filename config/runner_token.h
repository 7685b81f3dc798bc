/*
 * Where the registration token comes from: runner.token, the file of runner.token_file, or a
 * credential that systemd gives the unit. A file that others may read is refused. Reads that file;
 * never shows what is in it.
 */
#ifndef CONFIG_RUNNER_TOKEN_H
#define CONFIG_RUNNER_TOKEN_H

#include "config/options.h"

/* After all sources: puts the token of the strongest one into runner.token, or adds a problem. */
void runner_token_resolve(struct options *o, char *const *environ);

#endif
