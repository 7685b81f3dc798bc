/*
 * Everything in which Docker and Podman differ, as data: what the create body must say otherwise
 * and how errors are told. Measured behaviour, one comment per trap. No other file asks which
 * engine it is.
 */
#ifndef ENGINE_DIALECT_H
#define ENGINE_DIALECT_H

#include "engine/engine.h"

struct dialect_tmpfs {
	const char *target, *options;
};

struct dialect {
	const char *name; /* for people */
	/* Docker wants the profile's JSON in SecurityOpt, Podman a path on the service's host. */
	bool seccomp_inline;
	/* Docker makes a private, empty network namespace with NetworkDisabled, at half the cost of
	 * NetworkMode none; Podman ignores the key. */
	bool network_disabled;
	/* A read-only root under Podman comes with unbounded world-writable tmpfs on these; naming
	 * them bounds them. */
	const struct dialect_tmpfs *tmpfs;
	size_t n_tmpfs;
};

const struct dialect *dialect_of(enum engine_kind kind); /* BUG on AUTO */

/* The engine's words of an error answer, as an err: ERR_NOT_FOUND, ERR_CONFLICT (name taken, not
 * running, busy) or ERR_ENGINE. Podman is told by its text, its status is often 500. Returns -1. */
int dialect_error(const struct dialect *d, long status, struct slice body, struct err *e);

#endif
