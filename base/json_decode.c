/*
 * Reading a parsed tree: members by name, and tables that copy an object into a struct. Errors
 * name the member and the type that was expected; they never quote a value, which may be a
 * secret.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"

const struct json_value *json_get(const struct json_value *v, const char *key)
{
	if (!v || v->type != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->items[i]->key, key) == 0)
			return v->items[i];
	return NULL;
}

const char *json_get_string(const struct json_value *v, const char *key)
{
	const struct json_value *m = json_get(v, key);

	return m && m->type == JSON_STRING ? m->string : NULL;
}

int64_t json_get_int(const struct json_value *v, const char *key, int64_t fallback)
{
	const struct json_value *m = json_get(v, key);

	return m && m->type == JSON_NUMBER && m->is_integer ? m->integer : fallback;
}

bool json_get_bool(const struct json_value *v, const char *key, bool fallback)
{
	const struct json_value *m = json_get(v, key);

	return m && m->type == JSON_BOOL ? m->boolean : fallback;
}

const char *json_type_name(enum json_type t)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",
		[JSON_BOOL] = "boolean",
		[JSON_NUMBER] = "number",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};

	return (size_t)t < ARRAY_LEN(names) ? names[t] : "unknown";
}

/* Values are never quoted in errors: they may be secrets. */
static int wrong_type(const struct json_value *v, const char *expected, struct err *e)
{
	return err_set(e, ERR_INPUT, "expected %s, got %s", expected, json_type_name(v->type));
}

static int to_string(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	size_t max = f->max ? (size_t)f->max : LIMIT_NAME;

	if (v->type != JSON_STRING)
		return wrong_type(v, "a string", e);
	if (v->len > max)
		return err_set(e, ERR_LIMIT, "expected at most %zu bytes, got %zu", max, v->len);
	if (v->len < (size_t)f->min)
		return f->min == 1 ? err_set(e, ERR_INPUT, "expected a string that is not empty")
				   : err_set(e, ERR_INPUT,
					     "expected at least %" PRId64 " bytes, got %zu", f->min,
					     v->len);
	char **to = target;
	free(*to);
	*to = xmemdup0(v->string, v->len);
	return 0;
}

static int to_int(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	char range[96] = "a whole number";
	bool whole = v->type == JSON_NUMBER && v->is_integer;

	if (f->max)
		snprintf(range, sizeof(range), "a whole number from %" PRId64 " to %" PRId64,
			f->min, f->max);
	if (v->type != JSON_NUMBER)
		return wrong_type(v, range, e);
	if (!whole || (f->max && (v->integer < f->min || v->integer > f->max)))
		return err_set(e, ERR_INPUT, "expected %s, got %.32s", range, v->raw);
	*(int64_t *)target = v->integer;
	return 0;
}

static int to_bool(
	UNUSED const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_BOOL)
		return wrong_type(v, "true or false", e);
	*(bool *)target = v->boolean;
	return 0;
}

static int check_count(const struct json_field *f, const struct json_value *v, struct err *e)
{
	size_t max = f->max ? (size_t)f->max : LIMIT_ENV_COUNT;

	if (v->count > max)
		return err_set(
			e, ERR_LIMIT, "expected at most %zu entries, got %zu", max, v->count);
	if (v->count < (size_t)f->min)
		return err_set(e, ERR_INPUT, "expected at least %" PRId64 " entries, got %zu",
			f->min, v->count);
	return 0;
}

static int to_strv(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_ARRAY)
		return wrong_type(v, "an array of strings", e);
	if (check_count(f, v, e) < 0)
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		const struct json_value *item = v->items[i];

		if (item->type != JSON_STRING) {
			wrong_type(item, "a string", e);
			return err_wrap(e, "entry %zu", i);
		}
		strv_add_take(target, xmemdup0(item->string, item->len));
	}
	return 0;
}

/* Text of a scalar, NULL for anything else. */
static const char *scalar_text(const struct json_value *v, size_t *ret_len)
{
	const char *text = NULL;

	if (v->type == JSON_STRING) {
		*ret_len = v->len;
		return v->string;
	}
	if (v->type == JSON_NUMBER)
		text = v->raw;
	else if (v->type == JSON_BOOL)
		text = v->boolean ? "true" : "false";
	*ret_len = text ? strlen(text) : 0;
	return text;
}

static int to_pairs(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_OBJECT)
		return wrong_type(v, "an object of strings", e);
	if (check_count(f, v, e) < 0)
		return -1;
	for (size_t i = 0; i < v->count; i++) {
		size_t len;
		const char *text = scalar_text(v->items[i], &len);

		if (!text) {
			wrong_type(v->items[i], "a string", e);
			return err_wrap(e, "entry \"%.64s\"", v->items[i]->key);
		}
		pairs_add(target, v->items[i]->key, text, len); /* the parser refuses duplicates */
	}
	return 0;
}

static int to_value(UNUSED const struct json_field *f, const struct json_value *v, void *target,
	UNUSED struct err *e)
{
	*(const struct json_value **)target = v;
	return 0;
}

static int to_custom(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e)
{
	return f->fn(v, target, e);
}

static int (*const converters[])(
	const struct json_field *f, const struct json_value *v, void *target, struct err *e) = {
	[JSON_TO_STRING] = to_string,
	[JSON_TO_INT] = to_int,
	[JSON_TO_BOOL] = to_bool,
	[JSON_TO_STRV] = to_strv,
	[JSON_TO_PAIRS] = to_pairs,
	[JSON_TO_VALUE] = to_value,
	[JSON_TO_CUSTOM] = to_custom,
};

static int decode_field(
	const struct json_value *v, const struct json_field *f, char *out, struct err *e)
{
	const struct json_value *m = json_get(v, f->name);

	if (!m || m->type == JSON_NULL) {
		if (f->flags & JSON_REQUIRED)
			return err_set(e, ERR_INPUT, "field \"%s\": %s, but required", f->name,
				m ? "null" : "missing");
		if (m && (f->flags & JSON_NOT_NULL))
			return err_set(e, ERR_INPUT, "field \"%s\": null is not allowed", f->name);
		return 0;
	}
	if (converters[f->kind](f, m, out + f->offset, e) < 0)
		return err_wrap(e, "field \"%s\"", f->name);
	return 0;
}

static bool field_known(const struct json_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	return false;
}

int json_decode(const struct json_value *v, const struct json_field *fields, size_t n, void *out,
	unsigned flags, struct err *e)
{
	if (!v || v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object, got %s",
			v ? json_type_name(v->type) : "nothing");
	for (size_t i = 0; (flags & JSON_STRICT) && i < v->count; i++)
		if (!field_known(fields, n, v->items[i]->key))
			return err_set(e, ERR_INPUT, "unknown field \"%.64s\"", v->items[i]->key);
	for (size_t i = 0; i < n; i++)
		if (decode_field(v, &fields[i], out, e) < 0)
			return -1;
	return 0;
}

/* Writer calls that need no generator of their own */

void json_kv_str(struct json_writer *w, const char *key, const char *s)
{
	json_key(w, key);
	json_str(w, s);
}

void json_kv_int(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	json_int(w, v);
}

void json_kv_bool(struct json_writer *w, const char *key, bool v)
{
	json_key(w, key);
	json_bool(w, v);
}

void json_kv_strv(struct json_writer *w, const char *key, const struct strv *s)
{
	json_key(w, key);
	json_begin_array(w);
	strv_each (item, s)
		json_str(w, item);
	json_end_array(w);
}

void json_kv_pairs(struct json_writer *w, const char *key, const struct pairs *p)
{
	json_key(w, key);
	json_begin_object(w);
	for (size_t i = 0; i < p->n; i++)
		json_kv_str(w, p->v[i].key, p->v[i].value);
	json_end_object(w);
}
