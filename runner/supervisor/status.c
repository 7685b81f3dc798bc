/*
 * One JSON form for the control socket, one text made from that JSON and not from the structs:
 * `status` is often a newer or older binary than the runner that answers, so unknown and missing
 * keys must not matter.
 */
#include "runner/supervisor/status.h"

#include <inttypes.h>

const char *heartbeat_kind_name(enum heartbeat_kind kind)
{
	static const char *const names[HEARTBEAT_KINDS] = { [HEARTBEAT_NOTHING] = "nothing",
		[HEARTBEAT_CLAIM] = "claim",
		[HEARTBEAT_LIMITED] = "limited",
		[HEARTBEAT_REFUSED] = "refused",
		[HEARTBEAT_FAILED] = "failed" };

	return names[kind];
}

const char *engine_state_name(enum engine_state state)
{
	static const char *const names[] = { "unknown", "up", "down" };

	return names[state];
}

uint64_t status_upload_queue(const struct status *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->n_jobs; i++)
		bytes += s->jobs[i].progress->last.queued;
	return bytes;
}

/* ---- JSON ---- */

static void write_time(struct json_writer *w, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	json_kv_str(w, key, t.us ? wall_format(t, text) : NULL);
}

static void write_age(struct json_writer *w, int64_t us)
{
	int64_t ms = us / USEC_PER_MSEC;

	json_key(w, "age_seconds");
	json_double(w, (double)ms / 1e3);
}

static void write_heartbeat(struct json_writer *w, const struct heartbeat_view *b, struct wall now)
{
	json_key(w, "heartbeat");
	json_begin_object(w);
	json_kv_str(w, "result", b->any ? heartbeat_kind_name(b->kind) : NULL);
	write_time(w, "at", b->at);
	if (b->any)
		write_age(w, now.us - b->at.us);
	json_kv_str(w, "error", b->error);
	json_kv_int(w, "failures", b->failures);
	json_kv_bool(w, "in_flight", b->in_flight);
	json_end_object(w);
}

static void write_engine(struct json_writer *w, const struct engine_view *g)
{
	json_key(w, "engine");
	json_begin_object(w);
	json_kv_str(w, "state", engine_state_name(g->state));
	write_time(w, "since", g->since);
	json_kv_str(w, "server", g->server);
	json_kv_str(w, "socket", g->socket);
	json_kv_str(w, "error", g->error);
	json_end_object(w);
}

static void write_disk(struct json_writer *w, const struct disk_gate_view *d)
{
	json_key(w, "disk");
	json_begin_object(w);
	json_kv_bool(w, "pressure", d->pressure);
	json_kv_int(w, "percent", d->percent);
	json_kv_str(w, "root", d->root);
	json_kv_int(w, "guards", (int64_t)d->guards);
	json_end_object(w);
}

static void write_platform(struct json_writer *w, const struct platform_view *p)
{
	json_key(w, "platform");
	json_begin_object(w);
	json_kv_str(w, "state", platform_state_name(p->state));
	write_time(w, "since", p->since);
	json_kv_str(w, "error", p->error);
	json_kv_int(w, "failures", (int64_t)p->failures);
	json_end_object(w);
}

static void write_step(struct json_writer *w, const struct progress *p, struct wall now)
{
	json_key(w, "step");
	if (p->step < 0) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_int(w, "index", p->step);
	json_kv_int(w, "of", p->steps);
	json_kv_str(w, "name", p->name);
	write_time(w, "since", p->step_since);
	write_age(w, now.us - p->step_since.us);
	json_end_object(w);
}

static void write_job(struct json_writer *w, const struct slot_view *j, const struct status *s)
{
	json_begin_object(w);
	json_kv_int(w, "id", j->job_id);
	json_kv_int(w, "run", j->run_id);
	json_kv_str(w, "state", j->state);
	write_age(w, mono_diff(s->mono_now, j->since));
	write_step(w, &j->progress->last, s->now);
	json_kv_int(w, "upload_queue_bytes", (int64_t)j->progress->last.queued);
	json_end_object(w);
}

void status_write(const struct status *s, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "version", PROJECT_VERSION);
	json_kv_str(w, "instance", s->instance);
	json_kv_int(w, "pid", getpid());
	write_time(w, "started_at", s->started);
	json_kv_str(w, "server", s->server);
	json_kv_str(w, "state", s->state);
	json_kv_int(w, "capacity", s->capacity);
	json_kv_int(w, "busy", (int64_t)s->n_jobs);
	json_kv_int(w, "waiting_claims", s->waiting);
	json_kv_int(w, "recovering", s->recovering);
	json_kv_int(w, "jobs_done", s->jobs_done);
	json_kv_int(w, "upload_queue_bytes", (int64_t)status_upload_queue(s));
	write_heartbeat(w, &s->heartbeat, s->now);
	write_engine(w, &s->engine);
	write_disk(w, &s->disk);
	write_platform(w, &s->platform);
	json_key(w, "jobs");
	json_begin_array(w);
	for (size_t i = 0; i < s->n_jobs; i++)
		write_job(w, &s->jobs[i], s);
	json_end_array(w);
	json_end_object(w);
}

/* ---- text ---- */

static const char *text_of(const struct json_value *v, const char *key)
{
	const char *text = json_get_string(v, key);

	return text ? text : "-";
}

/* Whole seconds of an object's age. */
static void add_age(struct buf *out, const struct json_value *v)
{
	const struct json_value *age = json_get(v, "age_seconds");
	char text[DURATION_TEXT_MAX];

	if (age && age->type == JSON_NUMBER && age->number < 1e9)
		buf_addf(out, "%s", duration_format((int64_t)age->number * USEC_PER_SEC, text));
	else
		buf_addc(out, '-');
}

static void add_job(struct buf *out, const struct json_value *j)
{
	const struct json_value *step = json_get(j, "step");

	buf_addf(out, "job %" PRId64 " (run %" PRId64 "): %s for ", json_get_int(j, "id", 0),
		json_get_int(j, "run", 0), text_of(j, "state"));
	add_age(out, j);
	if (step && step->type == JSON_OBJECT) {
		buf_addf(out, ", step %" PRId64 " of %" PRId64 " \"%s\" for ",
			json_get_int(step, "index", 0) + 1, json_get_int(step, "of", 0),
			text_of(step, "name"));
		add_age(out, step);
	}
	buf_addf(out, ", %" PRId64 " log bytes to upload\n",
		json_get_int(j, "upload_queue_bytes", 0));
}

static void add_heartbeat(struct buf *out, const struct json_value *b)
{
	const char *error = json_get_string(b, "error");

	buf_addf(out, "heartbeat: %s",
		json_get_string(b, "result") ? text_of(b, "result") : "none yet");
	if (json_get(b, "age_seconds")) {
		buf_adds(out, ", ");
		add_age(out, b);
		buf_adds(out, " ago");
	}
	if (error)
		buf_addf(out, ", %" PRId64 " failures in a row: %s", json_get_int(b, "failures", 0),
			error);
	buf_addc(out, '\n');
}

static void add_engine(struct buf *out, const struct json_value *g)
{
	const char *error = json_get_string(g, "error");

	buf_addf(out, "engine: %s, %s at %s%s%s\n", text_of(g, "state"), text_of(g, "server"),
		text_of(g, "socket"), error ? ": " : "", error ? error : "");
}

static void add_disk(struct buf *out, const struct json_value *d)
{
	if (json_get_bool(d, "pressure", false))
		buf_addf(out, "disk: %" PRId64 "%% used at %s, no jobs are claimed\n",
			json_get_int(d, "percent", 0), text_of(d, "root"));
}

static void add_platform(struct buf *out, const struct json_value *p)
{
	const char *error = json_get_string(p, "error");

	if (error)
		buf_addf(out, "platform: broken, no jobs are claimed: %s\n", error);
}

void status_describe(const struct json_value *v, struct buf *out)
{
	const struct json_value *jobs = json_get(v, "jobs");

	buf_addf(out, "%s, %" PRId64 " of %" PRId64 " slots busy, %" PRId64 " jobs done",
		text_of(v, "state"), json_get_int(v, "busy", 0), json_get_int(v, "capacity", 0),
		json_get_int(v, "jobs_done", 0));
	if (json_get_int(v, "waiting_claims", 0))
		buf_addf(out, ", %" PRId64 " claims wait for a slot",
			json_get_int(v, "waiting_claims", 0));
	if (json_get_int(v, "recovering", 0))
		buf_addf(out, ", %" PRId64 " left by an earlier run are cleaned up",
			json_get_int(v, "recovering", 0));
	buf_addf(out, "\nrunner: version %s, pid %" PRId64 ", instance %s, started %s\n",
		text_of(v, "version"), json_get_int(v, "pid", 0), text_of(v, "instance"),
		text_of(v, "started_at"));
	buf_addf(out, "coordinator: %s\n", text_of(v, "server"));
	add_heartbeat(out, json_get(v, "heartbeat"));
	add_engine(out, json_get(v, "engine"));
	add_disk(out, json_get(v, "disk"));
	add_platform(out, json_get(v, "platform"));
	buf_addf(out, "to upload: %" PRId64 " bytes\n", json_get_int(v, "upload_queue_bytes", 0));
	if (jobs && jobs->type == JSON_ARRAY)
		json_array_each (j, jobs)
			add_job(out, j);
}
