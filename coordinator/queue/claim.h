/*
 * Claims: who gets which job, and what becomes of the answer that carries it. The jti of a claim's
 * job token stands with the job until the answer is known to have arrived or the token was used; a
 * claim that did not arrive is returned to the queue.
 */
#ifndef COORDINATOR_QUEUE_CLAIM_H
#define COORDINATOR_QUEUE_CLAIM_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/job.h"
#include "coordinator/store/store.h"

/* A runner gets a job that it handed back again only after this time. */
#define HAND_BACK_PAUSE_US (60 * USEC_PER_SEC)
enum { HAND_BACKS_MAX = 10, LOST_RETRIES_MAX = 1 };

/* Is there a job for the runner with these labels? Cheap, without the write lock: 1, 0, -1. Labels
 * that the runner may not serve do not count. */
int store_job_claimable(struct store *s, int64_t runner_id, const struct strv *labels,
	struct wall now, struct err *e) CHECK_RESULT;
/* Hands the oldest job to the runner that it may take: ready, eligible (eligible.h), and the runner
 * neither revoked, drained nor at capacity; checked and taken in one transaction, so no cap is ever
 * exceeded. 1 and *ret filled, 0 nothing to claim, -1. */
int store_job_claim(struct store *s, int64_t runner_id, const struct strv *labels, struct wall now,
	struct job_row *ret, struct err *e) CHECK_RESULT;
/* What becomes of the answer to a claim. The jti of its job token is kept until the answer is known
 * to have reached the runner or the token was used, and so is which serve sends it
 * (instance/lease.h). ERR_TIMEOUT: the lease of this one is over. */
int store_claim_made(struct store *s, int64_t job_id, const char *jti, struct err *e) CHECK_RESULT;
int store_claim_delivered(
	struct store *s, int64_t job_id, const char *jti, struct err *e) CHECK_RESULT;
/* It did not reach the runner: the job is queued again (or cancelled, when that was asked
 * meanwhile) and the token is revoked. 1, or 0 when the token was used or the job moved on. */
int store_claim_return(struct store *s, int64_t job_id, const char *jti, struct wall now,
	struct err *e) CHECK_RESULT;
/* The key of the heartbeat that brought the claim, kept with the job for a repeat of it. */
int store_claim_key_set(struct store *s, int64_t job_id, const char *jti, const char *key,
	struct err *e) CHECK_RESULT;
/* The claim that a heartbeat of this runner with this key brought: 1, 0, -1. */
int store_claim_key_find(struct store *s, int64_t runner_id, const char *key, int64_t *ret_job_id,
	char **ret_jti, struct err *e) CHECK_RESULT;
/* 1 and the jti of the claim's token while nobody knows whether its answer arrived, 0, -1. */
int store_claim_unheard(
	struct store *s, int64_t job_id, char **ret_jti, struct err *e) CHECK_RESULT;
/* Returns the claims of serves that are gone of which nobody knows whether they arrived, and of
 * which no heartbeat will tell, as it had no key. A runner that sends keys either repeats the
 * heartbeat of the claim or says which jobs it has; it may be at work already, and giving its job
 * away would take it from it. */
int store_claims_return(
	struct store *s, struct wall now, int64_t *ret_count, struct err *e) CHECK_RESULT;
/* The runner hands the job back because its machine is broken: the job is queued as it was created,
 * without states, times and logs of its steps (or cancelled, when that was asked meanwhile). 1, or
 * 0 and nothing changed: a step succeeded already, or the job was handed back HAND_BACKS_MAX times.
 */
int store_claim_hand_back(struct store *s, int64_t job_id, struct wall now, struct state *ret_job,
	struct state *ret_run, struct err *e) CHECK_RESULT;
/* The platform lost it. Before the first step ended nothing of the job has had an effect, so it is
 * queued once more, with `why` as its reason and as the first line of its log. 1, or 0 and nothing
 * changed: a step ended, the job was retried LOST_RETRIES_MAX times, or it is being cancelled. */
struct claim_loss {
	const char *why;
	/* Its runner says so itself, and that no step had ended; what it then reported of the steps
	 * is how they end without the coordinator. */
	bool told;
};
int store_claim_lost(struct store *s, int64_t job_id, const struct claim_loss *l, struct wall now,
	struct state *ret_run, struct err *e) CHECK_RESULT;
/* It ends as failed, as it may not be queued again: why, for its reason. */
int store_claim_lost_again(
	struct store *s, int64_t job_id, const char *why, struct err *e) CHECK_RESULT;
/* A call with the job's token came. */
int store_job_seen(struct store *s, int64_t job_id, struct wall now, struct err *e) CHECK_RESULT;

#endif
