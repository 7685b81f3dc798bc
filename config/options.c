/*
 * The four sources of a configuration. A source turns what it holds into text (lists: texts), has
 * it checked by option_value.c and replaces the value of a weaker source; what it cannot use
 * becomes a problem that says where it stands and what was expected there.
 */
#include "config/options.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"
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

void options_release(struct options *o)
{
	for (size_t i = 0; o->values && i < o->count; i++)
		value_release(&o->values[i]);
	free(o->values);
	for (size_t i = 0; i < o->n_problems; i++) {
		free(o->problems[i].file);
		free(o->problems[i].source);
		free(o->problems[i].key);
		free(o->problems[i].message);
	}
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

/* Edits (insert, delete, replace) between two short names; 99 when one is long. */
static unsigned edit_distance(const char *a, const char *b)
{
	enum { LONGEST = 40 };
	unsigned row[LONGEST + 1];
	size_t n = strlen(b);

	if (n > LONGEST || strlen(a) > LONGEST)
		return 99;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			unsigned swap = diagonal + (*a != b[j - 1]);
			diagonal = row[j];
			unsigned least = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			row[j] = swap < least ? swap : least;
		}
	}
	return row[n];
}

/* The option whose key is within two edits of a misspelt one, or NULL. */
const struct option *option_nearest(const struct options *o, const char *section, const char *key)
{
	const struct option *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < o->count; i++) {
		const struct option *opt = &o->table[i];
		if (section && !str_eq(opt->section, section))
			continue;
		unsigned d = edit_distance(key, opt->key);
		if (d < least) {
			least = d;
			best = opt;
		}
	}
	return best;
}

char *option_full_key(const struct option *opt)
{
	return xasprintf("%s.%s", opt->section, opt->key);
}

/* taking values in */

static void refuse(struct options *o, const struct option *opt, const struct option_place *at,
	const char *text, const char *wrong)
{
	CLEAN_STR char *key = option_full_key(opt);
	size_t n = strlen(text), most = n < SHOWN_MAX ? n : SHOWN_MAX;

	if (opt->sensitive)
		option_problem_at(o, at, key, "value refused (not shown): %s", wrong);
	else
		option_problem_at(o, at, key, "\"%.*s\"%s refused: %s",
			(int)utf8_whole_prefix(text, most), text, n > most ? "…" : "", wrong);
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
		refuse(o, opt, at, given, wrong);
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
		refuse(o, opt, at, given, wrong);
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

static void take(struct options *o, const struct option *opt, const struct option_place *at,
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
			take(o, &o->table[i], &at, o->table[i].fallback);
	}
	if (o->n_problems)
		BUG("default of %s: %s", o->problems[0].key, o->problems[0].message);
}

/* the environment */

/* True when name is TEXT in capitals. */
static bool matches_upper(const char *name, size_t len, const char *text)
{
	if (strlen(text) != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] != toupper((unsigned char)text[i]))
			return false;
	}
	return true;
}

/* The option of a name behind the prefix: SECTION__KEY, in the home section also KEY. */
static const struct option *option_of_name(
	const struct options *o, const struct option_names *names, const char *name, size_t len)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct option *opt = &o->table[i];
		size_t section = strlen(opt->section);
		if (len > section + 2 && matches_upper(name, section, opt->section) &&
			memcmp(name + section, "__", 2) == 0 &&
			matches_upper(name + section + 2, len - section - 2, opt->key))
			return opt;
		if (str_eq(opt->section, names->home) && matches_upper(name, len, opt->key))
			return opt;
	}
	return NULL;
}

static bool is_other_name(const struct option_names *names, const char *name, size_t len)
{
	for (size_t i = 0; names->other && names->other[i]; i++) {
		if (slice_eq((struct slice){ name, len }, names->other[i]))
			return true;
	}
	return false;
}

static void refuse_name(struct options *o, const struct option_names *names,
	const struct option_place *at, const char *name)
{
	CLEAN_STR char *lower = xstrdup(name);
	const char *sep = strstr(lower, "__");

	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	const struct option *near = option_nearest(o, NULL, sep ? sep + 2 : lower);
	if (!near) {
		option_problem_at(o, at, NULL,
			"unknown name, expected %sSECTION__KEY of a documented key", names->prefix);
		return;
	}
	CLEAN_STR char *meant = xasprintf("%s%s__%s", names->prefix, near->section, near->key);
	for (char *c = meant; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	option_problem_at(
		o, at, NULL, "unknown name, expected a documented one; did you mean %s?", meant);
}

static void take_variable(struct options *o, const struct option_names *names, const char *entry)
{
	size_t skip = strlen(names->prefix), len = strcspn(entry, "=");
	CLEAN_STR char *shown = xasprintf("environment %.*s", (int)len, entry);
	CLEAN_STR char *name = xstrndup(entry + skip, len - skip);
	struct option_place at = { .origin = ORIGIN_ENV, .name = shown };

	if (entry[len] != '=' || is_other_name(names, name, len - skip))
		return;
	const struct option *opt = option_of_name(o, names, name, len - skip);
	if (!opt) {
		refuse_name(o, names, &at, name);
		return;
	}
	const struct option_value *have = &o->values[opt - o->table];
	if (have->origin == ORIGIN_ENV) {
		CLEAN_STR char *key = option_full_key(opt);
		option_problem_at(o, &at, key,
			"%s sets the same key, expected one of the two names", have->source);
		return;
	}
	take(o, opt, &at, entry + len + 1);
}

void options_environment(struct options *o, const struct option_names *names, char *const *environ)
{
	for (; environ && *environ; environ++) {
		if (str_starts(*environ, names->prefix))
			take_variable(o, names, *environ);
	}
}

/* flags */

void options_flags(struct options *o, const char *const *texts)
{
	for (size_t i = 0; i < o->count; i++) {
		if (!texts[i])
			continue;
		CLEAN_STR char *shown = xasprintf("--%s", o->table[i].flag);
		struct option_place at = { .origin = ORIGIN_FLAG, .name = shown };
		take(o, &o->table[i], &at, texts[i]);
	}
}

size_t options_cli_flags(const struct option *table, size_t count, const char **texts,
	struct strv *own, struct cli_flag *flags)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct option *opt = &table[i];
		if (!opt->flag)
			continue;
		const char *help = opt->help;
		if (opt->fallback && *opt->fallback) {
			strv_addf(own, "%s (default %s)", opt->help, opt->fallback);
			help = own->v[own->n - 1];
		}
		flags[n++] = (struct cli_flag){ .name = opt->flag,
			.kind = CLI_STRING,
			.target = &texts[i],
			.meta = opt->meta,
			.help = help };
	}
	return n;
}

int options_apply(const struct options *o, void *config)
{
	if (o->n_problems)
		return -1;
	for (size_t i = 0; i < o->count; i++)
		option_store(&o->table[i], &o->values[i], config);
	return 0;
}
