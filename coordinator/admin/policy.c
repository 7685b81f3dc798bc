/*
 * Each change is read, altered and written in one transaction with its entry in the audit table, so
 * two operators cannot undo each other unseen. The emergency stop is the site's policy by a name
 * that is found in a hurry.
 */
#include "coordinator/admin/policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/job.h"
#include "coordinator/view/row_json.h"

enum { SETTINGS_MAX = 16, ALLOWED_MAX = 100, RUNNER_NAME_MAX = 100 };
#define ENABLED_KEY "actions_enabled"
#define ALLOWED_KEY "allowed_runners"

struct policy_options {
	const char *owner, *repo, *reason;
	/* found by place_find */
	struct policy_place at;
	struct repo_row row;
};

static int check_policy(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct policy_options *o = options;

	if (o->owner && o->repo)
		return err_set(e, ERR_INPUT,
			"--owner and --repo: expected one of them, or none for the site");
	if (o->owner && (!*o->owner || strchr(o->owner, '/')))
		return err_set(
			e, ERR_INPUT, "--owner %.100s: expected the name of an owner", o->owner);
	if (o->reason && strlen(o->reason) > AUDIT_TEXT_MAX)
		return err_set(e, ERR_INPUT, "--reason: longer than %d bytes", AUDIT_TEXT_MAX);
	return 0;
}

static int place_find(struct admin *a, struct policy_options *o, struct err *e)
{
	if (!o->repo) {
		o->at = (struct policy_place){ o->owner ? POLICY_OWNER : POLICY_SITE, o->owner, 0 };
		return 0;
	}
	if (admin_repo_find(a, o->repo, &o->row, e) < 0)
		return -1;
	o->at = (struct policy_place){ POLICY_REPO, NULL, o->row.id };
	return 0;
}

static int policy_audit(struct admin *a, const struct policy_options *o, const char *verb,
	const char *what, struct err *e)
{
	CLEAN_STR char *full = o->row.id ? xasprintf("%s/%s", o->row.owner, o->row.name) : NULL;

	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = policy_level_text(o->at.level),
			.target = full ? full : o->owner,
			.reason = o->reason,
			.outcome = what },
		e);
}

/* ---- one setting ---- */

static int allowed_parse(const char *text, struct strv *ret, struct err *e)
{
	strv_release(ret);
	strv_split(ret, text, ',');
	if (!ret->n || ret->n > ALLOWED_MAX)
		return err_set(e, ERR_INPUT,
			ALLOWED_KEY
			": %zu entries, expected 1 to %d of site, owner, repo and names "
			"of runners",
			ret->n, ALLOWED_MAX);
	strv_each (name, ret)
		if (strlen(name) > RUNNER_NAME_MAX)
			return err_set(
				e, ERR_INPUT, ALLOWED_KEY ": \"%.120s\" is no runner's name", name);
	return 0;
}

static int enabled_parse(const char *text, const char *reason, struct policy_row *p, struct err *e)
{
	if (!str_eq(text, "true") && !str_eq(text, "false"))
		return err_set(e, ERR_INPUT, ENABLED_KEY "=%.40s: expected true or false", text);
	free(p->disabled_reason);
	p->disabled_reason = NULL;
	if (str_eq(text, "true")) {
		p->disabled_at = (struct wall){ 0 };
		return 0;
	}
	p->disabled_at = wall_now();
	p->disabled_reason = reason ? xstrdup(reason) : NULL;
	return 0;
}

static int cap_find(const char *key, size_t len, const struct policy_place *at,
	enum policy_cap *ret, struct err *e)
{
	for (size_t i = 0; i < POLICY_CAPS; i++) {
		const char *known = policy_cap_key((enum policy_cap)i);

		if (strlen(known) != len || strncmp(known, key, len) != 0)
			continue;
		if (i == CAP_OWNER_CONCURRENT_JOBS && at->level == POLICY_REPO)
			return err_set(e, ERR_INPUT,
				"%s: expected for the site or an owner; a repository has "
				"max_repo_concurrent_jobs",
				known);
		*ret = (enum policy_cap)i;
		return 0;
	}
	return err_set(e, ERR_INPUT,
		"%.*s: unknown, expected " ENABLED_KEY ", " ALLOWED_KEY ", max_repo_queued_runs, "
		"max_repo_concurrent_jobs, max_owner_concurrent_jobs or "
		"actor_trigger_limit_per_hour",
		(int)(len < 60 ? len : 60), key);
}

static bool key_is(const char *setting, size_t len, const char *key)
{
	return strlen(key) == len && strncmp(setting, key, len) == 0;
}

static int setting_apply(
	struct policy_row *p, const struct policy_options *o, const char *setting, struct err *e)
{
	size_t len = strcspn(setting, "=");
	enum policy_cap cap;

	if (!setting[len])
		return err_set(e, ERR_INPUT, "%.60s: expected KEY=VALUE", setting);
	const char *value = setting + len + 1;
	if (key_is(setting, len, ENABLED_KEY))
		return enabled_parse(value, o->reason, p, e);
	if (key_is(setting, len, ALLOWED_KEY))
		return allowed_parse(value, &p->allowed_runners, e);
	if (cap_find(setting, len, &o->at, &cap, e) < 0)
		return -1;
	if (!parse_i64(value, 1, POLICY_CAP_MAX, &p->caps[cap]))
		return err_set(e, ERR_INPUT, "%s=%.40s: expected 1 to %" PRId64 ", or unset it",
			policy_cap_key(cap), value, POLICY_CAP_MAX);
	return 0;
}

static int setting_clear(
	struct policy_row *p, const struct policy_options *o, const char *key, struct err *e)
{
	size_t len = strlen(key);
	enum policy_cap cap;

	if (str_eq(key, ENABLED_KEY))
		return enabled_parse("true", NULL, p, e);
	if (str_eq(key, ALLOWED_KEY)) {
		strv_release(&p->allowed_runners);
		return 0;
	}
	if (cap_find(key, len, &o->at, &cap, e) < 0)
		return -1;
	p->caps[cap] = 0;
	return 0;
}

/* ---- show ---- */

static void source_write(struct json_writer *w, const struct policy *p, enum policy_cap cap)
{
	enum policy_level level = POLICY_SITE;
	int64_t value = policy_cap(p, cap, &level);

	json_key(w, policy_cap_key(cap));
	if (!value) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_int(w, "value", value);
	json_kv_str(w, "source", policy_level_text(level));
	json_end_object(w);
}

static void enabled_write(struct json_writer *w, const struct policy *p)
{
	const struct policy_row *by = NULL;

	json_key(w, ENABLED_KEY);
	json_begin_object(w);
	for (size_t i = 0; i < POLICY_LEVELS && !by; i++)
		if (p->levels[i].disabled_at.us) {
			by = &p->levels[i];
			json_kv_bool(w, "value", false);
			json_kv_str(w, "source", policy_level_text((enum policy_level)i));
			json_kv_str(w, "reason", by->disabled_reason);
			kv_time(w, "since", by->disabled_at);
		}
	if (!by) {
		json_kv_bool(w, "value", true);
		json_kv_str(w, "source", "default");
	}
	json_end_object(w);
}

static void allowed_write(struct json_writer *w, const struct policy *p)
{
	json_key(w, ALLOWED_KEY);
	json_begin_array(w);
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		if (!p->levels[i].allowed_runners.n)
			continue;
		json_begin_object(w);
		json_kv_strv(w, "value", &p->levels[i].allowed_runners);
		json_kv_str(w, "source", policy_level_text((enum policy_level)i));
		json_end_object(w);
	}
	json_end_array(w);
}

static void policy_write(
	struct json_writer *w, const struct policy_options *o, const struct policy *p)
{
	json_begin_object(w);
	json_kv_str(w, "level", policy_level_text(o->at.level));
	json_kv_str(w, "owner", o->row.id ? o->row.owner : o->owner);
	json_kv_str(w, "repository", o->repo);
	enabled_write(w, p);
	allowed_write(w, p);
	for (size_t i = 0; i < POLICY_CAPS; i++)
		source_write(w, p, (enum policy_cap)i);
	json_end_object(w);
}

static void policy_print(const struct policy *p)
{
	const char *off = NULL;
	enum policy_level by = POLICY_SITE;

	for (size_t i = POLICY_LEVELS; i-- > 0;)
		if (p->levels[i].disabled_at.us) {
			by = (enum policy_level)i;
			off = p->levels[i].disabled_reason ? p->levels[i].disabled_reason : "-";
		}
	printf(ENABLED_KEY "\t%s\t%s%s%s\n", off ? "false" : "true",
		off ? policy_level_text(by) : "default", off ? "\t" : "", off ? off : "");
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		const struct strv *list = &p->levels[i].allowed_runners;

		for (size_t k = 0; k < list->n; k++)
			printf(ALLOWED_KEY "\t%s\t%s\n", list->v[k],
				policy_level_text((enum policy_level)i));
	}
	for (size_t i = 0; i < POLICY_CAPS; i++) {
		int64_t value = policy_cap(p, (enum policy_cap)i, &by);

		if (value)
			printf("%s\t%" PRId64 "\t%s\n", policy_cap_key((enum policy_cap)i), value,
				policy_level_text(by));
	}
}

static int policy_show(struct admin *a, const struct policy_options *o, struct err *e)
{
	CLEANUP(policy_release) struct policy p = { 0 };

	if (store_policy_load(a->store, o->row.id ? o->row.owner : o->owner, o->at.repo_id, &p, e) <
		0)
		return -1;
	if (a->json)
		policy_write(&a->w, o, &p);
	else
		policy_print(&p);
	return 0;
}

static int show_policy(struct admin *a, void *options, struct err *e)
{
	return place_find(a, options, e) < 0 ? -1 : policy_show(a, options, e);
}

/* ---- the verbs ---- */

typedef int (*setting_fn)(
	struct policy_row *p, const struct policy_options *o, const char *setting, struct err *e);

static int policy_change(struct admin *a, struct policy_options *o, const char *verb,
	setting_fn change, struct err *e)
{
	CLEANUP(policy_row_release) struct policy_row p = { 0 };
	CLEAN_BUF struct buf what = BUF_INIT(KIB(64));
	CLEAN_TX struct store_tx tx = { 0 };

	if (!a->n_args)
		return err_set(e, ERR_INPUT, "expected a setting, such as max_repo_queued_runs%s",
			change == setting_apply ? "=20" : "");
	if (store_begin(a->store, &tx, e) < 0 || place_find(a, o, e) < 0 ||
		store_policy_get(a->store, &o->at, &p, e) < 0)
		return -1;
	for (int i = 0; i < a->n_args; i++) {
		if (change(&p, o, a->args[i], e) < 0)
			return -1;
		buf_addf(&what, "%s%s", i ? " " : "", a->args[i]);
	}
	if (store_policy_put(a->store, &o->at, &p, e) < 0 ||
		policy_audit(a, o, verb, buf_cstr(&what), e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return policy_show(a, o, e);
}

static int set_policy(struct admin *a, void *options, struct err *e)
{
	return policy_change(a, options, "policy.set", setting_apply, e);
}

static int unset_policy(struct admin *a, void *options, struct err *e)
{
	return policy_change(a, options, "policy.unset", setting_clear, e);
}

/* What holds for a repository its admins may see. To change it would let them undo what an operator
 * does to a repository that makes trouble. */
static int repo_of_shown(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct policy_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

static int policy_verb(int argc, char **argv, bool change,
	int (*work)(struct admin *a, void *options, struct err *e), const char *help)
{
	struct policy_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "owner", CLI_STRING, &o.owner, "OWNER", "of this owner (default: the site)" },
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "of this repository" },
		{ "reason", CLI_STRING, &o.reason, "TEXT", "why" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = change ? 3 : 2,
			.options = &o,
			.max_args = change ? SETTINGS_MAX : 0,
			.help = help,
			.check = check_policy,
			.work = work,
			.repo_of = change ? NULL : repo_of_shown });

	repo_row_release(&o.row);
	return code;
}

int admin_policy_show(int argc, char **argv)
{
	return policy_verb(argc, argv, false, show_policy,
		"What holds there, from all levels together, and which level says so.");
}

int admin_policy_set(int argc, char **argv)
{
	return policy_verb(argc, argv, true, set_policy,
		"Settings: actions_enabled=true|false, allowed_runners=A,B (site, owner, repo: "
		"runners of\nthat scope; or names), max_repo_queued_runs=N, "
		"max_repo_concurrent_jobs=N,\nmax_owner_concurrent_jobs=N, "
		"actor_trigger_limit_per_hour=N. The strictest level wins.");
}

int admin_policy_unset(int argc, char **argv)
{
	return policy_verb(argc, argv, true, unset_policy, NULL);
}

/* ---- emergency ---- */

static int site_switch(struct admin *a, struct policy_options *o, bool on, struct err *e)
{
	CLEANUP(policy_row_release) struct policy_row p = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || store_policy_get(a->store, &o->at, &p, e) < 0 ||
		enabled_parse(on ? "true" : "false", o->reason, &p, e) < 0 ||
		store_policy_put(a->store, &o->at, &p, e) < 0 ||
		policy_audit(a, o, on ? "site.resume" : "site.emergency-stop", NULL, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return 0;
}

static int emergency_stop(struct admin *a, void *options, struct err *e)
{
	int64_t running = 0;

	if (site_switch(a, options, false, e) < 0 ||
		store_running_count(a->store, 0, &running, e) < 0)
		return -1;
	if (!a->json) {
		printf("No runner gets a job any more. %" PRId64 " jobs run on; "
		       "`admin runner jobs` lists them, `admin runner revoke` ends them at once. "
		       "`admin resume` lets queued jobs go on.\n",
			running);
		return 0;
	}
	return policy_show(a, options, e);
}

static int resume(struct admin *a, void *options, struct err *e)
{
	return site_switch(a, options, true, e) < 0 ? -1 : policy_show(a, options, e);
}

int admin_emergency_stop(int argc, char **argv)
{
	struct policy_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "reason", CLI_STRING, &o.reason, "TEXT", "why", .required = true },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_policy,
			.work = emergency_stop });
}

int admin_resume(int argc, char **argv)
{
	struct policy_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "reason", CLI_STRING, &o.reason, "TEXT", "why" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_policy,
			.work = resume });
}
