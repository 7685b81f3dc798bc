/*
 * Each reading moves along three kinds of edges: a byte as its symbol, a byte or a colour that
 * stands for nothing, a token as what it spells. The first two come from the readings before the
 * byte, the third from those where the token began. The root is a reading of its own at every
 * position, so a form may begin with any byte and any token.
 */
#include "base/mask/walk.h"

struct step {
	struct mask_walk *w;
	struct mask_trail *trail;
	struct mask_readings *next;
	uint64_t at; /* after this byte */
	struct mask_event *event;
};

struct mask_walk *mask_walk_new(
	const struct mask_forms *forms, enum mask_lane lane, size_t dense_bytes)
{
	struct mask_walk *w = xcalloc(1, sizeof(*w));
	size_t most = 0;

	w->automaton = mask_automaton_new(forms, dense_bytes);
	w->rules = mask_lane_rules(lane);
	w->lane = 1u << lane;
	for (size_t i = 0; i < forms->n; i++)
		most = forms->v[i].len > most ? forms->v[i].len : most;
	w->most_bytes = most * ((w->rules->tokens ? MASK_TOKEN_MAX : 1) + MASK_GAP_MAX);
	return w;
}

void mask_walk_free(struct mask_walk *w)
{
	if (!w)
		return;
	mask_automaton_free(w->automaton);
	free(w);
}

void mask_walk_reset(struct mask_walk *w)
{
	w->sets[w->now].n = 0;
	for (unsigned i = 0; i < MASK_TOKENS_MAX; i++)
		w->then[i].n = 0;
}

/* What a can become and how long it may wait for it, b can, too. */
static bool is_covered(
	const struct mask_automaton *a, const struct mask_reading *x, const struct mask_reading *by)
{
	return by->gap <= x->gap && mask_suffixes_ends(&a->suffixes, by->state, x->state);
}

static void add(struct step *s, const struct mask_reading *r)
{
	struct mask_readings *set = s->next;
	const struct mask_automaton *a = s->w->automaton;
	unsigned kept = 0;

	for (unsigned i = 0; i < set->n; i++) {
		if (is_covered(a, r, &set->v[i]))
			return;
	}
	for (unsigned i = 0; i < set->n; i++) {
		if (!is_covered(a, &set->v[i], r))
			set->v[kept++] = set->v[i];
	}
	set->n = kept;
	if (set->n == MASK_READINGS_MAX)
		s->event->lost = true;
	else
		set->v[set->n++] = *r;
}

/* A reading has come to a new state with its last symbol. */
static void enter(struct step *s, struct mask_reading *r)
{
	const struct mask_state *st = &s->w->automaton->states[r->state];

	if (st->cover) {
		uint64_t from = mask_trail_start(s->trail, &r->place, st->cover);

		if (from < s->event->cover)
			s->event->cover = from;
	}
	if (!st->hold)
		return;
	if (r->place.link && s->at - mask_trail_start(s->trail, &r->place, st->depth) == st->depth)
		r->place.link = 0;
	add(s, r);
}

static void take_symbol(struct step *s, const struct mask_reading *from, unsigned char symbol)
{
	struct mask_reading r = *from;

	r.state = mask_automaton_next(s->w->automaton, r.state, symbol);
	if (!r.state)
		return;
	if (r.gap && !mask_trail_add(s->trail, &r.place, s->at - 1, s->at - 1, 0)) {
		s->event->lost = true;
		return;
	}
	r.gap = 0;
	r.place.at = s->at;
	r.place.symbols++;
	enter(s, &r);
}

static void take_byte(struct step *s, const struct mask_reading *from, unsigned char c)
{
	const struct mask_rules *rules = s->w->rules;

	take_symbol(s, from, c ^ rules->fold[c]);
	if (rules->other[c])
		take_symbol(s, from, c ^ rules->other[c]);
}

/* `len` bytes up to here stand for nothing. */
static void skip(struct step *s, const struct mask_reading *from, uint32_t len)
{
	struct mask_reading r = *from;

	r.gap += len;
	if (r.gap <= MASK_GAP_MAX)
		add(s, &r);
}

static bool may_skip(const struct step *s, unsigned how, unsigned wraps)
{
	return how & MASK_SKIP || (how & MASK_SKIP_WRAP && wraps & s->w->lane);
}

/* The token of [from, s->at) spells these bytes. */
static void take_spelled(struct step *s, const struct mask_reading *before, uint64_t from,
	unsigned wraps, const unsigned char *bytes, unsigned n)
{
	const struct mask_rules *rules = s->w->rules;
	struct mask_reading r = *before;

	if (n == 1 && r.state && may_skip(s, rules->skip_decoded[bytes[0]], wraps))
		skip(s, &r, (uint32_t)(s->at - from));
	for (unsigned i = 0; i < n; i++)
		r.state = mask_automaton_next(
			s->w->automaton, r.state, bytes[i] ^ rules->fold[bytes[i]]);
	if (!r.state)
		return;
	if (!mask_trail_add(s->trail, &r.place, from, s->at, n)) {
		s->event->lost = true;
		return;
	}
	r.gap = 0;
	enter(s, &r);
}

static void take_token(struct step *s, const struct mask_reading *before, uint64_t from,
	unsigned wraps, const struct mask_decoded *d)
{
	const struct mask_rules *rules = s->w->rules;

	if (d->nothing && rules->colours && before->state)
		skip(s, before, (uint32_t)(s->at - from));
	for (unsigned i = 0; rules->tokens && i < d->n; i++)
		take_spelled(s, before, from, wraps, d->v[i].bytes, d->v[i].len);
}

static void take_tokens(
	struct step *s, const struct mask_tokens *tokens, const struct mask_decoded *decoded)
{
	for (unsigned i = 0; i < tokens->n; i++) {
		const struct mask_readings *then = &s->w->then[i];
		struct mask_reading root = { .place.at = tokens->from[i] };

		if (!decoded[i].complete)
			continue;
		for (unsigned j = 0; j < then->n; j++)
			take_token(s, &then->v[j], tokens->from[i], tokens->wraps[i], &decoded[i]);
		take_token(s, &root, tokens->from[i], tokens->wraps[i], &decoded[i]);
	}
}

void mask_walk_step(struct mask_walk *w, struct mask_trail *t, unsigned char c, unsigned wraps,
	uint64_t at, const struct mask_tokens *tokens, const struct mask_decoded *decoded,
	struct mask_event *ev)
{
	const struct mask_readings *now = &w->sets[w->now];
	const struct mask_reading root = { .place.at = at };
	struct step s = {
		.w = w, .trail = t, .next = &w->sets[!w->now], .at = at + 1, .event = ev
	};

	s.next->n = 0;
	for (unsigned i = 0; i < now->n; i++)
		take_byte(&s, &now->v[i], c);
	take_byte(&s, &root, c);
	for (unsigned i = 0; w->rules->skip[c] && i < now->n; i++) {
		if (may_skip(&s, w->rules->skip[c], wraps))
			skip(&s, &now->v[i], 1);
	}
	if (tokens->n)
		take_tokens(&s, tokens, decoded);
	if (!ev->lost) /* else what was before says what must be hidden */
		w->now = !w->now;
}

static void copy(struct mask_readings *to, const struct mask_readings *from)
{
	to->n = from->n;
	memcpy(to->v, from->v, from->n * sizeof(from->v[0]));
}

void mask_walk_open(struct mask_walk *w, unsigned i)
{
	copy(&w->then[i], &w->sets[w->now]);
}

void mask_walk_close(struct mask_walk *w, unsigned i, unsigned last)
{
	if (i != last)
		copy(&w->then[i], &w->then[last]);
	w->then[last].n = 0;
}

static uint64_t hold_of(const struct mask_walk *w, const struct mask_trail *t,
	const struct mask_readings *set, uint64_t hold)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct mask_reading *r = &set->v[i];
		uint64_t from = mask_trail_start(t, &r->place, w->automaton->states[r->state].hold);

		hold = from < hold ? from : hold;
	}
	return hold;
}

uint64_t mask_walk_hold(const struct mask_walk *w, const struct mask_trail *t,
	const struct mask_tokens *tokens, uint64_t at)
{
	uint64_t hold = hold_of(w, t, &w->sets[w->now], at);

	for (unsigned i = 0; i < tokens->n; i++) {
		hold = hold_of(w, t, &w->then[i], hold);
		if (mask_token_spells_first(&tokens->v[i]) && tokens->from[i] < hold)
			hold = tokens->from[i];
	}
	return hold;
}

uint32_t mask_walk_depth(const struct mask_walk *w)
{
	const struct mask_readings *now = &w->sets[w->now];
	uint32_t depth = 0;

	for (unsigned i = 0; i < now->n; i++) {
		const struct mask_reading *r = &now->v[i];
		uint32_t own = w->automaton->states[r->state].depth;

		if (r->place.link || r->gap)
			return UINT32_MAX;
		depth = own > depth ? own : depth;
	}
	return depth;
}
