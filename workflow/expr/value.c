/*
 * Values of expressions: where they live, what they become as number, text and truth. The rules
 * are those of hosted workflow services, down to "0x10" == 16; a workflow must not decide
 * differently here.
 */
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "workflow/expr/parts.h"

enum { CHUNK_BYTES = 8 << 10, NUMBER_DIGITS_MAX = 1000 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t data[];
};

struct expr_arena {
	struct chunk *chunks;
	size_t used;
	size_t steps; /* spent */
};

/* ---- arena ---- */

struct expr_arena *expr_arena_new(void)
{
	return xcalloc(1, sizeof(struct expr_arena));
}

void expr_arena_reset(struct expr_arena *a)
{
	while (a->chunks) {
		struct chunk *c = a->chunks;

		a->chunks = c->next;
		wipe(c->data, c->used);
		free(c);
	}
	a->used = 0;
}

void expr_arena_free(struct expr_arena *a)
{
	if (a)
		expr_arena_reset(a);
	free(a);
}

struct slice expr_quote(struct slice s)
{
	if (s.len > EXPR_QUOTE_MAX)
		s.len = utf8_whole_prefix(s.ptr, EXPR_QUOTE_MAX);
	return s;
}

void *expr_alloc(struct expr_arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	void *p;

	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		c = xmalloc(sizeof(*c) + size);
		*c = (struct chunk){ .next = a->chunks, .size = size };
		a->chunks = c;
	}
	p = (char *)c->data + c->used;
	c->used += n;
	a->used += n;
	return p;
}

struct slice expr_copy(struct expr_arena *a, const void *p, size_t n)
{
	char *copy = expr_alloc(a, n + 1);

	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return (struct slice){ copy, n };
}

bool expr_has_room(const struct expr_arena *a, size_t n)
{
	return n <= LIMIT_EXPR_MEMORY && a->used <= LIMIT_EXPR_MEMORY - n;
}

bool expr_spend(struct expr_arena *a, size_t steps)
{
	if (steps > LIMIT_EXPR_STEPS - a->steps) {
		a->steps = LIMIT_EXPR_STEPS;
		return false;
	}
	a->steps += steps;
	return true;
}

/* ---- making values ---- */

struct expr_value expr_null(void)
{
	return (struct expr_value){ .kind = EXPR_NULL };
}

struct expr_value expr_boolean(bool b)
{
	return (struct expr_value){ .kind = EXPR_BOOLEAN, .boolean = b };
}

struct expr_value expr_number(double n)
{
	return (struct expr_value){ .kind = EXPR_NUMBER, .number = n };
}

struct expr_value expr_text_value(struct slice text)
{
	return (struct expr_value){ .kind = EXPR_STRING, .text = text };
}

struct expr_value expr_string(struct expr_arena *a, const char *text, unsigned flags)
{
	struct expr_value v = expr_text_value(expr_copy(a, text, strlen(text)));

	v.flags = flags;
	return v;
}

struct expr_value expr_object(struct expr_arena *a)
{
	struct expr_object *o = expr_alloc(a, sizeof(*o));

	*o = (struct expr_object){ 0 };
	return (struct expr_value){ .kind = EXPR_OBJECT, .object = o };
}

/* What it grows out of stays in the arena: at most as much again. */
static struct expr_member *add_member(struct expr_arena *a, struct expr_object *o)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 8;
		struct expr_member *grown = expr_alloc(a, cap * sizeof(*grown));

		if (o->n)
			memcpy(grown, o->members, o->n * sizeof(*grown));
		o->members = grown;
		o->cap = cap;
	}
	return &o->members[o->n++];
}

void expr_set(
	struct expr_arena *a, struct expr_value *object, const char *name, struct expr_value v)
{
	struct expr_object *o = object->object;

	for (size_t i = 0; i < o->n; i++) {
		if (slice_eq(o->members[i].name, name)) {
			o->members[i].value = v;
			return;
		}
	}
	*add_member(a, o) = (struct expr_member){ expr_copy(a, name, strlen(name)), v };
}

struct expr_value expr_from_pairs(struct expr_arena *a, const struct pairs *p, unsigned flags)
{
	struct expr_value v = expr_object(a);

	v.flags = flags;
	for (size_t i = 0; i < p->n; i++)
		expr_set(a, &v, p->v[i].key, expr_string(a, p->v[i].value, flags));
	return v;
}

struct expr_member *expr_find(const struct expr_object *o, struct slice name)
{
	struct expr_member *found = NULL;

	for (size_t i = 0; i < o->n; i++) {
		struct expr_member *m = &o->members[i];

		if (m->name.len == name.len && memcmp(m->name.ptr, name.ptr, name.len) == 0)
			return m;
		if (!found && fold_compare(m->name, name) == 0)
			found = m;
	}
	return found;
}

/* ---- coercions ---- */

const char *expr_kind_name(enum expr_kind k)
{
	static const char *const names[] = { "Null", "Boolean", "Number", "String", "Array",
		"Object" };

	return names[k];
}

bool expr_truthy(const struct expr_value *v)
{
	switch (v->kind) {
	case EXPR_NULL:
		return false;
	case EXPR_BOOLEAN:
		return v->boolean;
	case EXPR_NUMBER:
		return v->number != 0 && !isnan(v->number);
	case EXPR_STRING:
		return v->text.len > 0;
	default:
		return true;
	}
}

unsigned expr_all_flags(const struct expr_value *v)
{
	unsigned flags = v->flags;

	for (size_t i = 0; v->kind == EXPR_ARRAY && i < v->array->n; i++)
		flags |= expr_all_flags(&v->array->items[i]);
	for (size_t i = 0; v->kind == EXPR_OBJECT && i < v->object->n; i++)
		flags |= expr_all_flags(&v->object->members[i].value);
	return flags;
}

/* Fifteen digits, so that 0.1 + what decimal fractions lose is not seen; -0 is 0. */
const char *expr_number_text(double n, char out[EXPR_NUMBER_TEXT])
{
	if (isnan(n))
		return "NaN";
	if (isinf(n))
		return n > 0 ? "Infinity" : "-Infinity";
	snprintf(out, EXPR_NUMBER_TEXT, "%.15G", n == 0 ? 0.0 : n);
	return out;
}

static struct slice number_text(struct expr_arena *a, double n)
{
	char out[EXPR_NUMBER_TEXT];
	const char *text = expr_number_text(n, out);

	return expr_copy(a, text, strlen(text));
}

struct slice expr_text(struct expr_arena *a, const struct expr_value *v)
{
	switch (v->kind) {
	case EXPR_NULL:
		return SLICE("");
	case EXPR_BOOLEAN:
		return v->boolean ? SLICE("true") : SLICE("false");
	case EXPR_NUMBER:
		return number_text(a, v->number);
	case EXPR_STRING:
		return v->text;
	default:
		return slice_of(expr_kind_name(v->kind));
	}
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t count_digits(struct slice s, size_t at)
{
	size_t n = 0;

	while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
		n++;
	return n;
}

/* [+-] digits [. digits] [e [+-] digits], digits on at least one side of the point */
static bool is_decimal(struct slice s)
{
	size_t at = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-'), digits = count_digits(s, at);

	at += digits;
	if (at < s.len && s.ptr[at] == '.') {
		size_t fraction = count_digits(s, at + 1);

		digits += fraction;
		at += 1 + fraction;
	}
	if (digits == 0)
		return false;
	if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
		at++;
		if (at < s.len && (s.ptr[at] == '+' || s.ptr[at] == '-'))
			at++;
		digits = count_digits(s, at);
		if (digits == 0)
			return false;
		at += digits;
	}
	return at == s.len;
}

static double decimal_number(struct slice s)
{
	char text[NUMBER_DIGITS_MAX + 1];
	double n;

	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	n = strtod(text, NULL);
	wipe(text, s.len);
	return n;
}

static unsigned radix_of(struct slice s)
{
	if (s.len <= 2 || s.ptr[0] != '0')
		return 0;
	return s.ptr[1] == 'x' ? 16 : s.ptr[1] == 'o' ? 8 : 0;
}

/* 0xff, 0o17 */
static double radix_number(struct slice s)
{
	unsigned base = radix_of(s);
	double n = 0;

	if (!base)
		return NAN;
	for (size_t i = 2; i < s.len; i++) {
		const char *digits = "0123456789abcdef";
		char c = s.ptr[i] >= 'A' && s.ptr[i] <= 'F' ? (char)(s.ptr[i] + 32) : s.ptr[i];
		const char *found = memchr(digits, c, base);

		if (!found)
			return NAN;
		n = n * base + (double)(found - digits);
	}
	return n;
}

double expr_parse_number(struct slice s)
{
	while (s.len && is_blank(s.ptr[0]))
		s.ptr++, s.len--;
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	if (s.len == 0)
		return 0;
	if (slice_eq(s, "Infinity") || slice_eq(s, "+Infinity"))
		return INFINITY;
	if (slice_eq(s, "-Infinity"))
		return -INFINITY;
	if (s.len > NUMBER_DIGITS_MAX)
		return NAN;
	return is_decimal(s) ? decimal_number(s) : radix_number(s);
}

double expr_to_number(const struct expr_value *v)
{
	switch (v->kind) {
	case EXPR_NULL:
		return 0;
	case EXPR_BOOLEAN:
		return v->boolean;
	case EXPR_NUMBER:
		return v->number;
	case EXPR_STRING:
		return expr_parse_number(v->text);
	default:
		return NAN;
	}
}

/* ---- comparison ---- */

static bool same_kind_equal(const struct expr_value *a, const struct expr_value *b)
{
	switch (a->kind) {
	case EXPR_NULL:
		return true;
	case EXPR_BOOLEAN:
		return a->boolean == b->boolean;
	case EXPR_NUMBER:
		return a->number == b->number;
	case EXPR_STRING:
		return fold_compare(a->text, b->text) == 0;
	case EXPR_ARRAY:
		return a->array == b->array;
	default:
		return a->object == b->object;
	}
}

bool expr_equal(const struct expr_value *a, const struct expr_value *b)
{
	if (a->kind == b->kind)
		return same_kind_equal(a, b);
	return expr_is_scalar(a) && expr_is_scalar(b) && expr_to_number(a) == expr_to_number(b);
}

int expr_compare(const struct expr_value *a, const struct expr_value *b)
{
	double x, y;

	if (a->kind == EXPR_STRING && b->kind == EXPR_STRING)
		return fold_compare(a->text, b->text);
	if (!expr_is_scalar(a) || !expr_is_scalar(b))
		return a->kind == b->kind && same_kind_equal(a, b) ? 0 : 2;
	x = expr_to_number(a);
	y = expr_to_number(b);
	if (isnan(x) || isnan(y))
		return 2;
	return (x > y) - (x < y);
}
