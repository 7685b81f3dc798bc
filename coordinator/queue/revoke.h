/* Revoking a runner: it and its tokens are refused from now on, and its jobs end at once. */
#ifndef COORDINATOR_QUEUE_REVOKE_H
#define COORDINATOR_QUEUE_REVOKE_H

#include "base/clock.h"
#include "coordinator/store/store.h"

/* The jobs end as completed/failure with the revocation as their reason and as a last line in their
 * log; *ret_jobs of them. The runner ends their containers when its next call is refused.
 * ERR_NOT_FOUND, ERR_CONFLICT: revoked already. */
int runner_revoke(struct store *s, int64_t id, const char *reason, struct wall now,
	int64_t *ret_jobs, struct err *e) CHECK_RESULT;

#endif
