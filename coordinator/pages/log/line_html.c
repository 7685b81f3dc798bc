/* What a template would do a thousand times a page is written by hand here. */
#include "coordinator/pages/log/line_html.h"

#include <pages/parts.h>
#include <stdio.h>

#include "coordinator/pages/markup.h"

static void write_name(struct html *h, int64_t step, int64_t number)
{
	html_markup(h, "L");
	html_int(h, step);
	html_markup(h, "-");
	html_int(h, number);
}

void line_html_text(struct html *h, const struct log_line *l)
{
	struct ansi ansi = l->before;

	html_markup(h, "<span>");
	if (l->kind == COMMAND_ERROR)
		html_markup(h, "<b>Error</b> ");
	if (l->kind == COMMAND_WARNING)
		html_markup(h, "<b>Warning</b> ");
	if (l->kind == COMMAND_NOTICE)
		html_markup(h, "<b>Notice</b> ");
	if (l->label.len) {
		html_text_n(h, l->label.ptr, l->label.len);
		html_markup(h, ": ");
	}
	ansi_line(h, &ansi, l->text.ptr, l->text.len);
	if (l->more)
		html_log_cut(h, &(struct html_log_cut){ l->more });
	html_markup(h, "</span>");
}

/* The time of day; the moment itself in its title. */
static void write_time(struct html *h, struct wall at)
{
	char moment[WALL_TEXT_MAX], clock[sizeof("12:34:56")];

	if (!at.us)
		return;
	snprintf(clock, sizeof(clock), "%s", wall_format(at, moment) + strlen("2026-01-31T"));
	html_log_time(h, &(struct html_log_time){ moment, clock });
}

void line_html_inside(struct html *h, int64_t step, const struct log_line *l, bool first_error)
{
	html_markup(h, " id=\"");
	write_name(h, step, l->number);
	html_markup(h, "\">");
	if (first_error)
		html_markup(h, "<a id=\"first-error\"></a>");
	html_markup(h, "<a class=\"n\" href=\"#");
	write_name(h, step, l->number);
	html_markup(h, "\">");
	html_int(h, l->number);
	html_markup(h, "</a>");
	write_time(h, l->at);
	line_html_text(h, l);
}

/* A link has no place in what is a control itself. */
void line_html_head(struct html *h, int64_t step, const struct log_line *l)
{
	html_markup(h, "<summary id=\"");
	write_name(h, step, l->number);
	html_markup(h, "\"><span class=\"n\">");
	html_int(h, l->number);
	html_markup(h, "</span>");
	write_time(h, l->at);
	line_html_text(h, l);
	html_markup(h, "</summary>\n");
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
	else if (kind == COMMAND_GROUP)
		html_markup(h, "<p class=\"g\"");
	else
		html_markup(h, "<p");
}

static void write_line(struct html *h, int64_t step, const struct log_line *l, bool first_error)
{
	line_html_inside(h, step, l, first_error);
	html_markup(h, "</p>\n");
}

void line_html(struct html *h, int64_t step, const struct log_line *l, bool first_error)
{
	write_class(h, l->kind, first_error);
	write_line(h, step, l, first_error);
}

static void write_time_attribute(struct html *h, struct wall at, struct wall *last)
{
	if (at.us / USEC_PER_MSEC == last->us / USEC_PER_MSEC)
		return;
	html_markup(h, " data-t=\"");
	html_int(h, at.us / USEC_PER_MSEC);
	html_markup(h, "\"");
	*last = at;
}

void line_html_flat(
	struct html *h, int64_t step, const struct log_line *l, bool first_error, struct wall *last)
{
	struct log_line line = *l;

	line.at = (struct wall){ 0 };
	if (l->kind == COMMAND_ENDGROUP)
		html_markup(h, "<p class=\"x\" hidden");
	else
		write_class(h, l->kind, first_error);
	write_time_attribute(h, l->at, last);
	if (l->kind != COMMAND_ENDGROUP) {
		write_line(h, step, &line, first_error);
		return;
	}
	html_markup(h, " id=\"");
	write_name(h, step, l->number);
	html_markup(h, "\"></p>\n");
}
