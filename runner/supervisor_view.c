/* What others may see of the supervisor and ask of it: control socket, metrics, health. */
#include "runner/supervisor_private.h"

#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/log.h"

static const char *state_name(const struct supervisor *s)
{
	if (s->cancelling && s->n_slots > 0)
		return "cancelling";
	if (s->stopping)
		return "stopping";
	if (!s->drained)
		return disk_gate_look(s->disk).pressure ? "disk_pressure" : "claiming";
	return s->n_slots > 0 || s->claims.first ? "draining" : "drained";
}

static void snapshot(const struct supervisor *s, struct status *ret)
{
	*ret = (struct status){ .state = state_name(s),
		.instance = s->state.instance_id,
		.server = s->settings->config.server.base_url,
		.started = s->started,
		.now = wall_now(),
		.mono_now = loop_now(s->loop),
		.capacity = s->settings->config.runner.capacity,
		.jobs_done = s->jobs_done,
		.waiting = (int64_t)s->claims.n,
		.recovering = s->recovery ? (int64_t)recovery_jobs(s->recovery) : 0,
		.heartbeat = s->last_beat,
		.engine = engine_watch_view(s->engine),
		.disk = disk_gate_look(s->disk),
		.n_jobs = s->n_slots };
	ret->heartbeat.failures = pace_failures(&s->pace);
	ret->heartbeat.error = *s->beat_error ? s->beat_error : NULL;
	ret->heartbeat.in_flight = heartbeat_in_flight(s->heartbeat);
	for (size_t i = 0; i < s->n_slots; i++)
		ret->jobs[i] = slot_view(s->slots[i].slot);
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
	return supervisor_draining(s) && s->n_slots == 0 && !s->claims.first &&
	       !heartbeat_in_flight(s->heartbeat);
}

/* ---- monitor ---- */

static struct disk_view look_at_disk(const char *path)
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
	struct disk_view disk = look_at_disk(s->settings->config.runner.workspace_root);
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
	s->monitor = monitor_new(s->loop, where,
		&(struct monitor_handler){ .metrics = on_metrics, .health = on_health, .data = s },
		e);
	if (!s->monitor)
		return -1;
	log_info("supervisor", "metrics", F_STR("listen", monitor_where(s->monitor)));
	return 0;
}

/* Without the engine every job would fail: the heartbeat that is held now may not bring one. */
static void on_engine(void *data)
{
	struct supervisor *s = data;

	if (engine_watch_lost(s->engine))
		heartbeat_hurry(s->heartbeat);
	supervisor_wake(s);
}

int view_setup(struct supervisor *s, struct err *e)
{
	const struct control_handler handler = { .status = on_status,
		.drain = on_drain,
		.undrain = on_undrain,
		.drained = on_drained,
		.data = s };

	s->engine = engine_watch_new(s->loop, s->http, &s->settings->config);
	engine_watch_on_change(s->engine, on_engine, s);
	s->control = control_new(s->loop, s->state.path, &handler, e);
	return s->control ? open_monitor(s, e) : -1;
}

void view_teardown(struct supervisor *s)
{
	monitor_free(s->monitor);
	control_free(s->control);
	engine_watch_free(s->engine);
}
