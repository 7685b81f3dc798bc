/*
 * The head is read once and everything comes from that commit, so a push meanwhile changes nothing
 * of the run.
 */
#include "coordinator/trigger/branch_file.h"

#include "coordinator/queue/policy.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/plan.h"
#include "coordinator/trigger/quota.h"

static const struct repo_file *find_file(const struct repo_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++) {
		const char *path = files->v[i].path;

		if (str_eq(path, name) || str_eq(path + strlen(REPO_WORKFLOW_DIR "/"), name))
			return &files->v[i];
	}
	return NULL;
}

void branch_file_release(struct branch_file *b)
{
	free(b->ref);
	commit_info_release(&b->head);
	repo_files_release(&b->files);
	workflow_release(&b->workflow);
}

int branch_file_load(struct branch_file *b, const struct trigger *t, const struct repo_row *row,
	const char *ref, const char *name, struct strv *problems, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	char oid[OID_TEXT_MAX];

	if (!repo || repo_ref_resolve(repo, ref ? ref : row->default_branch, &b->ref, e) < 0)
		return -1;
	if (repo_ref(repo, b->ref, oid, e) < 0 || repo_commit(repo, oid, &b->head, e) < 0 ||
		repo_workflows(repo, b->head.oid, &b->files, e) < 0) {
		if (e && err_is(e, ERR_NOT_FOUND)) /* of the branch, which is there */
			e->class = ERR_INTERNAL;
		return err_wrap(e, "%s", b->ref);
	}
	const struct repo_file *f = find_file(&b->files, name);
	if (!f)
		return err_set(e, ERR_NOT_FOUND,
			"no workflow \"%.200s\" at %s, expected a file of " REPO_WORKFLOW_DIR, name,
			b->ref);
	b->path = f->path;
	if (workflow_parse(f->path, f->data, f->len, &b->workflow, problems) < 0)
		return err_set(e, ERR_INPUT, "%s: %zu problems", f->path, problems->n);
	return 0;
}

static struct run_spec spec_of(
	const struct branch_file *b, const struct repo_row *repo, const struct branch_event *ev)
{
	return (struct run_spec){ .repo_id = repo->id,
		.workflow_file = b->path,
		.workflow_name = b->workflow.name,
		.event = ev->name,
		.event_payload = ev->payload,
		.inputs = ev->inputs,
		.head_sha = b->head.oid,
		.head_ref = b->ref,
		.actor = ev->actor };
}

int branch_file_run(const struct branch_file *b, const struct trigger *t,
	const struct repo_row *repo, const struct branch_event *ev, struct run_created *ret,
	struct err *e)
{
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct run_spec spec = spec_of(b, repo, ev);
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(t->store, &tx, e) < 0 ||
		policy_admits(t->store, repo->id, ev->name, ev->actor, t->now, e) < 0 ||
		store_run_reserve(t->store, repo->id, &spec.reserved, e) < 0)
		return -1;
	const struct plan_event event = { .name = ev->name,
		.payload = ev->payload,
		.inputs = ev->inputs,
		.file = b->path,
		.run = spec.reserved,
		.sha = b->head.oid,
		.ref = b->ref,
		.actor = ev->actor };

	if (trigger_plan(t, repo, &b->workflow, NULL, &event, &plan, e) < 0 ||
		quota_check(t, repo, &plan, 0, e) < 0)
		return err_wrap(e, "%s", b->path);
	spec.run_name = plan.run_name;
	spec.concurrency = plan.concurrency;
	spec.jobs = plan.jobs;
	spec.n_jobs = plan.n_jobs;
	return store_run_create(t->store, &spec, t->now, ret, e) < 0 ? -1 : store_commit(&tx, e);
}

int branch_file_fail(const struct branch_file *b, const struct trigger *t,
	const struct repo_row *repo, const struct branch_event *ev, const char *why,
	struct run_created *ret, struct err *e)
{
	CLEAN_STR char *line = xasprintf("%s\n", why);
	struct run_spec spec = spec_of(b, repo, ev);

	spec.problems = line;
	spec.refused = true;
	return store_run_create(t->store, &spec, t->now, ret, e);
}
