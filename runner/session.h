/*
 * The job's conversation with the coordinator: one serial sender that owns the job token chain.
 *
 * Every call consumes the current token and its answer brings the next, so exactly one request is
 * in flight. Items leave in the order they were queued: a step's terminal status never overtakes
 * its log. Cancel checks overtake everything that waits. A log item streams from a spool file while
 * the step still writes; it holds the queue until it is closed and acknowledged.
 *
 * Failure rules (PROTOCOL.md "Tokens"): not sent, 429 and 5xx: the same token again with jittered
 * backoff; no answer after sending: again with the same Idempotency-Key; 401: the chain is lost,
 * once, reported through on_lost, nothing is sent any more; another 4xx on a log chunk: the chunk
 * is dropped with one notice; on anything else: the item is dropped and logged.
 *
 * Runs in the job process. Never call the blocking functions from a loop callback.
 */
#ifndef RUNNER_SESSION_H
#define RUNNER_SESSION_H

#include "base/http.h"
#include "runner/spool.h"

struct session;

struct session_spec {
	struct loop *loop;
	struct http *http;
	const char *base_url;
	int64_t job_id;
	const char *token;      /* first job token; copied, wiped at the end */
	int64_t cancel_poll_us; /* interval of cancel checks once session_poll_cancel was called */
	void (*on_cancel)(void *data);                /* the coordinator asked for it; once */
	void (*on_lost)(void *data, const char *why); /* the token chain is dead; once */
	void *data;
};
struct session *session_new(const struct session_spec *spec);
void session_free(struct session *s); /* drops what is queued; NULL fine */

/* Statuses and conclusions are the wire's words. Times may be 0 (absent). Queued, never blocks. */
struct session_status {
	const char *status, *conclusion; /* conclusion NULL: none */
	struct wall started_at, completed_at;
};
void session_job_status(struct session *s, const struct session_status *st);
void session_step_status(struct session *s, int64_t step_id, const struct session_status *st);
/* Starts streaming a spool as the step's log; step_id 0 leaves it out. The spool stays the caller's
 * and must outlive the stream (until session_idle). Call session_wake after each append and
 * after spool_close. */
void session_log(struct session *s, int64_t step_id, struct spool *spool);
void session_wake(struct session *s);
/* Begins polling for cancellation; the first check goes out after one interval. */
void session_poll_cancel(struct session *s);
void session_stop_cancel(struct session *s);

bool session_idle(const struct session *s); /* everything queued was answered or dropped */
bool session_lost(const struct session *s);
/* Waits until idle or lost. -1 with ERR_TIMEOUT at the deadline, ERR_AUTH when lost. */
int session_flush(struct session *s, struct mono deadline, struct err *e) CHECK_RESULT;
/* Whether the last job status was accepted. */
bool session_final_accepted(const struct session *s);

#endif
