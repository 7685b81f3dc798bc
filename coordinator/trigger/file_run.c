/*
 * The numbers of the run are reserved before it is planned, as its texts may name them; a broken
 * run takes the same ones.
 */
#include "coordinator/trigger/file_run.h"

#include <inttypes.h>

#include "coordinator/queue/policy.h"
#include "coordinator/trigger/plan.h"
#include "coordinator/trigger/quota.h"

void file_runs_release(struct file_runs *r)
{
	ids_release(&r->runs);
	push_notes_release(&r->notes);
}

static int store_run(
	const struct file_event *ev, struct run_spec *spec, struct file_runs *made, struct err *e)
{
	struct run_created created;

	spec->repo_id = ev->repo->id;
	spec->event = ev->name;
	spec->event_payload = ev->payload;
	spec->head_sha = ev->sha;
	spec->head_ref = ev->ref;
	spec->actor = ev->actor;
	spec->pull_number = ev->pull_number;
	spec->pull_head = ev->pull_head;
	spec->trust = ev->trust;
	spec->awaits_approval = ev->awaits_approval;
	if (store_run_create(ev->t->store, spec, ev->t->now, &created, e) < 0)
		return err_wrap(e, "%s", spec->workflow_file);
	ids_add(&made->runs, created.run_id);
	if (ev->awaits_approval && !spec->problems)
		push_note(&made->notes,
			"run %" PRId64 " waits for approval: shithubd admin run approve %" PRId64,
			created.run_id, created.run_id);
	return 0;
}

static char *join_lines(const struct strv *lines)
{
	struct buf out = BUF_INIT(KIB(128));

	strv_each (line, lines)
		buf_addf(&out, "%s\n", line);
	return buf_take(&out);
}

static int store_broken(const struct file_event *ev, struct run_spec *spec,
	const struct strv *problems, struct file_runs *made, struct err *e)
{
	CLEAN_STR char *text = join_lines(problems);

	spec->problems = text;
	if (store_run(ev, spec, made, e) < 0)
		return -1;
	push_note(&made->notes,
		"run %" PRId64 " failed before it started:", made->runs.v[made->runs.n - 1]);
	strv_each (line, problems)
		push_note(&made->notes, "  %s", line);
	return 0;
}

int file_run_broken(const struct file_event *ev, const char *file, const char *name,
	const struct strv *problems, struct file_runs *made, struct err *e)
{
	struct run_spec spec = { .workflow_file = file, .workflow_name = name };

	return store_broken(ev, &spec, problems, made, e);
}

static int make_plan(const struct file_event *ev, const char *file, const struct workflow *w,
	const struct run_created *reserved, struct run_plan *plan, struct err *e)
{
	struct plan_event event = { .name = ev->name,
		.file = file,
		.run = *reserved,
		.payload = ev->payload,
		.sha = ev->sha,
		.ref = ev->ref,
		.actor = ev->actor,
		.untrusted = ev->trust == TRUST_UNTRUSTED,
		.group_pull = ev->trust == TRUST_OWN ? 0 : ev->pull_number };

	return trigger_plan(ev->t, ev->repo, w, NULL, &event, plan, e);
}

int file_run_make(const struct file_event *ev, const char *file, const struct workflow *w,
	struct file_runs *made, struct err *e)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct run_spec spec = { .workflow_file = file, .workflow_name = w->name };
	struct err why = { 0 };

	if (store_run_reserve(ev->t->store, ev->repo->id, &spec.reserved, e) < 0)
		return -1;
	if (policy_admits(ev->t->store, ev->repo->id, ev->name, ev->actor, ev->t->now, &why) < 0 ||
		make_plan(ev, file, w, &spec.reserved, &plan, &why) < 0 ||
		quota_check(ev->t, ev->repo, &plan, made->jobs, &why) < 0) {
		strv_addf(&problems, "%s: %s", file, why.text);
		spec.refused = true;
		return store_broken(ev, &spec, &problems, made, e);
	}
	spec.run_name = plan.run_name;
	spec.concurrency = plan.concurrency;
	spec.jobs = plan.jobs;
	spec.n_jobs = plan.n_jobs;
	made->jobs += plan.n_jobs;
	return store_run(ev, &spec, made, e);
}
