/*
 * Whose job a claim is: its ids and its token, also of a claim that is malformed, too large or cut;
 * enough to report it. The supervisor reads nothing else of a claim. Pure.
 */
#ifndef RUNNER_CLAIM_IDENTITY_H
#define RUNNER_CLAIM_IDENTITY_H

#include "base/util.h"

struct claim_identity {
	int64_t job_id, run_id, step_id; /* 0: not found; step_id: the first step's */
	char *token;                     /* NULL: not found */
};
void claim_identity_scan(const char *claim, size_t n, struct claim_identity *ret);
void claim_identity_release(struct claim_identity *i); /* wipes the token */

/* Can it be sent as a bearer token? NULL: no. */
bool job_token_ok(const char *token);

#endif
