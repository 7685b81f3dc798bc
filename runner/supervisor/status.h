/*
 * What a running supervisor shows of itself: a snapshot, borrowed from it for one answer, and its
 * JSON form, which is what `status --output json` prints. Keys are only ever added.
 */
#ifndef RUNNER_SUPERVISOR_STATUS_H
#define RUNNER_SUPERVISOR_STATUS_H

#include "base/json.h"
#include "runner/supervisor/disk_gate.h"
#include "runner/supervisor/engine_watch.h"
#include "runner/supervisor/heartbeat.h"
#include "runner/slot/slot.h"
#include "runner/supervisor/platform.h"

/* The last answer to a heartbeat. */
struct heartbeat_view {
	bool any; /* false: none came yet */
	enum heartbeat_kind kind;
	struct wall at;
	const char *error; /* NULL: none */
	unsigned failures; /* in a row */
	bool in_flight;
};

enum { STATUS_JOBS_MAX = 64 };

struct status {
	const char *state; /* "claiming", "draining", "drained", "stopping", "cancelling",
			      "disk_pressure", "broken", "refused" */
	const char *instance, *server;
	struct wall started, now;
	int64_t capacity, jobs_done;
	int64_t waiting;    /* claims without a slot */
	int64_t recovering; /* jobs that an earlier run left, being reported and cleaned up */
	struct heartbeat_view heartbeat;
	struct engine_view engine;
	struct disk_gate_view disk;
	struct platform_view platform;
	struct slot_view jobs[STATUS_JOBS_MAX];
	struct mono mono_now; /* of jobs' ages */
	size_t n_jobs;
};

const char *heartbeat_kind_name(enum heartbeat_kind kind);
const char *engine_state_name(enum engine_state state);
uint64_t status_upload_queue(const struct status *s); /* bytes, over all jobs */
/* One object. */
void status_write(const struct status *s, struct json_writer *w);
/* Lines for people, from that object; unknown or missing keys are passed over. */
void status_describe(const struct json_value *v, struct buf *out);

#endif
