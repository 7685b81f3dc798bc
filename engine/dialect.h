/*
 * Everything in which the engines differ, as data: Docker, Podman of root, Podman of an ordinary
 * user (rootless). What the create body must say otherwise, which network stands behind a name,
 * how a container is killed, how errors are told. Measured behaviour, one comment per trap. No
 * other file asks which engine it is.
 */
#ifndef ENGINE_DIALECT_H
#define ENGINE_DIALECT_H

#include "engine/engine.h"

struct dialect_tmpfs {
	const char *target, *options;
};

struct dialect {
	const char *name;    /* for people */
	const char *command; /* that people type */
	/* Docker wants the profile's JSON in SecurityOpt, Podman a path on the service's host. */
	bool seccomp_inline;
	/* Docker makes a private, empty network namespace with NetworkDisabled, at half the cost of
	 * NetworkMode none; Podman ignores the key. */
	bool network_disabled;
	/* A read-only root under Podman comes with unbounded world-writable tmpfs on these; naming
	 * them bounds them. */
	const struct dialect_tmpfs *tmpfs;
	size_t n_tmpfs;
	/* Podman adds its largest process limit to a list of limits that has none, and a service
	 * without CAP_SYS_RESOURCE cannot give it. */
	bool nproc_needed;
	/* What ends a container at once, after /containers/<id>: Podman's kill watches for the end
	 * four times a second, its stop without a grace does not. */
	const char *kill;
	/* What removes a container that may run, before and after its id: Podman refuses while
	 * others share its network unless told to take them along, in its own tree only. */
	const char *remove[2];
	/* And where each removes its own, the one that others share must be the last. */
	bool holder_last;
	/* A conflict when removing: with Docker somebody else removes it already; Podman also says
	 * so when its own clean-up of an ended container is in the way, and then keeps it. */
	bool conflict_removes;
	/* HostConfig.UsernsMode; NULL: not sent. A rootless engine maps the step's user onto its
	 * own, which owns the workspace: any other would stand for a subordinate id there. A box
	 * that joins a holder's network joins its user namespace too: the network belongs to it. */
	const char *userns;
	const char *network_mode; /* one that engine.network may name though no list has it */
	/* Two creations at once crash a rootless Podman's service (a library that reads the user's
	 * subordinate ids is not made for threads): one at a time, over all processes. */
	bool one_create;
	/* An ordinary user can make no bridge of the host: there is nothing an allowlist could
	 * guard, so the default network becomes "none". */
	bool no_bridge;
	/* Podman's compatible calls cannot name a network's bridge, its own can: engine/network.c.
	 */
	bool libpod_networks;
};

/* BUG on AUTO. NULL: there is none, a rootless Docker cannot map the step's user. */
const struct dialect *dialect_of(enum engine_kind kind, bool rootless);
const struct dialect *engine_dialect(const struct engine *g);

/* The create body, pure (tested without an engine). */
int container_body(const struct container_spec *s, const struct dialect *d, struct buf *out,
	struct err *e) CHECK_RESULT;
/* The network behind a configured name: `name` itself or "none". */
const char *dialect_network(const struct dialect *d, const char *name);
/* Whether it is always there. */
bool dialect_network_built_in(const struct dialect *d, const char *network);

/* The engine's words of an error answer, as an err: ERR_NOT_FOUND, ERR_CONFLICT (name taken, not
 * running, busy) or ERR_ENGINE. Podman is told by its text, its status is often 500. Returns -1. */
int dialect_error(const struct dialect *d, long status, struct slice body, struct err *e);

#endif
