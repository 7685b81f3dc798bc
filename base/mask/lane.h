/*
 * How text is read as the symbols of a form: one table for each lane. Any byte and any token
 * (base/mask/token.h) is a symbol or two, and some stand for nothing inside a secret, because an
 * encoder puts them there: quotes and backslashes, a colour, the line ends of wrapped base64.
 */
#ifndef BASE_MASK_LANE_H
#define BASE_MASK_LANE_H

#include "base/mask/forms.h"

/* Most bytes between two characters of a secret that stand for nothing. */
enum { MASK_GAP_MAX = 64 };

enum mask_skip {
	MASK_SKIP = 1, /* it may stand for nothing */
	/* The same, but only behind MASK_WRAP_LEAST bytes of the lane's own: that is a line that
	 * was wrapped. Otherwise the last character of nearly every line would seem to begin some
	 * base64, and have to wait for the next line. */
	MASK_SKIP_WRAP = 2,
};
enum { MASK_WRAP_LEAST = 32 };

struct mask_rules {
	unsigned char fold[256];         /* what turns a byte into its symbol, by exclusive or */
	unsigned char other[256];        /* the same, into what it may stand for too; 0: no other */
	unsigned char skip[256];         /* enum mask_skip, of a byte of the text */
	unsigned char skip_decoded[256]; /* of a byte that a token stands for */
	bool colours;                    /* ANSI sequences stand for nothing */
	bool tokens;                     /* all other tokens are read */
};

const struct mask_rules *mask_lane_rules(enum mask_lane lane);
/* The lanes, as bits, of which all the MASK_WRAP_LEAST bytes before `end` are; a CR that stands
 * there, plain or escaped, does not count. There are n bytes before end. */
unsigned mask_lane_wraps(const unsigned char *end, size_t n);
bool mask_lane_in_line(unsigned char c);       /* may it stand in a line of one of these lanes? */
enum { MASK_WRAP_BACK = MASK_WRAP_LEAST + 2 }; /* bytes that it looks at */

#endif
