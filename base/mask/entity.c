/*
 * The names of all characters of ASCII (as HTML 5 has them) and of Latin-1 with a few marks of
 * print (as HTML 4 has them): what encoders write. In the order of bytes, so that the names with a
 * common beginning stand together.
 */
#include "base/mask/entity.h"

#include "base/util.h"

static const struct {
	const char *name;
	uint32_t code;
} entities[] = {
	{ "AElig", 0xc6 },
	{ "AMP", 0x26 },
	{ "Aacute", 0xc1 },
	{ "Acirc", 0xc2 },
	{ "Agrave", 0xc0 },
	{ "Aring", 0xc5 },
	{ "Atilde", 0xc3 },
	{ "Auml", 0xc4 },
	{ "Ccedil", 0xc7 },
	{ "DiacriticalGrave", 0x60 },
	{ "ETH", 0xd0 },
	{ "Eacute", 0xc9 },
	{ "Ecirc", 0xca },
	{ "Egrave", 0xc8 },
	{ "Euml", 0xcb },
	{ "GT", 0x3e },
	{ "Hat", 0x5e },
	{ "Iacute", 0xcd },
	{ "Icirc", 0xce },
	{ "Igrave", 0xcc },
	{ "Iuml", 0xcf },
	{ "LT", 0x3c },
	{ "NewLine", 0xa },
	{ "Ntilde", 0xd1 },
	{ "OElig", 0x152 },
	{ "Oacute", 0xd3 },
	{ "Ocirc", 0xd4 },
	{ "Ograve", 0xd2 },
	{ "Oslash", 0xd8 },
	{ "Otilde", 0xd5 },
	{ "Ouml", 0xd6 },
	{ "QUOT", 0x22 },
	{ "Scaron", 0x160 },
	{ "THORN", 0xde },
	{ "Tab", 0x9 },
	{ "Uacute", 0xda },
	{ "Ucirc", 0xdb },
	{ "Ugrave", 0xd9 },
	{ "UnderBar", 0x5f },
	{ "Uuml", 0xdc },
	{ "VerticalLine", 0x7c },
	{ "Yacute", 0xdd },
	{ "Yuml", 0x178 },
	{ "aacute", 0xe1 },
	{ "acirc", 0xe2 },
	{ "acute", 0xb4 },
	{ "aelig", 0xe6 },
	{ "agrave", 0xe0 },
	{ "amp", 0x26 },
	{ "apos", 0x27 },
	{ "aring", 0xe5 },
	{ "ast", 0x2a },
	{ "atilde", 0xe3 },
	{ "auml", 0xe4 },
	{ "brvbar", 0xa6 },
	{ "bsol", 0x5c },
	{ "bull", 0x2022 },
	{ "ccedil", 0xe7 },
	{ "cedil", 0xb8 },
	{ "cent", 0xa2 },
	{ "colon", 0x3a },
	{ "comma", 0x2c },
	{ "commat", 0x40 },
	{ "copy", 0xa9 },
	{ "curren", 0xa4 },
	{ "deg", 0xb0 },
	{ "divide", 0xf7 },
	{ "dollar", 0x24 },
	{ "eacute", 0xe9 },
	{ "ecirc", 0xea },
	{ "egrave", 0xe8 },
	{ "equals", 0x3d },
	{ "eth", 0xf0 },
	{ "euml", 0xeb },
	{ "euro", 0x20ac },
	{ "excl", 0x21 },
	{ "frac12", 0xbd },
	{ "frac14", 0xbc },
	{ "frac34", 0xbe },
	{ "grave", 0x60 },
	{ "gt", 0x3e },
	{ "hellip", 0x2026 },
	{ "iacute", 0xed },
	{ "icirc", 0xee },
	{ "iexcl", 0xa1 },
	{ "igrave", 0xec },
	{ "iquest", 0xbf },
	{ "iuml", 0xef },
	{ "laquo", 0xab },
	{ "lbrace", 0x7b },
	{ "lbrack", 0x5b },
	{ "lcub", 0x7b },
	{ "ldquo", 0x201c },
	{ "lowbar", 0x5f },
	{ "lpar", 0x28 },
	{ "lsqb", 0x5b },
	{ "lsquo", 0x2018 },
	{ "lt", 0x3c },
	{ "macr", 0xaf },
	{ "mdash", 0x2014 },
	{ "micro", 0xb5 },
	{ "midast", 0x2a },
	{ "middot", 0xb7 },
	{ "nbsp", 0xa0 },
	{ "ndash", 0x2013 },
	{ "not", 0xac },
	{ "ntilde", 0xf1 },
	{ "num", 0x23 },
	{ "oacute", 0xf3 },
	{ "ocirc", 0xf4 },
	{ "oelig", 0x153 },
	{ "ograve", 0xf2 },
	{ "ordf", 0xaa },
	{ "ordm", 0xba },
	{ "oslash", 0xf8 },
	{ "otilde", 0xf5 },
	{ "ouml", 0xf6 },
	{ "para", 0xb6 },
	{ "percnt", 0x25 },
	{ "period", 0x2e },
	{ "plus", 0x2b },
	{ "plusmn", 0xb1 },
	{ "pound", 0xa3 },
	{ "quest", 0x3f },
	{ "quot", 0x22 },
	{ "raquo", 0xbb },
	{ "rbrace", 0x7d },
	{ "rbrack", 0x5d },
	{ "rcub", 0x7d },
	{ "rdquo", 0x201d },
	{ "reg", 0xae },
	{ "rpar", 0x29 },
	{ "rsqb", 0x5d },
	{ "rsquo", 0x2019 },
	{ "scaron", 0x161 },
	{ "sect", 0xa7 },
	{ "semi", 0x3b },
	{ "shy", 0xad },
	{ "sol", 0x2f },
	{ "sup1", 0xb9 },
	{ "sup2", 0xb2 },
	{ "sup3", 0xb3 },
	{ "szlig", 0xdf },
	{ "thorn", 0xfe },
	{ "times", 0xd7 },
	{ "trade", 0x2122 },
	{ "uacute", 0xfa },
	{ "ucirc", 0xfb },
	{ "ugrave", 0xf9 },
	{ "uml", 0xa8 },
	{ "uuml", 0xfc },
	{ "verbar", 0x7c },
	{ "vert", 0x7c },
	{ "yacute", 0xfd },
	{ "yen", 0xa5 },
	{ "yuml", 0xff },
};

void mask_entity_begin(uint32_t *first, uint32_t *end)
{
	*first = 0;
	*end = ARRAY_LEN(entities);
}

/* The first of [first, end) whose letter is c or, if `above`, comes after it. */
static uint32_t bound(uint32_t first, uint32_t end, size_t at, unsigned char c, bool above)
{
	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		unsigned char letter = (unsigned char)entities[middle].name[at];

		if (letter < c || (above && letter == c))
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool mask_entity_narrow(uint32_t *first, uint32_t *end, size_t at, unsigned char c)
{
	*first = bound(*first, *end, at, c, false);
	*end = bound(*first, *end, at, c, true);
	return c && *first < *end;
}

bool mask_entity_at(uint32_t first, size_t len, uint32_t *ret_code)
{
	if (entities[first].name[len])
		return false;
	*ret_code = entities[first].code;
	return true;
}
