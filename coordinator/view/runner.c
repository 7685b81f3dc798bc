/*
 * A runner as others see it. Whether it is online follows from its last heartbeat at the time of
 * the question: nobody has to mark it offline for the listing to be right.
 */
#include "coordinator/view/runner.h"

#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/row_json.h"

bool runner_online(const struct runner_row *r, struct wall now)
{
	return r->last_heartbeat_at.us + RUNNER_STALE_US > now.us && !r->offline_at.us &&
	       !r->trouble;
}

bool runner_in_trouble(const struct runner_row *r, struct wall now)
{
	return runner_troubled(r, (struct wall){ now.us - RUNNER_STALE_US });
}

struct wall runner_heard_of(const struct runner_row *r)
{
	return r->trouble_at.us > r->last_heartbeat_at.us ? r->trouble_at : r->last_heartbeat_at;
}

const char *runner_mood(const struct runner_row *r, struct wall now)
{
	if (r->revoked_at.us)
		return "revoked";
	if (r->drained_at.us)
		return "draining";
	if (runner_in_trouble(r, now))
		return "troubled";
	return runner_online(r, now) ? "online" : "offline";
}

bool runner_deaf(const struct runner_row *r, const struct matching *m, struct wall now)
{
	return m->jobs > 0 && r->freed_at.us + RUNNER_DEAF_US < now.us &&
	       m->oldest_at.us + RUNNER_DEAF_US < now.us && runner_online(r, now) &&
	       !r->drained_at.us && !r->revoked_at.us && r->active_jobs < r->capacity;
}

const char *runner_work_status(const struct runner_row *r, struct wall now)
{
	if (!runner_online(r, now) || r->revoked_at.us)
		return "offline";
	return r->active_jobs > 0 ? "busy" : "idle";
}

static void write_age(struct json_writer *w, const char *key, struct wall t, struct wall now)
{
	json_key(w, key);
	if (t.us)
		json_int(w, now.us > t.us ? (now.us - t.us) / USEC_PER_SEC : 0);
	else
		json_null(w);
}

void runner_scope_write(struct json_writer *w, const struct runner_row *r)
{
	json_key(w, "scope");
	json_begin_object(w);
	json_kv_str(w, "kind", r->scope_repo_id ? "repo" : r->scope_owner ? "owner" : "site");
	json_kv_str(w, "owner", r->scope_owner);
	json_kv_str(w, "repository", r->scope_repo);
	json_end_object(w);
}

static void write_trouble(struct json_writer *w, const struct runner_row *r)
{
	json_key(w, "trouble");
	if (!r->trouble) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_str(w, "kind", r->trouble);
	json_kv_str(w, "text", r->trouble_text);
	kv_time(w, "since", r->trouble_since);
	kv_time(w, "reported_at", r->trouble_at);
	json_end_object(w);
}

/* Some facts have two names: the hosted service's, and the one that stood here first. */
void runner_write(struct json_writer *w, const struct runner_row *r, struct wall now)
{
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "name", r->name);
	json_kv_strv(w, "labels", &r->labels);
	json_kv_strv(w, "allowed_labels", &r->allowed_labels);
	json_kv_strv(w, "refused_labels", &r->refused_labels);
	runner_scope_write(w, r);
	json_kv_int(w, "capacity", r->capacity);
	json_kv_int(w, "active_job_count", r->active_jobs);
	json_kv_int(w, "active_jobs", r->active_jobs);
	json_kv_str(w, "status", runner_work_status(r, now));
	json_kv_bool(w, "online", runner_online(r, now));
	kv_time(w, "last_heartbeat_at", r->last_heartbeat_at);
	write_age(w, "last_heartbeat_age_seconds", r->last_heartbeat_at, now);
	write_trouble(w, r);
	json_kv_str(w, "host_name", r->host_name);
	json_kv_str(w, "version", r->version);
	json_kv_bool(w, "draining", r->drained_at.us != 0);
	kv_time(w, "freed_at", r->freed_at);
	kv_time(w, "draining_at", r->drained_at);
	kv_time(w, "drained_at", r->drained_at);
	json_kv_str(w, "drain_reason", r->drain_reason);
	json_kv_bool(w, "revoked", r->revoked_at.us != 0);
	kv_time(w, "revoked_at", r->revoked_at);
	json_kv_str(w, "revoked_reason", r->revoke_reason);
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
