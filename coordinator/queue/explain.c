/*
 * Reading only: the rows say what a job waits for, since every rule that keeps one back leaves its
 * mark in them (ready, pending, unfold, the states of its needs). Runners are looked at last, when
 * nothing of its own run keeps the job: then the answer is which of them could take it, and why
 * none does.
 */
#include "coordinator/queue/explain.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/policy.h"
#include "coordinator/queue/gate.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"

enum { NAMES_SHOWN = 5 };

static const char *const kind_texts[] = {
	[WAIT_APPROVAL] = "approval",
	[WAIT_RUN_GROUP] = "run_concurrency",
	[WAIT_NEEDS] = "needs",
	[WAIT_MATRIX] = "matrix",
	[WAIT_ENVIRONMENT] = "environment",
	[WAIT_MAX_PARALLEL] = "max_parallel",
	[WAIT_GROUP] = "concurrency",
	[WAIT_DISABLED] = "actions_disabled",
	[WAIT_REPO_CAP] = "repo_concurrent_jobs",
	[WAIT_OWNER_CAP] = "owner_concurrent_jobs",
	[WAIT_NO_RUNNER] = "no_runner",
	[WAIT_SCOPE] = "runners_out_of_scope",
	[WAIT_NOT_ALLOWED] = "runners_not_allowed",
	[WAIT_OFFLINE] = "runners_offline",
	[WAIT_TROUBLE] = "runners_in_trouble",
	[WAIT_DRAINED] = "runners_drained",
	[WAIT_BUSY] = "runners_busy",
	[WAIT_RETURNED] = "returned",
	[WAIT_SOON] = "soon",
};

const char *wait_kind_text(enum wait_kind k)
{
	return kind_texts[k];
}

static void job_wait_release(struct job_wait *w)
{
	for (size_t i = 0; i < w->reasons.n; i++)
		free(w->reasons.v[i].text);
	free(w->reasons.v);
	free(w->name);
}

void job_waits_release(struct job_waits *l)
{
	for (size_t i = 0; i < l->n; i++)
		job_wait_release(&l->v[i]);
	free(l->v);
	*l = (struct job_waits){ 0 };
}

/* What all jobs of a run have in common, read once. */
struct facts {
	const struct explain_spec *spec;
	struct run_row run;
	struct job_list jobs;
	struct runner_list own; /* where the caller has none */
	const struct runner_list *runners;
};

static void facts_release(struct facts *f)
{
	run_row_release(&f->run);
	job_list_release(&f->jobs);
	runner_list_release(&f->own);
}

/* Takes the text. */
static void reason_add(struct wait_reasons *l, enum wait_kind kind, char *text)
{
	*LIST_ADD(l) = (struct wait_reason){ kind, text };
}

/* "a, b and 7 more" */
struct names {
	struct buf text;
	int64_t n;
};

static void names_add(struct names *l, const char *name)
{
	if (l->n++ < NAMES_SHOWN)
		buf_addf(&l->text, "%s%s", l->n > 1 ? ", " : "", name);
}

static const char *names_text(struct names *l)
{
	if (l->n > NAMES_SHOWN)
		buf_addf(&l->text, " and %" PRId64 " more", l->n - NAMES_SHOWN);
	return buf_cstr(&l->text);
}

/* ---- the job's own run ---- */

static void explain_needs(
	const struct job_row *job, const struct job_list *all, struct wait_reasons *ret)
{
	struct names open = { .text = BUF_INIT(KIB(64)) };

	for (size_t i = 0; i < all->n; i++) {
		const struct job_row *need = &all->v[i];

		if (!strv_contains(&job->needs, need->key) || status_terminal(need->state.status))
			continue;
		CLEAN_STR char *one = xasprintf("%s (job %" PRId64 ", %s)", need->name, need->id,
			status_text(need->state.status));
		names_add(&open, one);
	}
	if (open.n)
		reason_add(ret, WAIT_NEEDS,
			xasprintf("Waiting for jobs that it needs: %s", names_text(&open)));
	buf_release(&open.text);
}

static void explain_legs(
	const struct job_row *job, const struct job_list *all, struct wait_reasons *ret)
{
	int64_t open = 0;

	for (size_t i = 0; i < all->n; i++)
		open += str_eq(all->v[i].key, job->key) && all->v[i].leg < job->leg &&
			!status_terminal(all->v[i].state.status);
	if (job->max_parallel && open >= job->max_parallel)
		reason_add(ret, WAIT_MAX_PARALLEL,
			xasprintf("Waiting for other jobs of its matrix: max-parallel is %" PRId64,
				job->max_parallel));
}

static int group_holder(struct store *s, int64_t repo_id, const char *group, int64_t but_run,
	int64_t *ret, struct err *e)
{
	*ret = 0;
	return sql_int(s, ret, e,
		"SELECT run FROM (SELECT id AS run FROM workflow_runs WHERE repo_id = ?1"
		" AND concurrency_group = ?2 AND status IN ('queued', 'running') AND pending = 0"
		" UNION ALL SELECT j.run_id FROM workflow_jobs j JOIN workflow_runs r"
		" ON r.id = j.run_id WHERE r.repo_id = ?1 AND j.concurrency_group = ?2"
		" AND j.concurrency_group IS NOT NULL AND j.status IN ('queued', 'running')"
		" AND j.ready <> 0) held ORDER BY run = ?3, run LIMIT 1",
		"iti", repo_id, group, but_run);
}

static int explain_group(struct store *s, const struct job_row *job, const char *group,
	enum wait_kind kind, struct wait_reasons *ret, struct err *e)
{
	int64_t holder;

	if (group_holder(s, job->repo_id, group, job->run_id, &holder, e) < 0)
		return -1;
	reason_add(ret, kind,
		holder ? xasprintf("Waiting for the concurrency group %s, which run %" PRId64
				   " holds",
				 group, holder)
		       : xasprintf("Waiting for the concurrency group %s", group));
	return 0;
}

static int explain_run(struct store *s, const struct facts *f, const struct job_row *job,
	struct wait_reasons *ret, struct err *e)
{
	if (f->run.awaits_approval)
		reason_add(ret, WAIT_APPROVAL,
			xasprintf("Waiting for approval of commit %s of pull request %" PRId64,
				f->run.pull_head, f->run.pull_number));
	else if (f->run.pending &&
		 explain_group(s, job, f->run.concurrency_group, WAIT_RUN_GROUP, ret, e) < 0)
		return -1;
	explain_needs(job, &f->jobs, ret);
	explain_legs(job, &f->jobs, ret);
	if (job->gate == GATE_WAITS)
		reason_add(ret, WAIT_ENVIRONMENT, xasprintf("The job %s", job->reason));
	if (job->pending)
		return explain_group(s, job, job->concurrency_group, WAIT_GROUP, ret, e);
	if (!ret->n)
		reason_add(ret, WAIT_MATRIX,
			xstrdup("Waiting for its matrix to be made; that takes seconds"));
	return 0;
}

/* ---- policies ---- */

static int explain_disabled(
	struct store *s, const struct queue_row *q, struct wait_reasons *ret, struct err *e)
{
	CLEANUP(policy_release) struct policy p = { 0 };

	if (store_policy_load(s, q->owner, q->repo_id, &p, e) < 0)
		return -1;
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		const char *why = p.levels[i].disabled_reason;

		if (q->disabled[i])
			reason_add(ret, WAIT_DISABLED,
				xasprintf("Waiting until actions are enabled again for the %s%s%s",
					policy_level_text((enum policy_level)i), why ? ": " : "",
					why ? why : ""));
	}
	return 0;
}

static int explain_held(
	struct store *s, const struct queue_row *q, struct wait_reasons *ret, struct err *e)
{
	unsigned held = eligible_held(q);

	if (held & (HELD_SITE | HELD_OWNER | HELD_REPO) && explain_disabled(s, q, ret, e) < 0)
		return -1;
	if (held & HELD_REPO_CAP)
		reason_add(ret, WAIT_REPO_CAP,
			xasprintf("Waiting for other jobs of the repository: %" PRId64
				  " run, and the policy allows %" PRId64
				  " (max_repo_concurrent_jobs)",
				q->repo_running, q->repo_cap));
	if (held & HELD_OWNER_CAP)
		reason_add(ret, WAIT_OWNER_CAP,
			xasprintf("Waiting for other jobs of %s: %" PRId64
				  " run, and the policy allows %" PRId64
				  " (max_owner_concurrent_jobs)",
				q->owner, q->owner_running, q->owner_cap));
	return 0;
}

/* ---- runners ---- */

enum standing {
	STANDING_FREE,
	STANDING_RETURNED,
	STANDING_BUSY,
	STANDING_DRAINED,
	STANDING_TROUBLED,
	STANDING_OFFLINE,
	STANDING_NOT_ALLOWED,
	STANDING_SCOPE,
	STANDINGS
};

/* unfit: without UNFIT_LABELS */
static enum standing standing_of(const struct facts *f, const struct runner_row *r,
	const struct job_row *job, unsigned unfit)
{
	int64_t pause_ends = job->handed_back_at.us + HAND_BACK_PAUSE_US;

	if (unfit)
		return unfit & UNFIT_SCOPE ? STANDING_SCOPE : STANDING_NOT_ALLOWED;
	if (runner_troubled(r, f->spec->online_since))
		return r->drained_at.us ? STANDING_DRAINED : STANDING_TROUBLED;
	if (r->offline_at.us || r->last_heartbeat_at.us <= f->spec->online_since.us)
		return STANDING_OFFLINE;
	if (r->drained_at.us)
		return STANDING_DRAINED;
	if (r->active_jobs >= r->capacity)
		return STANDING_BUSY;
	return job->handed_back_by == r->id && pause_ends > f->spec->now.us ? STANDING_RETURNED
									    : STANDING_FREE;
}

/* Its name; of one in trouble also what that is. For how long, as a text has no reader's zone. */
static void standing_add(struct names by[STANDINGS], enum standing standing,
	const struct runner_row *r, struct wall now)
{
	int64_t s = (now.us - r->trouble_since.us) / USEC_PER_SEC;
	char text[DURATION_TEXT_MAX];

	if (standing != STANDING_TROUBLED) {
		names_add(&by[standing], r->name);
		return;
	}
	CLEAN_STR char *one = xasprintf("%s, %s for %s", r->name, runner_trouble_words(r->trouble),
		duration_format((s > 0 ? s : 0) * USEC_PER_SEC, text));
	names_add(&by[standing], one);
}

static void explain_runners(const struct job_row *job, struct names by[STANDINGS],
	const char *labels, struct wait_reasons *ret)
{
	static const struct {
		enum wait_kind kind;
		const char *what;
	} kinds[STANDINGS] = {
		[STANDING_RETURNED] = { WAIT_RETURNED, "gave it back less than a minute ago" },
		[STANDING_BUSY] = { WAIT_BUSY, "busy" },
		[STANDING_DRAINED] = { WAIT_DRAINED, "drained" },
		[STANDING_TROUBLED] = { WAIT_TROUBLE, "in trouble" },
		[STANDING_OFFLINE] = { WAIT_OFFLINE, "offline" },
		[STANDING_NOT_ALLOWED] = { WAIT_NOT_ALLOWED, "not allowed by a policy" },
		[STANDING_SCOPE] = { WAIT_SCOPE, "of another owner or repository" },
	};

	size_t held = ret->n;

	if (by[STANDING_FREE].n && held)
		return; /* a policy keeps it back, and nothing else */
	if (by[STANDING_FREE].n) {
		reason_add(ret, WAIT_SOON,
			xasprintf("Nothing keeps it back: %s may take it at the next heartbeat",
				names_text(&by[STANDING_FREE])));
		return;
	}
	for (size_t i = STANDING_RETURNED; i < STANDINGS; i++)
		if (by[i].n)
			reason_add(ret, kinds[i].kind,
				xasprintf("Waiting for runner with labels: %s (%s: %s)", labels,
					kinds[i].what, names_text(&by[i])));
	if (ret->n == held)
		reason_add(ret, WAIT_NO_RUNNER,
			xasprintf("Waiting for runner with labels: %s (no runner offers %s)",
				labels, job->runs_on.n > 1 ? "all of them" : "it"));
}

static int explain_ready(struct store *s, const struct facts *f, const struct job_row *job,
	struct wait_reasons *ret, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	CLEAN_BUF struct buf labels = BUF_INIT(KIB(64));
	struct names by[STANDINGS] = { 0 };

	if (store_queue_of_job(s, job->id, &queue, e) < 0)
		return -1;
	if (!queue.n)
		return err_set(e, ERR_NOT_FOUND, "job %" PRId64 " does not exist", job->id);
	if (explain_held(s, &queue.v[0], ret, e) < 0)
		return -1;
	strv_each (label, &job->runs_on)
		buf_addf(&labels, "%s%s", label_i ? ", " : "", label);
	for (size_t i = 0; i < STANDINGS; i++)
		buf_init(&by[i].text, KIB(64));
	for (size_t i = 0; i < f->runners->n; i++) {
		const struct runner_row *r = &f->runners->v[i];
		const struct offer o = offer_of(r);
		unsigned unfit = eligible_unfit(&queue.v[0], &o);

		if (!r->revoked_at.us && !(unfit & UNFIT_LABELS))
			standing_add(by, standing_of(f, r, job, unfit), r, f->spec->now);
	}
	explain_runners(job, by, buf_cstr(&labels), ret);
	for (size_t i = 0; i < STANDINGS; i++)
		buf_release(&by[i].text);
	return 0;
}

/* ---- all of it ---- */

static int job_explain(struct store *s, const struct facts *f, const struct job_row *job,
	struct job_waits *ret, struct err *e)
{
	if (job->state.status != STATUS_QUEUED || (f->spec->job_id && f->spec->job_id != job->id))
		return 0;
	if (f->spec->most && ret->n == f->spec->most) {
		ret->left_out++;
		return 0;
	}
	struct job_wait *w = LIST_ADD(ret);
	*w = (struct job_wait){ .job_id = job->id, .name = xstrdup(job->name) };
	if (!job->ready)
		return explain_run(s, f, job, &w->reasons, e);
	return explain_ready(s, f, job, &w->reasons, e);
}

int store_run_explain(
	struct store *s, const struct explain_spec *spec, struct job_waits *ret, struct err *e)
{
	CLEANUP(facts_release) struct facts f = { .spec = spec };

	f.runners = spec->runners ? spec->runners : &f.own;
	if (store_run_get(s, spec->run_id, &f.run, e) < 0 ||
		store_job_list(s, spec->run_id, &f.jobs, e) < 0 ||
		(!spec->runners && store_runner_list(s, &f.own, e) < 0))
		return -1;
	for (size_t i = 0; i < f.jobs.n; i++)
		if (job_explain(s, &f, &f.jobs.v[i], ret, e) < 0)
			return -1;
	return 0;
}
