/*
 * A stage is one more than the highest of what is needed. Needs stand in any order in a file, so
 * the stages are raised until nothing changes; a workflow's needs have no circle, and if a store
 * had one the rounds would end all the same.
 */
#include "coordinator/pages/graph.h"

void graph_release(struct graph *g)
{
	free(g->v);
	*g = (struct graph){ 0 };
}

static struct card *card_of(const struct graph *g, const char *key)
{
	for (size_t i = 0; i < g->n; i++)
		if (str_eq(g->v[i].key, key))
			return &g->v[i];
	return NULL;
}

static void add_job(struct graph *g, const struct job_list *l, size_t i)
{
	struct card *card = card_of(g, l->v[i].key);

	if (!card) {
		card = &g->v[g->n++];
		*card = (struct card){ .key = l->v[i].key, .first = i };
	}
	card->jobs++;
	card->done += status_terminal(l->v[i].state.status);
}

static bool raise_card(const struct graph *g, const struct job_list *l, struct card *card)
{
	size_t stage = card->stage;

	strv_each (key, &l->v[card->first].needs) {
		const struct card *need = card_of(g, key);

		if (need && need->stage >= stage)
			stage = need->stage + 1;
	}
	bool raised = stage > card->stage;
	card->stage = stage;
	return raised;
}

void graph_make(const struct job_list *l, struct graph *ret)
{
	bool raised = true;

	*ret = (struct graph){ .v = xcalloc(l->n + 1, sizeof(*ret->v)) };
	for (size_t i = 0; i < l->n; i++)
		add_job(ret, l, i);
	for (size_t round = 0; raised && round < ret->n; round++) {
		raised = false;
		for (size_t i = 0; i < ret->n; i++)
			raised |= raise_card(ret, l, &ret->v[i]);
	}
	for (size_t i = 0; i < ret->n; i++)
		if (ret->v[i].stage >= ret->stages)
			ret->stages = ret->v[i].stage + 1;
}
