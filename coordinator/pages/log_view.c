/*
 * Commands are found by the runner's own reader (workflow/command), so that a page takes for one
 * exactly what the runner took for one, stop-commands included. It reports a command before the
 * bytes of its line; the report waits in `pending` until the line is whole.
 *
 * A line that was drawn over (a lone carriage return, as progress bars have it) shows its last
 * state, as on a terminal; the raw log has all of it.
 */
#include "coordinator/pages/log_view.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"

#include "base/utf8.h"
#include "coordinator/pages/markup.h"

/* ---- what counts as an error ---- */

enum { ERROR_SEARCHED = 512 }; /* bytes of a line */

static bool line_contains(struct slice line, const char *text)
{
	return memmem(line.ptr, line.len, text, strlen(text)) != NULL;
}

bool log_line_is_error(const char *p, size_t n)
{
	static const char *const begins[] = { "error:", "Error:", "ERROR", "error[",
		"fatal:", "FAIL:", "FAIL ", "FAILED", "--- FAIL", "not ok ",
		"panic:", "Traceback (most recent call last)", "make: ***", "npm ERR!",
		"[shithub] exit code ", "[shithub] killed", "[shithub] timed out",
		"[shithub] error" };
	static const char *const inside[] = { ": error:", ": fatal error:",
		": undefined reference to", ": command not found", "AssertionError" };
	char plain[ERROR_SEARCHED];
	struct slice line = { plain, ansi_plain(p, n, plain, sizeof(plain)) };
	size_t blanks = 0;

	while (blanks < line.len && (line.ptr[blanks] == ' ' || line.ptr[blanks] == '\t'))
		blanks++;
	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		if (line.len - blanks >= strlen(begins[i]) &&
			memcmp(line.ptr + blanks, begins[i], strlen(begins[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		if (line_contains(line, inside[i]))
			return true;
	return line_contains(line, "make[") && line_contains(line, ": *** ");
}

static bool is_error(const struct log_line *l)
{
	return l->kind == COMMAND_ERROR ||
	       (l->kind == COMMAND_KINDS && log_line_is_error(l->text, l->len));
}

/* ---- one line of the page ---- */

static void write_number(struct log_view *v, const struct log_line *l, bool first_error)
{
	struct html *h = v->h;

	if (first_error)
		html_markup(h, "<a id=\"first-error\"></a>");
	html_markup(h, "<a class=\"n\" href=\"#L");
	html_int(h, v->step);
	html_markup(h, "-");
	html_int(h, l->number);
	html_markup(h, "\">");
	html_int(h, l->number);
	html_markup(h, "</a>");
}

static void write_id(struct log_view *v, const struct log_line *l)
{
	html_markup(v->h, " id=\"L");
	html_int(v->h, v->step);
	html_markup(v->h, "-");
	html_int(v->h, l->number);
	html_markup(v->h, "\">");
}

static void write_text(struct log_view *v, const struct log_line *l)
{
	struct ansi ansi = l->before;

	html_markup(v->h, "<span>");
	if (l->kind == COMMAND_ERROR)
		html_markup(v->h, "<b>Error</b> ");
	if (l->kind == COMMAND_WARNING)
		html_markup(v->h, "<b>Warning</b> ");
	if (l->kind == COMMAND_NOTICE)
		html_markup(v->h, "<b>Notice</b> ");
	if (l->label) {
		html_text(v->h, l->label);
		html_markup(v->h, ": ");
	}
	ansi_line(v->h, &ansi, l->text, l->len);
	if (l->more)
		html_log_cut(v->h, &(struct html_log_cut){ l->more });
	html_markup(v->h, "</span>");
}

static void group_close(struct log_view *v)
{
	if (v->in_group)
		html_markup(v->h, "</details>\n");
	v->in_group = false;
}

static void write_group(struct log_view *v, const struct log_line *l)
{
	group_close(v);
	html_markup(v->h, "<details class=\"group\"><summary");
	write_id(v, l);
	write_number(v, l, false);
	write_text(v, l);
	html_markup(v->h, "</summary>\n");
	v->in_group = true;
}

static void write_class(struct html *h, enum command_kind kind, bool first_error)
{
	if (kind == COMMAND_ERROR || first_error)
		html_markup(h, "<p class=\"e\"");
	else if (kind == COMMAND_WARNING)
		html_markup(h, "<p class=\"w\"");
	else if (kind == COMMAND_NOTICE)
		html_markup(h, "<p class=\"i\"");
	else if (kind == COMMAND_DEBUG)
		html_markup(h, "<p class=\"d\"");
	else
		html_markup(h, "<p");
}

static void write_line(struct log_view *v, const struct log_line *l, bool first_error)
{
	if (!v->first && l->number > 1 && v->on_first)
		v->on_first(v->data, l->number);
	if (!v->first)
		v->first = l->number;
	v->last = l->number;
	v->shown_bytes += l->len;
	if (l->kind == COMMAND_GROUP) {
		write_group(v, l);
	} else if (l->kind == COMMAND_ENDGROUP) {
		group_close(v);
	} else {
		write_class(v->h, l->kind, first_error);
		write_id(v, l);
		write_number(v, l, first_error);
		write_text(v, l);
		html_markup(v->h, "</p>\n");
	}
	v->full = v->last - v->first + 1 >= LOG_WINDOW || v->shown_bytes >= LOG_BYTES_SHOWN;
}

/* ---- the lines before the first error ---- */

static void line_release(struct log_line *l)
{
	free(l->text);
	free(l->label);
	*l = (struct log_line){ 0 };
}

static void kept_drop(struct log_view *v)
{
	v->kept_bytes -= v->kept[v->at_kept].len;
	line_release(&v->kept[v->at_kept]);
	v->at_kept = (v->at_kept + 1) % LOG_CONTEXT;
	v->n_kept--;
}

/* Takes the line's texts. */
static void kept_add(struct log_view *v, struct log_line *l)
{
	while (v->n_kept == LOG_CONTEXT ||
		(v->n_kept && v->kept_bytes + l->len > LOG_CONTEXT_BYTES))
		kept_drop(v);
	v->kept_bytes += l->len;
	v->kept[(v->at_kept + v->n_kept++) % LOG_CONTEXT] = *l;
	*l = (struct log_line){ 0 };
}

static void kept_write(struct log_view *v)
{
	while (v->n_kept) {
		write_line(v, &v->kept[v->at_kept], false);
		kept_drop(v);
	}
}

/* ---- from bytes to lines ---- */

static void show_line(struct log_view *v, struct log_line *l)
{
	bool first_error = !v->errors_before && is_error(l);

	if (v->full || (v->from && l->number < v->from)) {
		v->errors_before |= first_error;
		return;
	}
	if (!v->from && !v->errors_before && !first_error) {
		kept_add(v, l);
		return;
	}
	v->errors_before |= first_error;
	kept_write(v);
	write_line(v, l, first_error);
}

/* What a terminal would show of a line that was drawn over. */
static struct slice last_drawn(struct slice line)
{
	while (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	const char *cr = line.len ? memrchr(line.ptr, '\r', line.len) : NULL;
	return cr ? (struct slice){ cr + 1, line.len - (size_t)(cr + 1 - line.ptr) } : line;
}

static void line_end(struct log_view *v)
{
	bool spoken = v->pending.kind != COMMAND_KINDS;
	struct slice text = spoken ? buf_slice(&v->value) : last_drawn(buf_slice(&v->line));
	struct log_line l = { .number = ++v->number,
		.kind = v->pending.kind,
		.text = xmemdup0(text.ptr, text.len),
		.len = text.len,
		.label = v->label.len ? xstrdup(buf_cstr(&v->label)) : NULL,
		.more = spoken ? 0 : v->more,
		.before = v->ansi };

	ansi_skip(&v->ansi, text.ptr, text.len);
	show_line(v, &l);
	line_release(&l);
	buf_clear(&v->line);
	buf_clear(&v->value);
	buf_clear(&v->label);
	v->more = 0;
	v->pending.kind = COMMAND_KINDS;
}

static void line_add(struct log_view *v, const char *p, size_t n)
{
	size_t room = LOG_LINE_SHOWN - v->line.len, take = n < room ? n : room;

	buf_add(&v->line, p, take);
	v->more += (int64_t)(n - take);
}

static void on_bytes(void *data, const char *p, size_t n)
{
	struct log_view *v = data;

	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) : n;

		line_add(v, p, len);
		if (!end)
			return;
		line_end(v);
		p = end + 1;
		n -= len + 1;
	}
}

static bool is_shown(enum command_kind kind)
{
	return kind == COMMAND_GROUP || kind == COMMAND_ENDGROUP || kind == COMMAND_DEBUG ||
	       kind == COMMAND_NOTICE || kind == COMMAND_WARNING || kind == COMMAND_ERROR;
}

static void add_cut(struct buf *out, struct slice text)
{
	size_t n = text.len < out->max - out->len ? text.len : out->max - out->len;

	buf_add(out, text.ptr, utf8_whole_prefix(text.ptr, n));
}

/* A message may have several lines; the page shows them as they are. */
static void on_command(void *data, const struct command *c)
{
	struct log_view *v = data;

	if (!is_shown(c->kind) || v->line.len)
		return; /* behind a carriage return it stands in a line that is shown as it is */
	v->pending.kind = c->kind;
	buf_clear(&v->value);
	buf_clear(&v->label);
	add_cut(&v->value, c->value);
	add_cut(&v->label, c->place.file);
	if (c->place.file.len && c->place.line)
		buf_addf(&v->label, ":%" PRId64, c->place.line);
	if (c->place.file.len && c->place.title.len)
		buf_adds(&v->label, ": ");
	add_cut(&v->label, c->place.title);
}

void log_view_init(struct log_view *v, struct html *h, int64_t step, int64_t from)
{
	*v = (struct log_view){ .h = h,
		.step = step,
		.from = from,
		.value = BUF_INIT(LOG_LINE_SHOWN),
		.label = BUF_INIT(KIB(2)),
		.line = BUF_INIT(LOG_LINE_SHOWN) };
	v->pending.kind = COMMAND_KINDS;
	commands_init(&v->commands, on_command, v);
}

void log_view_feed(struct log_view *v, const char *p, size_t n)
{
	if (!v->full)
		commands_feed(&v->commands, p, n, on_bytes, v);
}

void log_view_end(struct log_view *v)
{
	if (!v->full)
		commands_end(&v->commands, on_bytes, v);
	if (v->line.len || v->more)
		line_end(v);
	kept_write(v);
	group_close(v);
}

void log_view_release(struct log_view *v)
{
	while (v->n_kept)
		kept_drop(v);
	commands_release(&v->commands);
	buf_release(&v->value);
	buf_release(&v->label);
	buf_release(&v->line);
}
