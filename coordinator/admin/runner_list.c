/*
 * The two listings an operator looks at when jobs wait: who is there and could take them, and what
 * waits for which labels. A runner's line says how much it could take now, so that "idle while jobs
 * wait" is seen without comparing labels by hand.
 */
#include "coordinator/admin/runner_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/row_json.h"
#include "coordinator/view/runner.h"

static void labels_join(const struct strv *labels, struct buf *out)
{
	strv_each (label, labels)
		buf_addf(out, "%s%s", label_i ? "," : "", label);
}

/* ---- list ---- */

static const struct table_column runner_columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "NAME" },
	{ "STATUS", TABLE_STATE },
	{ "JOBS", TABLE_NUMBER },
	{ "WAITING", TABLE_NUMBER },
	{ "HEARTBEAT" },
	{ "VERSION" },
	{ "SCOPE" },
	{ "LABELS" },
	{ "REFUSED" },
};
static const struct admin_list runners_list = { ADMIN_LIST("runners", runner_columns) };

static const char *const standing_words[] = { "any", "online", "idle", "busy", "offline",
	"draining", "revoked", "deaf", NULL };

struct runners_options {
	int standing; /* of standing_words */
	const char *label;
};

/* A runner is several of those at once: online, idle and deaf. */
static bool runner_is(
	const struct runner_row *r, const struct matching *m, const char *word, struct wall now)
{
	if (str_eq(word, "any"))
		return true;
	if (str_eq(word, "deaf"))
		return runner_deaf(r, m, now);
	if (str_eq(word, "online"))
		return runner_online(r, now) && !r->revoked_at.us;
	return str_eq(word, runner_mood(r, now)) || str_eq(word, runner_work_status(r, now));
}

static void runner_show(
	struct admin *a, const struct runner_row *r, const struct matching *m, struct wall now)
{
	if (a->json) {
		json_begin_object(&a->w);
		runner_write(&a->w, r, now);
		matching_write(&a->w, r, m, now);
		json_end_object(&a->w);
		return;
	}
	table_int(&a->table, r->id);
	table_text(&a->table, r->name);
	table_text(&a->table, runner_deaf(r, m, now) ? "deaf" : runner_mood(r, now));
	table_addf(&a->table, "%" PRId64 "/%" PRId64, r->active_jobs, r->capacity);
	table_int(&a->table, m->jobs);
	table_time(&a->table, r->last_heartbeat_at);
	table_text(&a->table, r->version);
	table_text(&a->table, r->scope_repo    ? r->scope_repo
			      : r->scope_owner ? r->scope_owner
					       : "site");
	table_strv(&a->table, &r->labels);
	table_strv(&a->table, &r->refused_labels);
}

static int list_runners(struct admin *a, void *options, struct err *e)
{
	const struct runners_options *o = options;
	CLEANUP(runner_list_release) struct runner_list l = { 0 };
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	struct wall now = wall_now();

	if (store_runner_list(a->store, &l, e) < 0 || store_queue(a->store, &queue, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct runner_row *r = &l.v[i];
		const struct offer offer = offer_of(r);
		struct matching m = queue_matching(&queue, &offer);

		if (!runner_is(r, &m, standing_words[o->standing], now) ||
			(o->label && !strv_contains(&r->labels, o->label)))
			continue;
		if (admin_row(a))
			runner_show(a, r, &m, now);
	}
	return 0;
}

int admin_runner_list(int argc, char **argv)
{
	struct runners_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "status", CLI_CHOICE, &o.standing, .help = "those that are (default: any)",
			.words = standing_words },
		{ "label", CLI_STRING, &o.label, "LABEL", "those that have it" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &runners_list,
			.work = list_runners });
}

/* ---- queue ---- */

static const struct table_column queue_columns[] = {
	{ "RUNS-ON" },
	{ "QUEUED", TABLE_NUMBER },
	{ "OLDEST" },
	{ "ONLINE", TABLE_NUMBER },
	{ "OFFLINE", TABLE_NUMBER },
};
static const struct admin_list queue_rows = { ADMIN_LIST("queued jobs", queue_columns) };

struct queue_options {
	const char *label;
};

static void queue_row_write(struct json_writer *w, const struct queue_row *r, struct wall now)
{
	CLEAN_BUF struct buf labels = BUF_INIT(KIB(64));

	labels_join(&r->labels, &labels);
	json_begin_object(w);
	json_kv_str(w, "runs_on", buf_cstr(&labels));
	json_kv_str(w, "label", buf_cstr(&labels));
	json_kv_strv(w, "labels", &r->labels);
	json_kv_int(w, "queued_jobs", r->jobs);
	json_kv_int(w, "matching_runner_count", r->runners);
	json_kv_int(w, "matching_runners", r->runners);
	json_kv_int(w, "offline_runners", r->offline);
	kv_time(w, "oldest_queued_at", r->oldest_at);
	json_kv_int(w, "oldest_queued_seconds",
		now.us > r->oldest_at.us ? (now.us - r->oldest_at.us) / USEC_PER_SEC : 0);
	json_end_object(w);
}

static void queue_row_show(struct admin *a, const struct queue_row *r, struct wall now)
{
	if (a->json) {
		queue_row_write(&a->w, r, now);
		return;
	}
	table_strv(&a->table, &r->labels);
	table_int(&a->table, r->jobs);
	table_time(&a->table, r->oldest_at);
	table_int(&a->table, r->runners);
	table_int(&a->table, r->offline);
}

static int list_queue(struct admin *a, void *options, struct err *e)
{
	const struct queue_options *o = options;
	CLEANUP(queue_list_release) struct queue_list l = { 0 };
	struct wall now = wall_now(), since = { now.us - RUNNER_STALE_US };

	if (store_queue(a->store, &l, e) < 0 || queue_count_runners(a->store, &l, since, e) < 0)
		return -1;
	queue_merge(&l);
	for (size_t i = 0; i < l.n; i++)
		if ((!o->label || strv_contains(&l.v[i].labels, o->label)) && admin_row(a))
			queue_row_show(a, &l.v[i], now);
	return 0;
}

int admin_runner_queue(int argc, char **argv)
{
	struct queue_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "label", CLI_STRING, &o.label, "LABEL", "jobs that ask for it" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &queue_rows,
			.work = list_queue });
}
