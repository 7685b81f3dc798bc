/*
 * Writing HTML so that no text of an author can become markup. Markup comes from templates that are
 * compiled in (html/parts.awk) and from literals (markup.h); values come through the functions
 * below, one for each place in which a value may stand. There is no other way into the page.
 *
 * What would steer a reader's eyes instead of being read (control characters, bidi marks,
 * invisible ones, bytes that are no UTF-8) is shown as text: \x1b, \u202e.
 */
#ifndef COORDINATOR_PAGES_HTML_H
#define COORDINATOR_PAGES_HTML_H

#include "base/buf.h"
#include "base/clock.h"

struct html {
	struct buf out;  /* written by this file alone */
	struct wall now; /* what times are told from */
};
void html_init(struct html *h, size_t max);
void html_release(struct html *h);
#define CLEAN_HTML CLEANUP(html_release)

/* Between tags. NULL: nothing. */
void html_text(struct html *h, const char *text);
void html_text_n(struct html *h, const char *p, size_t n);
/* Inside of an attribute's quotes. */
void html_attribute(struct html *h, const char *text);
/* The whole value of href, src or action. Only a path of this host, http and https lead anywhere;
 * another one becomes "#". */
void html_url(struct html *h, const char *url);
/* A part that this writer made beforehand, whole. */
void html_add(struct html *h, const struct html *part);
void html_int(struct html *h, int64_t n);
/* <time>, as "5 minutes ago", with the moment itself in its title; us 0: nothing. */
void html_time(struct html *h, struct wall t);
void html_span(struct html *h, int64_t us);       /* "1m 5s"; 0: nothing */
void html_bytes(struct html *h, int64_t n);       /* "1.4 MB" */
void html_mark(struct html *h, const char *word); /* mark.c: the sign of a state */

static inline bool html_given(const char *text)
{
	return text && *text;
}

#endif
