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

static bool is_base64(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '-' || c == '_';
}

static bool is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

unsigned mask_lane_wraps(const unsigned char *end, size_t n)
{
	unsigned wraps = 1u << MASK_LANE_BASE64 | 1u << MASK_LANE_HEX;

	if (n >= 2 && end[-2] == '\\' && end[-1] == 'r') {
		end -= 2;
		n -= 2;
	} else if (n >= 1 && end[-1] == '\r') {
		end--;
		n--;
	}
	if (n < MASK_WRAP_LEAST)
		return 0;
	for (int i = 1; wraps && i <= MASK_WRAP_LEAST; i++) {
		if (!is_base64(end[-i]))
			return 0;
		if (!is_hex(end[-i]))
			wraps &= ~(1u << MASK_LANE_HEX);
	}
	return wraps;
}
