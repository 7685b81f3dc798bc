/* The tables say what differs from "a byte is its own symbol, always". */
#include "base/mask/lane.h"

static const struct mask_rules rules[MASK_LANES] = {
	[MASK_LANE_TEXT] = {
		.other = { ['+'] = '+' ^ ' ' },
		.skip = { ['\\'] = MASK_SKIP, ['\''] = MASK_SKIP, ['"'] = MASK_SKIP },
		.colours = true,
		.tokens = true,
	},
	[MASK_LANE_BASE64] = {
		.fold = { ['-'] = '-' ^ '+', ['_'] = '_' ^ '/' },
		.skip = { ['\n'] = MASK_SKIP_WRAP, ['\r'] = MASK_SKIP_WRAP },
		.skip_decoded = { ['\n'] = MASK_SKIP_WRAP, ['\r'] = MASK_SKIP_WRAP },
		.colours = true,
		.tokens = true,
	},
	[MASK_LANE_HEX] = {
		.fold = { ['A'] = 0x20, ['B'] = 0x20, ['C'] = 0x20, ['D'] = 0x20, ['E'] = 0x20,
			['F'] = 0x20, [' '] = ' ' ^ ':', ['-'] = '-' ^ ':' },
		.skip = { ['\n'] = MASK_SKIP_WRAP, ['\r'] = MASK_SKIP_WRAP },
		.colours = true,
	},
};

const struct mask_rules *mask_lane_rules(enum mask_lane lane)
{
	return &rules[lane];
}

enum { WRAPS_64 = 1 << MASK_LANE_BASE64, WRAPS_HEX = 1 << MASK_LANE_HEX | WRAPS_64 };

/* Lanes whose wrapped lines a byte may stand in. */
static const unsigned char line_lanes[256] = {
	['0' ... '9'] = WRAPS_HEX,
	['a' ... 'f'] = WRAPS_HEX,
	['A' ... 'F'] = WRAPS_HEX,
	['g' ... 'z'] = WRAPS_64,
	['G' ... 'Z'] = WRAPS_64,
	['+'] = WRAPS_64,
	['/'] = WRAPS_64,
	['-'] = WRAPS_64,
	['_'] = WRAPS_64,
};

bool mask_lane_in_line(unsigned char c)
{
	return line_lanes[c] != 0;
}

unsigned mask_lane_wraps(const unsigned char *end, size_t n)
{
	unsigned wraps = WRAPS_HEX;

	if (n >= 2 && end[-2] == '\\' && end[-1] == 'r') {
		end -= 2;
		n -= 2;
	} else if (n >= 1 && end[-1] == '\r') {
		end--;
		n--;
	}
	if (n < MASK_WRAP_LEAST)
		return 0;
	for (int i = 1; wraps && i <= MASK_WRAP_LEAST; i++)
		wraps &= line_lanes[end[-i]];
	return wraps;
}
