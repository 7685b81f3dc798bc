/*
 * The policy's judgement of one observation. A number that is not known never passes: it is a
 * finding of its own that blocks changes.
 */
#include "hygiene/host/report.h"

#include <inttypes.h>

static const struct {
	const char *name, *next;
	bool blocks;
} findings[] = {
	[HOST_RECLAIMABLE_ABOVE] = { "docker_reclaimable_above_limit",
		"look at the inventory, then plan prune_docker_cache; the sum alone is no reason "
		"to "
		"delete anything else" },
	[HOST_RECLAIMABLE_PARTIAL] = { "docker_reclaimable_measurement_partial",
		"find out why the engine does not report all sizes before you change anything",
		true },
	[HOST_FREE_BELOW] = { "free_disk_below_minimum",
		"plan prune_docker_cache; for workspaces see `shithubd-runner disk guard`" },
	[HOST_FREE_PARTIAL] = { "free_disk_measurement_partial",
		"run it where the file systems can be seen", true },
	[HOST_ORPHANS] = { "orphan_buildkit_present",
		"review each, then allow its volume in hygiene.state_volumes and plan "
		"remove_buildkit_state_volumes" },
	[HOST_WARM_MISSING] = { "required_warm_builder_missing",
		"build or pull it again, or take it out of hygiene.warm_builders", true },
	[HOST_WORKDIR_ABOVE] = { "runner_workdir_above_limit",
		"see `shithubd-runner workdir audit` and `shithubd-runner disk guard`" },
	[HOST_WORKDIR_PARTIAL] = { "runner_workdir_measurement_partial",
		"see `shithubd-runner workdir audit`: not everything could be inspected", true },
};

const char *host_finding_name(enum host_finding f)
{
	return findings[f].name;
}

bool host_finding_blocks(enum host_finding f)
{
	return findings[f].blocks;
}

static void add_found(struct host_report *r, enum host_finding f, char *detail)
{
	r->found[f] = true;
	r->detail[f] = detail;
}

static void judge_disk(struct host_report *r, const struct hygiene_policy *p)
{
	const struct host_observation *o = r->observation;

	if (o->free >= 0 && o->free < p->minimum_free)
		add_found(r, HOST_FREE_BELOW,
			xasprintf("%" PRId64 " bytes are free, expected %" PRId64 " or more",
				o->free, p->minimum_free));
	if (o->free < 0 && p->minimum_free > 0)
		add_found(r, HOST_FREE_PARTIAL, xstrdup("no file system could be measured"));
}

static bool sizes_unknown(const struct inventory *inv)
{
	for (size_t i = 0; i < MEASURES; i++)
		if (inv->reclaimable[i].available == MEASURE_PARTIAL)
			return true;
	return false;
}

static void judge_engine(struct host_report *r, const struct hygiene_policy *p)
{
	const struct host_observation *o = r->observation;

	if (p->maximum_reclaimable < 0)
		return;
	if (o->reclaimable > p->maximum_reclaimable)
		add_found(r, HOST_RECLAIMABLE_ABOVE,
			xasprintf("%" PRId64 " bytes, expected at most %" PRId64, o->reclaimable,
				p->maximum_reclaimable));
	else if (o->reclaimable < 0 || sizes_unknown(&o->inventory))
		add_found(r, HOST_RECLAIMABLE_PARTIAL, xstrdup("not every size is known"));
}

static void judge_workdir(struct host_report *r, const struct hygiene_policy *p)
{
	const struct host_observation *o = r->observation;

	if (p->maximum_workdir < 0)
		return;
	if (o->workdir_allocated > p->maximum_workdir)
		add_found(r, HOST_WORKDIR_ABOVE,
			xasprintf("%" PRId64 " bytes allocated, expected at most %" PRId64,
				o->workdir_allocated, p->maximum_workdir));
	else if (o->workdir_allocated < 0 || o->workdir_unseen != 0)
		add_found(r, HOST_WORKDIR_PARTIAL, xstrdup("not every entry could be inspected"));
}

static void judge_builders(struct host_report *r, const struct hygiene_policy *p)
{
	const struct inventory *inv = &r->observation->inventory;
	CLEAN_BUF struct buf missing = BUF_INIT(32 << 10);
	size_t orphans = inv->orphan_containers.n + inv->orphan_volumes.n;

	strv_each (name, &p->warm_builders) {
		bool present = false;

		for (size_t i = 0; i < inv->n_builders; i++)
			present |= inv->builders[i].present &&
				   hygiene_same(inv->builders[i].name, name);
		if (!present)
			buf_addf(&missing, "%s%s", missing.len ? ", " : "", name);
	}
	if (missing.len)
		add_found(r, HOST_WARM_MISSING, buf_take(&missing));
	if (orphans && !p->allow_orphan_buildkit)
		add_found(r, HOST_ORPHANS,
			xasprintf("%zu containers, %zu volumes", inv->orphan_containers.n,
				inv->orphan_volumes.n));
}

void host_report_make(
	struct host_report *r, const struct host_observation *o, const struct hygiene_policy *p)
{
	*r = (struct host_report){ .observation = o };
	judge_disk(r, p);
	judge_engine(r, p);
	judge_workdir(r, p);
	judge_builders(r, p);
}

void host_report_release(struct host_report *r)
{
	for (size_t i = 0; i < HOST_FINDINGS; i++)
		free(r->detail[i]);
	*r = (struct host_report){ 0 };
}

bool host_report_healthy(const struct host_report *r)
{
	for (size_t i = 0; i < HOST_FINDINGS; i++)
		if (r->found[i])
			return false;
	return true;
}

static void write_findings(const struct host_report *r, struct json_writer *w)
{
	json_key(w, "findings");
	json_begin_array(w);
	for (size_t i = 0; i < HOST_FINDINGS; i++) {
		if (!r->found[i])
			continue;
		json_begin_object(w);
		json_kv_str(w, "code", findings[i].name);
		json_kv_str(w, "detail", r->detail[i]);
		json_end_object(w);
	}
	json_end_array(w);
	json_key(w, "next_steps");
	json_begin_array(w);
	for (size_t i = 0; i < HOST_FINDINGS; i++)
		if (r->found[i])
			json_str(w, findings[i].next);
	json_end_array(w);
}

void host_report_write(const struct host_report *r, struct json_writer *w)
{
	const struct host_observation *o = r->observation;
	char at[WALL_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < HOST_FINDINGS; i++)
		n += r->found[i];
	CLEAN_STR char *summary = n ? xasprintf("%zu finding%s", n, n == 1 ? "" : "s")
				    : xstrdup("nothing needs attention");
	json_begin_object(w);
	json_kv_int(w, "schema_version", OBSERVATION_SCHEMA);
	json_kv_str(w, "status", n ? "attention" : "healthy");
	json_kv_str(w, "host_name", o->host);
	json_kv_str(w, "observed_at", wall_format(o->at, at));
	kv_count(w, "free_disk_bytes", o->free);
	kv_count(w, "docker_reclaimable_bytes", o->reclaimable);
	kv_count(w, "runner_workdir_bytes", o->workdir);
	kv_count(w, "runner_workdir_allocated_bytes", o->workdir_allocated);
	json_kv_str(w, "summary", summary);
	write_findings(r, w);
	json_end_object(w);
}
