/*
 * The Idempotency-Keys of heartbeats that may have brought a claim which stands nowhere else yet:
 * <state_dir>/heartbeats, one line each, `KEY` or `KEY JOB`. A key is written before its heartbeat
 * leaves and goes when the answer was no claim, or when the claim's journal stands. What a
 * supervisor finds at its start is sent again, and a coordinator that knows the key hands the job
 * out again. Supervisor only; a kill at any instant leaves the old or the new file.
 */
#ifndef RUNNER_SUPERVISOR_CLAIM_KEYS_H
#define RUNNER_SUPERVISOR_CLAIM_KEYS_H

#include "state/state_dir.h"

struct claim_keys;

/* Reads what is there; a damaged file is logged and dropped. Never NULL. Keys whose job has a
 * journal are dropped: that claim is safe. */
struct claim_keys *claim_keys_new(const struct state_dir *state);
void claim_keys_free(struct claim_keys *k); /* leaves the file; NULL fine */
/* The next key to send: one that an earlier supervisor left, or a new one, which then stands on
 * disk. NULL: it could not be written. Borrowed until it is settled. */
const char *claim_keys_next(struct claim_keys *k, struct err *e) CHECK_RESULT;
/* The key's claim is about to be given to that job's slot. */
void claim_keys_name_job(struct claim_keys *k, const char *key, int64_t job);
/* No heartbeat is left that may have brought a claim without a journal. */
bool claim_keys_settled(const struct claim_keys *k);
/* Nothing depends on the key any longer. */
void claim_keys_settle(struct claim_keys *k, const char *key);

#endif
