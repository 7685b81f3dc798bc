/*
 * What others may see of the supervisor and ask of it: control socket, metrics, health. All three
 * are written from one snapshot, so they cannot disagree.
 */
#include "runner/supervisor/private.h"

#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/log.h"

static const char *gate_name(const struct supervisor *s)
{
	if (s->heartbeats.refused)
		return "refused";
	if (disk_gate_state(s->gates.disk).pressure)
		return "disk_pressure";
	return platform_state(s->gates.platform).state == PLATFORM_BROKEN ? "broken" : "claiming";
}

static const char *state_name(const struct supervisor *s)
{
	if (s->stop.cancelling && s->jobs.n > 0)
		return "cancelling";
	if (s->stop.stopping)
		return "stopping";
	if (!s->stop.drained)
		return gate_name(s);
	return s->jobs.n > 0 || s->jobs.queue.first ? "draining" : "drained";
}

static void snapshot(const struct supervisor *s, struct status *ret)
{
	*ret = (struct status){ .state = state_name(s),
		.instance = s->state.instance_id,
		.server = s->settings->config.server.base_url,
		.started = s->view.started,
		.now = wall_now(),
		.mono_now = loop_now(s->loop),
		.capacity = s->settings->config.runner.capacity,
		.jobs_done = s->jobs.done,
		.waiting = (int64_t)s->jobs.queue.n,
		.recovering = s->jobs.recovery ? (int64_t)recovery_jobs(s->jobs.recovery) : 0,
		.heartbeat = s->heartbeats.last,
		.engine = engine_watch_view(s->gates.engine),
		.disk = disk_gate_state(s->gates.disk),
		.platform = platform_state(s->gates.platform),
		.n_jobs = s->jobs.n };
	ret->heartbeat.failures = pace_failures(&s->heartbeats.pace);
	ret->heartbeat.error = *s->heartbeats.error ? s->heartbeats.error : NULL;
	ret->heartbeat.in_flight = heartbeat_in_flight(s->heartbeats.sender);
	for (size_t i = 0; i < s->jobs.n; i++)
		ret->jobs[i] = slot_view(s->jobs.slots[i].slot);
}

void view_count(struct supervisor *s, const struct slot *slot)
{
	struct slot_view v = slot_view(slot);

	tally_job(&s->tally, slot_conclusion(slot), &v);
}

/* ---- control socket ---- */

static void on_status(void *data, struct json_writer *w)
{
	struct status now;

	snapshot(data, &now);
	status_write(&now, w);
}

static int on_drain(void *data, bool cancel, struct err *e)
{
	return drain_begin(data, cancel, e);
}

static int on_undrain(void *data, struct err *e)
{
	return drain_undo(data, e);
}

static bool on_drained(void *data, bool *ret_undone)
{
	struct supervisor *s = data;

	*ret_undone = !supervisor_draining(s);
	return supervisor_draining(s) && s->jobs.n == 0 && !s->jobs.queue.first &&
	       !heartbeat_in_flight(s->heartbeats.sender);
}

/* ---- monitor ---- */

static struct disk_view read_disk(const char *path)
{
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		return (struct disk_view){ 0 };
	return (struct disk_view){ .total = (uint64_t)v.f_blocks * v.f_frsize,
		.free = (uint64_t)v.f_bavail * v.f_frsize };
}

static void on_metrics(void *data, struct buf *out)
{
	struct supervisor *s = data;
	struct disk_view disk = read_disk(s->settings->config.runner.workspace_root);
	struct status now;

	snapshot(s, &now);
	metrics_write(&s->tally, &now, &disk, out);
}

static bool on_health(void *data, struct buf *out)
{
	struct status now;

	snapshot(data, &now);
	if (health_problem(&now, out)) {
		buf_addc(out, '\n');
		return false;
	}
	buf_addf(out, "ok, %s\n", now.state);
	return true;
}

static int open_monitor(struct supervisor *s, struct err *e)
{
	const char *where = s->settings->config.metrics.listen;

	if (!where)
		return 0;
	s->view.monitor = monitor_new(s->loop, where,
		&(struct monitor_handler){ .metrics = on_metrics, .health = on_health, .data = s },
		e);
	if (!s->view.monitor)
		return -1;
	log_info("supervisor", "metrics", F_STR("listen", monitor_where(s->view.monitor)));
	return 0;
}

/* Without the engine every job would fail: the heartbeat that is held now may not bring one. */
static void on_engine(void *data)
{
	struct supervisor *s = data;

	if (engine_watch_lost(s->gates.engine))
		heartbeat_hurry(s->heartbeats.sender);
	else if (!platform_open(s->gates.platform))
		platform_recheck(s->gates.platform); /* it may have been the engine */
	supervisor_wake(s);
}

int view_setup(struct supervisor *s, struct err *e)
{
	const struct control_handler handler = { .status = on_status,
		.drain = on_drain,
		.undrain = on_undrain,
		.drained = on_drained,
		.data = s };

	s->gates.engine = engine_watch_new(s->loop, s->http, &s->settings->config);
	engine_watch_on_change(s->gates.engine, on_engine, s);
	s->view.control = control_new(s->loop, s->state.path, &handler, e);
	return s->view.control ? open_monitor(s, e) : -1;
}

void view_teardown(struct supervisor *s)
{
	monitor_free(s->view.monitor);
	control_free(s->view.control);
	engine_watch_free(s->gates.engine);
}
