/* Loading with the words of the listing (what counts as online), writing as JSON. */
#include "coordinator/view/explain.h"

#include "coordinator/view/runner.h"

int job_waits_load(
	struct store *s, int64_t run_id, int64_t job_id, struct job_waits *ret, struct err *e)
{
	struct wall now = wall_now();
	struct explain_spec spec = { .run_id = run_id,
		.job_id = job_id,
		.online_since = { now.us - RUNNER_STALE_US },
		.now = now };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	if (!run_id) {
		if (store_job_get(s, job_id, &job, e) < 0)
			return -1;
		spec.run_id = job.run_id;
	}
	return store_run_explain(s, &spec, ret, e);
}

int job_waits_first(struct store *s, int64_t run_id, size_t most, const struct runner_list *runners,
	struct job_waits *ret, struct err *e)
{
	struct wall now = wall_now();
	const struct explain_spec spec = { .run_id = run_id,
		.online_since = { now.us - RUNNER_STALE_US },
		.now = now,
		.most = most,
		.runners = runners };

	return store_run_explain(s, &spec, ret, e);
}

void job_waits_write(struct json_writer *w, const struct job_waits *l)
{
	json_begin_array(w);
	for (size_t i = 0; i < l->n; i++) {
		const struct wait_reasons *r = &l->v[i].reasons;

		json_begin_object(w);
		json_kv_int(w, "job_id", l->v[i].job_id);
		json_kv_str(w, "name", l->v[i].name);
		json_key(w, "reasons");
		json_begin_array(w);
		for (size_t k = 0; k < r->n; k++) {
			json_begin_object(w);
			json_kv_str(w, "kind", wait_kind_text(r->v[k].kind));
			json_kv_str(w, "text", r->v[k].text);
			json_end_object(w);
		}
		json_end_array(w);
		json_end_object(w);
	}
	json_end_array(w);
}
