/*
 * States are numbered so that those below one in the tree have the numbers that follow its own.
 * Then "the nearest ancestor that has an edge of class c" depends on the number piecewise: it turns
 * where the subtree of a state with such an edge begins, and back where it ends.
 */
#include "base/mask/suffix.h"

#include "base/mask/automaton.h"

/* A link leads to a smaller state, so two passes do. */
static void number_tree(struct mask_suffixes *s, const struct mask_automaton *a)
{
	uint32_t *used = xcalloc(a->n_states, sizeof(*used));

	for (uint32_t i = 0; i < a->n_states; i++)
		s->of[i].end = 1;
	for (uint32_t i = a->n_states - 1; i > 0; i--)
		s->of[a->states[i].fail].end += s->of[i].end;
	/* a state takes its numbers where those of its link are used up to */
	for (uint32_t i = 0; i < a->n_states; i++) {
		uint32_t size = s->of[i].end, link = a->states[i].fail;

		s->of[i].number = i ? used[link] : 0;
		s->of[i].end = s->of[i].number + size;
		used[link] += i ? size : 0;
		used[i] = s->of[i].number + 1;
	}
	free(used);
}

/* The class of an edge leads to `child` from every state with a number in [number, end), unless an
 * edge of the same class has a smaller range there. */
struct edge {
	uint32_t number, end, child;
	unsigned char class;
};

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static struct edge *sorted_edges(const struct mask_suffixes *s, const struct mask_automaton *a)
{
	struct edge *edges = xcalloc(a->n_states, sizeof(*edges));
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->n_states; i++) {
		for (uint32_t child = a->states[i].first; child < a->states[i + 1].first; child++)
			edges[n++] = (struct edge){ s->of[i].number, s->of[i].end, child,
				a->classes[a->labels[child]] };
	}
	qsort(edges, n, sizeof(*edges), compare_edges);
	return edges;
}

static void add_turn(struct mask_suffixes *s, uint32_t first, uint32_t number, uint32_t state)
{
	if (s->n_turns > first && s->turns[s->n_turns - 1].number == number)
		s->n_turns--;
	s->turns[s->n_turns++] = (struct mask_turn){ number, state };
}

/* The turns of the n edges of one class. outer: for each open range the edge around it. */
static void add_turns(
	struct mask_suffixes *s, const struct edge *edges, uint32_t n, uint32_t *outer)
{
	uint32_t first = s->n_turns, open = 0, i = 0;

	add_turn(s, first, 0, 0);
	while (i < n || open) {
		if (open && (i == n || edges[outer[open - 1]].end <= edges[i].number)) {
			uint32_t end = edges[outer[--open]].end;

			add_turn(s, first, end, open ? edges[outer[open - 1]].child : 0);
			continue;
		}
		add_turn(s, first, edges[i].number, edges[i].child);
		outer[open++] = i++;
	}
}

void mask_suffixes_build(struct mask_suffixes *s, const struct mask_automaton *a)
{
	uint32_t *outer = xcalloc(a->n_states, sizeof(*outer)), from = 0;

	s->of = xcalloc(a->n_states, sizeof(*s->of));
	number_tree(s, a);
	struct edge *edges = sorted_edges(s, a);
	s->turns = xcalloc(2 * (size_t)a->n_states + 256, sizeof(*s->turns));
	for (unsigned class = 0; class < a->n_classes; class ++) {
		uint32_t to = from;

		while (to < a->n_states - 1 && edges[to].class == class)
			to++;
		s->first[class] = s->n_turns;
		add_turns(s, edges + from, to - from, outer);
		from = to;
	}
	s->first[a->n_classes] = s->n_turns;
	free(edges);
	free(outer);
}

void mask_suffixes_release(struct mask_suffixes *s)
{
	free(s->of);
	if (s->turns)
		wipe(s->turns, s->n_turns * sizeof(*s->turns));
	free(s->turns);
	*s = (struct mask_suffixes){ 0 };
}

uint32_t mask_suffixes_next(const struct mask_suffixes *s, uint32_t state, unsigned class)
{
	uint32_t from = s->first[class], to = s->first[class + 1];

	/* the last turn at or before the number: the first one is at 0 */
	while (to - from > 1) {
		uint32_t middle = from + (to - from) / 2;

		if (s->turns[middle].number <= s->of[state].number)
			from = middle;
		else
			to = middle;
	}
	return s->turns[from].state;
}
