/*
 * A state for each place inside a spelling, and one function that takes a byte. Where an escape
 * says a number below 0x100, some tools mean a byte and others a code point (`\xe9` is a Latin-1 é
 * for Python and half a character for C), so both are offered.
 */
#include "base/mask/token.h"

#include "base/utf8.h"
#include "base/mask/entity.h"

enum state {
	PERCENT,
	PERCENT_DIGIT,
	BACKSLASH,
	HEX_ESCAPE, /* \x41 */
	OCTAL,      /* \101 */
	UNIT,       /* \u0041, %u0041 */
	LONG_UNIT,  /* \U00000041 */
	BRACES,     /* \u{41}, \x{41} */
	PAIR,       /* between the halves of a surrogate pair: the second opener, */
	PAIR_U,     /* and its u */
	AMPERSAND,
	ENTITY,     /* &amp; */
	NUMBER,     /* &#65; */
	HEX_NUMBER, /* &#x41; */
	ESCAPE,     /* ANSI */
	CONTROL,    /* ESC [ … */
	CHARSET,    /* ESC ( B */
	RETURN,     /* CR before LF */
};

enum { ESC = 0x1b, CODE_MAX = 0x10ffff };

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mask_token_open(struct mask_token *t, unsigned char c)
{
	static const struct {
		unsigned char c, state;
	} openers[] = {
		{ '%', PERCENT },
		{ '\\', BACKSLASH },
		{ '&', AMPERSAND },
		{ ESC, ESCAPE },
		{ '\r', RETURN },
	};

	for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
		if (openers[i].c == c) {
			*t = (struct mask_token){
				.state = openers[i].state, .len = 1, .opener = c
			};
			return true;
		}
	}
	return false;
}

bool mask_token_spells_first(const struct mask_token *t)
{
	return t->opener != ESC && t->opener != '\r';
}

/* ---- what is decoded ---- */

static void give_byte(struct mask_decoded *d, uint32_t c)
{
	d->complete = true;
	d->v[d->n].len = 1;
	d->v[d->n++].bytes[0] = (unsigned char)c;
}

static void give_code(struct mask_decoded *d, uint32_t code)
{
	if (code < 0x80) {
		give_byte(d, code);
		return;
	}
	if (code > CODE_MAX || (code >= 0xd800 && code < 0xe000))
		return;
	d->complete = true;
	d->v[d->n].len = (unsigned char)utf8_put(code, d->v[d->n].bytes);
	d->n++;
}

/* A number of one byte. */
static void give_either(struct mask_decoded *d, uint32_t c)
{
	give_byte(d, c);
	if (c >= 0x80)
		give_code(d, c);
}

static bool give_nothing(struct mask_decoded *d)
{
	d->complete = d->nothing = true;
	return false;
}

/* ---- percent ---- */

static bool go(struct mask_token *t, enum state state)
{
	t->state = (unsigned char)state;
	t->digits = 0;
	t->value = 0;
	return true;
}

/* One hex digit more; false when c is none or there are `most` already. */
static bool add_digit(struct mask_token *t, unsigned char c, unsigned most)
{
	int digit = hex_digit(c);

	if (digit < 0 || t->digits == most)
		return false;
	t->value = t->value << 4 | (uint32_t)digit;
	t->digits++;
	return true;
}

static bool percent(struct mask_token *t, unsigned char c)
{
	if (c == 'u')
		return go(t, UNIT);
	go(t, PERCENT_DIGIT);
	return add_digit(t, c, 2);
}

static bool percent_digit(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (!add_digit(t, c, 2))
		return false;
	give_either(d, t->value);
	return t->value == '%' && go(t, PERCENT);
}

/* ---- backslash ---- */

static bool backslash(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	static const char from[] = "abeEfnrtv/", to[] = "\a\b\x1b\x1b\f\n\r\t\v/";
	const char *hit = c ? strchr(from, c) : NULL;

	if (hit)
		give_byte(d, (unsigned char)to[hit - from]);
	if (c >= '0' && c <= '7') {
		go(t, OCTAL);
		t->value = c - '0';
		t->digits = 1;
		give_byte(d, t->value);
		return true;
	}
	return (c == 'x' && go(t, HEX_ESCAPE)) || (c == 'u' && go(t, UNIT)) ||
	       (c == 'U' && go(t, LONG_UNIT));
}

static bool octal(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c < '0' || c > '7' || t->value > 037)
		return false;
	t->value = t->value * 8 + (c - '0');
	give_either(d, t->value);
	return ++t->digits < 3;
}

static bool hex_escape(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c == '{' && t->digits == 0)
		return go(t, BRACES);
	if (!add_digit(t, c, 2))
		return false;
	give_either(d, t->value);
	return t->digits < 2;
}

static bool braces(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c == '}' && t->digits)
		give_code(d, t->value);
	return add_digit(t, c, 8);
}

static bool long_unit(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (!add_digit(t, c, 8))
		return false;
	if (t->digits == 8)
		give_code(d, t->value);
	return t->digits < 8;
}

/* Four digits are a code point or half a pair. */
static bool unit(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c == '{' && t->digits == 0 && t->opener == '\\' && !t->high)
		return go(t, BRACES);
	if (!add_digit(t, c, 4))
		return false;
	if (t->digits < 4)
		return true;
	if (t->high) {
		if (t->value >= 0xdc00 && t->value < 0xe000)
			give_code(d, 0x10000 + ((t->high - 0xd800) << 10) + (t->value - 0xdc00));
		return false;
	}
	if (t->value >= 0xd800 && t->value < 0xdc00) {
		t->high = t->value;
		return go(t, PAIR);
	}
	give_code(d, t->value);
	return false;
}

/* ---- entities ---- */

static bool ampersand(struct mask_token *t, unsigned char c)
{
	if (c == '#')
		return go(t, NUMBER);
	go(t, ENTITY);
	mask_entity_begin(&t->names, &t->names_end);
	t->digits = 1;
	return mask_entity_narrow(&t->names, &t->names_end, 0, c);
}

/* An ampersand may begin the next layer's entity. */
static bool end_entity(struct mask_token *t, uint32_t code, struct mask_decoded *d)
{
	give_code(d, code);
	return code == '&' && go(t, AMPERSAND);
}

static bool entity(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	uint32_t code;

	if (c == ';')
		return mask_entity_at(t->names, t->digits, &code) && end_entity(t, code, d);
	return mask_entity_narrow(&t->names, &t->names_end, t->digits++, c);
}

static bool number(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c == ';')
		return t->digits && end_entity(t, t->value, d);
	if ((c == 'x' || c == 'X') && t->digits == 0)
		return go(t, HEX_NUMBER);
	if (c < '0' || c > '9' || t->value > CODE_MAX)
		return false;
	t->value = t->value * 10 + (c - '0');
	t->digits++;
	return true;
}

static bool hex_number(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	if (c == ';')
		return t->digits && end_entity(t, t->value, d);
	return add_digit(t, c, 8);
}

/* ---- ANSI ---- */

static bool escape(struct mask_token *t, unsigned char c)
{
	return (c == '[' && go(t, CONTROL)) || ((c == '(' || c == ')') && go(t, CHARSET));
}

static bool control(unsigned char c, struct mask_decoded *d)
{
	if (c >= 0x30 && c <= 0x3f)
		return true;
	return c >= 0x40 && c <= 0x7e && give_nothing(d);
}

static bool line_end(unsigned char c, struct mask_decoded *d)
{
	if (c == '\n')
		give_byte(d, '\n');
	return false;
}

static bool token_take(struct mask_token *t, unsigned char c, struct mask_decoded *d)
{
	switch ((enum state)t->state) {
	case PERCENT:
		return percent(t, c);
	case PERCENT_DIGIT:
		return percent_digit(t, c, d);
	case BACKSLASH:
		return backslash(t, c, d);
	case HEX_ESCAPE:
		return hex_escape(t, c, d);
	case OCTAL:
		return octal(t, c, d);
	case UNIT:
		return unit(t, c, d);
	case LONG_UNIT:
		return long_unit(t, c, d);
	case BRACES:
		return braces(t, c, d);
	case PAIR:
		return c == t->opener && go(t, PAIR_U);
	case PAIR_U:
		return c == 'u' && go(t, UNIT);
	case AMPERSAND:
		return ampersand(t, c);
	case ENTITY:
		return entity(t, c, d);
	case NUMBER:
		return number(t, c, d);
	case HEX_NUMBER:
		return hex_number(t, c, d);
	case ESCAPE:
		return escape(t, c);
	case CONTROL:
		return control(c, d);
	case CHARSET:
		return give_nothing(d);
	case RETURN:
		return line_end(c, d);
	}
	BUG("state %d of a token", t->state);
}

bool mask_token_next(struct mask_token *t, unsigned char c, struct mask_decoded *ret)
{
	ret->complete = ret->nothing = false;
	ret->n = 0;
	return token_take(t, c, ret) && ++t->len < MASK_TOKEN_MAX;
}
