/*
 * The file as a source of options: it walks the TOML tree and names every key that it cannot use.
 * A key that is misspelled is an error, because its author believes that it does something.
 */
#include <ctype.h>
#include <inttypes.h>

#include "config/options_take.h"

static struct option_place place_of(const char *path, const struct toml_value *v)
{
	return (struct option_place){
		.origin = ORIGIN_FILE, .file = path, .line = v->line, .column = v->column
	};
}

static struct option_place place_of_key(const char *path, const struct toml_value *v)
{
	return (struct option_place){
		.origin = ORIGIN_FILE, .file = path, .line = v->key_line, .column = v->key_column
	};
}

static void refuse_type(struct options *o, const struct option *opt, const char *path,
	const struct toml_value *v, const char *expected)
{
	struct option_place at = place_of(path, v);
	CLEAN_STR char *key = option_full_key(opt);

	option_problem_at(o, &at, key, "found %s, expected %s", toml_type_name(v->type), expected);
}

/* A string that can become a C string, else a problem. */
static bool is_plain(
	struct options *o, const struct option *opt, const char *path, const struct toml_value *v)
{
	if (strlen(v->string) == v->len)
		return true;
	struct option_place at = place_of(path, v);
	CLEAN_STR char *key = option_full_key(opt);
	option_problem_at(
		o, &at, key, "value holds a NUL, expected text without control characters");
	return false;
}

static void take_array(
	struct options *o, const struct option *opt, const char *path, const struct toml_value *v)
{
	struct option_place whole = place_of(path, v);
	struct strv list = { 0 };
	bool ok = true;

	for (size_t i = 0; i < v->count; i++) {
		const struct toml_value *item = v->items[i];
		struct option_place at = place_of(path, item);

		if (item->type != TOML_STRING) {
			refuse_type(o, opt, path, item, "a string in this array");
			ok = false;
		} else {
			ok = is_plain(o, opt, path, item) &&
			     option_take_item(o, opt, &at, item->string, &list) && ok;
		}
	}
	if (ok)
		option_put(o, opt, &whole, NULL, list);
	else
		strv_wipe(&list);
}

static bool type_fits(enum option_type want, enum toml_type have)
{
	switch (want) {
	case OPTION_INT:
		return have == TOML_INTEGER;
	case OPTION_SIZE:
		return have == TOML_STRING || have == TOML_INTEGER;
	case OPTION_CUSTOM:
		return have == TOML_STRING || have == TOML_INTEGER || have == TOML_FLOAT;
	case OPTION_BOOL:
		return have == TOML_BOOL || have == TOML_STRING;
	case OPTION_LIST:
		return have == TOML_ARRAY;
	default:
		return have == TOML_STRING;
	}
}

static void take_file_value(
	struct options *o, const struct option *opt, const char *path, const struct toml_value *v)
{
	struct option_place at = place_of(path, v);

	if (!type_fits(opt->type, v->type)) {
		CLEAN_STR char *expected = option_expectation(opt);

		refuse_type(o, opt, path, v, expected);
	} else if (v->type == TOML_ARRAY) {
		take_array(o, opt, path, v);
	} else if (v->type == TOML_INTEGER) { /* the value: hexadecimal is a way to write it */
		CLEAN_STR char *text = xasprintf("%" PRId64, v->integer);

		option_take_text(o, opt, &at, text);
	} else if (v->type == TOML_BOOL) {
		option_take_text(o, opt, &at, v->boolean ? "true" : "false");
	} else if (v->type == TOML_FLOAT) {
		option_take_text(o, opt, &at, v->raw);
	} else if (is_plain(o, opt, path, v)) {
		CLEAN_STR char *absolute = option_path_absolute(opt, o->folder, v->string);

		option_take_text(o, opt, &at, absolute ? absolute : v->string);
	}
}

/* Keys are shown as far as they are harmless. */
static bool is_name(const char *s)
{
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("_-", *s))
			return false;
	}
	return true;
}

static void refuse_key(
	struct options *o, const char *path, const char *section, const struct toml_value *v)
{
	struct option_place at = place_of_key(path, v);
	const struct option *near = option_nearest(o, section, v->key);
	const char *name = is_name(v->key) ? v->key : "(quoted)";
	CLEAN_STR char *key = xasprintf("%s.%.64s", section, name);

	if (near)
		option_problem_at(o, &at, key,
			"unknown key, expected a key of [%s]; did you mean \"%s\"?", section,
			near->key);
	else
		option_problem_at(o, &at, key, "unknown key, expected a key of [%s]", section);
}

/* The option of [section] key, also under its other name, or NULL. */
static const struct option *option_in_file(
	const struct options *o, const char *section, const struct toml_value *v)
{
	int found = options_find(o, section, v->key);

	if (strlen(v->key) != v->key_len)
		return NULL;
	if (found >= 0)
		return &o->table[found];
	for (const struct option_alias *a = o->aliases; a && a->key; a++)
		if (str_eq(a->section, section) && str_eq(a->key, v->key))
			return &o->table[options_find(o, a->to_section, a->to_key)];
	return NULL;
}

static bool has_section(const struct options *o, const char *section)
{
	for (const struct option_alias *a = o->aliases; a && a->key; a++)
		if (str_eq(a->section, section))
			return true;
	for (size_t i = 0; i < o->count; i++) {
		if (str_eq(o->table[i].section, section))
			return true;
	}
	return false;
}

/* [log] level and [runner] log_level in one file: nobody can tell which one is meant. */
static void refuse_second(
	struct options *o, const struct option *opt, const char *path, const struct toml_value *v)
{
	struct option_place at = place_of_key(path, v);
	CLEAN_STR char *key = option_full_key(opt);

	option_problem_at(o, &at, key, "%s sets the same key, expected it once",
		o->values[opt - o->table].source);
}

static void take_section(struct options *o, const char *path, const struct toml_value *section)
{
	struct option_place at = place_of_key(path, section);

	if (!has_section(o, section->key)) {
		const char *name = is_name(section->key) ? section->key : "(quoted)";
		CLEAN_STR char *key = xasprintf("%.64s", name);

		option_problem_at(o, &at, key,
			"unknown %s, expected one of the documented sections",
			section->type == TOML_TABLE ? "section" : "key");
		return;
	}
	if (section->type != TOML_TABLE) {
		option_problem_at(o, &at, section->key, "found %s, expected the section [%s]",
			toml_type_name(section->type), section->key);
		return;
	}
	for (size_t i = 0; i < section->count; i++) {
		const struct toml_value *v = section->items[i];
		const struct option *opt = option_in_file(o, section->key, v);

		if (!opt)
			refuse_key(o, path, section->key, v);
		else if (o->values[opt - o->table].origin == ORIGIN_FILE)
			refuse_second(o, opt, path, v);
		else
			take_file_value(o, opt, path, v);
	}
}

/* The folder in which that name stands, which is not where a link of that name leads. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *folder = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

	return realpath(folder, NULL);
}

void options_file(struct options *o, const char *path, const char *text, size_t n)
{
	struct toml_error bad = { 0 };
	CLEAN_TOML struct toml_doc *doc = toml_parse(text, n, &bad);

	if (!doc) {
		struct option_place at = { ORIGIN_FILE, path, NULL, bad.line, bad.column };

		option_problem_at(o, &at, NULL, "%s", bad.reason);
		return;
	}
	const struct toml_value *root = toml_root(doc);
	o->folder = folder_of(path);
	for (size_t i = 0; i < root->count; i++)
		take_section(o, path, root->items[i]);
	free(TAKE(o->folder));
}
