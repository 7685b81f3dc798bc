/* A ring: the oldest makes room. Only states that this coordinator made get here, so nobody fills
 * it but by signing in. */
#include "coordinator/oidc/used.h"

#include <stdio.h>

bool oidc_use(struct oidc_used *u, const char *state)
{
	for (size_t i = 0; i < OIDC_USED_MAX; i++)
		if (strcmp(u->states[i], state) == 0)
			return false;
	snprintf(u->states[u->next], OIDC_PROOF_MAX, "%s", state);
	u->next = (u->next + 1) % OIDC_USED_MAX;
	return true;
}
