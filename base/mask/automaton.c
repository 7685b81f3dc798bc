/*
 * States are numbered breadth first straight from the sorted forms: a state is a range of forms
 * that share a prefix, so no trie stands beside the automaton while it is built. A step can add
 * values at will, and memory is what that costs: 45 bytes for each byte of a form. Then come the
 * dense rows and the numbers of the failure links' tree.
 */
#include "base/mask/automaton.h"

/* The forms that share a state's text: [from, to) of the sorted ones. */
struct range {
	uint32_t from, to;
};

/* States in their order while they wait for their children: those of one depth and of the next. */
struct frontier {
	const struct mask_form **sorted;
	struct range *now, *next;
	uint32_t n_next;
};

static int compare_forms(const void *a, const void *b)
{
	const struct mask_form *x = *(const struct mask_form *const *)a,
			       *y = *(const struct mask_form *const *)b;
	int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

	return order ? order : (x->len > y->len) - (x->len < y->len);
}

static size_t common_prefix(const struct mask_form *x, const struct mask_form *y)
{
	size_t n = 0;

	while (n < x->len && n < y->len && x->bytes[n] == y->bytes[n])
		n++;
	return n;
}

/* Each byte of a form is a state, but for those that it shares with the form before it. */
static uint32_t count_states(const struct mask_form *const *sorted, size_t n)
{
	size_t states = 1;

	for (size_t i = 0; i < n; i++)
		states += sorted[i]->len - (i ? common_prefix(sorted[i - 1], sorted[i]) : 0);
	return (uint32_t)states;
}

static uint32_t fail_of(const struct mask_automaton *a, uint32_t parent, unsigned char c)
{
	while (parent) {
		parent = a->states[parent].fail;
		uint32_t child = mask_automaton_child(a, parent, c);
		if (child)
			return child;
	}
	return 0;
}

/* The state for the text of `range` up to and including the byte at depth - 1. */
static void number_state(struct mask_automaton *a, struct frontier *f, uint32_t id, uint32_t parent,
	struct range range)
{
	const struct mask_form *first = f->sorted[range.from];
	uint32_t depth = a->states[parent].depth + 1;
	unsigned char c = (unsigned char)first->bytes[depth - 1];
	uint32_t fail = fail_of(a, parent, c);

	a->labels[id] = c;
	a->states[id] = (struct mask_state){
		.fail = fail,
		.depth = depth,
		.cover = first->len == depth ? depth : a->states[fail].cover,
		.hold = f->sorted[range.to - 1]->len > depth ? depth : a->states[fail].hold,
	};
	f->next[f->n_next++] = range;
}

/* Gives the children of state the next numbers. A failure link points to a shallower state, whose
 * children have their numbers already. */
static void number_children(struct mask_automaton *a, struct frontier *f, uint32_t state,
	struct range range, uint32_t *used)
{
	uint32_t depth = a->states[state].depth, from = range.from;

	a->states[state].first = *used;
	while (from < range.to && f->sorted[from]->len == depth)
		from++;
	while (from < range.to) {
		char c = f->sorted[from]->bytes[depth];
		uint32_t to = from + 1;

		while (to < range.to && f->sorted[to]->bytes[depth] == c)
			to++;
		number_state(a, f, (*used)++, state, (struct range){ from, to });
		from = to;
	}
}

static void number_states(struct mask_automaton *a, struct frontier *f, size_t n)
{
	uint32_t state = 0, used = 1, n_now = 1;

	f->now[0] = (struct range){ 0, (uint32_t)n };
	while (n_now) {
		struct range *swap = f->now;

		f->n_next = 0;
		for (uint32_t i = 0; i < n_now; i++)
			number_children(a, f, state++, f->now[i], &used);
		n_now = f->n_next;
		f->now = f->next;
		f->next = swap;
	}
	a->states[state].first = used; /* where the last one's children would end */
}

static void build_states(struct mask_automaton *a, const struct mask_forms *forms)
{
	struct frontier f = { .sorted = xcalloc(forms->n, sizeof(*f.sorted)),
		.now = xcalloc(forms->n, sizeof(*f.now)),
		.next = xcalloc(forms->n, sizeof(*f.next)) };

	for (size_t i = 0; i < forms->n; i++)
		f.sorted[i] = &forms->v[i];
	if (forms->n == 0)
		BUG("no form");
	qsort(f.sorted, forms->n, sizeof(*f.sorted), compare_forms);
	a->n_states = count_states(f.sorted, forms->n);
	a->states = xcalloc((size_t)a->n_states + 1, sizeof(*a->states));
	a->labels = xcalloc(a->n_states, 1);
	number_states(a, &f, forms->n);
	free(f.sorted);
	free(f.now);
	free(f.next);
}

static void build_classes(struct mask_automaton *a)
{
	a->n_classes = 1;
	for (uint32_t s = 1; s < a->n_states; s++) {
		if (a->classes[a->labels[s]] == 0 && a->n_classes < 256)
			a->classes[a->labels[s]] = (unsigned char)a->n_classes++;
	}
}

static void build_dense(struct mask_automaton *a, size_t bytes)
{
	size_t width = a->n_classes * sizeof(*a->dense), rows = bytes / width;

	a->n_dense = rows < 1 ? 1 : rows > a->n_states ? a->n_states : (uint32_t)rows;
	a->dense = xcalloc(a->n_dense, width);
	for (uint32_t s = 0; s < a->n_dense; s++) {
		uint32_t *row = a->dense + (size_t)s * a->n_classes;
		const struct mask_state *st = &a->states[s];

		if (s)
			memcpy(row, a->dense + (size_t)st->fail * a->n_classes, width);
		for (uint32_t child = st->first; child < st[1].first; child++)
			row[a->classes[a->labels[child]]] = child;
	}
}

struct mask_automaton *mask_automaton_new(const struct mask_forms *forms, size_t dense_bytes)
{
	struct mask_automaton *a = xcalloc(1, sizeof(*a));

	build_states(a, forms);
	build_classes(a);
	build_dense(a, dense_bytes);
	mask_suffixes_build(&a->suffixes, a);
	return a;
}

void mask_automaton_free(struct mask_automaton *a)
{
	if (!a)
		return;
	wipe(a->labels, a->n_states);
	free(a->labels);
	free(a->states);
	wipe(a->dense, (size_t)a->n_dense * a->n_classes * sizeof(*a->dense));
	free(a->dense);
	mask_suffixes_release(&a->suffixes);
	free(a);
}
