/*
 * The job's conversation with the coordinator: one serial sender that owns the job token chain.
 *
 * Every call consumes the current token and its answer brings the next, so exactly one request is
 * in flight. Items leave in the order they were queued: a step's terminal status never overtakes
 * its log. Cancel checks and the job's own calls overtake everything that waits. A log item streams
 * from a spool file while the step still writes; it holds the queue until it is closed and
 * acknowledged.
 *
 * Failure rules, each with jittered backoff: not sent, 429 and 503 had no effect: again with the
 * same token, and a cancel check that is due goes first; no answer after sending, other 5xx, a 2xx
 * that is not the coordinator's answer: nothing but the same call, with its Idempotency-Key. 401:
 * the chain is lost, once, reported through on_lost, nothing is sent any more; another 4xx on a log
 * chunk: the chunk is dropped with one notice, here and in that log; on anything else: the item is
 * dropped and logged. A chunk that is tried again has the same bytes; a log that arrived loses its
 * spool file.
 *
 * With a folder, what was queued (state/outbox.h), how far it got and the call in flight
 * (state/chain.h) stand on disk before anything is sent, so that session_resume can go on in
 * another process after this one was killed: it repeats the call in flight with its key, then sends
 * the rest. A folder that cannot be written is logged once and costs only that.
 *
 * Runs in the job process and in the recover process.
 */
#ifndef RUNNER_REPORT_SESSION_H
#define RUNNER_REPORT_SESSION_H

#include "base/http/http.h"
#include "runner/report/report.h"

struct session_spec {
	struct loop *loop;
	struct http *http;
	const char *base_url;
	int64_t job_id;
	const char *token;      /* first job token; copied, wiped at the end */
	int64_t cancel_poll_us; /* interval of cancel checks; the first goes out after one */
	/* The coordinator asked for it: once, and with force once more. why NULL: it does not say.
	 */
	void (*on_cancel)(void *data, const char *why, bool force);
	void (*on_lost)(void *data, const char *why); /* the token chain is dead; once */
	void *data;
	const char *dir; /* the job's folder with the chain that the supervisor made; NULL: none */
	size_t steps;    /* how many, for the room that is reserved there */
};
/* The report owns itself: report_free ends it and drops what is queued. */
struct report *session_new(const struct session_spec *spec);
/* Goes on where the session of a dead process stopped; spec->token is ignored. Its logs are
 * closed. ERR_AUTH: the chain was lost before; else the folder cannot be read. */
struct report *session_resume(const struct session_spec *spec, struct err *e) CHECK_RESULT;

#endif
