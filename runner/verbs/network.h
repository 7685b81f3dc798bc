/* `shithubd-runner network up|check|down`: the steps' egress firewall (network/egress.h). */
#ifndef RUNNER_VERBS_NETWORK_H
#define RUNNER_VERBS_NETWORK_H

extern const char verb_network_up_help[];
extern const char verb_network_check_help[];
extern const char verb_network_down_help[];

int verb_network_up(int argc, char **argv);
int verb_network_check(int argc, char **argv); /* verbs/network_check.c */
int verb_network_down(int argc, char **argv);

#endif
