/*
 * The runner's metrics as Prometheus text: what the supervisor has counted since it started (the
 * tally) and what it is now (status.h). A job counts from its first message on: its part moves into
 * the tally when it ends, so that no counter ever falls.
 */
#ifndef RUNNER_SUPERVISOR_METRICS_H
#define RUNNER_SUPERVISOR_METRICS_H

#include "runner/ipc/histogram.h"
#include "runner/supervisor/status.h"

enum { RELOAD_DONE, RELOAD_REFUSED, RELOADS };
/* The last one: whatever else a job process said. */
enum { CONCLUSIONS = 10 };

struct tally {
	uint64_t jobs[CONCLUSIONS];
	uint64_t heartbeats[HEARTBEAT_KINDS];
	uint64_t reloads[RELOADS];
	uint64_t orphans;
	/* of jobs that are over */
	uint64_t masked, engine_errors;
	struct histogram step_seconds, claim_latency;
};

/* A job is over. */
void tally_job(struct tally *t, const char *conclusion, const struct slot_view *v);

/* The file system of the workspaces; total 0: unknown. */
struct disk_view {
	uint64_t total, free;
};
void metrics_write(const struct tally *t, const struct status *s, const struct disk_view *disk,
	struct buf *out);

/* NULL: healthy. Otherwise one line for the answer; out holds it. */
const char *health_problem(const struct status *s, struct buf *out);

#endif
