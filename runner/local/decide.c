/*
 * What is decided while the jobs of a plan run: which of them may begin, how those that ended
 * count, and whether the run has a job for the user's stop. The plan's order, needs before who
 * needs them, makes one pass enough wherever results are carried on.
 */
#include "runner/local/plan.h"

#include "workflow/expr/render.h"

bool local_job_failed(const struct local_job *j)
{
	if (!j->result || str_eq(j->result, "success") || str_eq(j->result, "skipped"))
		return false;
	return !j->continue_on_error || str_eq(j->result, "cancelled");
}

/* What a leg counts as for those that need its job. */
static const char *counted(const struct local_job *j)
{
	return local_job_failed(j) || str_eq(j->result, "skipped") ? j->result : "success";
}

const char *local_plan_result(const struct local_plan *p, const char *key)
{
	/* the worst of its legs */
	static const char *const order[] = { "skipped", "success", "cancelled", "failure" };
	size_t worst = 0;

	for (size_t i = 0; i < p->n; i++) {
		size_t rank = 0;

		if (!str_eq(p->v[i].job->key, key))
			continue;
		if (!p->v[i].result)
			return NULL;
		while (rank < ARRAY_LEN(order) - 1 && !str_eq(order[rank], counted(&p->v[i])))
			rank++; /* timed_out and what else there is counts as failure */
		worst = rank > worst ? rank : worst;
	}
	return order[worst];
}

void local_plan_outputs(const struct local_plan *p, const char *key, struct pairs *ret)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct local_job *j = &p->v[i];

		for (size_t k = 0; str_eq(j->job->key, key) && k < j->outputs.n; k++)
			if (*j->outputs.v[k].value || !pairs_get(ret, j->outputs.v[k].key))
				pairs_set(ret, j->outputs.v[k].key, j->outputs.v[k].value);
	}
}

/* ---- at the same time ---- */

bool local_plan_is_ready(const struct local_plan *p, size_t i)
{
	const struct workflow_job *job = p->v[i].job;
	int64_t running = 0;

	if (p->v[i].running || p->v[i].result)
		return false;
	strv_each (need, &job->needs)
		if (!local_plan_result(p, need))
			return false;
	for (size_t k = 0; k < p->n; k++)
		running += p->v[k].job == job && p->v[k].running;
	return p->v[i].place.max_parallel == 0 || running < p->v[i].place.max_parallel;
}

/* What a job waits for stands before it, so two neighbours of which the second does not need the
 * first can run together. */
bool local_plan_is_parallel(const struct local_plan *p)
{
	if (local_plan_waits(p))
		return true;
	for (size_t i = 1; i < p->n; i++) {
		const struct workflow_job *job = p->v[i].job, *before = p->v[i - 1].job;

		if (job == before ? p->v[i].place.max_parallel != 1
				  : !strv_contains(&job->needs, before->key))
			return true;
	}
	return false;
}

/* Which jobs failed or wait, directly or not, for one that did. The plan's order makes one pass
 * enough. */
static void mark_failed(const struct local_plan *p, bool *failed)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct workflow_job *job = p->v[i].job;
		bool *mine = &failed[job - p->workflow->jobs];

		*mine |= local_job_failed(&p->v[i]);
		strv_each (need, &job->needs)
			*mine |= failed[workflow_job_find(p->workflow, need) - p->workflow->jobs];
	}
}

static enum expr_status needs_status(const struct local_plan *p, const struct workflow_job *job)
{
	bool failed[WORKFLOW_JOBS_MAX] = { false };

	mark_failed(p, failed);
	strv_each (need, &job->needs)
		if (failed[workflow_job_find(p->workflow, need) - p->workflow->jobs])
			return EXPR_FAILURE;
	strv_each (need, &job->needs)
		if (!str_eq(local_plan_result(p, need), "success"))
			return EXPR_SKIPPED;
	return EXPR_SUCCESS;
}

/* A failed leg ends its siblings unless the author wants them all. */
static bool sibling_failed(const struct local_plan *p, const struct local_job *j)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].job == j->job && local_job_failed(&p->v[i]))
			return j->place.fail_fast;
	return false;
}

bool local_plan_takes_along(const struct local_plan *p, size_t i, size_t k)
{
	return p->v[k].running && p->v[k].job == p->v[i].job && local_job_failed(&p->v[i]) &&
	       p->v[i].place.fail_fast;
}

static enum local_decision stays_out(
	const char *result, const char *why, const char **ret_result, const char **ret_why)
{
	*ret_result = result;
	*ret_why = why;
	return LOCAL_STAYS_OUT;
}

enum local_decision local_plan_decide(const struct local_plan *p, size_t i, bool cancelled,
	const char **ret_result, const char **ret_why, struct err *e)
{
	struct local_job *j = &p->v[i];
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	enum expr_status status = cancelled ? EXPR_CANCELLED : needs_status(p, j->job);
	struct expr_context c = local_plan_context(p, j->job, NULL, a, status);
	bool wanted = false;

	if (sibling_failed(p, j))
		return stays_out("cancelled", "another job of its matrix failed (fail-fast)",
			ret_result, ret_why);
	if (render_condition(j->job->condition, &c, &wanted, e) < 0) {
		err_wrap(e, "jobs.%s.if", j->job->key);
		return LOCAL_UNDECIDED;
	}
	if (wanted)
		return local_job_limits(p, j, e) < 0 ? LOCAL_UNDECIDED : LOCAL_RUN;
	if (cancelled)
		return stays_out("cancelled", "the run was cancelled", ret_result, ret_why);
	return stays_out("skipped",
		status == EXPR_SUCCESS ? "its condition is false"
				       : "a job it needs did not succeed",
		ret_result, ret_why);
}
