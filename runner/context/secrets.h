/* A job's secrets go into its masker before anything is logged. Job process. */
#ifndef RUNNER_CONTEXT_SECRETS_H
#define RUNNER_CONTEXT_SECRETS_H

#include "runner/claim/job_spec.h"
#include "base/mask/mask.h"

/* Tokens, secrets and mask values of the claim. -1 names the first that cannot be masked in all its
 * forms: the job must not run then. The others are masked nevertheless. too_short: names of secrets
 * that have no forms of their own. */
int secrets_hide(struct mask *m, const struct job_spec *spec, struct strv *too_short,
	struct err *e) CHECK_RESULT;

#endif
