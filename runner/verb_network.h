/* `shithubd-runner network up|check|down`: the wall around the steps' network (network/wall.h). */
#ifndef RUNNER_VERB_NETWORK_H
#define RUNNER_VERB_NETWORK_H

extern const char verb_network_up_help[], verb_network_down_help[];

int verb_network_up(int argc, char **argv);
int verb_network_down(int argc, char **argv);

/* Role: one look at the wall for a job that is about to start; why it is down on stderr. */
int network_wall_role_main(int argc, char **argv);

#endif
