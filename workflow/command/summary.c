/*
 * The state is one letter, I inside of a summary and O outside, and then what the line that has
 * begun holds so far, or `x` for a line that cannot be one of the two. No state is O and nothing.
 */
#include "workflow/command/summary.h"

#define BEGIN "::group::" SUMMARY_TITLE
#define END "::endgroup::"

struct reading {
	bool inside;
	bool other; /* the line that has begun is none of the two */
	char line[SUMMARY_STATE_MAX];
	size_t n;
};

static void take_up(const struct summary_reader *r, struct reading *g)
{
	const char *state = buf_cstr(&r->state);

	*g = (struct reading){ .inside = state[0] == 'I' };
	g->other = r->state.len > 1 && state[1] == 'x';
	if (r->state.len > 1 && !g->other) {
		g->n = r->state.len - 1;
		memcpy(g->line, state + 1, g->n);
	}
}

static void put_down(struct summary_reader *r, const struct reading *g)
{
	buf_clear(&r->state);
	if (!g->inside && !g->other && !g->n)
		return;
	buf_addc(&r->state, g->inside ? 'I' : 'O');
	if (g->other)
		buf_addc(&r->state, 'x');
	else
		buf_add(&r->state, g->line, g->n);
}

static void give(const struct reading *g, const char *p, size_t n, struct buf *ret)
{
	size_t room = ret->max - ret->len;

	if (g->inside)
		buf_add(ret, p, n < room ? n : room);
}

/* The line is no line of ours: what was held of it is text. */
static void line_is_other(struct reading *g, struct buf *ret)
{
	g->other = true;
	give(g, g->line, g->n, ret);
	g->n = 0;
}

static bool fits(const char *wanted, size_t len, size_t at, char c)
{
	return at < len ? c == wanted[at] : at == len && c == '\r';
}

/* One line, or the part of it that is there; a CR before its end is no part of what it says. */
static void line_part(struct reading *g, const char *p, size_t n, bool whole, struct buf *ret)
{
	const char *wanted = g->inside ? END : BEGIN;
	const size_t len = strlen(wanted);

	for (; !g->other && n && fits(wanted, len, g->n, *p); p++, n--)
		g->line[g->n++] = *p;
	if (!g->other && (n || (whole && g->n < len)))
		line_is_other(g, ret);
	if (g->other)
		give(g, p, n, ret);
	if (!whole)
		return;
	if (g->other)
		give(g, "\n", 1, ret);
	else
		g->inside = !g->inside;
	g->other = false;
	g->n = 0;
}

void summary_read(struct summary_reader *r, struct slice chunk, struct buf *ret)
{
	struct reading g;

	take_up(r, &g);
	for (size_t at = 0; at < chunk.len;) {
		const char *p = chunk.ptr + at;
		const char *end = memchr(p, '\n', chunk.len - at);
		size_t n = end ? (size_t)(end - p) : chunk.len - at;

		line_part(&g, p, n, end != NULL, ret);
		at += n + 1;
	}
	put_down(r, &g);
}
