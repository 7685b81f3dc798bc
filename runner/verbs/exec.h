/* `shithubd-runner exec`: a repository's workflow on this machine, without a coordinator. */
#ifndef RUNNER_VERBS_EXEC_H
#define RUNNER_VERBS_EXEC_H

extern const char verb_exec_help[];
int verb_exec(int argc, char **argv);

#endif
