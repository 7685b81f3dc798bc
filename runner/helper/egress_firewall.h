/*
 * The egress firewall (network/egress.h) as jobs and the supervisor check it. Reading its rules
 * needs CAP_NET_ADMIN, which a job process does not have: it asks the supervisor for the role
 * "egress-firewall" and reads one line.
 *
 * A runner with a runner.network_allowlist of its own fails closed: no step starts while the
 * firewall is down, is of another configuration, or cannot be checked, unless a firewall of another
 * program has proved itself.
 */
#ifndef RUNNER_HELPER_EGRESS_FIREWALL_H
#define RUNNER_HELPER_EGRESS_FIREWALL_H

#include "config/runner_config.h"
#include "engine/engine.h"

#define EGRESS_FIREWALL_ROLE "egress-firewall"
/* What the role says: ours stands, or another one has proved itself a short while ago. */
#define EGRESS_FIREWALL_STANDS "stands"
#define EGRESS_FIREWALL_PROVED "proved"

/* Job process, before its boxes; waits. 0 as well where there is no allowlist or no network. */
int egress_firewall_require(struct loop *l, struct engine *g, const struct runner_config *c,
	int channel, struct err *e) CHECK_RESULT;
/* Supervisor at start, waits: logs what steps can reach. */
void egress_firewall_announce(struct loop *l, const struct runner_config *c);
/* Role: one check, one line to the socket: a word above, or why not. With --prove it tests a
 * firewall that is not ours (firewall_check.h), which takes seconds; without, the last proof
 * counts. */
int egress_firewall_role_main(int argc, char **argv);

#endif
