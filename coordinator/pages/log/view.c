/* Until the first error the last lines wait in a ring; with it they are shown in front of it. */
#include "coordinator/pages/log/view.h"

#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/markup.h"

/* ---- one line of the page ---- */

static void group_close(struct log_view *v)
{
	if (v->in_group)
		html_markup(v->h, "</details>\n");
	v->in_group = false;
}

static void write_group(struct log_view *v, const struct log_line *l)
{
	group_close(v);
	html_markup(v->h, "<details class=\"group\">");
	line_html_head(v->h, v->step, l);
	v->in_group = true;
}

static void write_line(struct log_view *v, const struct log_line *given, bool first_error)
{
	struct log_line line = *given, *l = &line;

	if (!v->times)
		line.at = (struct wall){ 0 };
	if (!v->first && l->number > 1 && v->on_first)
		v->on_first(v->data, l->number);
	if (!v->first)
		v->first = l->number;
	v->last = l->number;
	v->shown_bytes += l->text.len;
	if (l->kind == COMMAND_GROUP)
		write_group(v, l);
	else if (l->kind == COMMAND_ENDGROUP)
		group_close(v);
	else
		line_html(v->h, v->step, l, first_error);
	v->full = v->last - v->first + 1 >= LOG_WINDOW || v->shown_bytes >= LOG_BYTES_SHOWN;
}

/* ---- the lines before the first error ---- */

static void kept_drop(struct log_view *v)
{
	struct log_kept *k = &v->kept[v->at_kept];

	v->kept_bytes -= k->line.text.len;
	free(k->text);
	*k = (struct log_kept){ 0 };
	v->at_kept = (v->at_kept + 1) % LOG_CONTEXT;
	v->n_kept--;
}

static void kept_add(struct log_view *v, const struct log_line *l)
{
	size_t text = l->text.len, label = l->label.len;

	while (v->n_kept == LOG_CONTEXT || (v->n_kept && v->kept_bytes + text > LOG_CONTEXT_BYTES))
		kept_drop(v);
	struct log_kept *k = &v->kept[(v->at_kept + v->n_kept++) % LOG_CONTEXT];
	k->line = *l;
	k->text = xmalloc(text + label + 1);
	memcpy(k->text, l->text.ptr, text);
	memcpy(k->text + text, l->label.ptr, label);
	k->line.text.ptr = k->text;
	k->line.label.ptr = k->text + text;
	v->kept_bytes += text;
}

static void kept_write(struct log_view *v)
{
	while (v->n_kept) {
		write_line(v, &v->kept[v->at_kept].line, false);
		kept_drop(v);
	}
}

/* ---- the window ---- */

static void show_line(void *data, const struct log_line *l)
{
	struct log_view *v = data;
	bool first_error = !v->errors_before && log_line_is_error(l);

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

static void lines_begin(struct log_view *v, const struct log_spot *from)
{
	log_lines_init(&v->lines, from);
	v->lines.on_line = show_line;
	v->lines.data = v;
}

void log_view_init(struct log_view *v, struct html *h, int64_t step, int64_t from)
{
	*v = (struct log_view){ .h = h, .step = step, .from = from };
	lines_begin(v, NULL);
}

void log_view_jump(struct log_view *v, const struct log_spot *to, bool errors_before)
{
	log_lines_release(&v->lines);
	lines_begin(v, to);
	v->errors_before = errors_before;
}

void log_view_feed(struct log_view *v, const char *p, size_t n)
{
	if (!v->full)
		log_lines_feed(&v->lines, p, n);
}

void log_view_end(struct log_view *v)
{
	if (!v->full)
		log_lines_end(&v->lines);
	kept_write(v);
	group_close(v);
}

void log_view_release(struct log_view *v)
{
	while (v->n_kept)
		kept_drop(v);
	log_lines_release(&v->lines);
}
