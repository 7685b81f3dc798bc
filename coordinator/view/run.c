/*
 * One run as JSON for the API and the command line. It is loaded whole before anything is written,
 * since an answer that has begun cannot become an error.
 */
#include "coordinator/view/run.h"

#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/step.h"
#include "coordinator/view/annotation.h"
#include "coordinator/view/row_json.h"

/* ---- loading ---- */

static int load_jobs(struct store *s, struct run_view *v, struct err *e)
{
	if (store_job_list(s, v->run.id, &v->jobs, e) < 0)
		return -1;
	v->steps = xcalloc(v->jobs.n + 1, sizeof(*v->steps));
	v->runners = xcalloc(v->jobs.n + 1, sizeof(*v->runners));
	for (size_t i = 0; i < v->jobs.n; i++) {
		const struct job_row *job = &v->jobs.v[i];
		CLEANUP(runner_row_release) struct runner_row runner = { 0 };

		if (store_step_list(s, job->source_id, &v->steps[i], e) < 0)
			return -1;
		if (job->runner_id && store_runner_get(s, job->runner_id, &runner, e) < 0)
			return -1;
		v->runners[i] = xstrdup(runner.name);
	}
	return 0;
}

static int load_annotations(struct store *s, struct run_view *v, struct err *e)
{
	const struct annotation_spec all = { .run_id = v->run.id,
		.page = { .limit = ANNOTATIONS_RUN } };

	v->job_counts = xcalloc(v->jobs.n + 1, sizeof(*v->job_counts));
	for (size_t i = 0; i < v->jobs.n; i++)
		if (store_annotation_counts(s, v->run.id, v->jobs.v[i].id, &v->job_counts[i], e) <
			0)
			return -1;
	return store_annotation_counts(s, v->run.id, 0, &v->counts, e) < 0
		       ? -1
		       : store_annotation_list(s, &all, &v->annotations, e);
}

int run_view_load(struct store *s, int64_t id, struct run_view *ret, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (store_run_get(s, id, &ret->run, e) < 0 ||
		store_repo_get(s, ret->run.repo_id, &repo, e) < 0)
		return -1;
	ret->repo = xasprintf("%s/%s", repo.owner, repo.name);
	return load_jobs(s, ret, e) < 0 ? -1 : load_annotations(s, ret, e);
}

void run_view_release(struct run_view *v)
{
	for (size_t i = 0; i < v->jobs.n && v->steps; i++) {
		job_steps_release(&v->steps[i]);
		free(v->runners[i]);
	}
	free(v->steps);
	free(v->runners);
	free(v->job_counts);
	free(v->repo);
	annotation_list_release(&v->annotations);
	job_list_release(&v->jobs);
	run_row_release(&v->run);
}

/* ---- JSON ---- */

static void kv_times(struct json_writer *w, struct wall started, struct wall completed)
{
	kv_time(w, "started_at", started);
	kv_time(w, "completed_at", completed);
	kv_span(w, "duration_ms", started, completed);
}

/* null of a run of no pull request. */
static void write_pull(struct json_writer *w, const struct run_row *r)
{
	json_key(w, "pull_request");
	if (!r->pull_number) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_int(w, "number", r->pull_number);
	json_kv_str(w, "head_sha", r->pull_head);
	json_kv_str(w, "trust", run_trust_text(r));
	json_kv_bool(
		w, "waits_for_approval", r->awaits_approval && r->state.status == STATUS_QUEUED);
	json_kv_str(w, "approved_by", r->approved_by);
	json_kv_str(w, "approve_reason", r->approve_reason);
	kv_time(w, "approved_at", r->approved_at);
	json_end_object(w);
}

void run_write(struct json_writer *w, const struct run_row *r)
{
	json_kv_int(w, "id", r->id);
	json_kv_int(w, "repo_id", r->repo_id);
	json_kv_int(w, "run_index", r->run_index);
	if (r->parent_run_id)
		json_kv_int(w, "parent_run_id", r->parent_run_id);
	else
		json_kv_str(w, "parent_run_id", NULL);
	json_kv_str(w, "workflow_file", r->workflow_file);
	json_kv_str(w, "workflow_name", r->workflow_name);
	json_kv_str(w, "run_name", r->run_name);
	json_kv_str(w, "event", r->event);
	json_kv_str(w, "head_sha", r->head_sha);
	json_kv_str(w, "head_ref", r->head_ref);
	json_kv_str(w, "actor", r->actor);
	json_kv_str(w, "status", run_status_text(r));
	json_kv_str(w, "conclusion", conclusion_text(r->state.conclusion));
	json_kv_str(w, "problems", r->problems);
	json_kv_str(w, "concurrency_group", r->concurrency_group);
	json_kv_bool(w, "waits_for_group", r->pending && !status_terminal(r->state.status));
	json_kv_str(w, "reason", r->reason);
	write_pull(w, r);
	kv_time(w, "created_at", r->created_at);
	kv_times(w, r->started_at, r->completed_at);
}

static void write_step(struct json_writer *w, const struct step_row *s)
{
	json_begin_object(w);
	json_kv_int(w, "id", s->id);
	json_kv_int(w, "index", s->index);
	json_kv_str(w, "step_id", s->step_id);
	json_kv_str(w, "name", s->name);
	json_kv_str(w, "uses", s->uses);
	json_kv_str(w, "run", s->run);
	kv_state(w, s->state);
	kv_times(w, s->started_at, s->completed_at);
	json_kv_int(w, "log_bytes", s->log_bytes);
	json_end_object(w);
}

static void write_annotations(struct json_writer *w, const struct run_view *v, size_t job)
{
	kv_annotation_counts(w, "annotation_counts", &v->job_counts[job]);
	json_key(w, "annotations");
	json_begin_array(w);
	for (size_t i = 0; i < v->annotations.n; i++)
		if (v->annotations.v[i].job_id == v->jobs.v[job].id)
			annotation_write(w, &v->annotations.v[i]);
	json_end_array(w);
}

static void write_job(struct json_writer *w, const struct run_view *v, size_t i)
{
	const struct job_row *j = &v->jobs.v[i];

	json_begin_object(w);
	json_kv_int(w, "id", j->id);
	json_kv_str(w, "key", j->key);
	json_kv_str(w, "name", j->name);
	json_kv_int(w, "leg", j->leg);
	json_kv_int(w, "legs", j->legs);
	json_kv_strv(w, "runs_on", &j->runs_on);
	json_kv_strv(w, "needs", &j->needs);
	kv_state(w, j->state);
	json_kv_bool(w, "cancel_requested", j->cancel_requested > 0);
	json_kv_str(w, "concurrency_group", j->concurrency_group);
	json_kv_bool(w, "waits_for_group", j->pending && j->state.status == STATUS_QUEUED);
	json_kv_str(w, "reason", j->reason);
	if (job_kept(j))
		json_kv_int(w, "kept_from_run_id", j->source_run_id);
	else
		json_kv_str(w, "kept_from_run_id", NULL);
	json_kv_bool(w, "continue_on_error", j->continue_on_error);
	json_kv_str(w, "environment", j->environment);
	json_kv_str(w, "environment_url", j->environment_url);
	json_key(w, "runner");
	if (v->runners[i]) {
		json_begin_object(w);
		json_kv_int(w, "id", j->runner_id);
		json_kv_str(w, "name", v->runners[i]);
		json_end_object(w);
	} else {
		json_null(w);
	}
	kv_time(w, "created_at", j->created_at);
	kv_time(w, "claimed_at", j->claimed_at);
	kv_span(w, "waited_ms", j->created_at, j->claimed_at);
	kv_times(w, j->started_at, j->completed_at);
	write_annotations(w, v, i);
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t k = 0; k < v->steps[i].n; k++)
		write_step(w, &v->steps[i].v[k]);
	json_end_array(w);
	json_end_object(w);
}

void run_view_write(struct json_writer *w, const struct run_view *v)
{
	json_begin_object(w);
	json_kv_str(w, "repo", v->repo);
	run_write(w, &v->run);
	kv_annotation_counts(w, "annotation_counts", &v->counts);
	json_key(w, "jobs");
	json_begin_array(w);
	for (size_t i = 0; i < v->jobs.n; i++)
		write_job(w, v, i);
	json_end_array(w);
	json_end_object(w);
}
