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
 */
#include "runner/mask.h"

#include "runner/mask_automaton.h"

enum { SPANS_FLUSH = 256, HELD_MAX = 2 * MASK_FORMS_BYTES };

struct span {
	uint64_t from, to;
};

struct mask {
	struct mask_forms forms;
	size_t n_values, dense_bytes;
	struct mask_automaton *automaton; /* NULL: build at the next byte, or nothing to mask */
	bool stale;                       /* forms were added since it was built */
	uint32_t state;
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

void mask_free(struct mask *m)
{
	if (!m)
		return;
	mask_forms_release(&m->forms);
	mask_automaton_free(m->automaton);
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

/* Marks [from, to) as covered; to is the current position. */
static void cover(struct mask *m, uint64_t from, uint64_t to)
{
	while (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].from >= from)
		m->spans_end--;
	if (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].to >= from) {
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

/* One byte at position `at`. */
static inline void step(struct mask *m, unsigned char c, uint64_t at)
{
	m->state = mask_automaton_next(m->automaton, m->state, c);
	uint32_t len = m->automaton->states[m->state].cover;
	if (len)
		cover(m, at + 1 - len, at + 1);
}

/* Builds the automaton and walks again over the bytes that are held back: they may begin or hold a
 * form that is new. What was covered stays covered. */
static void renew(struct mask *m)
{
	mask_automaton_free(m->automaton);
	m->automaton = mask_automaton_new(&m->forms, m->dense_bytes);
	m->stale = false;
	m->state = 0;
	for (uint64_t at = m->done; at < m->at; at++)
		step(m, (unsigned char)m->held.data[m->held.len - (m->at - at)], at);
}

/* Spans stay few, so that their memory does not grow with the chunk. */
static void keep_few_spans(const struct feed *f, uint64_t at)
{
	struct mask *m = f->m;

	if (m->spans_end - m->spans_first >= SPANS_FLUSH)
		decide(f, at - m->automaton->states[m->state].hold);
	if (m->spans_first > SPANS_FLUSH) {
		size_t left = m->spans_end - m->spans_first;
		memmove(m->spans, m->spans + m->spans_first, left * sizeof(*m->spans));
		m->spans_first = 0;
		m->spans_end = left;
	}
}

static void walk(const struct feed *f)
{
	struct mask *m = f->m;
	const struct mask_automaton *a = m->automaton;
	size_t i = 0, next_scan = 0;

	while (i < f->n) {
		size_t depth = a->states[m->state].depth;
		if (depth < a->gram_len && i >= depth + next_scan) {
			size_t from = mask_automaton_scan(a, f->p, i - depth, f->n, &next_scan);
			if (from > i) {
				m->state = 0;
				i = from;
				continue;
			}
		}
		step(m, f->p[i], f->base + i);
		i++;
		if (a->states[m->state].cover)
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
	if (m->stale)
		renew(m);
	if (!m->automaton) {
		emit(data, p, n);
		return;
	}
	walk(&f);
	m->at += n;
	decide(&f, m->at - m->automaton->states[m->state].hold);
	hold_back(&f);
	if (!buf_ok(&m->held))
		BUG("%zu bytes held back", m->held.len);
}

void mask_end(struct mask *m, mask_emit_fn emit, void *data)
{
	const struct feed f = { m, NULL, 0, m->at, emit, data };

	if (m->stale)
		renew(m);
	decide(&f, m->at);
	buf_clear(&m->held);
	m->state = 0;
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
