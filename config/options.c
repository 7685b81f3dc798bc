/*
 * What the four sources of a configuration share. A source (options_file.c, options_environment.c,
 * options_flags.c, the defaults) turns what it holds into text (lists: texts), has it checked by
 * option_value.c and replaces the value of a weaker source; what it cannot use becomes a problem
 * that says where it stands and what was expected there.
 */
#include "config/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "config/options_take.h"

enum { SHOWN_MAX = 200 }; /* bytes of a refused value in its problem */

void options_init(struct options *o, const struct option *table, size_t count)
{
	*o = (struct options){ .table = table, .count = count };
	o->values = xcalloc(count, sizeof(*o->values));
}

void strv_wipe(struct strv *s)
{
	strv_each (item, s)
		wipe((char *)item, strlen(item));
	strv_release(s);
}

static void value_release(struct option_value *v)
{
	free(v->source);
	wipe_free(v->text);
	strv_wipe(&v->list);
	*v = (struct option_value){ 0 };
}

static void problem_release(struct option_problem *p)
{
	free(p->file);
	free(p->source);
	free(p->key);
	free(p->message);
}

void options_release(struct options *o)
{
	for (size_t i = 0; o->values && i < o->count; i++)
		value_release(&o->values[i]);
	free(o->values);
	for (size_t i = 0; i < o->n_problems; i++)
		problem_release(&o->problems[i]);
	free(o->problems);
	strv_release(&o->warnings);
	*o = (struct options){ 0 };
}

/* problems */

/* Fit for a terminal and for JSON: control characters and broken UTF-8 become '?'. */
static char *displayed(char *s)
{
	bool valid = s && utf8_valid(s, strlen(s));

	for (char *c = s; c && *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid))
			*c = '?';
	}
	return s;
}

static void add_problem(struct options *o, const struct option_place *at, const char *key,
	const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT(LIMIT_NAME * 3);
	char *room;
	va_list again;

	if (o->n_problems == OPTION_PROBLEMS_MAX)
		return;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	room = buf_reserve(&text, (size_t)n + 1);
	if (room) {
		vsnprintf(room, (size_t)n + 1, fmt, again);
		buf_commit(&text, (size_t)n);
	}
	va_end(again);
	o->problems = xrealloc(o->problems, (o->n_problems + 1) * sizeof(*o->problems));
	o->problems[o->n_problems++] = (struct option_problem){
		.file = displayed(xstrdup(at->file)),
		.line = at->line,
		.column = at->column,
		.source = displayed(xstrdup(at->name)),
		.key = displayed(xstrdup(key)),
		.message = displayed(buf_take(&text)),
	};
}

void option_problem_at(
	struct options *o, const struct option_place *at, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_problem(o, at, key, fmt, ap);
	va_end(ap);
}

void options_problem(struct options *o, const char *key, const char *source, const char *fmt, ...)
{
	struct option_place at = { .name = source };
	va_list ap;

	va_start(ap, fmt);
	add_problem(o, &at, key, fmt, ap);
	va_end(ap);
}

void options_forget(struct options *o, const char *const *keys)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_problems; i++) {
		const char *const *key = keys;

		while (*key && !str_eq(*key, o->problems[i].key))
			key++;
		if (*key)
			problem_release(&o->problems[i]);
		else
			o->problems[n++] = o->problems[i];
	}
	o->n_problems = n;
}

char *option_problem_line(const struct option_problem *p)
{
	struct buf b = BUF_INIT(LIMIT_NAME * 5);

	if (p->file && p->line)
		buf_addf(&b, "%s:%u:%u: ", p->file, p->line, p->column);
	else if (p->file || p->source)
		buf_addf(&b, "%s: ", p->file ? p->file : p->source);
	if (p->key)
		buf_addf(&b, "%s: ", p->key);
	buf_adds(&b, p->message);
	return buf_take(&b);
}

const char *option_origin_name(enum option_origin origin)
{
	static const char *const names[] = { "default", "file", "env", "flag" };

	return names[origin];
}

/* names */

int options_find(const struct options *o, const char *section, const char *key)
{
	for (size_t i = 0; i < o->count; i++) {
		if (str_eq(o->table[i].section, section) && str_eq(o->table[i].key, key))
			return (int)i;
	}
	return -1;
}

struct option_value *options_value(struct options *o, const char *section, const char *key)
{
	return &o->values[options_find(o, section, key)];
}

/* The option whose key is within two edits of a misspelt one, or NULL. */
const struct option *option_nearest(const struct options *o, const char *section, const char *key)
{
	struct nearest near = { .word = key, .distance = 3 };
	const struct option *best = NULL;

	for (size_t i = 0; i < o->count; i++) {
		const struct option *opt = &o->table[i];
		size_t least = near.distance;

		if (section && !str_eq(opt->section, section))
			continue;
		nearest_try(&near, opt->key);
		if (near.distance < least)
			best = opt;
	}
	return best;
}

char *option_full_key(const struct option *opt)
{
	return xasprintf("%s.%s", opt->section, opt->key);
}

/* taking values in */

static void option_refuse(struct options *o, const struct option *opt,
	const struct option_place *at, const char *text, const char *wrong)
{
	CLEAN_STR char *key = option_full_key(opt);
	size_t shown = utf8_cut(text, SHOWN_MAX);

	if (opt->sensitive)
		option_problem_at(o, at, key, "value refused (not shown): %s", wrong);
	else
		option_problem_at(o, at, key, "\"%.*s\"%s refused: %s", (int)shown, text,
			text[shown] ? "…" : "", wrong);
}

void option_put(struct options *o, const struct option *opt, const struct option_place *at,
	char *text, struct strv list)
{
	struct option_value *v = &o->values[opt - o->table];

	value_release(v);
	v->origin = at->origin;
	v->text = text;
	v->list = list;
	if (at->file)
		v->source = xasprintf("%s:%u", at->file, at->line);
	else if (at->origin == ORIGIN_ENV)
		v->source = xstrdup(at->name + strlen("environment "));
	else
		v->source = xstrdup(at->name);
}

void option_take_text(struct options *o, const struct option *opt, const struct option_place *at,
	const char *given)
{
	CLEAN_SECRET char *text = xstrdup(given);

	if (!*text && !opt->fallback) {
		option_put(o, opt, at, NULL, (struct strv){ 0 });
		return;
	}
	CLEAN_STR char *wrong = option_check_text(opt, &text);
	if (wrong)
		option_refuse(o, opt, at, given, wrong);
	else
		option_put(o, opt, at, TAKE(text), (struct strv){ 0 });
}

/* One item of a list; false when it was refused. */
bool option_take_item(struct options *o, const struct option *opt, const struct option_place *at,
	const char *given, struct strv *list)
{
	CLEAN_STR char *text = xstrdup(given);
	CLEAN_STR char *wrong = option_check_text(opt, &text);

	if (!wrong && strv_contains(list, text))
		wrong = xstrdup("expected each item once");
	if (!wrong && (int64_t)list->n >= opt->max) {
		CLEAN_STR char *expected = option_expectation(opt);

		wrong = xasprintf("expected %s", expected);
	}
	if (wrong)
		option_refuse(o, opt, at, given, wrong);
	else
		strv_add_take(list, TAKE(text));
	return !wrong;
}

/* A list in one text, items separated by commas. */
static void take_joined(struct options *o, const struct option *opt, const struct option_place *at,
	const char *text)
{
	struct strv parts = { 0 }, list = { 0 };
	bool ok = true;

	strv_split(&parts, text, ',');
	strv_each (part, &parts)
		ok = option_take_item(o, opt, at, part, &list) && ok;
	strv_release(&parts);
	if (ok)
		option_put(o, opt, at, NULL, list);
	else
		strv_wipe(&list);
}

void option_take(struct options *o, const struct option *opt, const struct option_place *at,
	const char *text)
{
	if (opt->type == OPTION_LIST)
		take_joined(o, opt, at, text);
	else
		option_take_text(o, opt, at, text);
}

void options_defaults(struct options *o)
{
	const struct option_place at = { .origin = ORIGIN_DEFAULT };

	for (size_t i = 0; i < o->count; i++) {
		if (o->table[i].fallback)
			option_take(o, &o->table[i], &at, o->table[i].fallback);
	}
	if (o->n_problems)
		BUG("default of %s: %s", o->problems[0].key, o->problems[0].message);
}

int options_apply(const struct options *o, void *config)
{
	if (o->n_problems)
		return -1;
	for (size_t i = 0; i < o->count; i++)
		option_store(&o->table[i], &o->values[i], config);
	return 0;
}
