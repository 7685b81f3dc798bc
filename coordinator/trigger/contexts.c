/*
 * What the coordinator knows of a run before anybody claimed its jobs. The members are those of the
 * one table (workflow/shithub.h), so a job's name says what its steps will say.
 */
#include "coordinator/trigger/contexts.h"

#include "base/limits.h"
#include "workflow/leg.h"
#include "workflow/shithub.h"

int plan_values_read(const struct plan_event *ev, struct plan_values *ret, struct err *e)
{
	struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };

	ret->event = json_parse(ev->payload, strlen(ev->payload), &lim, e);
	if (!ret->event)
		return err_wrap(e, "event payload");
	if (ev->inputs) {
		ret->inputs = json_parse(ev->inputs, strlen(ev->inputs), &lim, e);
		if (!ret->inputs)
			return err_wrap(e, "inputs");
	}
	if (ev->needs) {
		ret->needs = json_parse(ev->needs, strlen(ev->needs), &lim, e);
		if (!ret->needs)
			return err_wrap(e, "needs");
	}
	return 0;
}

void plan_values_release(struct plan_values *v)
{
	json_free(v->event);
	json_free(v->inputs);
	json_free(v->needs);
	*v = (struct plan_values){ 0 };
}

/* Only a job whose needs are over has a condition to evaluate. */
static enum expr_status needs_status(const struct plan_event *ev)
{
	return ev->needs_status ? expr_status_of(ev->needs_status) : EXPR_NO_STATUS;
}

struct expr_context plan_context(const struct plan_event *ev, const struct plan_values *v,
	const struct workflow_job *job, const struct pairs *row, struct expr_arena *a)
{
	struct expr_context c = { .root = expr_object(a), .status = needs_status(ev) };
	const struct shithub_facts facts = { .event_name = ev->name,
		.sha = ev->sha,
		.ref = ev->ref,
		.repository = ev->repository,
		.server_url = ev->server_url,
		.actor = ev->actor,
		.trust = ev->untrusted ? "untrusted" : "trusted", /* of a pull request */
		.workflow = ev->workflow,
		.workflow_file = ev->file,
		.repository_id = ev->repository_id,
		.run_id = ev->run.run_id,
		.run_number = ev->run.run_index,
		.run_attempt = 1,
		.job = job ? job->key : NULL,
		.event = json_root(v->event) };

	expr_set(a, &c.root, "shithub", shithub_context(&facts, a));
	expr_set(a, &c.root, "vars", expr_from_pairs(a, ev->vars, 0));
	expr_set(a, &c.root, "inputs",
		v->inputs ? expr_from_json(a, json_root(v->inputs), EXPR_TAINTED) : expr_object(a));
	if (v->needs)
		expr_set(a, &c.root, "needs", leg_needs(json_root(v->needs), a));
	if (row)
		expr_set(a, &c.root, "matrix", leg_matrix(row, a));
	expr_root_finish(a, &c.root);
	return c;
}
