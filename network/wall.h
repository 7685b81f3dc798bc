/*
 * The wall as a whole: bridge (network/bridge.h), firewall (network/nft.h), resolver
 * (network/resolver.h); bringing it up, taking it down, looking whether it stands.
 *
 * up:    what exists and is right stays as it is, so it may be called at any time; the order is
 *        firewall, network, resolver: there is never a network without its firewall.
 * down:  removes what is ours and nothing else; refuses while containers use the network.
 * look:  cheap (one call of nft, some files), without the engine: before each job and at start.
 *
 * up and down need root (CAP_NET_ADMIN, and the rights to start the resolver); look needs
 * CAP_NET_ADMIN.
 */
#ifndef NETWORK_WALL_H
#define NETWORK_WALL_H

#include "engine/engine.h"
#include "network/plan.h"

/* What one part needed: for the verb's report. */
enum wall_change { WALL_KEPT, WALL_CHANGED, WALL_ABSENT, WALL_FOREIGN };
struct wall_report {
	enum wall_change firewall, network, resolver;
};

/* with_resolver false: its configuration is written, another program runs it. The plan needs its
 * upstream. ERR_CONFLICT: refused, something that is not ours is in the way. */
int wall_up(const struct network_plan *p, struct loop *l, struct engine *g, bool with_resolver,
	struct wall_report *ret, struct err *e) CHECK_RESULT;
/* ERR_CONFLICT: containers use the network, or a service runs the resolver. */
int wall_down(const struct network_plan *p, struct loop *l, struct engine *g,
	struct wall_report *ret, struct err *e) CHECK_RESULT;

/* 0: it stands as configured. ERR_NOT_FOUND: there is none; ERR_CONFLICT: not as configured or in
 * part; ERR_AUTH: this process may not look. */
int wall_look(const struct network_plan *p, struct loop *l, struct err *e) CHECK_RESULT;

#endif
