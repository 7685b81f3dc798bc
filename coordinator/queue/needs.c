/*
 * How the needs of a job ended, for its condition and its `needs` context. The store has one row a
 * leg; expressions know jobs only, so the legs of one key become one result here.
 */
#include "coordinator/queue/needs.h"

/* A job that may fail succeeded for those that need it. */
static enum conclusion counts_as(const struct job_row *job)
{
	enum conclusion c = job->state.conclusion;

	return job->continue_on_error && (c == CONCLUSION_FAILURE || c == CONCLUSION_TIMED_OUT)
		       ? CONCLUSION_SUCCESS
		       : c;
}

/* The worst of the legs of a job. */
static enum conclusion need_result(const struct job_list *all, const char *key)
{
	enum conclusion worst = CONCLUSION_NONE;

	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].key, key))
			worst = conclusion_worse(worst, counts_as(&all->v[i]));
	return worst;
}

/* The worst of the job and of those that it needs, directly or not. */
/* NOLINTNEXTLINE(misc-no-recursion): needs have no cycle, each job is entered once */
static enum conclusion branch_worst(const struct job_list *all, const char *key, struct strv *seen)
{
	enum conclusion worst = need_result(all, key);

	if (strv_contains(seen, key))
		return CONCLUSION_NONE;
	strv_add(seen, key);
	for (size_t i = 0; i < all->n; i++) {
		if (!str_eq(all->v[i].key, key))
			continue;
		strv_each (need, &all->v[i].needs)
			worst = conclusion_worse(worst, branch_worst(all, need, seen));
		break; /* all legs need the same */
	}
	return worst;
}

const char *needs_status(const struct job_list *all, const struct strv *needs, bool cancelled)
{
	CLEANUP(strv_release) struct strv seen = { 0 };
	enum conclusion worst = CONCLUSION_NONE;

	if (cancelled)
		return "cancelled";
	strv_each (need, needs)
		worst = conclusion_worse(worst, branch_worst(all, need, &seen));
	if (worst != CONCLUSION_NONE && worst != CONCLUSION_SUCCESS && worst != CONCLUSION_SKIPPED)
		return conclusion_result(worst);
	strv_each (need, needs)
		if (need_result(all, need) != CONCLUSION_SUCCESS)
			return "skipped";
	return "success";
}

/* Of several legs the last one that said something counts. */
static void outputs_write(struct json_writer *w, const struct job_list *all, const char *key)
{
	CLEANUP(pairs_release) struct pairs outputs = { 0 };

	for (size_t i = 0; i < all->n; i++) {
		const struct pairs *o = &all->v[i].outputs;

		for (size_t k = 0; str_eq(all->v[i].key, key) && k < o->n; k++)
			if (*o->v[k].value || !pairs_get(&outputs, o->v[k].key))
				pairs_set(&outputs, o->v[k].key, o->v[k].value);
	}
	json_kv_pairs(w, "outputs", &outputs);
}

void needs_write(struct json_writer *w, const struct job_list *all, const struct strv *needs)
{
	json_begin_object(w);
	strv_each (key, needs) {
		json_key(w, key);
		json_begin_object(w);
		json_kv_str(w, "result", conclusion_result(need_result(all, key)));
		outputs_write(w, all, key);
		json_end_object(w);
	}
	json_end_object(w);
}
