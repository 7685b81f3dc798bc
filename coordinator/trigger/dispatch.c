/*
 * Starting a run by hand. Branch and path filters are ignored: somebody asked for this run. Inputs
 * are checked against the workflow's declaration and get its defaults.
 */
#include "coordinator/trigger/trigger.h"

#include "coordinator/trigger/branch_file.h"
#include "coordinator/trigger/payload.h"

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

/* Fills *all with every input of the workflow. */
static int complete_inputs(
	const struct workflow *w, const struct pairs *given, struct pairs *all, struct err *e)
{
	if (check_given(w, given, e) < 0)
		return -1;
	for (size_t i = 0; i < w->on.dispatch.n_inputs; i++) {
		const struct workflow_input *in = &w->on.dispatch.inputs[i];
		const char *value = workflow_input_value(in, pairs_get(given, in->name));

		if (!value)
			return err_set(
				e, ERR_INPUT, "input %s: required, expected a value", in->name);
		pairs_set(all, in->name, value);
	}
	return 0;
}

int trigger_dispatch(const struct trigger *t, const struct repo_row *row,
	const struct trigger_dispatch *d, struct strv *problems, struct run_created *ret,
	struct err *e)
{
	CLEAN_BRANCH_FILE struct branch_file b = { 0 };
	CLEANUP(pairs_release) struct pairs inputs = { 0 };
	CLEAN_STR char *payload = NULL, *typed = NULL;

	if (branch_file_load(&b, t, row, d->ref, d->workflow, problems, e) < 0)
		return -1;
	if (!b.workflow.on.dispatch.given)
		return err_set(e, ERR_INPUT,
			"%s cannot be started by hand: its \"on\" has no workflow_dispatch",
			b.path);
	if (complete_inputs(&b.workflow, d->inputs, &inputs, e) < 0)
		return -1;
	payload = payload_dispatch(t, row, b.path, b.ref, &inputs, d->actor, e);
	typed = payload ? workflow_inputs_json(&b.workflow, &inputs, e) : NULL;
	if (!typed)
		return -1;
	const struct branch_event ev = { "workflow_dispatch", payload, d->actor, typed };
	return branch_file_run(&b, t, row, &ev, ret, e);
}
