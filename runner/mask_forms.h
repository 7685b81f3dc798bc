/*
 * The forms under which a secret value appears in logs. Pure; every text it holds is wiped.
 *
 * Of each value: itself; LF as CRLF and CRLF as LF; each line, blanks trimmed; base64 of the value
 * standing anywhere in longer data (three alignments, both alphabets: the characters that depend on
 * the value alone, and also the last one when the value ends the data) and the lines of 76
 * characters that base64(1) cuts; percent-encoding in upper and lower case, as encodeURIComponent
 * and as form data; JSON with and without escaped non-ASCII, slashes and HTML characters; XML with
 * named and numeric quotes; the shell's '\'' form. A piece below the least length stays visible,
 * e.g. the last line of a wrapped base64 text when it holds the last one or two bytes only.
 */
#ifndef RUNNER_MASK_FORMS_H
#define RUNNER_MASK_FORMS_H

#include "base/util.h"

struct mask_form {
	char *bytes;
	size_t len;
};

struct mask_forms {
	struct mask_form *v;
	size_t n, cap;
	size_t bytes; /* of all forms */
};

/* Appends the value and its forms of at least `least` bytes; true if a piece was shorter. Forms may
 * repeat forms of earlier values, not of the same. */
bool mask_forms_add(struct mask_forms *f, const char *value, size_t n, size_t least);
void mask_forms_release(struct mask_forms *f); /* wipes */

#endif
