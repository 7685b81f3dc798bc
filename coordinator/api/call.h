/*
 * What every call with a job's token shares: the token is used up, the effect had, the next token
 * minted and the answer kept for a repeat, all in one transaction (api/job.c). An effect that
 * refuses leaves the token good.
 */
#ifndef COORDINATOR_API_CALL_H
#define COORDINATOR_API_CALL_H

#include "base/json.h"
#include "coordinator/api/api.h"
#include "coordinator/store/job.h"
#include "coordinator/store/jwt.h"

struct api_call {
	struct app *app;
	struct httpd_request *request;
	struct wall now;
	struct jwt_claims claims;
	struct job_row job; /* as it was before the call */
	unsigned char body_sha[SHA256_LEN];
	struct stored_answer answer; /* key NULL: no Idempotency-Key */
	bool terminal;               /* set by the effect: no next token */
	bool wake;                   /* set by the effect: other jobs may have become claimable */
};

/* Has the effect and writes the members of the answer, at most some 12 KiB. */
typedef int (*call_effect_fn)(struct api_call *c, struct json_writer *w, struct err *e);

/* c holds app and request; status: of the answer when all is well. */
void job_call(struct api_call *c, call_effect_fn effect, int status);

#endif
