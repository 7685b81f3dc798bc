/* `shithubd-runner network up|check|down`: the wall around the steps' network (network/wall.h). */
#ifndef RUNNER_VERB_NETWORK_H
#define RUNNER_VERB_NETWORK_H

extern const char verb_network_up_help[], verb_network_check_help[], verb_network_down_help[];

int verb_network_up(int argc, char **argv);
int verb_network_check(int argc, char **argv); /* verb_network_check.c */
int verb_network_down(int argc, char **argv);

#endif
