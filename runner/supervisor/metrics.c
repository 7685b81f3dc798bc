/*
 * The page is written from a snapshot that view.c takes. Counters of running jobs are
 * added to the tally for each page, so that a job's numbers do not jump at its end.
 */
#include "runner/supervisor/metrics.h"

#include <inttypes.h>

#define PREFIX "shithub_runner_"

static const char *const conclusions[CONCLUSIONS] = { "success", "failure", "cancelled",
	"timed_out", "skipped", "neutral", "action_required", "lost", "crashed", "other" };
static const char *const reload_results[RELOADS] = { "done", "refused" };

static void add_latency(struct histogram *h, const struct slot_view *v)
{
	if (v->progress->first_step.us)
		histogram_add(h, mono_diff(v->progress->first_step, v->since));
}

void tally_job(struct tally *t, const char *conclusion, const struct slot_view *v)
{
	const struct progress *p = &v->progress->last;
	size_t i = 0;

	while (i < CONCLUSIONS - 1 && !str_eq(conclusion, conclusions[i]))
		i++;
	t->jobs[i]++;
	t->masked += p->masked;
	t->engine_errors += p->engine_errors;
	histogram_merge(&t->step_seconds, &p->step_seconds);
	add_latency(&t->claim_latency, v);
}

/* ---- the page ---- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void single(
	struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	head(out, name, type, help);
	buf_addf(out, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void family(struct buf *out, const char *name, const char *help, const char *label,
	const char *const *names, const uint64_t *values, size_t n)
{
	head(out, name, "counter", help);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, PREFIX "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, names[i],
			values[i]);
}

/* As a label's value may be written. */
static void add_label(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_addc(out, '\\');
		buf_addc(out, (unsigned char)*text < ' ' ? ' ' : *text);
	}
}

static void build_info(struct buf *out, const struct status *s)
{
	head(out, "build_info", "gauge", "Always 1; the labels say which build runs.");
	buf_adds(out, PREFIX "build_info{version=\"" PROJECT_VERSION "\",instance=\"");
	add_label(out, s->instance);
	buf_adds(out, "\"} 1\n");
}

static void heartbeats(struct buf *out, const struct tally *t)
{
	static const enum heartbeat_kind bad[] = { HEARTBEAT_LIMITED, HEARTBEAT_REFUSED,
		HEARTBEAT_FAILED };
	const char *names[ARRAY_LEN(bad)];
	uint64_t values[ARRAY_LEN(bad)], all = 0;

	for (size_t i = 0; i < HEARTBEAT_KINDS; i++)
		all += t->heartbeats[i];
	single(out, "heartbeats_total", "counter", "Completed heartbeats.", all);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		names[i] = heartbeat_kind_name(bad[i]);
		values[i] = t->heartbeats[bad[i]];
	}
	family(out, "heartbeat_failures_total",
		"Heartbeats that were not answered with 200 or 204.", "reason", names, values,
		ARRAY_LEN(bad));
}

static void workspaces(struct buf *out, const struct disk_view *disk)
{
	if (!disk->total)
		return;
	head(out, "workspace_bytes", "gauge",
		"Size of the file system of runner.workspace_root, used by anybody.");
	buf_addf(out,
		PREFIX "workspace_bytes{state=\"used\"} %" PRIu64 "\n" PREFIX
		       "workspace_bytes{state=\"free\"} %" PRIu64 "\n",
		disk->total - disk->free, disk->free);
}

static void now(struct buf *out, const struct status *s)
{
	bool draining = !str_eq(s->state, "claiming");

	single(out, "slots_busy", "gauge", "Slots in use.", s->n_jobs);
	single(out, "slots_capacity", "gauge", "Slots available in total (runner.capacity).",
		(uint64_t)s->capacity);
	single(out, "draining", "gauge", "1 while the runner claims no jobs on purpose.", draining);
	single(out, "disk_pressure", "gauge",
		"1 while the runner claims no jobs because disk space is low.", s->disk.pressure);
	single(out, "token_refused", "gauge", "1 while the coordinator refuses the runner's token.",
		str_eq(s->state, "refused"));
	single(out, "platform_ok", "gauge",
		"0 while the runner claims no jobs because this machine cannot run them.",
		s->platform.state == PLATFORM_GOOD);
	single(out, "platform_failures_total", "counter",
		"Failed probes of this machine, and jobs that failed because of it.",
		s->platform.failures);
	single(out, "disk_guards_total", "counter", "Runs of the disk guard before a claim.",
		s->disk.guards);
	single(out, "engine_up", "gauge", "1 while the container engine answers.",
		s->engine.state == ENGINE_UP);
	single(out, "upload_queue_bytes", "gauge",
		"Log bytes that the coordinator has not acknowledged.", status_upload_queue(s));
	head(out, "last_heartbeat_timestamp_seconds", "gauge",
		"Time when the last heartbeat completed; 0 if none has.");
	buf_addf(out, PREFIX "last_heartbeat_timestamp_seconds %.3f\n",
		(double)s->heartbeat.at.us / 1e6);
	head(out, "start_time_seconds", "gauge", "Time when the runner started.");
	buf_addf(out, PREFIX "start_time_seconds %.3f\n", (double)s->started.us / 1e6);
}

/* The tally and the jobs that still run. */
static void add_running(struct tally *t, const struct status *s)
{
	for (size_t i = 0; i < s->n_jobs; i++) {
		const struct progress *p = &s->jobs[i].progress->last;

		t->masked += p->masked;
		t->engine_errors += p->engine_errors;
		histogram_merge(&t->step_seconds, &p->step_seconds);
		add_latency(&t->claim_latency, &s->jobs[i]);
	}
	t->engine_errors += s->engine.failures;
}

void metrics_write(const struct tally *tally, const struct status *s, const struct disk_view *disk,
	struct buf *out)
{
	struct tally t = *tally;

	add_running(&t, s);
	build_info(out, s);
	family(out, "jobs_total", "Jobs that ended.", "conclusion", conclusions, t.jobs,
		CONCLUSIONS);
	now(out, s);
	heartbeats(out, &t);
	histogram_write(&t.claim_latency, PREFIX "claim_latency_seconds",
		"Time from claim to the start of the first step.", out);
	histogram_write(&t.step_seconds, PREFIX "step_seconds",
		"Duration of steps that ran, whatever their result.", out);
	single(out, "masked_replacements_total", "counter", "Secrets replaced in logs.", t.masked);
	single(out, "engine_errors_total", "counter",
		"How often the container engine failed a job or did not answer.", t.engine_errors);
	single(out, "orphans_removed_total", "counter",
		"Removed containers that no live job owned.", t.orphans);
	family(out, "reloads_total", "Reloads of the configuration.", "result", reload_results,
		t.reloads, RELOADS);
	workspaces(out, disk);
}

const char *health_problem(const struct status *s, struct buf *out)
{
	if (s->heartbeat.error)
		buf_addf(out, "heartbeats fail (%u in a row): %s", s->heartbeat.failures,
			s->heartbeat.error);
	else if (s->engine.state == ENGINE_DOWN)
		buf_addf(out, "the container engine does not answer: %s",
			s->engine.error ? s->engine.error : "unknown");
	else if (s->platform.state == PLATFORM_BROKEN)
		buf_addf(out, "this machine cannot run jobs: %s", s->platform.error);
	else if (s->disk.pressure)
		buf_addf(out, "disk pressure: %u%% used at %s, no jobs are claimed",
			s->disk.percent, s->disk.root);
	return out->len ? buf_cstr(out) : NULL;
}
