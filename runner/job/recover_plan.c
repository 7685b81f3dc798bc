/*
 * Pure, so that every combination of what a crash can leave is a unit test: the plan is made from
 * the journal and the outbox alone, and knows neither network nor clock.
 */
#include "runner/job/recover_plan.h"

#include "base/json.h"

/* A job that was being ended when it died ends as what it was to become. */
static const struct {
	const char *cause, *status, *conclusion, *step_status, *step_conclusion;
} ends[] = {
	{ "cancelled", "cancelled", "cancelled", "cancelled", "cancelled" },
	{ "shutdown", "cancelled", "cancelled", "cancelled", "cancelled" },
	{ "timed_out", "completed", "timed_out", "completed", "timed_out" },
	{ NULL, "completed", "failure", "completed", "failure" },
};

static struct recover_step *find(struct recover_plan *p, int64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].id == id)
			return &p->v[i];
	return NULL;
}

static bool failed(const struct outbox_report *r)
{
	struct err ignored = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(r->body, strlen(r->body), NULL, &ignored);
	const char *conclusion = doc ? json_get_string(json_root(doc), "conclusion") : NULL;

	return !str_eq(conclusion, "success") && !str_eq(conclusion, "skipped");
}

static void take_report(struct recover_plan *p, const struct outbox_report *r, bool *failure)
{
	struct recover_step *s = r->kind == OUTBOX_JOB ? NULL : find(p, r->step);

	if (r->kind == OUTBOX_JOB)
		p->decided |= r->terminal;
	if (!s)
		return;
	if (r->kind == OUTBOX_LOG)
		s->file = r->file;
	if (s->state != RECOVER_ENDED)
		s->state = r->terminal ? RECOVER_ENDED : RECOVER_RAN;
	if (r->terminal)
		*failure |= failed(r);
}

static bool any_ended(const struct recover_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].state == RECOVER_ENDED)
			return true;
	return false;
}

static size_t find_bearer(const struct recover_plan *p)
{
	static const enum recover_state wanted[] = { RECOVER_RAN, RECOVER_NOT_STARTED };

	for (size_t w = 0; w < ARRAY_LEN(wanted); w++)
		for (size_t i = 0; i < p->n; i++)
			if (p->v[i].state == wanted[w])
				return i;
	return p->n;
}

void recover_plan_make(
	const struct journal *j, const struct outbox_list *reports, struct recover_plan *ret)
{
	bool failure = false;
	size_t end = 0;

	*ret = (struct recover_plan){ .n = j->steps.n };
	ret->v = xcalloc(ret->n + 1, sizeof(*ret->v));
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i].id = j->steps.v[i];
	for (size_t i = 0; i < reports->n; i++)
		take_report(ret, &reports->v[i], &failure);
	ret->bearer = find_bearer(ret);
	while (ends[end].cause && !str_eq(ends[end].cause, j->cause))
		end++;
	ret->status = ends[end].status;
	ret->conclusion = ends[end].conclusion;
	ret->step_status = ends[end].step_status;
	ret->step_conclusion = ends[end].step_conclusion;
	ret->lost = !ret->decided && !j->cause && !any_ended(ret);
	if (!j->cause && j->started && ret->bearer == ret->n && !failure)
		ret->conclusion = "success"; /* only saying so was left */
}

void recover_plan_release(struct recover_plan *p)
{
	free(p->v);
	*p = (struct recover_plan){ 0 };
}
