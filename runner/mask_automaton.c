/* See mask_automaton.h. Built in three steps: a trie, its breadth-first numbering with failure
 * links, the dense rows and grams. */
#include "runner/mask_automaton.h"

#include <endian.h>

enum { GRAM_MAX = 4, STRIDE_MAX = 16, GRAM_BITS_MIN = 15, GRAM_BITS_MAX = 20 };

/* The trie while it grows: siblings are linked. Node 0 is the root and stands for "none" in links.
 */
struct node {
	uint32_t child, sibling;
	unsigned char label;
	bool terminal;
};

static uint32_t node_find(const struct node *nodes, uint32_t parent, unsigned char c)
{
	uint32_t i = nodes[parent].child;

	while (i && nodes[i].label != c)
		i = nodes[i].sibling;
	return i;
}

static uint32_t trie_insert(struct node *nodes, uint32_t used, const struct mask_form *form)
{
	uint32_t at = 0;

	for (size_t i = 0; i < form->len; i++) {
		unsigned char c = (unsigned char)form->bytes[i];
		uint32_t next = node_find(nodes, at, c);
		if (!next) {
			next = used++;
			nodes[next] = (struct node){ .sibling = nodes[at].child, .label = c };
			nodes[at].child = next;
		}
		at = next;
	}
	nodes[at].terminal = true;
	return used;
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

/* Gives the children of state the next numbers. order[] maps states to nodes. A failure link points
 * to a shallower state, whose children have their numbers already. */
static void number_children(struct mask_automaton *a, const struct node *nodes, uint32_t *order,
	uint32_t state, uint32_t *used)
{
	a->states[state].first = *used;
	for (uint32_t i = nodes[order[state]].child; i; i = nodes[i].sibling) {
		uint32_t id = (*used)++;
		uint32_t fail = fail_of(a, state, nodes[i].label);
		uint32_t depth = a->states[state].depth + 1;
		order[id] = i;
		a->labels[id] = nodes[i].label;
		a->states[id] = (struct mask_state){
			.fail = fail,
			.depth = depth,
			.cover = nodes[i].terminal ? depth : a->states[fail].cover,
			.hold = nodes[i].child ? depth : a->states[fail].hold,
		};
	}
	a->states[state].children = *used - a->states[state].first;
}

static void build_states(struct mask_automaton *a, const struct mask_forms *forms)
{
	struct node *nodes = xcalloc(forms->bytes + 1, sizeof(*nodes));
	uint32_t used = 1, numbered = 1;

	for (size_t i = 0; i < forms->n; i++)
		used = trie_insert(nodes, used, &forms->v[i]);
	a->n_states = used;
	a->states = xcalloc(used, sizeof(*a->states));
	a->labels = xcalloc(used, 1);
	uint32_t *order = xcalloc(used, sizeof(*order));
	for (uint32_t s = 0; s < used; s++)
		number_children(a, nodes, order, s, &numbered);
	free(order);
	wipe(nodes, used * sizeof(*nodes));
	free(nodes);
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
		for (uint32_t i = 0; i < st->children; i++)
			row[a->classes[a->labels[st->first + i]]] = st->first + i;
	}
}

/* grams */

static inline uint32_t gram_slot(const struct mask_automaton *a, const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return ((le32toh(v) & a->gram_mask) * UINT32_C(0x9e3779b1)) >> a->gram_shift;
}

static inline uint32_t gram_hit(const struct mask_automaton *a, const unsigned char *p)
{
	uint32_t slot = gram_slot(a, p);

	return a->grams[slot >> 5] >> (slot & 31) & 1;
}

static void gram_add(struct mask_automaton *a, const char *p)
{
	unsigned char padded[GRAM_MAX] = { 0 };

	memcpy(padded, p, a->gram_len);
	uint32_t slot = gram_slot(a, padded);
	a->grams[slot >> 5] |= UINT32_C(1) << (slot & 31);
}

static void build_grams(struct mask_automaton *a, const struct mask_forms *forms)
{
	size_t least = SIZE_MAX, count;
	unsigned bits = GRAM_BITS_MIN;

	for (size_t i = 0; i < forms->n; i++)
		least = forms->v[i].len < least ? forms->v[i].len : least;
	if (least < 1 || least == SIZE_MAX)
		BUG("an empty form, or none");
	a->gram_len = least < GRAM_MAX ? (unsigned)least : GRAM_MAX;
	a->gram_mask = UINT32_MAX >> (32 - 8 * a->gram_len);
	a->stride = least - a->gram_len + 1;
	if (a->stride > STRIDE_MAX)
		a->stride = STRIDE_MAX;
	count = forms->n * a->stride;
	while (bits < GRAM_BITS_MAX && (size_t)1 << bits < count * 64)
		bits++;
	a->gram_shift = 32 - bits;
	a->grams = xcalloc((size_t)1 << (bits - 5), sizeof(*a->grams));
	for (size_t i = 0; i < forms->n; i++) {
		for (size_t offset = 0; offset < a->stride; offset++)
			gram_add(a, forms->v[i].bytes + offset);
	}
}

size_t mask_automaton_scan(const struct mask_automaton *a, const unsigned char *p, size_t start,
	size_t n, size_t *ret_next)
{
	const size_t k = a->stride;
	size_t t = start + k - 1;

	/* four tests at once: their loads do not depend on each other */
	for (; t + 3 * k + GRAM_MAX <= n; t += 4 * k) {
		if (gram_hit(a, p + t) | gram_hit(a, p + t + k) | gram_hit(a, p + t + 2 * k) |
			gram_hit(a, p + t + 3 * k))
			break;
	}
	while (t + GRAM_MAX <= n && !gram_hit(a, p + t))
		t += k;
	*ret_next = t - k + 2;
	return t - k + 1;
}

struct mask_automaton *mask_automaton_new(const struct mask_forms *forms, size_t dense_bytes)
{
	struct mask_automaton *a = xcalloc(1, sizeof(*a));

	build_states(a, forms);
	build_classes(a);
	build_dense(a, dense_bytes);
	build_grams(a, forms);
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
	free(a->grams);
	free(a);
}
