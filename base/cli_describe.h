/*
 * `--help=json`: the tables of a program's verbs and of one verb's flags as JSON, from which manual
 * pages and completions are made. Stable: keys are added, never removed. a program or a group of
 * verbs: {"path","verbs":[{"name","summary","usage","help","verbs":[…]}…]} one verb:
 * {"path","flags":[{"name","kind","value","words","help","required","repeatable","positional"}…]}
 * `verbs` of a verb is null when it has none; hidden ones are left out.
 */
#ifndef BASE_CLI_DESCRIBE_H
#define BASE_CLI_DESCRIBE_H

#include "base/cli.h"

void cli_describe_verbs(const char *path, const struct cli_verb *verbs);
/* help: the verb's own text, NULL when it has none. */
void cli_describe_flags(const char *path, const char *help, const struct cli_flag *flags, size_t n);

#endif
