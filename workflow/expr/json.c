/*
 * Values of expressions from and to JSON. toJSON writes what fromJSON reads back to the same
 * value: numbers in the shortest text that has this property, members in their order.
 */
#include <math.h>
#include <stdio.h>

#include "workflow/expr/parts.h"

/* ---- from ---- */

static struct expr_value array_from_json(
	struct expr_arena *a, const struct json_value *v, unsigned flags)
{
	struct expr_array *array = expr_alloc(a, sizeof(*array));

	*array = (struct expr_array){ .n = v->count,
		.items = expr_alloc(a, v->count * sizeof(*array->items)) };
	for (size_t i = 0; i < v->count; i++)
		array->items[i] = expr_from_json(a, v->items[i], flags);
	return (struct expr_value){ .kind = EXPR_ARRAY, .array = array };
}

/* The parser has refused keys that exist already. */
static struct expr_value object_from_json(
	struct expr_arena *a, const struct json_value *v, unsigned flags)
{
	struct expr_value object = expr_object(a);
	struct expr_object *o = object.object;

	o->members = expr_alloc(a, v->count * sizeof(*o->members));
	o->n = o->cap = v->count;
	for (size_t i = 0; i < v->count; i++) {
		const char *key = v->items[i]->key;

		o->members[i] = (struct expr_member){ expr_copy(a, key, strlen(key)),
			expr_from_json(a, v->items[i], flags) };
	}
	return object;
}

struct expr_value expr_from_json(struct expr_arena *a, const struct json_value *v, unsigned flags)
{
	struct expr_value made = expr_null();

	switch (v->type) {
	case JSON_NULL:
		break;
	case JSON_BOOL:
		made = expr_boolean(v->boolean);
		break;
	case JSON_NUMBER:
		made = expr_number(v->number);
		break;
	case JSON_STRING:
		made = expr_text_value(expr_copy(a, v->string, v->len));
		break;
	case JSON_ARRAY:
		made = array_from_json(a, v, flags);
		break;
	case JSON_OBJECT:
		made = object_from_json(a, v, flags);
		break;
	}
	made.flags = flags;
	return made;
}

/* ---- to ---- */

struct writer {
	struct buf *out;
	enum expr_json_form form;
};

static void write_value(struct writer *w, const struct expr_value *v, unsigned level);

static void write_text(struct buf *out, struct slice s)
{
	static const char special[] = "\"\\\b\t\n\f\r", named[] = "\"\\btnfr";
	size_t done = 0;

	buf_addc(out, '"');
	for (size_t i = 0; i < s.len && buf_ok(out); i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		const char *found = memchr(special, c, sizeof(special) - 1);

		if (!found && c >= 0x20)
			continue;
		buf_add(out, s.ptr + done, i - done);
		done = i + 1;
		if (found)
			buf_addf(out, "\\%c", named[found - special]);
		else
			buf_addf(out, "\\u%04x", c);
	}
	buf_add(out, s.ptr + done, s.len - done);
	buf_addc(out, '"');
}

/* The shortest text that reads back the same; whole numbers in digits. */
static void write_exact_number(struct buf *out, double n)
{
	char text[EXPR_NUMBER_TEXT];

	if (fabs(n) < 1e17 && floor(n) == n) {
		buf_addf(out, "%.0f", n);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, n);
		if (strtod(text, NULL) == n)
			break;
	}
	buf_adds(out, text);
}

static void write_number(struct writer *w, double n)
{
	char out[EXPR_NUMBER_TEXT];
	const char *text = expr_number_text(n, out);

	if (w->form == EXPR_JSON_PRETTY)
		buf_adds(w->out, text);
	else if (isfinite(n))
		write_exact_number(w->out, n);
	else
		write_text(w->out, slice_of(text));
}

static void write_scalar(struct writer *w, const struct expr_value *v)
{
	switch (v->kind) {
	case EXPR_BOOLEAN:
		buf_adds(w->out, v->boolean ? "true" : "false");
		break;
	case EXPR_NUMBER:
		write_number(w, v->number);
		break;
	case EXPR_STRING:
		write_text(w->out, v->text);
		break;
	default:
		buf_adds(w->out, "null");
	}
}

static void new_line(struct writer *w, unsigned level)
{
	if (w->form == EXPR_JSON_EXACT)
		return;
	buf_addc(w->out, '\n');
	for (unsigned i = 0; i < level; i++)
		buf_adds(w->out, "  ");
}

static void write_array(struct writer *w, const struct expr_array *array, unsigned level)
{
	buf_addc(w->out, '[');
	for (size_t i = 0; i < array->n && buf_ok(w->out); i++) {
		if (i)
			buf_addc(w->out, ',');
		new_line(w, level + 1);
		write_value(w, &array->items[i], level + 1);
	}
	if (array->n)
		new_line(w, level);
	buf_addc(w->out, ']');
}

static void write_object(struct writer *w, const struct expr_object *object, unsigned level)
{
	buf_addc(w->out, '{');
	for (size_t i = 0; i < object->n && buf_ok(w->out); i++) {
		if (i)
			buf_addc(w->out, ',');
		new_line(w, level + 1);
		write_text(w->out, object->members[i].name);
		buf_adds(w->out, w->form == EXPR_JSON_PRETTY ? ": " : ":");
		write_value(w, &object->members[i].value, level + 1);
	}
	if (object->n)
		new_line(w, level);
	buf_addc(w->out, '}');
}

static void write_value(struct writer *w, const struct expr_value *v, unsigned level)
{
	if (v->kind == EXPR_ARRAY)
		write_array(w, v->array, level);
	else if (v->kind == EXPR_OBJECT)
		write_object(w, v->object, level);
	else
		write_scalar(w, v);
}

int expr_write_json(struct buf *out, const struct expr_value *v, enum expr_json_form form)
{
	struct writer w = { out, form };

	write_value(&w, v, 0);
	return buf_ok(out) ? 0 : -1;
}
