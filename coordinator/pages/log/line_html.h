/* One line of a log as markup: its number, a link to itself, and its text. */
#ifndef COORDINATOR_PAGES_LOG_LINE_HTML_H
#define COORDINATOR_PAGES_LOG_LINE_HTML_H

#include "coordinator/pages/log/lines.h"

/* id="L3-17", the number as a link and the text, as they stand in a line's element; also for its
 * tag, which is left open. */
void line_html_inside(struct html *h, int64_t step, const struct log_line *l, bool first_error);
/* Of a group, which it folds: <summary>, its number no link. */
void line_html_head(struct html *h, int64_t step, const struct log_line *l);
/* The text alone. */
void line_html_text(struct html *h, const struct log_line *l);
/* A line of its own, <p>, with its time if there is one. */
void line_html(struct html *h, int64_t step, const struct log_line *l, bool first_error);
/* The same without folding: a group's head is a line with a class, its end one that is hidden. The
 * time, in milliseconds, stands in an attribute where it is another than before (*last). */
void line_html_flat(struct html *h, int64_t step, const struct log_line *l, bool first_error,
	struct wall *last);

#endif
