/* `shithubd-runner workdir audit|reconcile|remediate|triage`: contaminated workspaces. */
#ifndef RUNNER_VERBS_WORKDIR_H
#define RUNNER_VERBS_WORKDIR_H

#include "base/cli.h"

extern const struct cli_verb workdir_verbs[]; /* the nested table */

#endif
