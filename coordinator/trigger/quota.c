/*
 * A matrix multiplies its steps, so a workflow of a few kilobytes can be megabytes of rows: the
 * rows are counted as they would be stored, before anything is.
 */
#include "coordinator/trigger/quota.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/queue/waiting.h"

enum { ROW_BYTES = 200 }; /* of a row beside its texts, with its share of the indexes */

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) : 0;
}

static size_t pairs_bytes(const struct pairs *p)
{
	size_t n = 0;

	for (size_t i = 0; p && i < p->n; i++)
		n += strlen(p->v[i].key) + strlen(p->v[i].value);
	return n;
}

static size_t step_bytes(const struct run_step_spec *s)
{
	return ROW_BYTES + text_bytes(s->name) + text_bytes(s->cond) + text_bytes(s->run) +
	       text_bytes(s->uses) + pairs_bytes(s->env) + pairs_bytes(s->with);
}

static size_t job_bytes(const struct run_job_spec *j)
{
	size_t n = ROW_BYTES + text_bytes(j->name) + text_bytes(j->cond) +
		   text_bytes(j->matrix_json) + text_bytes(j->permissions_json) +
		   pairs_bytes(j->env) + pairs_bytes(j->outputs);

	for (size_t i = 0; i < j->n_steps; i++)
		n += step_bytes(&j->steps[i]);
	return n;
}

static int check_bytes(const struct run_plan *p, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_jobs; i++)
		n += job_bytes(&p->jobs[i]);
	if (n > QUOTA_RUN_BYTES)
		return err_set(e, ERR_LIMIT,
			"the run's jobs and steps take %zu KiB with all combinations of their "
			"matrices, at most %zu KiB",
			n / KIB(1), (size_t)(QUOTA_RUN_BYTES / KIB(1)));
	return 0;
}

int quota_check(const struct trigger *t, const struct repo_row *repo, const struct run_plan *p,
	size_t started, struct err *e)
{
	int64_t open = 0;

	if (started + p->n_jobs > QUOTA_PUSH_JOBS)
		return err_set(e, ERR_LIMIT,
			"%zu jobs, and the other workflows of this push started %zu: at most %d in "
			"one push",
			p->n_jobs, started, QUOTA_PUSH_JOBS);
	int most = p->untrusted ? QUOTA_PULL_JOBS : QUOTA_REPO_JOBS;
	if (check_bytes(p, e) < 0 ||
		store_open_jobs(t->store, repo->id, p->untrusted, &open, e) < 0)
		return -1;
	if (open + (int64_t)p->n_jobs > most)
		return err_set(e, ERR_LIMIT,
			"%zu jobs, and %" PRId64
			" of %s wait or run: at most %d at one time; cancel runs, or run it again "
			"later",
			p->n_jobs, open,
			p->untrusted ? "untrusted pull requests" : "the repository", most);
	return 0;
}
