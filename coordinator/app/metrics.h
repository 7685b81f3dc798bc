/*
 * Counters of /metrics. Events are counted in the store (they outlive a restart and the admin verbs
 * count too); states (runners online, queue depth) are asked at scrape time. Pull only, text
 * format.
 */
#ifndef COORDINATOR_APP_METRICS_H
#define COORDINATOR_APP_METRICS_H

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"

struct loop;
struct store;

enum metric {
	METRIC_REGISTRATIONS,
	METRIC_HEARTBEATS,
	METRIC_HEARTBEATS_LIMITED,
	METRIC_CLAIMS,
	METRIC_JWT_ISSUED,
	METRIC_JWT_REPLAYS,
	METRIC_JWT_REFUSED,
	METRIC_ANSWERS_REPLAYED,
	METRIC_LOG_CHUNKS,
	METRIC_LOG_BYTES,
	METRIC_LOG_SCRUBS,
	METRIC_LOGS_FULL,
	METRIC_OUTPUTS_DROPPED,
	METRIC_JOB_CANCELS, /* counted by queue/cancel.c */
	METRIC_STEP_TIMEOUTS,
	METRIC_RUNS, /* whoever creates a run counts it */
	METRIC_REVOCATIONS,
	METRIC_ARTIFACTS,
	METRIC_JOBS_LOST,
	METRIC_JOBS_RETRIED,
	METRIC_JOBS_ABSENT,
	METRIC_JOBS_HANDED_BACK,
	METRIC_CLAIMS_RETURNED,
	METRIC_HYGIENE_RECORDS,
	/* one family, in a row */
	METRIC_PRUNED_CHUNKS,
	METRIC_PRUNED_BLOBS,
	METRIC_PRUNED_RUNS,
	METRIC_PRUNED_JWT,
	METRIC_COUNT,
};
/* Latency of claims: from queued to claimed. */
enum { CLAIM_BUCKETS = 10 };
struct metric_counts {
	int64_t pending[METRIC_COUNT]; /* not yet in the store */
	int64_t claim_bucket[CLAIM_BUCKETS + 1];
	int64_t claim_count, claim_sum_us;
};
struct metrics {
	struct metric_counts sum;
	struct metric_counts turn; /* what a turn of the server (turn.h) adds, until it is stored */
	bool in_turn;
	struct loop *app_loop, *connections_loop; /* NULL: nothing is said of them */
	bool follows; /* another serve leads, and shows what is in the store for all */
};
static inline void metric_add(struct metrics *m, enum metric which, int64_t n)
{
	(m->in_turn ? &m->turn : &m->sum)->pending[which] += n;
}
void metrics_turn_begin(struct metrics *m);
/* What was counted since the begin (or since the last call) happened: it is stored; or not. */
void metrics_turn_stored(struct metrics *m);
void metrics_turn_end(struct metrics *m, bool stored);
void metrics_claim(struct metrics *m, int64_t waited_us);
/* Moves what is pending into the store; called every few seconds and at the end. */
int metrics_flush(struct metrics *m, struct store *s, struct err *e) CHECK_RESULT;
/* The whole page. */
int metrics_page(struct metrics *m, struct store *s, struct buf *out, struct err *e) CHECK_RESULT;

/* Who may read it over HTTP: callers on this machine, whoever shows a token, nobody. */
enum metrics_reader { METRICS_HERE, METRICS_TOKEN, METRICS_NOBODY };
struct metrics_access {
	enum metrics_reader reader;
	unsigned char sha[SHA256_LEN]; /* of the token */
};

/* For verbs outside serve: counts at once. */
int metric_count_now(struct store *s, enum metric which, struct err *e) CHECK_RESULT;

#endif
