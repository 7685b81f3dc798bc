/*
 * The network wall (network/wall.h) as jobs and the supervisor meet it. Looking at it needs
 * CAP_NET_ADMIN, which a job process does not have: it asks the supervisor for the role
 * "network-wall" and hears one line.
 *
 * A runner with runner.network_allowlist fails closed: no step starts while the wall is down, is
 * another one, or cannot be looked at.
 */
#ifndef RUNNER_NETWORK_WALL_H
#define RUNNER_NETWORK_WALL_H

#include "config/runner_config.h"
#include "engine/engine.h"

#define NETWORK_WALL_ROLE "network-wall"

/* Job process, before its boxes; waits. 0 as well where there is no allowlist or no network. */
int network_wall_require(struct loop *l, struct engine *g, const struct runner_config *c,
	int channel, struct err *e) CHECK_RESULT;
/* Supervisor at start, waits: says loudly what steps can reach. */
void network_wall_tell(struct loop *l, const struct runner_config *c);
/* Role: one look, one line to the socket: "stands", or why not. */
int network_wall_role_main(int argc, char **argv);

#endif
