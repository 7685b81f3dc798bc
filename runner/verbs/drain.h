/* `shithubd-runner drain`: makes the running runner stop claiming jobs, or resume. */
#ifndef RUNNER_VERBS_DRAIN_H
#define RUNNER_VERBS_DRAIN_H

extern const char verb_drain_help[];
int verb_drain(int argc, char **argv);

#endif
