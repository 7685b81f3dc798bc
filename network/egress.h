/*
 * The egress firewall as a whole: bridge (network/bridge.h), firewall (network/nft.h), resolver
 * (network/resolver.h); bringing it up, taking it down, checking it.
 *
 * up:    what exists and is right stays as it is, so it may be called at any time; the order is
 *        firewall, network, resolver: there is never a network without its firewall.
 * down:  removes what is ours and nothing else; refuses while containers use the network.
 * inspect: cheap (one call of nft, some files), without the engine: before each job and at start.
 *
 * up and down need root (CAP_NET_ADMIN, and the rights to start the resolver); inspect needs
 * CAP_NET_ADMIN.
 */
#ifndef NETWORK_EGRESS_H
#define NETWORK_EGRESS_H

#include "engine/engine.h"
#include "network/plan.h"

/* What one part needed: for the verb's report. */
enum egress_change { EGRESS_KEPT, EGRESS_CHANGED, EGRESS_ABSENT, EGRESS_FOREIGN };
struct egress_report {
	enum egress_change firewall, network, resolver;
};

/* with_resolver false: its configuration is written, another program runs it. The plan needs its
 * upstream. ERR_CONFLICT: refused, something that is not ours is in the way. */
int egress_up(const struct network_plan *p, struct loop *l, struct engine *g, bool with_resolver,
	struct egress_report *ret, struct err *e) CHECK_RESULT;
/* ERR_CONFLICT: containers use the network, or a service runs the resolver. */
int egress_down(const struct network_plan *p, struct loop *l, struct engine *g,
	struct egress_report *ret, struct err *e) CHECK_RESULT;

/* 0: it stands as configured. ERR_NOT_FOUND: there is none; ERR_CONFLICT: not as configured or in
 * part; ERR_AUTH: this process may not read it; ERR_IO: nft cannot be run; ERR_INPUT: steps are to
 * use another resolver. */
int egress_inspect(const struct network_plan *p, struct loop *l, struct err *e) CHECK_RESULT;
/* After that failed: there is no firewall of ours, or none that can be seen. Another one may stand,
 * which is judged by what it lets through (network/check.h). */
bool egress_not_ours(const struct err *e);

#endif
