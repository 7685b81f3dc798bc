/*
 * What to look for of a secret value: its forms. A form is a sequence of symbols, not of bytes in
 * the log; its lane says how text is read as symbols (base/mask/lane.h), so that one form stands
 * for all spellings. Pure; every text it holds is wiped.
 *
 * Of each value, without the line ends around it: itself and each line, blanks trimmed; both
 * without the quotes and backslashes around them; base64 of the value standing anywhere in longer
 * data (three alignments: the characters that depend on the value alone, and also the last one when
 * the value ends the data), and the lines of 76 characters that base64(1) cuts; hex digits,
 * together or byte by byte with a separator. A piece below the least length stays visible, e.g. the
 * last line of a wrapped base64 text when it holds the last one or two bytes only.
 */
#ifndef BASE_MASK_FORMS_H
#define BASE_MASK_FORMS_H

#include "base/util.h"

enum mask_lane {
	MASK_LANE_LITERAL, /* values that are too short to be looked for in any spelling */
	MASK_LANE_TEXT,
	MASK_LANE_BASE64,
	MASK_LANE_HEX,
	MASK_LANES,
};

struct mask_form {
	char *bytes;
	size_t len;
	enum mask_lane lane;
};

struct mask_forms {
	struct mask_form *v;
	size_t n, cap;
	size_t bytes; /* of all forms */
};

/* Appends the value itself; one shorter than `least` as a literal. */
void mask_forms_add_value(struct mask_forms *f, const char *value, size_t n, size_t least);
/* Appends the other forms of at least `least` bytes; true if a piece was shorter. Forms may repeat
 * forms of earlier values, not of the same. Not the hex digits: they have a call of their own. */
bool mask_forms_add_derived(struct mask_forms *f, const char *value, size_t n, size_t least);
/* Appends the hex digits of a value of at least `least` bytes. */
void mask_forms_add_hex(struct mask_forms *f, const char *value, size_t n, size_t least);
/* Moves all forms of `from` to the end of `to`. */
void mask_forms_move(struct mask_forms *to, struct mask_forms *from);
void mask_forms_release(struct mask_forms *f); /* wipes */

#endif
