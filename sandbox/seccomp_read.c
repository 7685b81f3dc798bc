/*
 * Strict where engines are lenient: an unknown key, a name twice or a condition that engines ignore
 * is a finding, because the author believes that it does something. Reading goes on after a
 * finding, so that one run shows all of them.
 */
#include "sandbox/seccomp_read.h"

#include <errno.h>
#include <stdio.h>

enum { WHERE_MAX = 64, RULES_MAX = 20000 };

struct word {
	const char *name;
	uint32_t value;
};
static const struct word actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(EPERM) },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
};
static const struct word compares[] = {
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
};

struct reader {
	struct seccomp_read *out;
	struct seccomp_report *report;
	size_t index; /* of the rule that is read */
	char where[WHERE_MAX];
};

static bool find_word(const struct word *words, size_t n, const char *name, uint32_t *ret)
{
	for (size_t i = 0; name && i < n; i++) {
		if (str_eq(words[i].name, name)) {
			*ret = words[i].value;
			return true;
		}
	}
	return false;
}

static bool only_keys(struct reader *r, const struct json_value *v, const char *const *keys)
{
	if (!v || v->type != JSON_OBJECT) {
		seccomp_report_add(r->report, r->where, "an object", "%s",
			v ? json_type_name(v->type) : "missing");
		return false;
	}
	for (size_t i = 0; i < v->count; i++) {
		const char *const *k = keys;

		while (*k && !str_eq(*k, v->items[i]->key))
			k++;
		if (!*k)
			seccomp_report_add(r->report, r->where, "only keys that engines read",
				"unknown key \"%.100s\"", v->items[i]->key);
	}
	return true;
}

static bool read_action(
	struct reader *r, const struct json_value *v, const char *key, uint32_t *ret)
{
	static const char expected[] =
		"SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_ACT_KILL or SCMP_ACT_KILL_PROCESS";
	const char *name = json_get_string(v, key);

	if (find_word(actions, ARRAY_LEN(actions), name, ret))
		return true;
	if (name)
		seccomp_report_add(r->report, r->where, expected,
			"\"%s\": %.100s is not an action that denies or allows", key, name);
	else
		seccomp_report_add(
			r->report, r->where, expected, "\"%s\" is missing or not a string", key);
	return false;
}

/* The errno of a denial; an engine takes a text here without a word and answers EPERM. */
static uint32_t read_errno(struct reader *r, const struct json_value *v, const char *key)
{
	const struct json_value *given = json_get(v, key);

	if (!given || given->type == JSON_NULL)
		return EPERM;
	if (given->type == JSON_NUMBER && given->is_integer && given->integer > 0 &&
		given->integer < 4096)
		return (uint32_t)given->integer;
	seccomp_report_add(r->report, r->where, "an error number from 1 to 4095",
		"\"%s\" is no such number", key);
	return EPERM;
}

/* ---- architecture ---- */

/* The tables that engines add to those of our two architectures. */
static const char *const engine_foreign[] = { "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM",
	NULL };

static bool word_among(const char *word, const char *const *words)
{
	for (; word && *words; words++)
		if (str_eq(word, *words))
			return true;
	return false;
}

static void foreign_arch(struct reader *r, const char *where, const char *name)
{
	seccomp_report_add(r->report, where,
		"the machine's architecture alone (SCMP_ARCH_X86_64 or SCMP_ARCH_AARCH64)",
		"%.100s adds a second system call table that bypasses every argument rule",
		name ? name : "no text");
	if (word_among(name, engine_foreign))
		seccomp_report_tolerate(r->report, "32-bit calls");
}

static void read_flat_arches(struct reader *r, const struct json_value *list)
{
	json_array_each (item, list) {
		const char *name = item->type == JSON_STRING ? item->string : NULL;
		const struct seccomp_arch *arch = seccomp_arch_by_name(name);

		if (arch && !r->out->arch)
			r->out->arch = arch;
		else
			foreign_arch(r, "architectures", name);
	}
}

/* Of a map the engine takes the machine's entry with its sub-architectures. */
static void read_arch_map(struct reader *r, const struct json_value *list)
{
	const struct seccomp_arch *native = seccomp_arch_by_token(seccomp_arch_native());

	json_array_each (item, list) {
		const char *name = json_get_string(item, "architecture");
		const struct seccomp_arch *arch = seccomp_arch_by_name(name);
		const struct json_value *subs = json_get(item, "subArchitectures");

		if (!arch)
			continue;
		if (!r->out->arch || arch == native)
			r->out->arch = arch;
		json_array_each (sub, subs)
			foreign_arch(r, "archMap", sub->type == JSON_STRING ? sub->string : NULL);
	}
}

static void read_arches(struct reader *r, const struct json_value *root)
{
	const struct json_value *flat = json_get(root, "architectures");
	const struct json_value *map = json_get(root, "archMap");
	const struct json_value *list = flat ? flat : map;

	if (flat && map)
		seccomp_report_add(r->report, "profile", "one of them",
			"\"architectures\" and \"archMap\" exclude each other");
	if (!list || list->type != JSON_ARRAY || list->count == 0) {
		seccomp_report_add(r->report, "profile", "a list of one architecture",
			"\"architectures\" is missing or empty: nothing would be filtered");
		return;
	}
	if (flat)
		read_flat_arches(r, list);
	else
		read_arch_map(r, list);
}

static bool list_has(const struct json_value *list, const char *text)
{
	json_array_each (item, list)
		if (item->type == JSON_STRING && str_eq(item->string, text))
			return true;
	return false;
}

/* Does a rule of the extended form apply to a container without capabilities on that machine? */
static bool applies(const struct reader *r, const struct json_value *rule)
{
	const struct json_value *in = json_get(rule, "includes"), *ex = json_get(rule, "excludes");
	const struct json_value *caps = json_get(in, "caps"), *arches = json_get(in, "arches");
	const char *machine = r->out->arch ? r->out->arch->engine : "";

	if (caps && caps->type == JSON_ARRAY && caps->count)
		return false;
	if (arches && arches->type == JSON_ARRAY && arches->count && !list_has(arches, machine))
		return false;
	return !list_has(json_get(ex, "arches"), machine);
}

/* ---- rules ---- */

static bool read_number(
	struct reader *r, const struct json_value *v, const char *key, int64_t most, uint64_t *ret)
{
	const struct json_value *given = json_get(v, key);

	*ret = 0;
	if (!given && str_eq(key, "valueTwo"))
		return true;
	if (given && given->type == JSON_NUMBER && given->is_integer && given->integer >= 0 &&
		given->integer <= most) {
		*ret = (uint64_t)given->integer;
		return true;
	}
	seccomp_report_add(r->report, r->where,
		most == 5 ? "a whole number from 0 to 5" : "a whole number from 0 to 2^63 - 1",
		"\"%s\" is missing or no such number", key);
	return false;
}

static bool read_arg(
	struct reader *r, const struct json_value *v, bool allow, struct scmp_arg_cmp *ret)
{
	static const char *const keys[] = { "index", "value", "valueTwo", "op", NULL };
	static const char expected[] = "SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ";
	const char *name = json_get_string(v, "op");
	uint64_t index, one, two;
	uint32_t op;

	if (!only_keys(r, v, keys) || !read_number(r, v, "index", 5, &index) ||
		!read_number(r, v, "value", INT64_MAX, &one) ||
		!read_number(r, v, "valueTwo", INT64_MAX, &two))
		return false;
	if (!find_word(compares, ARRAY_LEN(compares), name, &op)) {
		seccomp_report_add(r->report, r->where, expected, "\"op\" %.100s is unknown",
			name ? name : "(none)");
		return false;
	}
	if (allow && op != SCMP_CMP_EQ && op != SCMP_CMP_MASKED_EQ)
		seccomp_report_add(r->report, r->where, expected,
			"%s in a rule that allows is met by setting a high bit", name);
	/* the compiled filter is asked what that lets through */
	if (allow && op != SCMP_CMP_EQ && op != SCMP_CMP_MASKED_EQ)
		seccomp_report_tolerate(r->report, "arguments with a high bit");
	if (op == SCMP_CMP_MASKED_EQ && (two & ~one))
		seccomp_report_add(r->report, r->where, "\"valueTwo\" inside the mask \"value\"",
			"%s never holds: the rule is dead", name);
	*ret = SCMP_CMP64((unsigned)index, op, one, two);
	return true;
}

static bool read_args(
	struct reader *r, const struct json_value *rule, struct seccomp_read_rule *ret)
{
	const struct json_value *list = json_get(rule, "args");
	bool good = true;

	if (!list || list->type == JSON_NULL)
		return true;
	if (list->type != JSON_ARRAY || list->count > 6) {
		seccomp_report_add(
			r->report, r->where, "a list of at most 6", "\"args\" is no such list");
		return false;
	}
	for (size_t i = 0; i < list->count; i++) {
		snprintf(r->where, sizeof(r->where), "syscalls[%zu].args[%zu]", r->index, i);
		if (!read_arg(
			    r, list->items[i], ret->action == SCMP_ACT_ALLOW, &ret->args[ret->n])) {
			good = false;
			continue;
		}
		for (size_t k = 0; k < ret->n; k++)
			if (ret->args[k].arg == ret->args[ret->n].arg)
				seccomp_report_add(r->report, r->where, "each index once in a rule",
					"two arguments of index %u: the engine lets either match",
					ret->args[k].arg);
		ret->n++;
	}
	snprintf(r->where, sizeof(r->where), "syscalls[%zu]", r->index);
	return good;
}

static void keep_rule(struct reader *r, const struct seccomp_read_rule *rule, const char *name)
{
	struct seccomp_read *out = r->out;

	if (out->n_rules == RULES_MAX)
		return;
	if (out->n_rules % 64 == 0)
		out->rules = xrealloc(out->rules, (out->n_rules + 64) * sizeof(*out->rules));
	out->rules[out->n_rules] = *rule;
	out->rules[out->n_rules++].name = name;
}

static void read_names(
	struct reader *r, const struct json_value *json, const struct seccomp_read_rule *rule)
{
	const struct json_value *names = json_get(json, "names");
	const char *one = json_get_string(json, "name");
	bool many = names && names->type == JSON_ARRAY && names->count;

	if (!!one == many) {
		seccomp_report_add(r->report, r->where, "either \"name\" or a list of \"names\"",
			"%s", one ? "both" : "neither");
		return;
	}
	if (one)
		keep_rule(r, rule, one);
	for (size_t i = 0; many && i < names->count; i++) {
		if (names->items[i]->type == JSON_STRING)
			keep_rule(r, rule, names->items[i]->string);
		else
			seccomp_report_add(r->report, r->where, "texts", "\"names\" has a %s",
				json_type_name(names->items[i]->type));
	}
}

static void read_rule(struct reader *r, const struct json_value *json)
{
	static const char *const keys[] = { "name", "names", "action", "errnoRet", "args",
		"comment", "includes", "excludes", NULL };
	struct seccomp_read_rule rule = { .index = r->index };

	snprintf(r->where, sizeof(r->where), "syscalls[%zu]", r->index);
	if (!only_keys(r, json, keys) || !read_action(r, json, "action", &rule.action))
		return;
	if (rule.action == SCMP_ACT_ERRNO(EPERM))
		rule.action = SCMP_ACT_ERRNO(read_errno(r, json, "errnoRet"));
	if (read_args(r, json, &rule) && applies(r, json))
		read_names(r, json, &rule);
}

void seccomp_read(
	const struct json_value *root, struct seccomp_read *ret, struct seccomp_report *report)
{
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "architectures",
		"archMap", "syscalls", NULL };
	const struct json_value *rules = json_get(root, "syscalls");
	struct reader r = { .out = ret, .report = report, .where = "profile" };

	*ret = (struct seccomp_read){ 0 };
	if (!only_keys(&r, root, keys))
		return;
	ret->readable = read_action(&r, root, "defaultAction", &ret->fallback);
	if (ret->fallback == SCMP_ACT_ERRNO(EPERM))
		ret->fallback = SCMP_ACT_ERRNO(read_errno(&r, root, "defaultErrnoRet"));
	if (ret->readable && ret->fallback == SCMP_ACT_ALLOW)
		seccomp_report_add(report, "profile", "SCMP_ACT_ERRNO or SCMP_ACT_KILL*",
			"\"defaultAction\" allows, it must deny");
	read_arches(&r, root);
	if (!rules || rules->type != JSON_ARRAY) {
		ret->readable = false;
		seccomp_report_add(report, "profile", "a list of rules",
			"\"syscalls\" is missing or not a list");
	}
	for (size_t i = 0; ret->readable && i < rules->count; i++) {
		r.index = i;
		read_rule(&r, rules->items[i]);
	}
	ret->readable = ret->readable && ret->arch;
}

void seccomp_read_release(struct seccomp_read *r)
{
	free(r->rules);
	*r = (struct seccomp_read){ 0 };
}
