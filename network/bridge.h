/*
 * The engine's half of the egress firewall: one bridge network under a name that the firewall
 * knows, without IPv6, with containers kept apart. Made through the engine's API; a network that
 * somebody else made is used when it is the same in every respect that matters, and never removed.
 */
#ifndef NETWORK_BRIDGE_H
#define NETWORK_BRIDGE_H

#include "engine/network.h"
#include "network/plan.h"

struct bridge_state {
	bool exists, ours;
	size_t containers;
};
/* ERR_CONFLICT: there is a network of that name the egress firewall cannot guard; says what
 * differs. */
int bridge_look(struct engine *g, const struct network_plan *p, struct bridge_state *ret,
	struct err *e) CHECK_RESULT;
int bridge_create(struct engine *g, const struct network_plan *p, struct err *e) CHECK_RESULT;
int bridge_remove(struct engine *g, const struct network_plan *p, struct err *e) CHECK_RESULT;
/* "POST /networks/create {…}", for people. */
int bridge_call_text(const struct dialect *d, const struct network_plan *p, struct buf *out,
	struct err *e) CHECK_RESULT;
/* Do packets between two containers pass the firewall at all (net.bridge.bridge-nf-call-iptables)?
 */
int bridge_filter_check(struct err *e) CHECK_RESULT;
int bridge_filter_enable(struct err *e) CHECK_RESULT;

#endif
