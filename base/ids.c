/*
 * A list and not a set: a runner has a few dozen jobs, and the order in which they were named is
 * what a reader of the heartbeat expects.
 */
#include "base/ids.h"

void ids_add(struct ids *s, int64_t id)
{
	s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = id;
}

bool ids_contains(const struct ids *s, int64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == id)
			return true;
	return false;
}

void ids_release(struct ids *s)
{
	free(s->v);
	*s = (struct ids){ 0 };
}
