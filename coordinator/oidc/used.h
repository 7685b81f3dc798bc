/*
 * Sign-ins that came back already: none does twice, whatever the provider thinks of its code. The
 * newest OIDC_USED_MAX of them, which are those of far more than the time that one may take.
 */
#ifndef COORDINATOR_OIDC_USED_H
#define COORDINATOR_OIDC_USED_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinator/oidc/flow.h"

enum { OIDC_USED_MAX = 4096 };
/* All zero is an empty one. */
struct oidc_used {
	char states[OIDC_USED_MAX][OIDC_PROOF_MAX];
	size_t next;
};
bool oidc_was_used(const struct oidc_used *u, const char *state);
void oidc_use(struct oidc_used *u, const char *state);

#endif
