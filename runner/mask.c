/*
 * The stream over the automaton.
 *
 * Positions count the bytes of the stream. Everything before `done` was handed out; bytes from
 * `done` to `at` are undecided or not yet handed out: between calls they stand in `held`, during a
 * call also in the caller's chunk. `spans` are the covered ranges at or after `done`, sorted and
 * not touching. A match always ends at the current byte, so it merges with the last spans only; and
 * it begins at or after `done`, because its beginning was a suffix that could still grow and those
 * are never handed out. Hence a decided byte never changes its mind.
 *
 * The automaton walks only where the scan saw something: while its state stands for less than a
 * gram it is cheaper to go back to where that state began and scan on from there.
 *
 * A step may add values for ever, each to take effect at once, and an automaton is built whole. So
 * the forms stand in layers, each with an automaton of its own: new forms become a small new layer,
 * which swallows those before it that are not twice as large. Every form is thus built a few times
 * over, not once for each value after it. All layers walk together; when enough quiet output has
 * passed to pay for it, they become one again and the scan is back.
 */
#include "runner/mask.h"

#include "runner/mask_automaton.h"

enum { SPANS_FLUSH = 256, HELD_MAX = 2 * MASK_FORMS_BYTES, LAYERS_MAX = 32 };

struct span {
	uint64_t from, to;
};

/* Neighbouring forms and their automaton; each layer has more than twice the bytes of the next. */
struct layer {
	struct mask_automaton *automaton;
	size_t n, bytes; /* of its forms */
	uint32_t state;
};

struct mask {
	struct mask_forms forms;
	size_t n_values, dense_bytes;
	struct layer layers[LAYERS_MAX]; /* the oldest forms first */
	size_t n_layers;                 /* 0: nothing to mask, or nothing fed yet */
	bool stale;                      /* forms were added that stand in no layer */
	size_t quiet;                    /* bytes fed since the layers changed */
	uint64_t done, at;
	bool in_run; /* the byte before done was covered */
	struct buf held;
	struct span *spans; /* [spans_first, spans_end) */
	size_t spans_first, spans_end, spans_cap;
	uint64_t count;
};

/* What one call works on. */
struct feed {
	struct mask *m;
	const unsigned char *p;
	size_t n;
	uint64_t base; /* position of p[0] */
	mask_emit_fn emit;
	void *data;
};

struct mask *mask_new(void)
{
	struct mask *m = xcalloc(1, sizeof(*m));

	buf_init(&m->held, HELD_MAX);
	m->held.secret = true;
	m->dense_bytes = MASK_DENSE_BYTES;
	return m;
}

static void layers_free(struct mask *m)
{
	for (size_t i = 0; i < m->n_layers; i++)
		mask_automaton_free(m->layers[i].automaton);
	m->n_layers = 0;
}

void mask_free(struct mask *m)
{
	if (!m)
		return;
	mask_forms_release(&m->forms);
	layers_free(m);
	buf_release_wipe(&m->held);
	free(m->spans);
	free(m);
}

void mask_set_dense(struct mask *m, size_t bytes)
{
	m->dense_bytes = bytes;
}

static bool only_blanks(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r' && p[i] != '\n')
			return false;
	}
	return true;
}

int mask_add(struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e)
{
	bool skipped = false;

	if (n > LIMIT_MASK_VALUE)
		return err_set(e, ERR_LIMIT, "secret of %zu bytes, expected at most %zu", n,
			(size_t)LIMIT_MASK_VALUE);
	if (only_blanks(value, n)) {
		skipped = n > 0;
	} else {
		if (m->n_values == MASK_VALUES_MAX || m->forms.bytes >= MASK_FORMS_BYTES)
			return err_set(e, ERR_LIMIT,
				"too many secrets to mask, expected at most %d and %zu bytes in "
				"all forms",
				MASK_VALUES_MAX, (size_t)MASK_FORMS_BYTES);
		m->n_values++;
		skipped = mask_forms_add(&m->forms, value, n, MASK_PIECE_MIN);
		m->stale = true;
	}
	if (ret_short)
		*ret_short = skipped;
	return 0;
}

/* handing out */

/* Unchanged bytes from position from to to: first what is held, then the chunk. */
static void emit_plain(const struct feed *f, uint64_t from, uint64_t to)
{
	const struct mask *m = f->m;
	uint64_t held_from = f->base - m->held.len;

	if (from < f->base) {
		uint64_t end = to < f->base ? to : f->base;
		f->emit(f->data, m->held.data + (from - held_from), (size_t)(end - from));
		from = end;
	}
	if (from < to)
		f->emit(f->data, (const char *)f->p + (from - f->base), (size_t)(to - from));
}

/* Hands out everything before limit. */
static void decide(const struct feed *f, uint64_t limit)
{
	struct mask *m = f->m;

	while (m->done < limit) {
		const struct span *s =
			m->spans_first < m->spans_end ? &m->spans[m->spans_first] : NULL;
		if (!s || s->from > m->done) {
			uint64_t end = s && s->from < limit ? s->from : limit;
			emit_plain(f, m->done, end);
			m->in_run = false;
			m->done = end;
			continue;
		}
		if (!m->in_run) {
			f->emit(f->data, MASK_TEXT, sizeof(MASK_TEXT) - 1);
			m->in_run = true;
			m->count++;
		}
		m->done = s->to < limit ? s->to : limit;
		if (m->done == s->to)
			m->spans_first++;
	}
	if (m->spans_first == m->spans_end)
		m->spans_first = m->spans_end = 0;
}

/* Marks [from, to) as covered; to is the current position. Only a span that is half handed out may
 * reach beyond it, while renew walks again. */
static void cover(struct mask *m, uint64_t from, uint64_t to)
{
	while (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].from >= from)
		m->spans_end--;
	if (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].to >= from) {
		if (m->spans[m->spans_end - 1].to < to)
			m->spans[m->spans_end - 1].to = to;
		return;
	}
	if (m->spans_end == m->spans_cap) {
		m->spans_cap = m->spans_cap ? m->spans_cap * 2 : 2 * SPANS_FLUSH;
		m->spans = xrealloc(m->spans, m->spans_cap * sizeof(*m->spans));
	}
	m->spans[m->spans_end++] = (struct span){ from, to };
}

/* walking */

/* One byte at position `at` through one layer; true when something is covered that ends there. */
static inline bool step(struct mask *m, struct layer *l, unsigned char c, uint64_t at)
{
	l->state = mask_automaton_next(l->automaton, l->state, c);
	uint32_t len = l->automaton->states[l->state].cover;
	if (len)
		cover(m, at + 1 - len, at + 1);
	return len > 0;
}

static bool step_all(struct mask *m, unsigned char c, uint64_t at)
{
	bool covered = false;

	for (size_t i = 0; i < m->n_layers; i++)
		covered |= step(m, &m->layers[i], c, at);
	return covered;
}

/* The longest suffix of the stream that can still grow into a form. */
static size_t hold(const struct mask *m)
{
	size_t most = 0;

	for (size_t i = 0; i < m->n_layers; i++) {
		const struct layer *l = &m->layers[i];
		size_t len = l->automaton->states[l->state].hold;
		most = len > most ? len : most;
	}
	return most;
}

/* The last layer takes over the forms of the one before it. */
static void swallow(struct mask *m)
{
	struct layer *into = &m->layers[m->n_layers - 2], *last = into + 1;

	mask_automaton_free(into->automaton);
	mask_automaton_free(last->automaton);
	into->automaton = NULL;
	into->n += last->n;
	into->bytes += last->bytes;
	m->n_layers--;
}

/* New forms as a layer of their own. */
static void add_layer(struct mask *m)
{
	struct layer new = { .n = m->forms.n, .bytes = m->forms.bytes };

	for (size_t i = 0; i < m->n_layers; i++) {
		new.n -= m->layers[i].n;
		new.bytes -= m->layers[i].bytes;
	}
	if (m->n_layers == LAYERS_MAX)
		BUG("%zu layers, each twice as large as the next", m->n_layers);
	m->layers[m->n_layers++] = new;
}

/* Brings the layers up to date and walks again over the bytes that are held back: they may begin or
 * hold a form that is new. A span that is half handed out keeps its end, others are found again. */
static void renew(struct mask *m, bool into_one)
{
	if (m->stale)
		add_layer(m);
	while (m->n_layers > 1 && (into_one || m->layers[m->n_layers - 1].bytes * 2 >=
						       m->layers[m->n_layers - 2].bytes))
		swallow(m);
	struct layer *last = &m->layers[m->n_layers - 1];
	struct mask_forms forms = {
		.v = m->forms.v + (m->forms.n - last->n), .n = last->n, .bytes = last->bytes
	};
	last->automaton = mask_automaton_new(&forms, m->dense_bytes);
	m->stale = false;
	m->quiet = 0;
	while (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].from >= m->done)
		m->spans_end--;
	for (size_t i = 0; i < m->n_layers; i++)
		m->layers[i].state = 0;
	for (uint64_t at = m->done; at < m->at; at++)
		step_all(m, (unsigned char)m->held.data[m->held.len - (m->at - at)], at);
}

/* Spans stay few, so that their memory does not grow with the chunk. */
static void keep_few_spans(const struct feed *f, uint64_t at)
{
	struct mask *m = f->m;

	if (m->spans_end - m->spans_first >= SPANS_FLUSH)
		decide(f, at - hold(m));
	if (m->spans_first > SPANS_FLUSH) {
		size_t left = m->spans_end - m->spans_first;
		memmove(m->spans, m->spans + m->spans_first, left * sizeof(*m->spans));
		m->spans_first = 0;
		m->spans_end = left;
	}
}

static void walk_layers(const struct feed *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (step_all(f->m, f->p[i], f->base + i))
			keep_few_spans(f, f->base + i + 1);
	}
}

static void walk(const struct feed *f)
{
	struct layer *l = &f->m->layers[0];
	const struct mask_automaton *a = l->automaton;
	size_t i = 0, next_scan = 0;

	while (i < f->n) {
		size_t depth = a->states[l->state].depth;
		if (depth < a->gram_len && i >= depth + next_scan) {
			size_t from = mask_automaton_scan(a, f->p, i - depth, f->n, &next_scan);
			if (from > i) {
				l->state = 0;
				i = from;
				continue;
			}
		}
		bool covered = step(f->m, l, f->p[i], f->base + i);
		i++;
		if (covered)
			keep_few_spans(f, f->base + i);
	}
}

/* Keeps the bytes from done on for the next call. Older ones are dropped when they are the larger
 * part, so that many small chunks do not move a long held text each time. */
static void hold_back(const struct feed *f)
{
	struct mask *m = f->m;
	size_t live = m->done < f->base ? (size_t)(f->base - m->done) : 0;

	if (live == 0) {
		buf_clear(&m->held);
		if (m->at > m->done)
			buf_add(&m->held, f->p + (m->done - f->base), (size_t)(m->at - m->done));
		return;
	}
	if (m->held.len - live >= live)
		buf_consume(&m->held, m->held.len - live);
	buf_add(&m->held, f->p, f->n);
}

void mask_feed(struct mask *m, const char *p, size_t n, mask_emit_fn emit, void *data)
{
	const struct feed f = { m, (const unsigned char *)p, n, m->at, emit, data };

	if (n == 0)
		return;
	/* paid for: twice the bytes of what is built again have passed */
	bool into_one = m->n_layers > 1 && !m->stale && m->quiet >= 2 * m->forms.bytes;
	if (m->stale || into_one)
		renew(m, into_one);
	if (!m->n_layers) {
		emit(data, p, n);
		return;
	}
	if (m->n_layers == 1)
		walk(&f);
	else
		walk_layers(&f);
	m->quiet += n;
	m->at += n;
	decide(&f, m->at - hold(m));
	hold_back(&f);
	if (!buf_ok(&m->held))
		BUG("%zu bytes held back", m->held.len);
}

void mask_end(struct mask *m, mask_emit_fn emit, void *data)
{
	const struct feed f = { m, NULL, 0, m->at, emit, data };

	if (m->stale)
		renew(m, false);
	decide(&f, m->at);
	buf_clear(&m->held);
	for (size_t i = 0; i < m->n_layers; i++)
		m->layers[i].state = 0;
	m->done = m->at = 0;
	m->in_run = false;
	m->spans_first = m->spans_end = 0;
}

size_t mask_held(const struct mask *m)
{
	return (size_t)(m->at - m->done);
}

uint64_t mask_count(const struct mask *m)
{
	return m->count;
}
