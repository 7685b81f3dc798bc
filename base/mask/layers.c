/*
 * Tokens are read once for all walks. A byte goes to every walk together with what ended with it;
 * before that, a token that it may begin takes note of where each walk stands.
 */
#include "base/mask/layers.h"

enum { TRAIL_CHECK = 512 };

#define EACH_WALK(l, w)                                                                       \
	for (size_t i_ = 0; i_ < (l)->n * MASK_LANES; i_++)                                   \
		for (struct mask_walk *w = (l)->v[i_ / MASK_LANES].walks[i_ % MASK_LANES]; w; \
			w = NULL)

/* ---- layers ---- */

static void layer_free(struct mask_layer *layer)
{
	for (size_t i = 0; i < MASK_LANES; i++) {
		mask_walk_free(layer->walks[i]);
		layer->walks[i] = NULL;
	}
}

void mask_layers_release(struct mask_layers *l)
{
	for (size_t i = 0; i < l->n; i++)
		layer_free(&l->v[i]);
	mask_scan_free(l->scan);
	mask_trail_release(&l->trail);
	*l = MASK_LAYERS_INIT;
}

/* The last layer takes over the forms of the one before it. */
static void swallow(struct mask_layers *l)
{
	struct mask_layer *into = &l->v[l->n - 2], *last = into + 1;

	layer_free(into);
	layer_free(last);
	into->n += last->n;
	into->bytes += last->bytes;
	l->n--;
}

/* Forms that no layer has yet become a layer of their own. */
static void add_layer(struct mask_layers *l, const struct mask_forms *forms)
{
	struct mask_layer new = { .n = forms->n, .bytes = forms->bytes };

	for (size_t i = 0; i < l->n; i++) {
		new.n -= l->v[i].n;
		new.bytes -= l->v[i].bytes;
	}
	if (new.n == 0)
		return;
	if (l->n == MASK_LAYERS_MAX)
		BUG("%zu layers, each twice as large as the next", l->n);
	l->v[l->n++] = new;
}

static struct mask_walk *walk_of(
	const struct mask_forms *forms, enum mask_lane lane, size_t dense_bytes)
{
	struct mask_forms own = { .v = xcalloc(forms->n, sizeof(*own.v)) };
	struct mask_walk *w = NULL;

	for (size_t i = 0; i < forms->n; i++) {
		if (forms->v[i].lane == lane)
			own.v[own.n++] = forms->v[i];
	}
	if (own.n)
		w = mask_walk_new(&own, lane, dense_bytes);
	free(own.v);
	return w;
}

void mask_layers_renew(
	struct mask_layers *l, const struct mask_forms *forms, size_t dense_bytes, bool into_one)
{
	add_layer(l, forms);
	if (l->n == 0)
		return;
	while (l->n > 1 && (into_one || l->v[l->n - 1].bytes * 2 >= l->v[l->n - 2].bytes))
		swallow(l);
	struct mask_layer *last = &l->v[l->n - 1];
	struct mask_forms own = { .v = forms->v + (forms->n - last->n), .n = last->n };
	layer_free(last);
	for (enum mask_lane lane = 0; lane < MASK_LANES; lane++)
		last->walks[lane] = walk_of(&own, lane, dense_bytes);
	mask_scan_free(l->scan);
	l->scan = l->n == 1 ? mask_scan_new(forms, !l->narrow) : NULL;
}

void mask_layers_reset(struct mask_layers *l)
{
	EACH_WALK(l, w)
	mask_walk_reset(w);
	l->tokens.n = 0;
	mask_trail_drop(&l->trail, UINT64_MAX);
}

/* ---- a byte ---- */

static bool any_reading(const struct mask_layers *l)
{
	EACH_WALK(l, w)
	{
		if (w->sets[w->now].n)
			return true;
	}
	return false;
}

/* A colour and a line end can only stand inside a secret. */
static bool open_token(struct mask_layers *l, unsigned char c, unsigned wraps, uint64_t at)
{
	struct mask_tokens *t = &l->tokens;
	struct mask_token new;

	if (!mask_token_open(&new, c) || (!mask_token_spells_first(&new) && !any_reading(l)))
		return false;
	if (t->n == MASK_TOKENS_MAX)
		BUG("more than %d tokens at once", MASK_TOKENS_MAX);
	t->v[t->n] = new;
	t->from[t->n] = at;
	t->wraps[t->n] = wraps;
	EACH_WALK(l, w)
	mask_walk_open(w, t->n);
	return true;
}

static void close_token(struct mask_layers *l, unsigned i)
{
	struct mask_tokens *t = &l->tokens;
	unsigned last = --t->n;

	t->v[i] = t->v[last];
	t->from[i] = t->from[last];
	t->wraps[i] = t->wraps[last];
	EACH_WALK(l, w)
	mask_walk_close(w, i, last);
}

/* Walks take a byte; what they lose is covered as far ahead as it could have reached. */
static bool step_walks(struct mask_layers *l, unsigned char c, unsigned wraps, uint64_t at,
	const struct mask_decoded *decoded, uint64_t *ret_from, uint64_t *ret_to)
{
	*ret_from = UINT64_MAX;
	*ret_to = at + 1;
	EACH_WALK(l, w)
	{
		struct mask_event event = { UINT64_MAX, false };

		mask_walk_step(w, &l->trail, c, wraps, at, &l->tokens, decoded, &event);
		if (event.lost) {
			event.cover = mask_walk_hold(w, &l->trail, &l->tokens, at);
			if (*ret_to < at + 1 + w->most_bytes)
				*ret_to = at + 1 + w->most_bytes;
			mask_walk_reset(w);
			l->lost++;
		}
		if (event.cover < *ret_from)
			*ret_from = event.cover;
	}
	return *ret_from != UINT64_MAX;
}

static unsigned char text_at(const struct mask_text *t, uint64_t at)
{
	return at >= t->base ? t->p[at - t->base] : t->older[t->n_older - (t->base - at)];
}

/* Asked only where something may go on behind a line end. */
static unsigned wraps_before(
	const struct mask_layers *l, const struct mask_text *t, unsigned char c, uint64_t at)
{
	unsigned char back[MASK_WRAP_BACK];
	uint64_t first = t->base - t->n_older;
	struct mask_token token;
	size_t n = 0;

	if ((c != '\n' && c != '\r' && !mask_token_open(&token, c)) || !any_reading(l))
		return 0;
	while (n < sizeof(back) && at - n > first) {
		n++;
		back[sizeof(back) - n] = text_at(t, at - n);
	}
	return mask_lane_wraps(back + sizeof(back), n);
}

bool mask_layers_step(struct mask_layers *l, const struct mask_text *text, uint64_t at,
	uint64_t *ret_from, uint64_t *ret_to)
{
	unsigned char c = text_at(text, at);
	unsigned wraps = wraps_before(l, text, c, at);
	struct mask_decoded decoded[MASK_TOKENS_MAX];
	bool more[MASK_TOKENS_MAX] = { false };
	struct mask_tokens *t = &l->tokens;
	unsigned n = t->n;

	if (at % TRAIL_CHECK == 0)
		mask_trail_drop(&l->trail, mask_layers_hold(l, at));
	for (unsigned i = 0; i < n; i++)
		more[i] = mask_token_next(&t->v[i], c, &decoded[i]);
	bool opened = open_token(l, c, wraps, at);
	t->n = n;
	bool covered = step_walks(l, c, wraps, at, decoded, ret_from, ret_to);
	t->n = opened ? n + 1 : n;
	for (unsigned i = n; i-- > 0;) {
		if (!more[i])
			close_token(l, i);
	}
	return covered;
}

/* ---- where it stands ---- */

uint64_t mask_layers_hold(const struct mask_layers *l, uint64_t at)
{
	uint64_t hold = at;

	EACH_WALK(l, w)
	{
		uint64_t own = mask_walk_hold(w, &l->trail, &l->tokens, at);

		hold = own < hold ? own : hold;
	}
	return hold;
}

size_t mask_layers_depth(const struct mask_layers *l)
{
	size_t most = 0;

	if (!l->scan || l->tokens.n)
		return SIZE_MAX;
	EACH_WALK(l, w)
	{
		size_t depth = mask_walk_depth(w);

		most = depth > most ? depth : most;
	}
	return most < mask_scan_gram(l->scan) ? most : SIZE_MAX;
}

uint64_t mask_layers_lose(struct mask_layers *l, uint64_t at)
{
	uint64_t most = 0;

	EACH_WALK(l, w)
	most = w->most_bytes > most ? w->most_bytes : most;
	mask_layers_reset(l);
	l->lost++;
	return at + most;
}
