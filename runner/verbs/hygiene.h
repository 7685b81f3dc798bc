/* `shithubd-runner hygiene report|plan|apply|history|schedule`: the host's disk and what an engine
 * keeps on it. */
#ifndef RUNNER_VERBS_HYGIENE_H
#define RUNNER_VERBS_HYGIENE_H

#include "base/cli.h"

extern const struct cli_verb hygiene_verbs[];

/* verbs/hygiene_schedule.c */
extern const char hygiene_schedule_help[];
int verb_hygiene_schedule(int argc, char **argv);

#endif
