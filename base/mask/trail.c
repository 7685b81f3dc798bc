/*
 * A link says what stood before it: how many symbols, and where they ended. Going back from a
 * reading's end, the symbols between two links are one byte each, so positions follow from the
 * later link alone; this is why old links can be dropped.
 *
 * Each link also has a jump to a farther one, chosen so that any distance takes logarithmic steps
 * (the jumps of a skew-binary list). One that leads to a dropped link is not taken.
 */
#include "base/mask/trail.h"

struct mask_link {
	uint64_t before, jump; /* links */
	uint64_t end;          /* where the symbols before it ended */
	uint32_t symbols;      /* how many these were */
	uint32_t level;        /* links before this one */
	uint32_t gap, len;     /* bytes of the gap and the token after it */
	uint32_t spelled;      /* symbols of the token */
};

void mask_trail_release(struct mask_trail *t)
{
	free(t->links);
	*t = MASK_TRAIL_INIT;
}

static struct mask_link *at(const struct mask_trail *t, uint64_t id)
{
	return id >= t->first ? &t->links[id & (t->cap - 1)] : NULL;
}

static bool grow(struct mask_trail *t)
{
	size_t cap = t->cap ? t->cap * 2 : 256;

	if (t->cap == MASK_TRAIL_MAX)
		return false;
	struct mask_link *links = xcalloc(cap, sizeof(*links));
	for (uint64_t id = t->first; id < t->end; id++)
		links[id & (cap - 1)] = *at(t, id);
	free(t->links);
	t->links = links;
	t->cap = cap;
	return true;
}

static void set_jump(const struct mask_trail *t, struct mask_link *l)
{
	const struct mask_link *before = at(t, l->before);
	const struct mask_link *far = before ? at(t, before->jump) : NULL;
	const struct mask_link *farther = far ? at(t, far->jump) : NULL;

	l->level = before ? before->level + 1 : 0;
	l->jump = farther && before->level - far->level == far->level - farther->level ? far->jump
										       : l->before;
}

bool mask_trail_add(struct mask_trail *t, struct mask_place *place, uint64_t from, uint64_t to,
	unsigned symbols)
{
	if (t->end - t->first == t->cap && !grow(t))
		return false;
	uint64_t id = t->end++;
	struct mask_link *l = at(t, id);
	*l = (struct mask_link){
		.before = place->link,
		.end = place->at,
		.symbols = place->symbols,
		.gap = (uint32_t)(from - place->at),
		.len = (uint32_t)(to - from),
		.spelled = symbols,
	};
	set_jump(t, l);
	*place = (struct mask_place){ id, to, place->symbols + symbols };
	return true;
}

uint64_t mask_trail_start(
	const struct mask_trail *t, const struct mask_place *place, uint32_t symbols)
{
	uint32_t wanted = place->symbols - symbols, known = place->symbols;
	uint64_t end = place->at;
	const struct mask_link *l = at(t, place->link);

	while (l && (int32_t)(l->symbols - wanted) > 0) {
		const struct mask_link *far = at(t, l->jump);

		known = l->symbols;
		end = l->end;
		l = far && (int32_t)(far->symbols - wanted) > 0 ? far : at(t, l->before);
	}
	if (l && wanted - l->symbols < l->spelled)
		return l->end + l->gap;
	return end - (known - wanted);
}

void mask_trail_drop(struct mask_trail *t, uint64_t before)
{
	while (t->first < t->end) {
		const struct mask_link *l = at(t, t->first);

		if (l->end + l->gap + l->len > before)
			return;
		t->first++;
	}
}
