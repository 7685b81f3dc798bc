/*
 * Two thresholds, two reactions: at disk.high_water a child deletes what it may, below
 * disk.min_free the gate is closed. The guard runs before the gate closes, so that a disk full of
 * old workspaces never stops the runner. A file system that cannot be inspected keeps the gate
 * open: a broken statfs must not take a pool offline.
 */
#include "runner/supervisor/disk_gate.h"

#include "base/log.h"
#include "hygiene/disk/disk.h"
#include "runner/helper/disk_guard.h"
#include "runner/ipc/role.h"

#define INSPECT_US USEC_PER_SEC
#define GUARD_PAUSE_S 60
#define GUARD_MAX_US (30 * 60 * USEC_PER_SEC)

struct disk_gate {
	struct disk_gate_spec spec;
	struct loop_source *timer;
	struct role guard;
	struct mono inspected, guard_started, guard_next;
	bool above;    /* at high water or worse, when last inspected */
	bool blind;    /* a file system could not be inspected; reported */
	bool reported; /* what the log said last of pressure */
	struct disk_gate_view view;
	int fuller; /* which of root_of() view tells of, -1: none could be inspected */
};

enum { ROOTS = 2 };

static const struct runner_config *config(const struct disk_gate *g)
{
	return &(*g->spec.current)->config;
}

/* Asked for each time: a reload frees the texts of the settings before. */
static const char *root_of(const struct disk_gate *g, int i)
{
	const struct runner_config *c = config(g);
	const char *const roots[ROOTS] = { c->runner.workspace_root, c->runner.state_dir };

	return i < 0 ? NULL : roots[i];
}

/* ---- inspecting ---- */

/* Once per change, and not before the guard ran. */
static void report_pressure(struct disk_gate *g)
{
	const struct runner_config *c = config(g);

	if (g->reported == g->view.pressure)
		return;
	g->reported = g->view.pressure;
	if (g->reported)
		log_warn("disk", "disk_pressure", F_STR("root", root_of(g, g->fuller)),
			F_INT("percent", g->view.percent), F_INT("min_free", c->disk.min_free),
			F_STR("effect", "no jobs are claimed until space is free"));
	else
		log_info("disk", "disk_pressure_over", F_STR("root", root_of(g, g->fuller)),
			F_INT("percent", g->view.percent));
}

/* A file system that cannot be inspected does not keep jobs away. */
static void inspection_failed(struct disk_gate *g, const struct err *e)
{
	if (!g->blind)
		log_warn("disk", "disk_unknown", F_ERR(e));
	g->blind = true;
}

static void inspect_disks(struct disk_gate *g)
{
	const struct runner_config *c = config(g);
	struct disk_gate_view now = { .guards = g->view.guards };

	g->above = false;
	g->fuller = -1;
	for (int i = 0; i < ROOTS; i++) {
		struct disk_space d;
		struct err e = { 0 };
		bool is_short;

		if (disk_measure(root_of(g, i), &d, &e) < 0) {
			inspection_failed(g, &e);
			continue;
		}
		is_short = disk_is_short(&d, c->disk.min_free);
		g->above = g->above || is_short || disk_percent(&d) >= c->disk.high_water;
		if (g->fuller < 0 || disk_percent(&d) > now.percent) {
			now.percent = disk_percent(&d);
			g->fuller = i;
		}
		now.pressure = now.pressure || is_short;
	}
	if (now.pressure)
		now.since = g->view.pressure ? g->view.since : wall_now();
	g->view = now;
	g->inspected = loop_now(g->spec.loop);
}

/* ---- the guard ---- */

static void on_guard_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct disk_gate *g = data;
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&g->guard, &status); /* it reports in the log itself */
	g->guard_next = mono_add(loop_now(g->spec.loop), GUARD_PAUSE_S * USEC_PER_SEC);
	g->inspected = (struct mono){ 0 };
	g->spec.on_change(g->spec.data);
}

static bool start_guard(struct disk_gate *g)
{
	const struct disk_guard_order order = {
		.config = config(g), .mode = GUARD_PRE_JOB, .output = REPORT_LOG
	};
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct err e = { 0 };

	disk_guard_argv(&order, &argv);
	g->guard_next = mono_add(loop_now(g->spec.loop), GUARD_PAUSE_S * USEC_PER_SEC);
	if (role_start(&g->guard, g->spec.loop, argv.v, NULL, NULL, 0, -1, on_guard_exit, g, &e) <
		0) {
		log_warn("disk", "guard_not_started", F_ERR(&e));
		return false;
	}
	g->guard_started = loop_now(g->spec.loop);
	g->view.guards++;
	return true;
}

bool disk_gate_open(struct disk_gate *g)
{
	struct mono now = loop_now(g->spec.loop);

	if (role_running(&g->guard))
		return false;
	if (!g->inspected.us || mono_diff(now, g->inspected) >= INSPECT_US)
		inspect_disks(g);
	if (g->above && g->guard_next.us <= now.us && start_guard(g))
		return false;
	report_pressure(g);
	return !g->view.pressure;
}

bool disk_gate_is_short(struct disk_gate *g)
{
	inspect_disks(g);
	report_pressure(g);
	return g->view.pressure;
}

/* One that hangs in its file system would keep the gate closed for ever. */
static void end_hanging_guard(struct disk_gate *g)
{
	int64_t patience = g->spec.guard_us ? g->spec.guard_us : GUARD_MAX_US;
	struct mono now = loop_now(g->spec.loop);

	if (!role_running(&g->guard) || mono_diff(now, g->guard_started) < patience)
		return;
	log_error(
		"disk", "guard_hangs", F_STR("effect", "it is abandoned, jobs are claimed again"));
	role_abandon(&g->guard);
	g->guard_next = mono_add(now, GUARD_PAUSE_S * USEC_PER_SEC);
	g->spec.on_change(g->spec.data);
}

/* While a heartbeat is held disk_gate_open is not called, and a closed gate has to open again. */
static void on_timer(struct loop_source *src, void *data)
{
	struct disk_gate *g = data;
	bool before = g->view.pressure;

	end_hanging_guard(g);
	inspect_disks(g);
	if (g->view.pressure || before)
		g->spec.on_change(g->spec.data);
	loop_timer_set(src, mono_add(loop_now(g->spec.loop), DISK_GATE_S * USEC_PER_SEC));
}

/* ---- life ---- */

struct disk_gate *disk_gate_new(const struct disk_gate_spec *spec)
{
	struct disk_gate *g = xcalloc(1, sizeof(*g));

	g->spec = *spec;
	g->fuller = -1;
	g->guard = (struct role)ROLE_INIT;
	g->timer = loop_timer(spec->loop,
		mono_add(loop_now(spec->loop), DISK_GATE_S * USEC_PER_SEC), on_timer, g);
	return g;
}

void disk_gate_free(struct disk_gate *g)
{
	if (!g)
		return;
	role_kill(&g->guard);
	loop_source_unref(&g->timer);
	free(g);
}

struct disk_gate_view disk_gate_state(const struct disk_gate *g)
{
	struct disk_gate_view ret = g ? g->view : (struct disk_gate_view){ 0 };

	ret.root = g ? root_of(g, g->fuller) : NULL;
	return ret;
}
