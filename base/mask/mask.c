/*
 * The stream over the walks.
 *
 * Positions count the bytes of the stream. Everything before `done` was handed out; bytes from
 * `done` to `at` are undecided or not yet handed out: between calls they stand in `held`, during a
 * call also in the caller's chunk. `spans` are the covered ranges at or after `done`, sorted and
 * not touching. A match always ends at the current byte, so it merges with the last spans only; and
 * it begins at or after `done`, because its beginning could still become a form and is never handed
 * out before it is decided. Hence a decided byte never changes its mind.
 *
 * The walks move only where the scan saw something: while they stand for less than a gram it is
 * cheaper to go back to where that began and scan on from there.
 *
 * Where a walk loses its way (base/mask/walk.h), everything that it could still have been in the
 * middle of is covered: the span reaches as far ahead as a form could.
 */
#include "base/mask/mask.h"

#include "base/mask/layers.h"

enum { SPANS_FLUSH = 256, HELD_MAX = MIB(16) };

struct span {
	uint64_t from, to;
};

struct mask {
	struct mask_forms forms;
	bool shows_hex;   /* mask_show_hex */
	size_t forms_max; /* bytes */
	size_t n_values, dense_bytes, hold_max;
	struct mask_layers layers;
	bool stale;   /* forms were added that stand in no layer */
	size_t quiet; /* bytes fed since the layers changed */
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
	m->forms_max = MASK_FORMS_BYTES;
	m->dense_bytes = MASK_DENSE_BYTES;
	m->hold_max = HELD_MAX / 2;
	m->layers = MASK_LAYERS_INIT;
	return m;
}

void mask_free(struct mask *m)
{
	if (!m)
		return;
	mask_layers_release(&m->layers); /* they point into the forms */
	mask_forms_release(&m->forms);
	buf_release_wipe(&m->held);
	free(m->spans);
	free(m);
}

void mask_show_hex(struct mask *m)
{
	m->shows_hex = true;
}

void mask_set_dense(struct mask *m, size_t bytes)
{
	m->dense_bytes = bytes;
}

void mask_set_narrow(struct mask *m)
{
	m->layers.narrow = true;
}

void mask_set_hold(struct mask *m, size_t bytes)
{
	m->hold_max = bytes < HELD_MAX / 2 ? bytes : HELD_MAX / 2;
}

static bool only_blanks(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r' && p[i] != '\n')
			return false;
	}
	return true;
}

void mask_begin_steps(struct mask *m)
{
	m->forms_max = m->forms.bytes + MASK_STEP_BYTES;
}

static int no_room(const struct mask *m, struct err *e)
{
	return err_set(e, ERR_LIMIT,
		"too many secrets to mask, expected at most %d and %zu bytes in all forms",
		MASK_VALUES_MAX, m->forms_max);
}

static int check_length(size_t n, struct err *e)
{
	return n > LIMIT_MASK_VALUE
		       ? err_set(e, ERR_LIMIT, "secret of %zu bytes, expected at most %zu", n,
				 (size_t)LIMIT_MASK_VALUE)
		       : 0;
}

int mask_add_value(struct mask *m, const char *value, size_t n, struct err *e)
{
	if (check_length(n, e) < 0)
		return -1;
	if (only_blanks(value, n))
		return 0;
	if (m->n_values == MASK_VALUES_MAX || n > m->forms_max - m->forms.bytes)
		return no_room(m, e);
	m->n_values++;
	mask_forms_add_value(&m->forms, value, n, MASK_PIECE_MIN);
	m->stale = true;
	return 0;
}

int mask_add_derived(struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e)
{
	struct mask_forms derived = { 0 };
	bool skipped = n > 0;
	int rc = 0;

	if (check_length(n, e) < 0)
		return -1;
	if (!only_blanks(value, n)) {
		skipped = mask_forms_add_derived(&derived, value, n, MASK_PIECE_MIN);
		if (!m->shows_hex)
			mask_forms_add_hex(&derived, value, n, MASK_PIECE_MIN);
		if (derived.bytes > m->forms_max - m->forms.bytes)
			rc = no_room(m, e);
		else
			mask_forms_move(&m->forms, &derived);
		m->stale = true;
	}
	mask_forms_release(&derived);
	if (ret_short)
		*ret_short = skipped;
	return rc;
}

int mask_add(struct mask *m, const char *value, size_t n, bool *ret_short, struct err *e)
{
	return mask_add_value(m, value, n, e) < 0 ? -1
						  : mask_add_derived(m, value, n, ret_short, e);
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

/* Marks [from, to) as covered; to is the current position or ahead of it. Only the last span may
 * reach beyond it, and one that is half handed out while renew walks again. */
static void cover(struct mask *m, uint64_t from, uint64_t to)
{
	while (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].from >= from) {
		if (m->spans[m->spans_end - 1].to > to)
			to = m->spans[m->spans_end - 1].to;
		m->spans_end--;
	}
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

static bool step(struct mask *m, const struct mask_text *text, uint64_t at)
{
	uint64_t from, to;

	if (!mask_layers_step(&m->layers, text, at, &from, &to))
		return false;
	cover(m, from, to);
	return true;
}

/* Over the bytes that are held back. */
static void walk_again(struct mask *m)
{
	const struct mask_text text = {
		.older = (const unsigned char *)m->held.data, .n_older = m->held.len, .base = m->at
	};

	mask_layers_reset(&m->layers);
	for (uint64_t at = m->done; at < m->at; at++)
		step(m, &text, at);
}

/* Brings the layers up to date and walks again over the bytes that are held back: they may begin or
 * hold a form that is new. A span that is half handed out keeps its end, others are found again. */
static void renew(struct mask *m, bool into_one)
{
	mask_layers_renew(&m->layers, &m->forms, m->dense_bytes, into_one);
	m->stale = false;
	m->quiet = 0;
	while (m->spans_end > m->spans_first && m->spans[m->spans_end - 1].from >= m->done)
		m->spans_end--;
	walk_again(m);
}

/* Spans stay few, so that their memory does not grow with the chunk. */
static void keep_few_spans(const struct feed *f, uint64_t at)
{
	struct mask *m = f->m;

	if (m->spans_end - m->spans_first >= SPANS_FLUSH)
		decide(f, mask_layers_hold(&m->layers, at));
	if (m->spans_first > SPANS_FLUSH) {
		size_t left = m->spans_end - m->spans_first;

		memmove(m->spans, m->spans + m->spans_first, left * sizeof(*m->spans));
		m->spans_first = 0;
		m->spans_end = left;
	}
}

static void walk(const struct feed *f)
{
	struct mask_layers *l = &f->m->layers;
	const struct mask_text text = { .p = f->p,
		.n = f->n,
		.older = (const unsigned char *)f->m->held.data,
		.n_older = f->m->held.len,
		.base = f->base };
	size_t i = 0, next_scan = 0;

	while (i < f->n) {
		size_t depth = mask_layers_depth(l);

		if (depth <= i && i - depth >= next_scan) {
			size_t from = mask_scan_find(l->scan, f->p, i - depth, i, f->n, &next_scan);

			if (from > i) {
				mask_layers_reset(l);
				i = from;
				continue;
			}
		}
		bool covered = step(f->m, &text, f->base + i);
		i++;
		if (covered)
			keep_few_spans(f, f->base + i);
	}
}

/* The first position that is not decided. What is held back has a bound: what could still be a form
 * beyond it is covered. */
static uint64_t hold(struct mask *m)
{
	uint64_t from = mask_layers_hold(&m->layers, m->at);

	if (m->at - from <= m->hold_max)
		return from;
	cover(m, from, mask_layers_lose(&m->layers, m->at));
	return m->at;
}

/* Keeps the bytes from done on for the next call, and a few before them that say whether a line was
 * wrapped. Older ones are dropped when they are the larger part, so that many small chunks do not
 * move a long held text each time. */
static void hold_back(const struct feed *f)
{
	struct mask *m = f->m;
	uint64_t from = m->done > MASK_WRAP_BACK ? m->done - MASK_WRAP_BACK : 0;
	size_t live = from < f->base ? (size_t)(f->base - from) : 0;

	if (live == 0) {
		buf_clear(&m->held);
		buf_add(&m->held, f->p + (from - f->base), (size_t)(m->at - from));
		return;
	}
	if (live < m->held.len && m->held.len - live >= live)
		buf_consume(&m->held, m->held.len - live);
	buf_add(&m->held, f->p, f->n);
}

void mask_feed(struct mask *m, const char *p, size_t n, mask_emit_fn emit, void *data)
{
	const struct feed f = { m, (const unsigned char *)p, n, m->at, emit, data };

	if (n == 0)
		return;
	/* paid for: twice the bytes of what is built again have passed */
	bool into_one = m->layers.n > 1 && !m->stale && m->quiet >= 2 * m->forms.bytes;
	if (m->stale || into_one)
		renew(m, into_one);
	if (!m->layers.n) {
		emit(data, p, n);
		return;
	}
	walk(&f);
	m->quiet += n;
	m->at += n;
	decide(&f, hold(m));
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
	mask_layers_reset(&m->layers);
	m->done = m->at = 0;
	m->in_run = false;
	m->spans_first = m->spans_end = 0;
}

/* ---- a stream that goes on elsewhere ---- */

/* The rest of a stream: whether the byte before its first is covered, how many bytes from there on
 * are, how many bytes before it follow, these, and what is not decided. */
enum { REST_HEAD = 6 };

void mask_save(const struct mask *m, struct buf *out)
{
	uint64_t from = m->done > MASK_WRAP_BACK ? m->done - MASK_WRAP_BACK : 0;
	const struct span *s = m->spans_first < m->spans_end ? &m->spans[m->spans_first] : NULL;
	uint64_t ahead = s && s->from < m->done ? s->to - m->done : 0;
	const unsigned char head[REST_HEAD] = { m->in_run, (unsigned char)ahead,
		(unsigned char)(ahead >> 8), (unsigned char)(ahead >> 16),
		(unsigned char)(ahead >> 24), (unsigned char)(m->done - from) };

	buf_add(out, head, sizeof(head));
	if (m->at > from)
		buf_add(out, m->held.data + m->held.len - (m->at - from), (size_t)(m->at - from));
}

int mask_restore(struct mask *m, const void *p, size_t n, struct err *e)
{
	const unsigned char *head = p;
	uint64_t ahead = n < REST_HEAD ? 0
				       : head[1] | (uint64_t)head[2] << 8 |
						 (uint64_t)head[3] << 16 | (uint64_t)head[4] << 24;

	if (n < REST_HEAD || n - REST_HEAD > HELD_MAX || head[0] > 1 || head[5] > MASK_WRAP_BACK ||
		head[5] > n - REST_HEAD || ((ahead || head[0]) && (!head[5] || !head[0])))
		return err_set(e, ERR_INPUT, "the rest of a masked stream cannot be read");
	buf_clear(&m->held);
	buf_add(&m->held, head + REST_HEAD, n - REST_HEAD);
	m->done = head[5];
	m->at = n - REST_HEAD;
	m->in_run = head[0];
	m->spans_first = m->spans_end = 0;
	if (ahead)
		cover(m, m->done - 1, m->done + ahead);
	if (m->stale)
		renew(m, false);
	else
		walk_again(m);
	return 0;
}

size_t mask_held(const struct mask *m)
{
	return (size_t)(m->at - m->done);
}

uint64_t mask_lost(const struct mask *m)
{
	return m->layers.lost;
}

uint64_t mask_count(const struct mask *m)
{
	return m->count;
}
