/*
 * Markup: literals of the source and nothing else, which the compiler holds. For the parts that are
 * made of the templates, and for what this room writes byte by byte (the log).
 */
#ifndef COORDINATOR_PAGES_MARKUP_H
#define COORDINATOR_PAGES_MARKUP_H

#include "coordinator/pages/html.h"

#define html_markup(h, literal) html_markup_bytes((h), "" literal, sizeof(literal) - 1)
void html_markup_bytes(struct html *h, const char *p, size_t n); /* of html_markup alone */

#endif
