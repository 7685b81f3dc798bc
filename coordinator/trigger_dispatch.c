/* Starting a run by hand: `admin run dispatch` (and the pages, later). */
#include "coordinator/trigger.h"

#include "coordinator/trigger_payload.h"
#include "coordinator/trigger_plan.h"

static const struct repo_file *find_file(const struct repo_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++) {
		const char *path = files->v[i].path;
		if (str_eq(path, name) || str_eq(path + strlen(REPO_WORKFLOW_DIR "/"), name))
			return &files->v[i];
	}
	return NULL;
}

static int check_given(const struct workflow *w, const struct pairs *given, struct err *e)
{
	for (size_t i = 0; i < given->n; i++) {
		const struct workflow_input *in = workflow_input_find(w, given->v[i].key);
		if (!in)
			return err_set(e, ERR_INPUT,
				"input %.100s: unknown, expected one that the workflow names",
				given->v[i].key);
		if (workflow_input_check(in, given->v[i].value, e) < 0)
			return err_wrap(e, "input %s", in->name);
	}
	return 0;
}

/* Fills *all with every input of the workflow: given, default, or what "nothing" is for its type.
 */
static int complete_inputs(
	const struct workflow *w, const struct pairs *given, struct pairs *all, struct err *e)
{
	if (check_given(w, given, e) < 0)
		return -1;
	for (size_t i = 0; i < w->on.dispatch.n_inputs; i++) {
		const struct workflow_input *in = &w->on.dispatch.inputs[i];
		const char *value = pairs_get(given, in->name);
		if (!value)
			value = in->fallback;
		if (str_empty(value) && in->required)
			return err_set(
				e, ERR_INPUT, "input %s: required, expected a value", in->name);
		if (!value)
			value = in->type == INPUT_BOOLEAN ? "false" : "";
		pairs_set(all, in->name, value);
	}
	return 0;
}

static int create(const struct trigger *t, const struct repo_row *row,
	const struct trigger_dispatch *d, const struct workflow *w, struct run_spec *spec,
	struct run_created *ret, struct err *e)
{
	CLEANUP(pairs_release) struct pairs inputs = { 0 };
	CLEAN_PLAN struct run_plan plan = { 0 };
	CLEAN_STR char *payload = NULL;

	if (!w->on.dispatch.given)
		return err_set(e, ERR_INPUT,
			"%s cannot be started by hand: its \"on\" has no workflow_dispatch",
			spec->workflow_file);
	if (complete_inputs(w, d->inputs, &inputs, e) < 0)
		return -1;
	payload =
		payload_dispatch(t, row, spec->workflow_file, spec->head_ref, &inputs, d->actor, e);
	if (!payload)
		return -1;
	struct plan_event ev = { .name = "workflow_dispatch",
		.payload = payload,
		.sha = spec->head_sha,
		.ref = spec->head_ref,
		.actor = d->actor };
	if (trigger_plan(t, row, w, &ev, &plan, e) < 0)
		return err_wrap(e, "%s", spec->workflow_file);
	spec->repo_id = row->id;
	spec->workflow_name = w->name;
	spec->event = "workflow_dispatch";
	spec->event_payload = payload;
	spec->actor = d->actor;
	spec->jobs = plan.jobs;
	spec->n_jobs = plan.n_jobs;
	return store_run_create(t->store, spec, t->now, ret, e);
}

int trigger_dispatch(const struct trigger *t, const struct repo_row *row,
	const struct trigger_dispatch *d, struct strv *problems, struct run_created *ret,
	struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row), *ref = NULL;
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	CLEANUP(commit_info_release) struct commit_info head = { 0 };
	CLEANUP(repo_files_release) struct repo_files files = { 0 };
	CLEAN_WORKFLOW struct workflow w = { 0 };
	char oid[OID_TEXT_MAX];

	if (!repo || repo_ref_resolve(repo, d->ref ? d->ref : row->default_branch, &ref, e) < 0)
		return -1;
	if (repo_ref(repo, ref, oid, e) < 0 || repo_commit(repo, oid, &head, e) < 0 ||
		repo_workflows(repo, head.oid, &files, e) < 0)
		return err_wrap(e, "%s", ref);
	const struct repo_file *f = find_file(&files, d->workflow);
	if (!f)
		return err_set(e, ERR_NOT_FOUND,
			"no workflow \"%.200s\" at %s, expected a file of " REPO_WORKFLOW_DIR,
			d->workflow, ref);
	if (workflow_parse(f->path, f->data, f->len, &w, problems) < 0)
		return err_set(e, ERR_INPUT, "%s: %zu problems", f->path, problems->n);
	struct run_spec spec = { .workflow_file = f->path, .head_sha = head.oid, .head_ref = ref };
	return create(t, row, d, &w, &spec, ret, e);
}
