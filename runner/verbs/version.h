/* `shithubd-runner version`. Exit codes. */
#ifndef RUNNER_VERBS_VERSION_H
#define RUNNER_VERBS_VERSION_H

int verb_version(int argc, char **argv);

#endif
