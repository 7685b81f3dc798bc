/* `shithubd-runner drain`: tells the runner that runs here to claim nothing, or to go on. */
#ifndef RUNNER_VERB_DRAIN_H
#define RUNNER_VERB_DRAIN_H

extern const char verb_drain_help[];
int verb_drain(int argc, char **argv);

#endif
