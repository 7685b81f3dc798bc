/*
 * The file is read from the run's commit each time: what is stored of a run are its jobs, and a run
 * whose plan is made later has none of them yet.
 */
#include "coordinator/trigger/stored_run.h"

#include "coordinator/repo/repo.h"

int stored_run_workflow(const struct trigger *t, const struct repo_row *row,
	const struct run_row *run, struct workflow *ret, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	CLEANUP(repo_files_release) struct repo_files files = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };

	if (!repo || repo_workflows(repo, run->head_sha, &files, e) < 0)
		return -1;
	for (size_t i = 0; i < files.n; i++) {
		const struct repo_file *f = &files.v[i];

		if (!str_eq(f->path, run->workflow_file))
			continue;
		if (workflow_parse(f->path, f->data, f->len, ret, &problems) < 0)
			return err_set(e, ERR_INPUT, "%s", problems.v[0]);
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "%s: no longer in the repository", run->workflow_file);
}

struct plan_event stored_run_event(const struct run_row *r)
{
	return (struct plan_event){ .name = r->event,
		.payload = r->event_payload,
		.inputs = r->inputs,
		.file = r->workflow_file,
		.run = { r->id, r->run_index },
		.sha = r->head_sha,
		.ref = r->head_ref,
		.actor = r->first_actor,
		.untrusted = !run_gets_secrets(r),
		.group_pull = r->trust == TRUST_OWN ? 0 : r->pull_number };
}
