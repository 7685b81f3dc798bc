/*
 * A runner that names its jobs frees their places itself; this is for one that cannot, as it is
 * gone or too old. Without --confirm nothing is changed: the operator names what the runner still
 * has, and everything else of it ends.
 */
#include "coordinator/admin/runner_jobs.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/row_json.h"

enum { JOBS_SHOWN = 500 };

/* ---- jobs ---- */

static const struct table_column columns[] = {
	{ "RUNNER", TABLE_NUMBER },
	{ "JOB", TABLE_NUMBER },
	{ "RUN", TABLE_NUMBER },
	{ "NAME" },
	{ "CLAIMED" },
	{ "LAST CALL" },
};
static const struct admin_list jobs_list = { ADMIN_LIST("running jobs", columns),
	.limit = JOBS_SHOWN, .order = ADMIN_BY_ID };

static void job_add(struct table *t, const struct job_row *j)
{
	table_int(t, j->runner_id);
	table_int(t, j->id);
	table_int(t, j->run_id);
	table_text(t, j->name);
	table_time(t, j->claimed_at);
	table_time(t, j->last_seen_at);
}

static void job_write(struct json_writer *w, const struct job_row *j, struct wall now)
{
	json_begin_object(w);
	json_kv_int(w, "runner_id", j->runner_id);
	json_kv_int(w, "job_id", j->id);
	json_kv_int(w, "run_id", j->run_id);
	json_kv_str(w, "job_key", j->key);
	json_kv_str(w, "job_name", j->name);
	json_kv_str(w, "status", status_text(j->state.status));
	json_kv_bool(w, "cancel_requested", j->cancel_requested);
	kv_time(w, "started_at", j->started_at);
	kv_time(w, "claimed_at", j->claimed_at);
	kv_time(w, "last_seen_at", j->last_seen_at);
	json_kv_int(w, "running_seconds", (now.us - j->claimed_at.us) / USEC_PER_SEC);
	json_end_object(w);
}

static int list_jobs(struct admin *a, void *options, struct err *e)
{
	const int64_t *id = options;
	const struct running_spec spec = { .runner_id = *id, .page = a->page };
	CLEANUP(job_list_release) struct job_list l = { 0 };
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	struct wall now = wall_now();
	int64_t total;

	if ((*id && store_runner_get(a->store, *id, &r, e) < 0) ||
		store_running_count(a->store, *id, &total, e) < 0 ||
		store_running_list(a->store, &spec, &l, e) < 0)
		return -1;
	admin_total(a, total);
	for (size_t i = 0; i < l.n; i++) {
		if (!admin_row_id(a, l.v[i].id))
			continue;
		if (a->json)
			job_write(&a->w, &l.v[i], now);
		else
			job_add(&a->table, &l.v[i]);
	}
	return 0;
}

int admin_runner_jobs(int argc, char **argv)
{
	int64_t id = 0;
	const struct cli_flag flags[] = {
		{ "id", CLI_INT, &id, "ID", "one runner (default: all)", 1, INT64_MAX,
			.positional = true },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.list = &jobs_list,
			.work = list_jobs });
}

/* ---- recover-stale-jobs ---- */

struct recover_options {
	int64_t id;
	struct strv given;
	struct ids active;
	bool dry_run, confirm;
};

static int check_recover(struct admin *a UNUSED, void *options, struct err *e)
{
	struct recover_options *o = options;
	int64_t id;

	if (o->dry_run == o->confirm)
		return err_set(e, ERR_INPUT,
			"expected --dry-run, which lists the jobs, or --confirm, which ends them");
	strv_each (text, &o->given) {
		if (!parse_i64(text, 1, INT64_MAX, &id))
			return err_set(e, ERR_INPUT,
				"--active-job-id %.40s: expected a job's id, a whole number", text);
		ids_add(&o->active, id);
	}
	return 0;
}

static void recovered_show(
	struct admin *a, const struct recover_options *o, const struct job_list *l, size_t ended)
{
	struct wall now = wall_now();

	if (!a->json) {
		CLEAN_TABLE struct table t = TABLE(columns);

		for (size_t i = 0; i < l->n; i++)
			job_add(&t, &l->v[i]);
		table_print(&t, stdout, a->style);
		printf(o->dry_run ? "%zu jobs would end as cancelled\n"
				  : "%zu jobs ended as cancelled\n",
			o->dry_run ? l->n : ended);
		return;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "runner_id", o->id);
	json_kv_bool(&a->w, "dry_run", o->dry_run);
	json_kv_int(&a->w, "stale_job_count", (int64_t)l->n);
	json_kv_int(&a->w, "recovered_job_count", (int64_t)ended);
	json_key(&a->w, "jobs");
	json_begin_array(&a->w);
	for (size_t i = 0; i < l->n; i++)
		job_write(&a->w, &l->v[i], now);
	json_end_array(&a->w);
	json_end_object(&a->w);
}

static int recover_jobs(struct admin *a, void *options, struct err *e)
{
	const struct recover_options *o = options;
	const struct active_jobs active = { .runner_id = o->id, .ids = &o->active };
	CLEANUP(job_list_release) struct job_list l = { 0 };
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	size_t ended = 0;

	if (store_runner_get(a->store, o->id, &r, e) < 0 ||
		absent_jobs_list(a->store, &active, &l, e) < 0)
		return -1;
	if (o->confirm) {
		struct app app = { .store = a->store, .data_dir = a->data_dir };

		if (absent_jobs_end(&app, &active, wall_now(), &ended, e) < 0)
			return -1;
		for (size_t i = 0; i < ended; i++)
			if (metric_count_now(a->store, METRIC_JOBS_ABSENT, e) < 0)
				return -1;
		admin_wake(a);
	}
	recovered_show(a, o, &l, ended);
	return 0;
}

int admin_runner_recover_jobs(int argc, char **argv)
{
	struct recover_options o = { 0 };
	const struct cli_flag flags[] = {
		ADMIN_ID_FLAG(o.id, "the runner"),
		{ "active-job-id", CLI_STRV, &o.given, "N", "a job that it still has" },
		{ "dry-run", CLI_BOOL, &o.dry_run, NULL, "list its other running jobs" },
		{ "confirm", CLI_BOOL, &o.confirm, NULL, "end them as cancelled" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_recover,
			.work = recover_jobs });

	strv_release(&o.given);
	ids_release(&o.active);
	return code;
}
