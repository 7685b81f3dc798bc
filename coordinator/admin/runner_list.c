/*
 * What an operator looks at when jobs wait: who is there and could take them, one by one or all,
 * and what waits for which labels. A runner's line says how much it could take now, so that "idle
 * while jobs wait" is seen without comparing labels by hand.
 */
#include "coordinator/admin/runner_list.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/run_show.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/job.h"
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
	{ "TROUBLE" },
};
static const struct admin_list runners_list = { ADMIN_LIST("runners", runner_columns),
	.order = ADMIN_BY_ID };

static const char *const standing_words[] = { "any", "online", "idle", "busy", "offline",
	"draining", "revoked", "deaf", "troubled", NULL };

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
	if (str_eq(word, "troubled"))
		return runner_in_trouble(r, now) && !r->revoked_at.us;
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
	table_time(&a->table, runner_heard_of(r));
	table_text(&a->table, r->version);
	table_text(&a->table, r->scope_repo    ? r->scope_repo
			      : r->scope_owner ? r->scope_owner
					       : "site");
	table_strv(&a->table, &r->labels);
	table_strv(&a->table, &r->refused_labels);
	table_text(&a->table, r->trouble);
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
		if (admin_row_id(a, r->id))
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

/* ---- show ---- */

enum { JOBS_SHOWN = 100 }; /* more than a runner's capacity may be */

/* One runner with what it does and what it could do. */
struct runner_facts {
	struct runner_row row;
	struct matching matching;
	struct job_list jobs;
	struct wall now;
};

static void facts_release(struct runner_facts *f)
{
	runner_row_release(&f->row);
	job_list_release(&f->jobs);
}

static int facts_load(struct admin *a, int64_t id, struct runner_facts *f, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	const struct running_spec running = { .runner_id = id, .page = { .limit = JOBS_SHOWN } };

	f->now = wall_now();
	if (store_runner_get(a->store, id, &f->row, e) < 0 ||
		store_queue(a->store, &queue, e) < 0 ||
		store_running_list(a->store, &running, &f->jobs, e) < 0)
		return -1;
	const struct offer offer = offer_of(&f->row);
	f->matching = queue_matching(&queue, &offer);
	return 0;
}

static void facts_write(struct json_writer *w, const struct runner_facts *f)
{
	json_begin_object(w);
	runner_write(w, &f->row, f->now);
	matching_write(w, &f->row, &f->matching, f->now);
	json_key(w, "jobs");
	json_begin_array(w);
	for (size_t i = 0; i < f->jobs.n; i++) {
		json_begin_object(w);
		json_kv_int(w, "job_id", f->jobs.v[i].id);
		json_kv_int(w, "run_id", f->jobs.v[i].run_id);
		json_kv_str(w, "name", f->jobs.v[i].name);
		kv_time(w, "claimed_at", f->jobs.v[i].claimed_at);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

/* Runners name themselves and their hosts: nothing of theirs may steer a terminal. */
static void print_fact(const char *what, const char *text)
{
	if (str_empty(text))
		return;
	printf("%-10s ", what);
	print_clean(text, strlen(text));
	putchar('\n');
}

static void print_labels(const char *what, const struct strv *labels)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));

	labels_join(labels, &text);
	print_fact(what, buf_cstr(&text));
}

static void print_time(const char *what, struct wall at, const char *why)
{
	char text[WALL_TEXT_MAX];

	if (!at.us)
		return;
	CLEAN_STR char *line =
		xasprintf("%s%s%s", wall_format(at, text), why ? ": " : "", why ? why : "");
	print_fact(what, line);
}

static void print_trouble(const struct runner_row *r)
{
	if (!r->trouble)
		return;
	CLEAN_STR char *what = xasprintf("%s: %s", r->trouble, r->trouble_text);
	print_time("trouble", r->trouble_since, what);
	print_time("said at", r->trouble_at, NULL);
}

static void facts_print(const struct runner_facts *f)
{
	const struct runner_row *r = &f->row;

	printf("runner %" PRId64 " (", r->id);
	print_clean(r->name, strlen(r->name));
	printf("): %s, %" PRId64 " of %" PRId64 " jobs, %" PRId64 " wait that it could take\n",
		runner_deaf(r, &f->matching, f->now) ? "deaf" : runner_mood(r, f->now),
		r->active_jobs, r->capacity, f->matching.jobs);
	print_fact("scope", r->scope_repo    ? r->scope_repo
			    : r->scope_owner ? r->scope_owner
					     : "site");
	print_labels("labels", &r->labels);
	print_labels("allowed", &r->allowed_labels);
	print_labels("refused", &r->refused_labels);
	print_fact("host", r->host_name);
	print_fact("version", r->version);
	print_time("heartbeat", r->last_heartbeat_at, NULL);
	print_trouble(r);
	print_time("registered", r->created_at, NULL);
	print_time("drained", r->drained_at, r->drain_reason);
	print_time("revoked", r->revoked_at, r->revoke_reason);
	for (size_t i = 0; i < f->jobs.n; i++) {
		const struct job_row *j = &f->jobs.v[i];
		CLEAN_STR char *line =
			xasprintf("%" PRId64 " of run %" PRId64 ": %s", j->id, j->run_id, j->name);

		print_fact("job", line);
	}
}

static int show_runner(struct admin *a, void *id, struct err *e)
{
	CLEANUP(facts_release) struct runner_facts f = { 0 };

	if (facts_load(a, *(int64_t *)id, &f, e) < 0)
		return -1;
	if (a->json)
		facts_write(&a->w, &f);
	else
		facts_print(&f);
	return 0;
}

static int repo_of_shown(struct admin *a, void *id, int64_t *ret_repo, struct err *e)
{
	return admin_repo_of_runner(a, *(int64_t *)id, ret_repo, e);
}

int admin_runner_show_one(int argc, char **argv)
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the runner") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.work = show_runner,
			.repo_of = repo_of_shown });
}

/* ---- queue ---- */

static const struct table_column queue_columns[] = {
	{ "RUNS-ON" },
	{ "QUEUED", TABLE_NUMBER },
	{ "OLDEST" },
	{ "ONLINE", TABLE_NUMBER },
	{ "OFFLINE", TABLE_NUMBER },
	{ "TROUBLED", TABLE_NUMBER },
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
	json_kv_int(w, "troubled_runners", r->troubled);
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
	table_int(&a->table, r->troubled);
}

static char *labels_key(const struct queue_row *r)
{
	struct buf out = BUF_INIT(MIB(1));

	strv_each (label, &r->labels)
		buf_addf(&out, "%s%s", out.len ? "," : "", label);
	return buf_take(&out);
}

static int by_labels(const void *x, const void *y)
{
	CLEAN_STR char *a = labels_key(x), *b = labels_key(y);

	return admin_name_order(a, b);
}

static int list_queue(struct admin *a, void *options, struct err *e)
{
	const struct queue_options *o = options;
	CLEANUP(queue_list_release) struct queue_list l = { 0 };
	struct wall now = wall_now(), since = { now.us - RUNNER_STALE_US };

	if (store_queue(a->store, &l, e) < 0 || queue_count_runners(a->store, &l, since, e) < 0)
		return -1;
	queue_merge(&l);
	qsort(l.v, l.n, sizeof(*l.v), by_labels);
	for (size_t i = 0; i < l.n; i++) {
		CLEAN_STR char *key = labels_key(&l.v[i]);

		if ((!o->label || strv_contains(&l.v[i].labels, o->label)) && admin_row(a, key))
			queue_row_show(a, &l.v[i], now);
	}
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
