/*
 * A table per map: key, reader, target. A problem is recorded and the walk goes on, so that an
 * author sees all of them at once; what is wrong keeps its empty value.
 */
#include "workflow/reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "workflow/filter.h"
#include "workflow/expr/render.h"
#include "workflow/workflow.h"

static void add_problem(struct reader *r, struct yaml_where at, const char *fmt, va_list ap)
{
	struct err text = { 0 };
	char line[700];

	if (r->n_problems++ >= WORKFLOW_PROBLEMS_MAX)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	/* through err_set, which replaces control characters of quoted input */
	err_set(&text, ERR_INPUT, "%s:%u:%u: %s%s%s", r->file, at.line, at.column,
		buf_cstr(&r->path), r->path.len ? ": " : "", line);
	strv_add(r->problems, text.text);
}

void reader_problem(struct reader *r, const struct yaml_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_problem(r, n ? n->at : (struct yaml_where){ 1, 1 }, fmt, ap);
	va_end(ap);
}

void reader_problem_at(struct reader *r, struct yaml_where at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_problem(r, at, fmt, ap);
	va_end(ap);
}

size_t reader_push(struct reader *r, const char *key)
{
	size_t mark = r->path.len;

	buf_addf(&r->path, "%s%s", mark ? "." : "", key);
	return mark;
}

size_t reader_push_index(struct reader *r, size_t index)
{
	size_t mark = r->path.len;

	buf_addf(&r->path, "[%zu]", index);
	return mark;
}

void reader_pop(struct reader *r, size_t mark)
{
	r->path.len = mark;
	r->path.failed = false;
	if (r->path.data)
		r->path.data[mark] = '\0';
}

bool reader_kind(
	struct reader *r, const struct yaml_node *n, enum yaml_kind kind, const char *expected)
{
	if (n->kind == kind && !yaml_is_null(n))
		return true;
	reader_problem(r, n, "%s found, expected %s",
		yaml_is_null(n) ? "nothing" : yaml_kind_name(n->kind), expected);
	return false;
}

const char *reader_text(struct reader *r, const struct yaml_node *n, const char *expected)
{
	return reader_kind(r, n, YAML_SCALAR, expected) ? n->text : NULL;
}

static void unknown_key(
	struct reader *r, const struct yaml_node *key, const struct reader_field *fields, size_t n)
{
	struct buf known = BUF_INIT(600);

	for (size_t i = 0; i < n; i++)
		if (fields[i].fn)
			buf_addf(&known, "%s%s", known.len ? " " : "", fields[i].key);
	reader_problem(
		r, key, "unknown key \"%.100s\", expected one of: %s", key->text, buf_cstr(&known));
	buf_release(&known);
}

static const struct reader_field *field_find(
	const struct reader_field *fields, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(fields[i].key, key))
			return &fields[i];
	return NULL;
}

bool reader_map(struct reader *r, const struct yaml_node *n, const struct reader_field *fields,
	size_t n_fields, void *target)
{
	if (!reader_kind(r, n, YAML_MAP, "a map"))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		const struct yaml_node *key = n->keys[i];
		const struct reader_field *f = field_find(fields, n_fields, key->text);

		if (!f) {
			unknown_key(r, key, fields, n_fields);
			continue;
		}
		size_t mark = reader_push(r, f->key);
		if (f->fn)
			f->fn(r, n->items[i], (char *)target + f->offset);
		else
			reader_problem(r, key, "not supported, %s", f->remedy);
		reader_pop(r, mark);
	}
	return true;
}

void read_text(struct reader *r, const struct yaml_node *n, void *target)
{
	const char *text = reader_text(r, n, "text");

	if (text && !*text)
		reader_problem(r, n, "empty, expected text");
	else if (text && n->len > LIMIT_NAME)
		reader_problem(r, n, "%zu bytes, expected at most %zu", n->len, LIMIT_NAME);
	else if (text)
		*(char **)target = xstrdup(text);
}

void read_script(struct reader *r, const struct yaml_node *n, void *target)
{
	const char *text = reader_text(r, n, "a script");

	if (text && !text[strspn(text, " \t\r\n")])
		reader_problem(r, n, "empty, expected a script");
	else if (text)
		*(char **)target = xstrdup(text);
}

void read_bool(struct reader *r, const struct yaml_node *n, void *target)
{
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };
	const char *text = reader_text(r, n, "true or false");

	for (size_t i = 0; text && i < ARRAY_LEN(yes); i++)
		if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
			*(bool *)target = str_eq(text, yes[i]);
			return;
		}
	if (text)
		reader_problem(r, n, "\"%.100s\", expected true or false", text);
}

void read_bool_value(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_bool *out = target;

	if (n->kind == YAML_SCALAR && render_has_expression(n->text, n->len))
		out->expression = xstrdup(n->text);
	else
		read_bool(r, n, &out->value);
}

void read_number_value(
	struct reader *r, const struct yaml_node *n, int64_t max, struct workflow_number *out)
{
	CLEAN_STR char *expected = xasprintf("a whole number from 1 to %" PRId64, max);
	const char *text = reader_text(r, n, expected);

	if (text && render_has_expression(text, n->len))
		out->expression = xstrdup(text);
	else if (text && !parse_i64(text, 1, max, &out->value))
		reader_problem(r, n, "\"%.100s\", expected %s", text, expected);
}

void read_minutes(struct reader *r, const struct yaml_node *n, void *target)
{
	read_number_value(r, n, LIMIT_TIMEOUT_MINUTES, target);
}

static void add_item(struct reader *r, const struct yaml_node *n, struct strv *out, bool pattern)
{
	const char *text = reader_text(r, n, "text");
	struct err e = { 0 };

	if (!text)
		return;
	if (!*text)
		reader_problem(r, n, "empty, expected text");
	else if (n->len > LIMIT_NAME)
		reader_problem(r, n, "%zu bytes, expected at most %zu", n->len, LIMIT_NAME);
	else if (pattern && filter_check(text, &e) < 0)
		reader_problem(r, n, "pattern \"%.100s\": %s", text, e.text);
	else
		strv_add(out, text);
}

static void read_items(struct reader *r, const struct yaml_node *n, struct strv *out, bool pattern)
{
	if (n->kind == YAML_SCALAR) {
		add_item(r, n, out, pattern);
		return;
	}
	if (!reader_kind(r, n, YAML_LIST, "text or a list of text"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty list, expected at least one entry");
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push_index(r, i);

		add_item(r, n->items[i], out, pattern);
		reader_pop(r, mark);
	}
}

void read_strv(struct reader *r, const struct yaml_node *n, void *target)
{
	read_items(r, n, target, false);
}

void read_patterns(struct reader *r, const struct yaml_node *n, void *target)
{
	struct strv *out = target;
	size_t positive = 0;

	read_items(r, n, out, true);
	strv_each (p, out)
		positive += *p != '!';
	if (out->n > 0 && positive == 0)
		reader_problem(r, n, "only patterns with '!', expected at least one without");
}

bool is_name(const char *text, const char *extra)
{
	static const char start[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	if (!*text || !strchr(start, *text))
		return false;
	for (const char *p = text + 1; *p; p++)
		if (!strchr(start, *p) && !(*p >= '0' && *p <= '9') && !strchr(extra, *p))
			return false;
	return true;
}

static void read_env_entry(struct reader *r, const struct yaml_node *key,
	const struct yaml_node *value, struct pairs *out)
{
	if (!is_name(key->text, "-."))
		reader_problem(r, key, "bad name, expected letters, digits, '_', '-' and '.'");
	else if (str_starts(key->text, "SHITHUB_INPUT_"))
		reader_problem(
			r, key, "the prefix SHITHUB_INPUT_ is reserved, expected another name");
	else if (value->kind != YAML_SCALAR)
		reader_problem(r, value, "%s found, expected text", yaml_kind_name(value->kind));
	else
		pairs_set(out, key->text, yaml_is_null(value) ? "" : value->text);
}

static void read_with_entry(struct reader *r, const struct yaml_node *key,
	const struct yaml_node *value, struct pairs *out)
{
	if (!is_name(key->text, "-"))
		reader_problem(r, key, "bad name, expected letters, digits, '_' and '-'");
	else if (value->kind != YAML_SCALAR)
		reader_problem(r, value, "%s found, expected text", yaml_kind_name(value->kind));
	else
		pairs_set(out, key->text, yaml_is_null(value) ? "" : value->text);
}

static void read_pairs(struct reader *r, const struct yaml_node *n, struct pairs *out,
	void (*entry)(struct reader *, const struct yaml_node *, const struct yaml_node *,
		struct pairs *))
{
	if (yaml_is_null(n) || !reader_kind(r, n, YAML_MAP, "a map of names to text"))
		return;
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push(r, n->keys[i]->text);

		entry(r, n->keys[i], n->items[i], out);
		reader_pop(r, mark);
	}
}

void read_env(struct reader *r, const struct yaml_node *n, void *target)
{
	read_pairs(r, n, target, read_env_entry);
}

void read_with(struct reader *r, const struct yaml_node *n, void *target)
{
	read_pairs(r, n, target, read_with_entry);
}
