/* A reader goes forward mostly, so it keeps its place and begins anew only for what is before it.
 */
#include "coordinator/object/log_times.h"

#include <stdlib.h>

#include "base/util.h"

enum { PIECES_MAX = 1 << 16, NUMBER_MAX = 10 };

/* ---- packing ---- */

/* In place: fewer pieces, each within the grain of its first. */
static void coarsen(struct log_times_maker *m)
{
	size_t n = 0;
	int64_t first = 0;

	m->grain_ms = m->grain_ms ? m->grain_ms * 2 : 250;
	for (size_t i = 0; i < m->n; i++) {
		int64_t since = m->v[i].ms - first;

		if (n && since >= 0 && since < m->grain_ms) {
			m->v[n - 1].bytes += m->v[i].bytes;
			m->v[n - 1].ms = m->v[i].ms;
		} else {
			first = m->v[i].ms;
			m->v[n++] = m->v[i];
		}
	}
	m->n = n;
}

void log_times_add(struct log_times_maker *m, int64_t bytes, struct wall at)
{
	int64_t ms = at.us / USEC_PER_MSEC;

	if (bytes <= 0)
		return;
	if (m->n && m->v[m->n - 1].ms == ms) {
		m->v[m->n - 1].bytes += bytes;
		return;
	}
	while (m->n == PIECES_MAX)
		coarsen(m);
	if ((m->n & (m->n - 1)) == 0)
		m->v = xrealloc(m->v, (m->n ? m->n * 2 : 1) * sizeof(*m->v));
	m->v[m->n++] = (struct log_times_piece){ bytes, ms };
}

static size_t put(unsigned char *to, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		to[n++] = (unsigned char)(v | 0x80);
	to[n++] = (unsigned char)v;
	return n;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

/* False: it does not fit. */
static bool pack(const struct log_times_maker *m, struct buf *out)
{
	int64_t before = 0;

	for (size_t i = 0; i < m->n; i++) {
		unsigned char text[2 * NUMBER_MAX];
		size_t n = put(text, (uint64_t)m->v[i].bytes);

		n += put(text + n, zigzag(m->v[i].ms - before));
		if (out->len + n > LOG_TIMES_MAX || buf_add(out, (const char *)text, n) < 0)
			return false;
		before = m->v[i].ms;
	}
	return true;
}

void log_times_pack(struct log_times_maker *m, struct buf *out)
{
	while (!pack(m, out)) {
		buf_clear(out);
		coarsen(m);
	}
}

void log_times_maker_release(struct log_times_maker *m)
{
	free(m->v);
	*m = (struct log_times_maker){ 0 };
}

/* ---- reading ---- */

static bool get(struct log_times *t, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < NUMBER_MAX && t->at < t->packed.len; i++) {
		unsigned char c = (unsigned char)t->packed.data[t->at++];

		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* False: there is none, or it is no piece. */
static bool next_piece(struct log_times *t)
{
	uint64_t bytes, step;
	int64_t until, ms;

	if (!get(t, &bytes) || !get(t, &step) || bytes > INT64_MAX ||
		__builtin_add_overflow(t->until, (int64_t)bytes, &until) ||
		__builtin_add_overflow(t->ms, (int64_t)(step >> 1) ^ -(int64_t)(step & 1), &ms))
		return false;
	t->from = t->until;
	t->until = until;
	t->ms = ms;
	return true;
}

struct wall log_times_of(struct log_times *t, int64_t byte, int64_t *ret_until)
{
	int64_t us;

	if (byte < t->from) {
		t->at = 0;
		t->from = t->until = t->ms = 0;
	}
	while (byte >= t->until)
		if (!next_piece(t)) {
			*ret_until = INT64_MAX;
			return (struct wall){ 0 };
		}
	*ret_until = t->until;
	return __builtin_mul_overflow(t->ms, USEC_PER_MSEC, &us) ? (struct wall){ 0 }
								 : (struct wall){ us };
}
