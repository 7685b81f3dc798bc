/* A ring: the oldest makes room. Only states whose code went to the provider get here, which
 * counts as a failed try until it succeeds, so one address adds few. */
#include "coordinator/oidc/used.h"

#include <stdio.h>

bool oidc_was_used(const struct oidc_used *u, const char *state)
{
	for (size_t i = 0; i < OIDC_USED_MAX; i++)
		if (strcmp(u->states[i], state) == 0)
			return true;
	return false;
}

void oidc_use(struct oidc_used *u, const char *state)
{
	snprintf(u->states[u->next], OIDC_PROOF_MAX, "%s", state);
	u->next = (u->next + 1) % OIDC_USED_MAX;
}
