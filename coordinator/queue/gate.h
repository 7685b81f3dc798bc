/*
 * The gate before jobs that name an environment: such a job is not ready before the rules of the
 * environment let it pass, and the rules are asked again when it is claimed. An environment that
 * does not exist is made without rules. Names are resolved when the job's row is made, so that the
 * rules, the secrets and the reviewers see the same one.
 */
#ifndef COORDINATOR_QUEUE_GATE_H
#define COORDINATOR_QUEUE_GATE_H

#include "base/clock.h"
#include "coordinator/store/job.h"
#include "coordinator/store/store.h"

/* workflow_jobs.gate; while it waits, job_gates.why says for what, which is then what struct
 * job_row has as the job's reason. A job of a run that was cancelled does not wait: it is
 * cancelled. */
enum gate { GATE_UNASKED, GATE_WAITS, GATE_OPEN, GATE_CLOSED };

/* In run_settle: lets jobs whose needs are over pass, wait, or fail (then *ret_failed). */
int gate_jobs_enter(struct store *s, int64_t run_id, struct wall now, bool *ret_failed,
	struct err *e) CHECK_RESULT;
/* In the transaction of a claim: 1 it may be handed out, 0 it waits or has failed, -1. */
int gate_claim(
	struct store *s, const struct job_row *job, struct wall now, struct err *e) CHECK_RESULT;
struct gate_decision {
	int64_t run_id;
	const char *environment;
	bool approve;
	const char *who;     /* recorded: a login, a name */
	bool by_operator;    /* of the coordinator, who need not be a reviewer */
	const char *comment; /* NULL: none */
};
/* For all jobs of the run that wait for the environment. ERR_NOT_FOUND when there is none,
 * ERR_DENIED when `who` is none of its reviewers. */
int gate_decide(struct store *s, const struct gate_decision *d, struct wall now, int64_t *ret_jobs,
	struct err *e) CHECK_RESULT;
/* The rules of an environment are others now. */
int gate_rules_changed(struct store *s, int64_t repo_id, const char *environment, struct wall now,
	struct err *e) CHECK_RESULT;
/* Jobs whose time has come; *ret_any: some may be claimable now. Every few seconds. */
int gate_tick(struct store *s, struct wall now, bool *ret_any, struct err *e) CHECK_RESULT;

struct gate_row {
	int64_t job_id, run_id;
	char *job, *environment, *why;
	struct wall since;
};
struct gate_rows {
	struct gate_row *v;
	size_t n;
};
void gate_rows_release(struct gate_rows *l);
/* Jobs of the repository that wait (repo_id 0: of all), oldest first; run_id 0: of every run. */
int gate_waiting(struct store *s, int64_t repo_id, int64_t run_id, struct gate_rows *ret,
	struct err *e) CHECK_RESULT;

#endif
