/*
 * An engine's own checking is no validation: `{}` and a profile that allows by default both start a
 * container without any filter, unknown keys and unknown names pass silently. So the text is read
 * strictly here, compiled with libseccomp the way the engine's runtime does (rules that ask for
 * capabilities or another architecture left out), and the result is asked about seccomp_probes.
 */
#include <errno.h>
#include <linux/seccomp.h>

#include "base/json.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_eval.h"

struct profile {
	scmp_filter_ctx filter;
	uint32_t fallback; /* action of what no rule names */
	struct strv plain; /* names allowed without arguments */
	struct strv denied_with_args;
	size_t allowed;
};

static void profile_release(struct profile *p)
{
	if (p->filter)
		seccomp_release(p->filter);
	strv_release(&p->plain);
	strv_release(&p->denied_with_args);
}

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

static bool find_word(const struct word *words, size_t n, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq(words[i].name, name)) {
			*ret = words[i].value;
			return true;
		}
	}
	return false;
}

static int only_keys(
	const struct json_value *v, const char *const *keys, const char *where, struct err *e)
{
	if (!v || v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "%s: expected an object", where);
	for (size_t i = 0; i < v->count; i++) {
		const char *const *k = keys;
		while (*k && !str_eq(*k, v->items[i]->key))
			k++;
		if (!*k)
			return err_set(
				e, ERR_INPUT, "%s: unknown key \"%s\"", where, v->items[i]->key);
	}
	return 0;
}

static int read_action(const struct json_value *v, const char *key, uint32_t *ret, struct err *e)
{
	const char *name = json_get_string(v, key);

	if (!name)
		return err_set(e, ERR_INPUT, "\"%s\" is missing or not a string", key);
	if (!find_word(actions, ARRAY_LEN(actions), name, ret))
		return err_set(e, ERR_INPUT,
			"\"%s\": %s is not an action that denies or allows (SCMP_ACT_ALLOW, ERRNO, "
			"KILL, KILL_PROCESS)",
			key, name);
	return 0;
}

static int check_arches(const struct json_value *root, struct err *e)
{
	const struct json_value *flat = json_get(root, "architectures");
	const struct json_value *map = json_get(root, "archMap");

	if (flat && map)
		return err_set(
			e, ERR_INPUT, "\"architectures\" and \"archMap\" exclude each other");
	if (!flat)
		flat = map;
	if (!flat || flat->type != JSON_ARRAY || flat->count == 0)
		return err_set(e, ERR_INPUT,
			"\"architectures\" is missing or empty: nothing would be filtered");
	return 0;
}

static const char *machine_name(void)
{
	return seccomp_arch_native() == SCMP_ARCH_AARCH64 ? "arm64" : "amd64";
}

static bool list_has(const struct json_value *list, const char *text)
{
	json_array_each (item, list)
		if (item->type == JSON_STRING && str_eq(item->string, text))
			return true;
	return false;
}

/* Does a rule of the extended form apply to a container without capabilities on this machine? */
static bool applies(const struct json_value *rule)
{
	const struct json_value *in = json_get(rule, "includes"), *ex = json_get(rule, "excludes");
	const struct json_value *caps = json_get(in, "caps"), *arches = json_get(in, "arches");

	if (caps && caps->type == JSON_ARRAY && caps->count)
		return false;
	if (arches && arches->type == JSON_ARRAY && arches->count &&
		!list_has(arches, machine_name()))
		return false;
	return !list_has(json_get(ex, "arches"), machine_name());
}

static int read_arg(const struct json_value *v, bool allow, struct scmp_arg_cmp *ret, struct err *e)
{
	static const char *const keys[] = { "index", "value", "valueTwo", "op", NULL };
	uint32_t op;
	const char *name;

	if (only_keys(v, keys, "argument", e) < 0)
		return -1;
	name = json_get_string(v, "op");
	if (!find_word(compares, ARRAY_LEN(compares), name ? name : "", &op))
		return err_set(
			e, ERR_INPUT, "argument: \"op\" %s is unknown", name ? name : "(none)");
	if (allow && op != SCMP_CMP_EQ && op != SCMP_CMP_MASKED_EQ)
		return err_set(e, ERR_INPUT,
			"argument: %s in a rule that allows is met by setting a high bit; use "
			"SCMP_CMP_EQ "
			"or SCMP_CMP_MASKED_EQ",
			name);
	int64_t index = json_get_int(v, "index", -1);
	if (index < 0 || index > 5)
		return err_set(e, ERR_INPUT, "argument: \"index\" must be 0 to 5");
	*ret = SCMP_CMP64((unsigned)index, op, (uint64_t)json_get_int(v, "value", 0),
		(uint64_t)json_get_int(v, "valueTwo", 0));
	return 0;
}

static int read_args(const struct json_value *rule, bool allow, struct scmp_arg_cmp args[6],
	unsigned *ret_n, struct err *e)
{
	const struct json_value *list = json_get(rule, "args");

	*ret_n = 0;
	if (!list || list->type == JSON_NULL)
		return 0;
	if (list->type != JSON_ARRAY || list->count > 6)
		return err_set(e, ERR_INPUT, "\"args\": expected a list of at most 6");
	for (size_t i = 0; i < list->count; i++) {
		if (read_arg(list->items[i], allow, &args[i], e) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (args[k].arg == args[i].arg)
				return err_set(e, ERR_INPUT,
					"two arguments of index %u: the engine would let either "
					"match",
					args[i].arg);
	}
	*ret_n = (unsigned)list->count;
	return 0;
}

static int add_name(struct profile *p, const char *name, uint32_t action, unsigned n,
	const struct scmp_arg_cmp *args, struct err *e)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr == __NR_SCMP_ERROR && action != SCMP_ACT_ALLOW)
		return err_set(e, ERR_INPUT,
			"\"%s\" is no system call the library knows: it would not be denied", name);
	if (action == SCMP_ACT_ALLOW && n == 0)
		strv_add(&p->plain, name);
	if (action != SCMP_ACT_ALLOW && n)
		strv_add(&p->denied_with_args, name);
	p->allowed += action == SCMP_ACT_ALLOW;
	if (nr < 0 || action == p->fallback)
		return 0;
	int rc = seccomp_rule_add_array(p->filter, action, nr, n, args);
	if (rc < 0 && rc != -EEXIST)
		return err_set(e, ERR_INPUT, "\"%s\": the library refuses the rule: %s", name,
			strerror(-rc));
	return 0;
}

static int add_rule(struct profile *p, const struct json_value *rule, struct err *e)
{
	static const char *const keys[] = { "name", "names", "action", "errnoRet", "args",
		"comment", "includes", "excludes", NULL };
	const struct json_value *names = json_get(rule, "names");
	const char *one = json_get_string(rule, "name");
	struct scmp_arg_cmp args[6];
	unsigned n = 0;
	uint32_t action = 0;

	if (only_keys(rule, keys, "rule", e) < 0 || read_action(rule, "action", &action, e) < 0 ||
		read_args(rule, action == SCMP_ACT_ALLOW, args, &n, e) < 0)
		return -1;
	if (!!one == (names && names->type == JSON_ARRAY && names->count))
		return err_set(e, ERR_INPUT, "expected either \"name\" or a list of \"names\"");
	if (action == SCMP_ACT_ERRNO(EPERM))
		action = SCMP_ACT_ERRNO((uint32_t)json_get_int(rule, "errnoRet", EPERM) & 0xffff);
	if (!applies(rule))
		return 0;
	if (one)
		return add_name(p, one, action, n, args, e);
	json_array_each (name, names) {
		if (name->type != JSON_STRING)
			return err_set(e, ERR_INPUT, "\"names\": expected strings");
		if (add_name(p, name->string, action, n, args, e) < 0)
			return -1;
	}
	return 0;
}

/* A denial by arguments beside an unconditional allow of the same name never acts. */
static int check_dead_rules(const struct profile *p, struct err *e)
{
	strv_each (name, &p->denied_with_args)
		if (strv_contains(&p->plain, name))
			return err_set(e, ERR_INPUT,
				"\"%s\" is denied by arguments and allowed without: the denial is "
				"dead",
				name);
	return 0;
}

static int check_probes(const struct profile *p, struct err *e)
{
	struct seccomp_program *program = xmalloc(sizeof(*program));
	int rc = seccomp_program_export(p->filter, program, e);

	for (size_t i = 0; rc == 0 && i < seccomp_probes_len; i++) {
		const struct seccomp_probe *q = &seccomp_probes[i];
		int nr = seccomp_syscall_resolve_name(q->name);
		uint64_t args[6] = { q->args[0], q->args[1], q->args[2] };
		if (nr < 0)
			continue;
		bool allowed = seccomp_program_run(program, seccomp_native_audit_arch(), nr,
				       args) == SECCOMP_RET_ALLOW;
		if (allowed != q->allowed)
			rc = err_set(e, ERR_INPUT, "%s %s (%s)", allowed ? "allows" : "denies",
				q->name, q->why);
	}
	free(program);
	return rc;
}

static int read_profile(struct profile *p, const struct json_value *root, struct err *e)
{
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "architectures",
		"archMap", "syscalls", NULL };
	const struct json_value *rules = json_get(root, "syscalls");

	if (only_keys(root, keys, "profile", e) < 0 ||
		read_action(root, "defaultAction", &p->fallback, e) < 0)
		return -1;
	if (p->fallback == SCMP_ACT_ALLOW)
		return err_set(e, ERR_INPUT,
			"\"defaultAction\" must deny (SCMP_ACT_ERRNO or SCMP_ACT_KILL*), not "
			"allow");
	if (check_arches(root, e) < 0)
		return -1;
	if (!rules || rules->type != JSON_ARRAY)
		return err_set(e, ERR_INPUT, "\"syscalls\" is missing or not a list");
	p->filter = seccomp_init(p->fallback);
	if (!p->filter)
		return err_set(e, ERR_INTERNAL, "cannot make a filter");
	for (size_t i = 0; i < rules->count; i++)
		if (add_rule(p, rules->items[i], e) < 0)
			return err_wrap(e, "syscalls[%zu]", i);
	if (p->allowed == 0)
		return err_set(e, ERR_INPUT, "\"syscalls\" allows nothing");
	return check_dead_rules(p, e);
}

int seccomp_profile_check(const char *text, size_t n, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text, n, NULL, e);
	CLEANUP(profile_release) struct profile p = { 0 };

	if (!doc || read_profile(&p, json_root(doc), e) < 0 || check_probes(&p, e) < 0)
		return err_wrap(e, "seccomp profile");
	return 0;
}
