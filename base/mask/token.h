/*
 * One character as an encoder spells it: `%2F`, `\u002f`, `\x2f`, `\057`, `&#47;`, `&sol;`, `\n`,
 * CR LF, or an ANSI sequence, which spells nothing. A token is read byte by byte, so that it may be
 * cut anywhere. Pure, bounded (MASK_TOKEN_MAX bytes), for bytes from anywhere.
 *
 * `%` and `&` may themselves be encoded, any number of times: `%252F` and `&amp;sol;` spell `/`
 * too.
 */
#ifndef BASE_MASK_TOKEN_H
#define BASE_MASK_TOKEN_H

#include "base/util.h"

enum { MASK_TOKEN_MAX = 32 };

struct mask_token {
	unsigned char state, len, digits, opener;
	uint32_t value, high;      /* high: the first half of a surrogate pair */
	uint32_t names, names_end; /* entities that agree so far */
};

/* What a complete token may stand for: no bytes at all, or one of up to two characters. */
struct mask_decoded {
	bool complete, nothing;
	unsigned n;
	struct {
		unsigned char len, bytes[4];
	} v[2];
};

/* True when c can begin a token. */
bool mask_token_open(struct mask_token *t, unsigned char c);
/* False for what only stands between two characters of a secret: ANSI sequences and line ends. */
bool mask_token_spells_first(const struct mask_token *t);
/* Takes one byte more. False: no longer token begins here. ret->complete: one ends with this byte,
 * also when a longer one may follow. */
bool mask_token_next(struct mask_token *t, unsigned char c, struct mask_decoded *ret);

#endif
