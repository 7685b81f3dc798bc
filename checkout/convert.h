/* From the bytes in a repository to those in a work tree, as attributes ask for it: line ends,
 * $Id$, encoding. Pure; what git would leave alone is left alone. */
#ifndef CHECKOUT_CONVERT_H
#define CHECKOUT_CONVERT_H

#include "base/buf.h"
#include "base/err.h"

struct conversion {
	bool crlf;            /* LF becomes CRLF, */
	bool if_text;         /* unless the content is binary or has a CR already */
	bool ident;           /* $Id$ gets the object's id */
	const char *encoding; /* NULL: none; as attributes say it, so it lives as long as they */
};

/* What the attributes of attributes_of mean. An encoding of "true" or "false": ERR_INPUT. */
int conversion_of(
	const char *const *attributes, struct conversion *ret, struct err *e) CHECK_RESULT;
static inline bool conversion_needed(const struct conversion *c)
{
	return c->crlf || c->ident || c->encoding;
}
/* Content of the object id (40 hex digits). 1: out is the result; 0: it stays as it is; -1 with
 * ERR_LIMIT: larger than out may be. *ret_unencoded: it cannot be written in the encoding, so that
 * was left out, as git does. */
int convert_content(const struct conversion *c, const char *id, struct slice content,
	struct buf *out, bool *ret_unencoded, struct err *e) CHECK_RESULT;
/* Loads what the C library needs for the usual encodings, while its files can still be opened. */
void convert_prepare(void);

#endif
