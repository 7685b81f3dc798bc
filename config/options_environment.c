/*
 * The environment as a source of options. Every key has a full name, PREFIX SECTION__KEY; some have
 * a short one besides, or the name by which other programs know them. Where both are set, the order
 * in which they come means nothing: the full name wins.
 */
#include <ctype.h>

#include "config/options_take.h"

const char *environment_get(char *const *environ, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; environ && environ[i]; i++)
		if (strncmp(environ[i], name, n) == 0 && environ[i][n] == '=')
			return environ[i] + n + 1;
	return NULL;
}

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

/* Is it SECTION__KEY? */
static bool matches_full(const char *name, size_t len, const char *section, const char *key)
{
	size_t n = strlen(section);

	return len > n + 2 && matches_upper(name, n, section) && memcmp(name + n, "__", 2) == 0 &&
	       matches_upper(name + n + 2, len - n - 2, key);
}

/* The option of another name: SECTION__KEY of an alias, or KEY where its section is NULL. */
static const struct option *option_of_alias(const struct options *o, const char *name, size_t len)
{
	for (const struct option_alias *a = o->aliases; a && a->key; a++)
		if (a->section ? matches_full(name, len, a->section, a->key)
			       : matches_upper(name, len, a->key))
			return &o->table[options_find(o, a->to_section, a->to_key)];
	return NULL;
}

/* The option of a name behind the prefix: SECTION__KEY; *ret_short for any other name of it: KEY in
 * the home section, and the aliases. */
static const struct option *option_of_name(const struct options *o,
	const struct option_names *names, const char *name, size_t len, bool *ret_short)
{
	*ret_short = false;
	for (size_t i = 0; i < o->count; i++)
		if (matches_full(name, len, o->table[i].section, o->table[i].key))
			return &o->table[i];
	*ret_short = true;
	for (size_t i = 0; i < o->count; i++)
		if (str_eq(o->table[i].section, names->home) &&
			matches_upper(name, len, o->table[i].key))
			return &o->table[i];
	return option_of_alias(o, name, len);
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

/* Two names of one key: the full one wins, and it is said. */
static bool yields(struct options *o, const struct option_value *have, const char *shown,
	bool is_short, const char *key)
{
	const char *other = shown + strlen("environment ");

	if (have->origin != ORIGIN_ENV)
		return false;
	strv_addf(&o->warnings, "%s: both %s and %s are set, %s is ignored", key, have->source,
		other, is_short ? other : have->source);
	return is_short;
}

static void take_variable(struct options *o, const struct option_names *names, const char *entry)
{
	size_t skip = strlen(names->prefix), len = strcspn(entry, "=");
	CLEAN_STR char *shown = xasprintf("environment %.*s", (int)len, entry);
	CLEAN_STR char *name = xstrndup(entry + skip, len - skip);
	struct option_place at = { .origin = ORIGIN_ENV, .name = shown };
	bool is_short;

	if (entry[len] != '=' || is_other_name(names, name, len - skip))
		return;
	const struct option *opt = option_of_name(o, names, name, len - skip, &is_short);
	if (!opt) {
		refuse_name(o, names, &at, name);
		return;
	}
	CLEAN_STR char *key = option_full_key(opt);
	if (!yields(o, &o->values[opt - o->table], shown, is_short, key))
		option_take(o, opt, &at, entry + len + 1);
}

void options_environment(struct options *o, const struct option_names *names, char *const *environ)
{
	for (; environ && *environ; environ++) {
		if (str_starts(*environ, names->prefix))
			take_variable(o, names, *environ);
	}
}
