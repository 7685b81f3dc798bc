#include "coordinator/runner_view.h"

#include "coordinator/row_json.h"

bool runner_online(const struct runner_row *r, struct wall now)
{
	return r->last_heartbeat_at.us + RUNNER_STALE_US > now.us && !r->offline_at.us;
}

const char *runner_mood(const struct runner_row *r, struct wall now)
{
	if (r->revoked_at.us)
		return "revoked";
	if (r->drained_at.us)
		return "draining";
	return runner_online(r, now) ? "online" : "offline";
}

bool runner_deaf(const struct runner_row *r, const struct matching *m, struct wall now)
{
	return m->jobs > 0 && m->oldest_at.us + RUNNER_DEAF_US < now.us && runner_online(r, now) &&
	       !r->drained_at.us && !r->revoked_at.us && r->active_jobs < r->capacity;
}

void runner_write(struct json_writer *w, const struct runner_row *r, struct wall now)
{
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "name", r->name);
	json_kv_strv(w, "labels", &r->labels);
	json_kv_int(w, "capacity", r->capacity);
	json_kv_int(w, "active_jobs", r->active_jobs);
	json_kv_str(w, "status", runner_online(r, now) ? "online" : "offline");
	kv_time(w, "last_heartbeat_at", r->last_heartbeat_at);
	json_kv_str(w, "host_name", r->host_name);
	json_kv_str(w, "version", r->version);
	json_kv_bool(w, "draining", r->drained_at.us != 0);
	kv_time(w, "drained_at", r->drained_at);
	json_kv_str(w, "drain_reason", r->drain_reason);
	json_kv_bool(w, "revoked", r->revoked_at.us != 0);
	kv_time(w, "revoked_at", r->revoked_at);
	json_kv_str(w, "revoke_reason", r->revoke_reason);
	kv_time(w, "created_at", r->created_at);
}

void matching_write(struct json_writer *w, const struct runner_row *r, const struct matching *m,
	struct wall now)
{
	json_kv_int(w, "queued_matching_total", m->jobs);
	kv_time(w, "oldest_matching_at", m->oldest_at);
	json_kv_bool(w, "deaf", runner_deaf(r, m, now));
}
