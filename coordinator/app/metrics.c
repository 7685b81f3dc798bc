/*
 * Counters are added up in memory and written every few seconds (serve's housekeeping), since a
 * write for each log chunk would cost more than the chunk. A crash loses the last seconds of a
 * count, never a job. Verbs outside serve write theirs at once.
 */
#include "coordinator/app/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/loop.h"
#include "coordinator/store/counter.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/store.h"
#include "coordinator/view/runner.h"

#define PREFIX "shithub_actions_"

#define PRUNED PREFIX "runs_pruned_total"
#define PRUNED_HELP "What retention removed."

/* Names with their labels; those of one family stand in a row. */
static const struct {
	const char *name, *help;
} counters[METRIC_COUNT] = {
	[METRIC_REGISTRATIONS] = { PREFIX "runner_registrations_total", "Runners registered." },
	[METRIC_HEARTBEATS] = { PREFIX "runner_heartbeats_total", "Heartbeats accepted." },
	[METRIC_HEARTBEATS_LIMITED] = { PREFIX "runner_heartbeats_limited_total",
		"Heartbeats refused with 429." },
	[METRIC_CLAIMS] = { PREFIX "claims_total", "Jobs handed to runners." },
	[METRIC_JWT_ISSUED] = { PREFIX "runner_jwt_issued_total", "Job tokens issued." },
	[METRIC_JWT_REPLAYS] = { PREFIX "runner_jwt_replays_total", "Used job tokens refused." },
	[METRIC_JWT_REFUSED] = { PREFIX "runner_jwt_refused_total",
		"Job tokens refused for another reason." },
	[METRIC_ANSWERS_REPLAYED] = { PREFIX "answers_replayed_total",
		"Stored answers returned to a repeated Idempotency-Key." },
	[METRIC_LOG_CHUNKS] = { PREFIX "log_chunks_total", "Log chunks accepted." },
	[METRIC_LOG_BYTES] = { PREFIX "log_bytes_total", "Bytes of log chunks accepted." },
	[METRIC_LOG_SCRUBS] = { PREFIX "log_scrubs_total",
		"Secrets in clear that runners sent in logs and that were masked." },
	[METRIC_LOGS_FULL] = { PREFIX "logs_full_total",
		"Logs of steps that were cut at a limit of step, job or run." },
	[METRIC_OUTPUTS_DROPPED] = { PREFIX "outputs_scrubbed_total",
		"Outputs of jobs that were dropped because they hold a secret." },
	[METRIC_JOB_CANCELS] = { JOB_CANCELS_COUNTER,
		"Jobs that were cancelled or asked to stop: by hand, with their run, for a newer "
		"one of their group, or with their matrix." },
	[METRIC_STEP_TIMEOUTS] = { PREFIX "step_timeouts_total", "Steps that ended timed_out." },
	[METRIC_RUNS] = { PREFIX "runs_created_total", "Workflow runs created." },
	[METRIC_REVOCATIONS] = { PREFIX "runner_revocations_total", "Runners revoked." },
	[METRIC_ARTIFACTS] = { PREFIX "artifacts_uploaded_total", "Artifacts uploaded." },
	[METRIC_JOBS_LOST] = { PREFIX "jobs_lost_total",
		"Jobs whose runner was lost: ended, or queued again." },
	[METRIC_JOBS_RETRIED] = { PREFIX "jobs_retried_total",
		"Jobs queued again because their runner was lost before a step ended." },
	[METRIC_JOBS_ABSENT] = { PREFIX "jobs_absent_total",
		"Jobs cancelled because their runner says it has them no longer." },
	[METRIC_JOBS_HANDED_BACK] = { PREFIX "jobs_handed_back_total",
		"Jobs queued again because their runner handed them back." },
	[METRIC_HYGIENE_RECORDS] = { PREFIX "hygiene_records_total",
		"Records of host hygiene stored." },
	[METRIC_CLAIMS_RETURNED] = { PREFIX "claims_returned_total",
		"Claims whose answer did not reach the runner: jobs queued again." },
	[METRIC_PRUNED_CHUNKS] = { PRUNED "{kind=\"chunks\"}", PRUNED_HELP },
	[METRIC_PRUNED_BLOBS] = { PRUNED "{kind=\"blobs\"}", PRUNED_HELP },
	[METRIC_PRUNED_RUNS] = { PRUNED "{kind=\"runs\"}", PRUNED_HELP },
	[METRIC_PRUNED_JWT] = { PRUNED "{kind=\"jwt_used\"}", PRUNED_HELP },
};
/* Upper bounds of the claim latency, milliseconds. */
static const int64_t bucket_ms[CLAIM_BUCKETS] = { 10, 20, 50, 100, 500, 1000, 5000, 30000, 300000,
	3600000 };

void metrics_claim(struct metrics *m, int64_t waited_us)
{
	struct metric_counts *c = m->in_turn ? &m->turn : &m->sum;
	size_t i = 0;

	while (i < CLAIM_BUCKETS && waited_us > bucket_ms[i] * USEC_PER_MSEC)
		i++;
	c->claim_bucket[i]++;
	c->claim_count++;
	c->claim_sum_us += waited_us;
	metric_add(m, METRIC_CLAIMS, 1);
}

void metrics_turn_begin(struct metrics *m)
{
	m->in_turn = true;
}

void metrics_turn_stored(struct metrics *m)
{
	for (size_t i = 0; i < METRIC_COUNT; i++)
		m->sum.pending[i] += m->turn.pending[i];
	for (size_t i = 0; i <= CLAIM_BUCKETS; i++)
		m->sum.claim_bucket[i] += m->turn.claim_bucket[i];
	m->sum.claim_count += m->turn.claim_count;
	m->sum.claim_sum_us += m->turn.claim_sum_us;
	m->turn = (struct metric_counts){ 0 };
}

void metrics_turn_end(struct metrics *m, bool stored)
{
	if (stored)
		metrics_turn_stored(m);
	m->turn = (struct metric_counts){ 0 };
	m->in_turn = false;
}

static int64_t pending(const struct metrics *m, size_t i)
{
	return m->sum.pending[i] + m->turn.pending[i];
}

/* In a turn what is moved is taken off there, so that it comes back if the turn is not stored. */
int metrics_flush(struct metrics *m, struct store *s, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	bool any = false;

	for (size_t i = 0; i < METRIC_COUNT; i++)
		any = any || pending(m, i);
	if (!any)
		return 0;
	if (store_begin(s, &tx, e) < 0)
		return -1;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		if (pending(m, i) && store_counter_add(s, counters[i].name, pending(m, i), e) < 0)
			return -1;
	if (store_commit(&tx, e) < 0)
		return -1;
	for (size_t i = 0; i < METRIC_COUNT; i++)
		metric_add(m, (enum metric)i, -pending(m, i));
	return 0;
}

int metric_count_now(struct store *s, enum metric which, struct err *e)
{
	return store_counter_add(s, counters[which].name, 1, e);
}

/* ---- the page ---- */

static void print_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
	print_head(out, name, "gauge", help);
	buf_addf(out, "%s %" PRId64 "\n", name, value);
}

static void counter_read(void *data, const char *name, int64_t value)
{
	int64_t *values = data;

	for (size_t i = 0; i < METRIC_COUNT; i++)
		if (str_eq(name, counters[i].name))
			values[i] = value;
}

static int page_counters(struct store *s, struct buf *out, struct err *e)
{
	int64_t values[METRIC_COUNT] = { 0 };

	if (store_counter_each(s, counter_read, values, e) < 0)
		return -1;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const char *name = counters[i].name;
		CLEAN_STR char *family = xstrndup(name, strcspn(name, "{"));

		if (!i || strcspn(counters[i - 1].name, "{") != strlen(family) ||
			!str_starts(counters[i - 1].name, family))
			print_head(out, family, "counter", counters[i].help);
		buf_addf(out, "%s %" PRId64 "\n", counters[i].name, values[i]);
	}
	return 0;
}

static int page_runners(
	struct store *s, const struct queue_list *queue, struct buf *out, struct err *e)
{
	CLEANUP(runner_list_release) struct runner_list l = { 0 };
	int64_t online = 0, stale = 0, draining = 0, revoked = 0, active = 0, deaf = 0,
		troubled = 0;
	struct wall now = wall_now();

	if (store_runner_list(s, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct runner_row *r = &l.v[i];
		bool fresh = runner_online(r, now);
		const struct offer offer = offer_of(r);
		struct matching m = { 0 };

		active += r->active_jobs;
		revoked += r->revoked_at.us != 0;
		if (r->revoked_at.us)
			continue;
		online += fresh;
		troubled += runner_in_trouble(r, now);
		stale += !fresh && r->last_heartbeat_at.us && !runner_in_trouble(r, now);
		draining += r->drained_at.us != 0;
		if (fresh)
			m = queue_matching(queue, &offer);
		deaf += runner_deaf(r, &m, now);
	}
	print_gauge(out, PREFIX "runners_online",
		"Runners with a heartbeat in the last two minutes.", online);
	print_gauge(out, PREFIX "runners_stale", "Runners whose last heartbeat is older.", stale);
	print_gauge(out, PREFIX "runners_draining", "Runners that get no new jobs.", draining);
	print_gauge(out, PREFIX "runners_revoked", "Runners that are revoked.", revoked);
	print_gauge(out, PREFIX "runners_deaf",
		"Runners that are online and idle while a job for them waits.", deaf);
	print_gauge(out, PREFIX "runners_troubled",
		"Runners that say what keeps them from work: disk, engine, machine.", troubled);
	print_gauge(out, PREFIX "jobs_running", "Jobs that run on a runner now.", active);
	return 0;
}

static void page_queue(const struct queue_list *l, struct buf *out)
{
	print_head(out, PREFIX "queue_depth", "gauge", "Queued jobs by the labels they ask for.");
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(out, PREFIX "queue_depth{label=\"");
		for (size_t k = 0; k < l->v[i].labels.n; k++)
			for (const char *c = l->v[i].labels.v[k]; *c; c++) {
				if (*c == '"' || *c == '\\')
					buf_addc(out, '\\');
				buf_addc(out, *c == '\n' ? ' ' : *c);
				if (!c[1] && k + 1 < l->v[i].labels.n)
					buf_addc(out, ',');
			}
		buf_addf(out, "\"} %" PRId64 "\n", l->v[i].jobs);
	}
}

static void page_latency(const struct metrics *m, struct buf *out)
{
	static const char name[] = PREFIX "claim_latency_seconds";
	int64_t sum = 0;

	print_head(
		out, name, "histogram", "From queued to claimed, since the start of this process.");
	for (size_t i = 0; i < CLAIM_BUCKETS; i++) {
		sum += m->sum.claim_bucket[i];
		buf_addf(out, "%s_bucket{le=\"%g\"} %" PRId64 "\n", name,
			(double)bucket_ms[i] / 1e3, sum);
	}
	buf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, m->sum.claim_count);
	buf_addf(out, "%s_sum %.6f\n%s_count %" PRId64 "\n", name,
		(double)m->sum.claim_sum_us / 1e6, name, m->sum.claim_count);
}

static void page_loops(struct metrics *m, struct buf *out)
{
	static const char longest[] = PREFIX "loop_longest_seconds",
			  slow[] = PREFIX "loop_slow_total";

	if (!m->app_loop || !m->connections_loop)
		return;
	print_head(out, longest, "gauge",
		"The longest time that a thread was away from its loop, since the last scrape.");
	buf_addf(out, "%s{thread=\"app\"} %.6f\n%s{thread=\"connections\"} %.6f\n", longest,
		(double)loop_longest_us(m->app_loop) / 1e6, longest,
		(double)loop_longest_us(m->connections_loop) / 1e6);
	print_head(out, slow, "counter",
		"How often a thread was away from its loop for more than 20 milliseconds.");
	buf_addf(out, "%s{thread=\"app\"} %" PRId64 "\n%s{thread=\"connections\"} %" PRId64 "\n",
		slow, loop_slow_count(m->app_loop), slow, loop_slow_count(m->connections_loop));
}

/* What is the same whoever is asked. */
static int page_shared(struct store *s, struct buf *out, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };

	if (page_counters(s, out, e) < 0 || store_queue(s, &queue, e) < 0 ||
		page_runners(s, &queue, out, e) < 0)
		return -1;
	queue_merge(&queue);
	page_queue(&queue, out);
	return 0;
}

int metrics_page(struct metrics *m, struct store *s, struct buf *out, struct err *e)
{
	if (metrics_flush(m, s, e) < 0 || (!m->follows && page_shared(s, out, e) < 0))
		return -1;
	print_gauge(out, PREFIX "leads",
		"1: this process shows the counters of events, runners and queue, for all.",
		!m->follows);
	page_latency(m, out);
	page_loops(m, out);
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "metrics page is too large");
}
