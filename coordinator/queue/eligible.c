/*
 * The decision is plain code over rows that were read once, so it can be asked for thousands of
 * runners at a wake-up.
 */
#include "coordinator/queue/eligible.h"

#include <strings.h>

struct offer offer_of(const struct runner_row *r)
{
	return (struct offer){ r->name, r->scope_owner, r->scope_repo_id, &r->labels };
}

unsigned eligible_held(const struct queue_row *q)
{
	unsigned held = 0;

	held |= q->disabled[POLICY_SITE] ? HELD_SITE : 0;
	held |= q->disabled[POLICY_OWNER] ? HELD_OWNER : 0;
	held |= q->disabled[POLICY_REPO] ? HELD_REPO : 0;
	held |= q->repo_cap && q->repo_running >= q->repo_cap ? HELD_REPO_CAP : 0;
	held |= q->owner_cap && q->owner_running >= q->owner_cap ? HELD_OWNER_CAP : 0;
	return held;
}

bool labels_cover(const struct strv *labels, const struct strv *wanted)
{
	strv_each (label, wanted)
		if (!strv_contains(labels, label))
			return false;
	return true;
}

static bool in_scope(const struct queue_row *q, const struct offer *o)
{
	if (o->repo_id)
		return o->repo_id == q->repo_id;
	return !o->owner || strcasecmp(o->owner, q->owner) == 0;
}

static bool allowed(const struct strv *list, const struct offer *o)
{
	const char *scope = o->repo_id ? "repo" : o->owner ? "owner" : "site";

	return !list->n || strv_contains(list, scope) || strv_contains(list, o->name);
}

unsigned eligible_unfit(const struct queue_row *q, const struct offer *o)
{
	unsigned unfit = 0;

	unfit |= labels_cover(o->labels, &q->labels) ? 0 : UNFIT_LABELS;
	unfit |= in_scope(q, o) ? 0 : UNFIT_SCOPE;
	for (size_t i = 0; i < POLICY_LEVELS; i++)
		unfit |= allowed(&q->allowed[i], o) ? 0 : UNFIT_POLICY;
	return unfit;
}
