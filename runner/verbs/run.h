/* `shithubd-runner run`: configuration, then the supervisor. */
#ifndef RUNNER_VERBS_RUN_H
#define RUNNER_VERBS_RUN_H

extern const char verb_run_help[];
int verb_run(int argc, char **argv);

#endif
