/*
 * The names that steps may reach (runner.network_allowlist), in the one order in which they go into
 * the resolver's configuration and the egress firewall's digest. Plain value; borrows the texts,
 * which were checked by config/runner_check.h.
 */
#ifndef NETWORK_ALLOWLIST_H
#define NETWORK_ALLOWLIST_H

#include "base/util.h"

struct allowed_name {
	const char *name; /* without "*." */
	bool below;       /* it and everything below it; else exactly it */
};
struct allowlist {
	struct allowed_name *v; /* sorted by name, the exact one first */
	size_t n;
};

void allowlist_init(struct allowlist *a, const struct strv *patterns);
void allowlist_release(struct allowlist *a);
/* May a step resolve this name? Lower case, no final dot. */
bool allowlist_covers(const struct allowlist *a, const char *name);
/* Is everything below this name allowed, by a pattern of it or of a name above it? */
bool allowlist_covers_below(const struct allowlist *a, const char *name);

#endif
