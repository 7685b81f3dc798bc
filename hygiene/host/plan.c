/*
 * All reasons against an action at once, so that an operator fixes them in one go and not one a
 * run.
 */
#include "hygiene/host/plan.h"

#include "config/hygiene_check.h"

const char *audit_key_problem(const char *key)
{
	size_t n = strlen(key);

	if (!str_starts(key, AUDIT_KEY_PREFIX) || n == strlen(AUDIT_KEY_PREFIX) ||
		n > AUDIT_KEY_MAX)
		return "expected " AUDIT_KEY_PREFIX "NAME of at most 200 bytes";
	for (size_t i = 0; i < n; i++)
		if (key[i] <= ' ' || key[i] >= 0x7f)
			return "expected visible ASCII characters";
	return NULL;
}

void hygiene_request_write(const struct hygiene_request *r, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "host", r->host);
	json_kv_str(w, "action", r->action);
	json_kv_str(w, "audit_key", r->key);
	json_kv_str(w, "volume", r->volume);
	json_kv_bool(w, "mutate", r->mutate);
	json_kv_strv(w, "retained_warm_builders", &r->retained);
	json_end_object(w);
}

static void block(struct hygiene_plan *p, bool when, const char *code)
{
	if (when && !strv_contains(&p->blockers, code))
		strv_add(&p->blockers, code);
}

static bool needs_attention(const struct host_report *r)
{
	for (size_t i = 0; i < HOST_FINDINGS; i++)
		if (r->found[i] && host_finding_blocks(i))
			return true;
	return false;
}

static bool is_present(const struct inventory *inv, const char *builder)
{
	for (size_t i = 0; i < inv->n_builders; i++)
		if (hygiene_same(inv->builders[i].name, builder))
			return inv->builders[i].present;
	return false;
}

static void check_builders(struct hygiene_plan *p, const struct hygiene_request *r,
	const struct hygiene_policy *policy, const struct inventory *inv)
{
	strv_each (name, &policy->warm_builders)
		block(p, !hygiene_listed(&r->retained, name), "warm_builder_not_retained");
	strv_each (name, &r->retained)
		block(p, !is_present(inv, name), "retained_warm_builder_missing_from_report");
}

/* A volume that is removed by mistake is gone: each doubt is a reason of its own. */
static void check_volume(struct hygiene_plan *p, const struct hygiene_request *r,
	const struct hygiene_policy *policy, const struct host_observation *o)
{
	const struct volume_row *row = r->volume ? host_volume(o, r->volume) : NULL;

	block(p, !r->volume, "target_volume_required");
	block(p, r->volume && !is_state_volume(r->volume), "target_volume_not_buildkit_state");
	block(p, r->volume && !strv_contains(&policy->state_volumes, r->volume),
		"target_volume_not_allowlisted");
	block(p, r->volume && !row, "target_volume_missing");
	block(p, row && row->links < 0, "target_volume_links_unknown");
	block(p, row && row->links > 0, "target_volume_in_use");
	block(p, row && row->warm, "target_volume_is_warm_builder");
}

void hygiene_plan_make(struct hygiene_plan *p, const struct hygiene_request *r,
	const struct hygiene_policy *policy, const struct host_report *report,
	const struct strv *more)
{
	const struct host_observation *o = report->observation;
	const struct measure *cache = &o->inventory.reclaimable[MEASURE_CACHE];

	*p = (struct hygiene_plan){ .action = hygiene_action_parse(r->action) };
	block(p, !hygiene_same(r->host, policy->approved_host), "approved_host_mismatch");
	block(p, !hygiene_same(r->host, o->host), "report_host_mismatch");
	block(p, !hygiene_policy_enables(policy, p->action), "action_not_enabled");
	block(p, !r->mutate, "mutate_not_requested");
	block(p, str_empty(r->key), "audit_record_required");
	block(p, needs_attention(report), "host_needs_attention");
	check_builders(p, r, policy, &o->inventory);
	if (p->action == HYGIENE_REMOVE_STATE_VOLUMES) {
		check_volume(p, r, policy, o);
		p->volume = xstrdup(r->volume);
	}
	block(p, p->action <= HYGIENE_BOUND_DOCKER_CACHE && cache->available == MEASURE_UNAVAILABLE,
		"build_cache_unavailable");
	if (more)
		strv_each (code, more)
			block(p, true, code);
	strv_sort(&p->blockers);
}

bool hygiene_plan_dry(const struct hygiene_plan *p)
{
	return p->blockers.n == 1 && str_eq(p->blockers.v[0], "mutate_not_requested");
}

void hygiene_plan_write(const struct hygiene_plan *p, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "status", hygiene_plan_ready(p) ? "ready" : "blocked");
	json_kv_str(w, "action", hygiene_action_name(p->action));
	json_kv_str(w, "volume", p->volume);
	json_kv_strv(w, "blockers", &p->blockers);
	json_end_object(w);
}

void hygiene_plan_release(struct hygiene_plan *p)
{
	free(p->volume);
	strv_release(&p->blockers);
	*p = (struct hygiene_plan){ 0 };
}
