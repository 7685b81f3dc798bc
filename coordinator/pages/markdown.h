/*
 * Markdown of an author as HTML of ours. A packaged library reads it (md4c: CommonMark with tables,
 * task lists and struck text); what it finds becomes tags by the writer of html.h, so nothing that
 * an author wrote is markup: HTML in it is text, an image is a link to it, and a link leads to http
 * and https alone. Headings have one rank below the section they stand in, so that a page keeps its
 * outline.
 *
 * Bounded: a text of MARKDOWN_MAX bytes, nested MARKDOWN_DEPTH deep, becomes at most
 * MARKDOWN_HTML_MAX bytes. What is beyond one of them, or made to keep a reader busy, is shown as
 * it was written. Pure; any bytes.
 */
#ifndef COORDINATOR_PAGES_MARKDOWN_H
#define COORDINATOR_PAGES_MARKDOWN_H

#include "coordinator/pages/html.h"

#define MARKDOWN_MAX ((size_t)32 << 10)
#define MARKDOWN_HTML_MAX ((size_t)256 << 10)
enum { MARKDOWN_DEPTH = 24 };

void html_markdown(struct html *h, struct slice text);

#endif
