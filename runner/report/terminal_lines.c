/*
 * Jobs that run at the same time write to one output from processes of their own. A write of whole
 * lines, no longer than a pipe takes at once, is what keeps them from mixing.
 */
#include "runner/report/terminal_lines.h"

static void end_line(struct terminal_lines *l, struct buf *out)
{
	buf_adds(out, l->prefix);
	buf_add(out, l->line.data, l->line.len);
	buf_adds(out, l->line_end ? l->line_end : "");
	buf_addc(out, '\n');
	buf_clear(&l->line);
}

static void add_text(struct terminal_lines *l, const char *p, size_t n, struct buf *out)
{
	if (!l->prefix) {
		buf_add(out, p, n);
		return;
	}
	while (n > 0) {
		const char *lf = memchr(p, '\n', n);
		size_t room = TERMINAL_LINE_MAX - l->line.len, part = lf ? (size_t)(lf - p) : n;

		if (part > room) {
			buf_add(&l->line, p, room);
			end_line(l, out);
			p += room;
			n -= room;
			continue;
		}
		buf_add(&l->line, p, part);
		if (lf)
			end_line(l, out);
		p += part + (lf != NULL);
		n -= part + (lf != NULL);
	}
}

void terminal_lines_feed(struct terminal_lines *l, const char *p, size_t n, struct buf *out)
{
	CLEAN_BUF struct buf clean = BUF_INIT(4 * (n + TERMINAL_HELD_MAX));

	if (!l->clean) {
		add_text(l, p, n, out);
		return;
	}
	terminal_text_feed(&l->text, p, n, &clean);
	add_text(l, clean.data, clean.len, out);
}

void terminal_lines_end(struct terminal_lines *l, struct buf *out)
{
	CLEAN_BUF struct buf clean = BUF_INIT(4 * TERMINAL_HELD_MAX);

	terminal_text_end(&l->text, &clean);
	add_text(l, clean.data, clean.len, out);
	if (l->line.len)
		end_line(l, out);
}

void terminal_lines_release(struct terminal_lines *l)
{
	buf_release(&l->line);
}

size_t terminal_lines_fit(const char *p, size_t n, size_t max)
{
	const char *lf;

	if (n <= max)
		return n;
	lf = memrchr(p, '\n', max);
	return lf ? (size_t)(lf + 1 - p) : max;
}
