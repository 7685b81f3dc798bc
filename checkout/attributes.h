/*
 * What .gitattributes say about a path, as git reads them: each file for its folder and below, a
 * deeper one over a higher one, a later line over an earlier one, macros in the uppermost file
 * alone. Pure; built once from bytes of a repository, then read by several threads.
 */
#ifndef CHECKOUT_ATTRIBUTES_H
#define CHECKOUT_ATTRIBUTES_H

#include "base/util.h"

struct attributes;

struct attributes *attributes_new(void);
void attributes_free(struct attributes *a); /* NULL fine */
static inline void attributes_freep(struct attributes **a)
{
	attributes_free(*a);
}
/* Takes the text of a file; dir: its folder, "" or with a slash at the end. Folders before what is
 * below them. Lines that git does not accept have no effect. */
void attributes_add(struct attributes *a, const char *dir, const char *text, size_t n);

enum attribute {
	ATTRIBUTE_TEXT,
	ATTRIBUTE_CRLF,
	ATTRIBUTE_EOL,
	ATTRIBUTE_IDENT,
	ATTRIBUTE_ENCODING,
	ATTRIBUTES
};

/* NULL: not said. Else one of these two, or what stands behind `=`. */
extern const char ATTRIBUTE_SET[], ATTRIBUTE_UNSET[];
void attributes_of(const struct attributes *a, const char *path, const char *ret[ATTRIBUTES]);

#endif
