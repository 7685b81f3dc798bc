/*
 * Text for people: names of images and builders come from the engine and are made printable.
 */
#include "runner/verbs/hygiene_text.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/terminal/table.h"

enum { AMOUNT_MAX = 32 };

static const char *amount(int64_t bytes, char out[AMOUNT_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	size_t unit = 0;

	for (; v >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		v /= 1024;
	if (bytes < 0)
		snprintf(out, AMOUNT_MAX, "not known");
	else
		snprintf(out, AMOUNT_MAX, unit ? "%.1f %s" : "%.0f %s", v, units[unit]);
	return out;
}

static void line(struct buf *out, const char *name, int64_t bytes)
{
	char text[AMOUNT_MAX];

	buf_addf(out, "%-26s %s\n", name, amount(bytes, text));
}

static void names(struct buf *out, const char *what, const struct strv *list)
{
	for (size_t i = 0; i < list->n && i < INVENTORY_ROWS_MAX; i++) {
		CLEAN_STR char *safe = text_printable(list->v[i]);

		buf_addf(out, "%s %s\n", what, safe);
	}
}

void hygiene_text_report(const struct host_report *r, struct buf *out)
{
	const struct host_observation *o = r->observation;
	CLEAN_STR char *host = text_printable(o->host), *server = text_printable(o->server);

	buf_addf(out, "%s: %s (%s)\n", host, host_report_healthy(r) ? "healthy" : "attention",
		server);
	line(out, "free disk", o->free);
	line(out, "engine could give back", o->reclaimable);
	for (unsigned i = 0; i < MEASURES; i++) {
		char label[32];

		snprintf(label, sizeof(label), "  %s", measure_key(i));
		line(out, label, o->inventory.reclaimable[i].bytes);
	}
	line(out, "workspaces", o->workdir);
	line(out, "workspaces, allocated", o->workdir_allocated);
	buf_addf(out, "%-26s %" PRId64 " images, %" PRId64 " volumes\n", "inventory",
		o->inventory.total_images, o->inventory.total_volumes);
	for (size_t i = 0; i < o->inventory.n_builders; i++) {
		CLEAN_STR char *name = text_printable(o->inventory.builders[i].name);

		buf_addf(out, "warm builder %s: %s\n", name,
			o->inventory.builders[i].present ? "present" : "missing");
	}
	names(out, "orphan container", &o->inventory.orphan_containers);
	names(out, "orphan volume", &o->inventory.orphan_volumes);
	for (size_t i = 0; i < HOST_FINDINGS; i++)
		if (r->found[i])
			buf_addf(out, "finding %s: %s\n", host_finding_name(i), r->detail[i]);
}

/* The first that fits the code's beginning; what has no entry says all itself. */
static const struct {
	const char *code, *remedy;
} remedies[] = {
	{ "mutate_not_requested", "add --mutate" },
	{ "audit_record_required",
		"add --audit-key runner-host-hygiene/NAME, a new one each time" },
	{ "approved_host_mismatch", "give the name of this machine as --host" },
	{ "report_host_mismatch", "make the observation on this machine" },
	{ "action_not_enabled", "add the action to hygiene.actions" },
	{ "host_needs_attention", "`hygiene report` names what is missing or not measured" },
	{ "warm_builder_not_retained", "add --retain NAME for each of hygiene.warm_builders" },
	{ "retained_warm_builder_missing", "build or pull the builder again" },
	{ "target_volume_", "`hygiene report` lists the state volumes; allow one in "
			    "hygiene.state_volumes" },
	{ "build_cache_unavailable", "Podman has no build cache: use another action" },
	{ "idle_evidence_incomplete", "run it where all processes can be seen (no hidepid)" },
	{ "idle_evidence_", "drain the runners of this host and wait for builds to end" },
	{ "host_lock_held", "wait until the other hygiene run has ended" },
	{ "audit_unresolved", "look at the record, then `hygiene apply --resolve`" },
	{ "audit_undelivered", "let the coordinator answer, or `hygiene apply --resolve`" },
};

static void text_blocker(const char *code, struct buf *out)
{
	const char *remedy = NULL;

	for (size_t i = 0; !remedy && i < ARRAY_LEN(remedies); i++)
		if (str_starts(code, remedies[i].code))
			remedy = remedies[i].remedy;
	buf_addf(out, "blocker %s%s%s\n", code, remedy ? ": " : "", remedy ? remedy : "");
}

void hygiene_text_plan(const struct hygiene_plan *p, struct buf *out)
{
	buf_addf(out, "%s: %s\n", hygiene_action_name(p->action),
		hygiene_plan_ready(p) ? "ready" : "blocked");
	strv_each (code, &p->blockers)
		text_blocker(code, out);
}

void hygiene_text_history(const struct audit_list *l, size_t limit, struct terminal_style style)
{
	static const struct table_column columns[] = {
		{ "UPDATED" },
		{ "HOST" },
		{ "ACTION" },
		{ "STATUS", TABLE_STATE },
		{ "DRY" },
		{ "KEY" },
		{ "MESSAGE" },
	};
	CLEAN_TABLE struct table t = TABLE(columns);

	for (size_t i = 0; i < l->n && i < limit; i++) {
		const struct audit_record *r = &l->v[i];

		table_time(&t, r->updated);
		table_text(&t, r->host);
		table_text(&t, r->action);
		table_text(&t, audit_status_name(r->status));
		table_text(&t, r->mutate ? "no" : "yes");
		table_text(&t, r->key);
		table_text(&t, r->message);
	}
	table_print(&t, stdout, style);
	fflush(stdout);
	if (!l->n)
		fprintf(stderr, "no records\n");
	else if (l->n > limit)
		fprintf(stderr, "… %zu of %zu records; --limit %zu\n", limit, l->n, l->n);
}

static void text_outbox(const struct outbox_count *c, struct buf *out)
{
	CLEAN_STR char *why = text_printable(c->why);

	if (c->of[OUTBOX_PENDING] || c->of[OUTBOX_REFUSED])
		buf_addf(out, "the coordinator was not told %zu, refused %zu records: %s\n",
			c->of[OUTBOX_PENDING], c->of[OUTBOX_REFUSED],
			*why ? why : "no coordinator is configured");
}

void hygiene_text_outcome(const struct host_outcome *o, struct buf *out)
{
	if (o->record.key) {
		CLEAN_STR char *message =
			text_printable(o->record.message ? o->record.message : "");

		buf_addf(out, "%s: %s%s\n", o->record.action, audit_status_name(o->record.status),
			o->replayed ? " (this key's earlier run)" : "");
		buf_addf(out, "%s\n", message);
	}
	strv_each (code, &o->blockers)
		text_blocker(code, out);
	text_outbox(&o->outbox, out);
}

void hygiene_json_outbox(const struct outbox_count *c, struct json_writer *w)
{
	json_begin_object(w);
	for (unsigned i = 0; i < OUTBOX_STATES; i++)
		json_kv_int(w, outbox_state_name(i), (int64_t)c->of[i]);
	json_kv_str(w, "why", c->why[0] ? c->why : NULL);
	json_end_object(w);
}

void hygiene_json_outcome(const struct host_outcome *o, struct json_writer *w)
{
	json_begin_object(w);
	json_key(w, "record");
	if (o->record.key)
		audit_record_write(&o->record, true, w);
	else
		json_null(w);
	json_kv_strv(w, "blockers", &o->blockers);
	json_kv_bool(w, "replayed", o->replayed);
	json_key(w, "delivery");
	hygiene_json_outbox(&o->outbox, w);
	json_kv_int(w, "exit_code", o->code);
	json_end_object(w);
}
