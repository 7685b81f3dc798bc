/*
 * Environments and their rules. `set` says all rules at once: what is not given is no rule any
 * more, so that a command line is the whole truth about an environment. Jobs that wait are asked
 * again at once.
 */
#include "coordinator/admin/rights/environment.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/queue/gate.h"
#include "coordinator/environment/environment.h"
#include "coordinator/rights/owner.h"
#include "coordinator/view/row_json.h"
#include "workflow/filter.h"

struct environment_options {
	const char *repo, *name, *comment;
	struct strv reviewers, branches;
	int64_t wait_minutes, run;
};

static int audit(struct admin *a, const struct environment_options *o, const char *verb,
	const char *target, struct err *e)
{
	CLEAN_STR char *reason = xasprintf("environment %s%s%s", o->name, o->comment ? ": " : "",
		o->comment ? o->comment : "");

	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = o->repo ? "repository" : "run",
			.target = target,
			.reason = reason },
		e);
}

static int repo_of(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct environment_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

static int verb_run(int argc, char **argv, const struct cli_flag *flags, size_t n,
	struct admin_verb v, struct environment_options *o)
{
	v.flags = flags;
	v.n_flags = n;
	v.options = o;
	int code = admin_verb_run(argc, argv, &v);
	strv_release(&o->reviewers);
	strv_release(&o->branches);
	return code;
}

#define REPO_FLAG                                                                             \
	{                                                                                     \
		"repo", CLI_STRING, &o.repo, "OWNER/NAME", "the repository", .required = true \
	}
#define NAME_FLAG                                                                        \
	{                                                                                \
		"name", CLI_STRING, &o.name, "NAME", "the environment", .required = true \
	}

/* ---- set ---- */

static int check_set(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct environment_options *o = options;

	if (environment_name_check(o->name, e) < 0)
		return -1;
	if (o->reviewers.n > ENVIRONMENT_REVIEWERS_MAX || o->branches.n > ENVIRONMENT_BRANCHES_MAX)
		return err_set(e, ERR_LIMIT,
			"%zu reviewers and %zu branches, expected at most %d and %d",
			o->reviewers.n, o->branches.n, ENVIRONMENT_REVIEWERS_MAX,
			ENVIRONMENT_BRANCHES_MAX);
	strv_each (login, &o->reviewers)
		if (!*login || strlen(login) > 100 || strpbrk(login, " \t\n\"/"))
			return err_set(
				e, ERR_INPUT, "--reviewer \"%.40s\": expected a login", login);
	strv_each (pattern, &o->branches)
		if (filter_check(pattern, e) < 0)
			return err_wrap(e, "--branches \"%.40s\"", pattern);
	return 0;
}

/* Nobody waits for a review that its reviewer could not give. */
static int reviewers_check(
	struct admin *a, const struct environment_options *o, int64_t repo_id, struct err *e)
{
	strv_each (login, &o->reviewers) {
		CLEANUP(owner_row_release) struct owner_row user = { 0 };
		struct access_row may;

		if (store_user_find(a->store, login, &user, e) < 0)
			return err_wrap(e, "--reviewer \"%.40s\"", login);
		if (store_access_repo(a->store, user.id, repo_id, &may, e) < 0)
			return -1;
		if (!may.public && may.role < ROLE_READ)
			return err_set(e, ERR_INPUT,
				"--reviewer \"%.40s\": may not read %s, expected a user who may "
				"(admin repo grant)",
				login, o->repo);
	}
	return 0;
}

static int environment_set(struct admin *a, void *options, struct err *e)
{
	struct environment_options *o = options;
	CLEANUP(environment_row_release) struct environment_row env = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	struct wall now = wall_now();

	if (store_begin(a->store, &tx, e) < 0 || admin_repo_find(a, o->repo, &repo, e) < 0 ||
		reviewers_check(a, o, repo.id, e) < 0 ||
		store_environment_use(a->store, repo.id, o->name, now, &env, e) < 0)
		return -1;
	const struct environment_row rules = { .id = env.id,
		.wait_minutes = o->wait_minutes,
		.reviewers = o->reviewers,
		.branches = o->branches };
	if (store_environment_rules(a->store, &rules, e) < 0 ||
		gate_rules_changed(a->store, repo.id, o->name, now, e) < 0 ||
		audit(a, o, "environment.set", o->repo, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return 0;
}

int admin_environment_set(int argc, char **argv)
{
	struct environment_options o = { 0 };
	const struct cli_flag flags[] = {
		REPO_FLAG,
		NAME_FLAG,
		{ "reviewer", CLI_STRV, &o.reviewers, "LOGIN",
			"one of them must approve; repeatable (default: nobody must)" },
		{ "wait-minutes", CLI_INT, &o.wait_minutes, "N",
			"how long a job waits at least (default: 0)", .min = 0,
			.max = ENVIRONMENT_WAIT_MINUTES_MAX },
		{ "branches", CLI_STRV, &o.branches, "PATTERN",
			"runs of these branches only, as in workflows; repeatable (default: all)" },
	};

	return verb_run(argc, argv, flags, ARRAY_LEN(flags),
		(struct admin_verb){ .text_only = true,
			.help = "Replaces all rules of the environment. A tag matches a pattern by "
				"its full name, refs/tags/NAME.",
			.check = check_set,
			.work = environment_set,
			.repo_of = repo_of },
		&o);
}

/* ---- list and show ---- */

static const struct table_column columns[] = { { "NAME" }, { "REVIEWERS" },
	{ "WAIT", TABLE_NUMBER }, { "BRANCHES" } };
static const struct admin_list environments = { ADMIN_LIST("environments", columns) };

static void table_words(struct admin *a, const struct strv *words)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));

	for (size_t i = 0; i < words->n; i++)
		buf_addf(&out, "%s%s", i ? "," : "", words->v[i]);
	table_text(&a->table, buf_cstr(&out));
}

static void environment_write(struct json_writer *w, const struct environment_row *r)
{
	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "name", r->name);
	json_kv_strv(w, "reviewers", &r->reviewers);
	json_kv_int(w, "wait_timer", r->wait_minutes);
	json_kv_strv(w, "branches", &r->branches);
	kv_time(w, "created_at", r->created_at);
	json_end_object(w);
}

static int environment_list_all(struct admin *a, void *options, struct err *e)
{
	const struct environment_options *o = options;
	CLEANUP(environment_list_release) struct environment_list l = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (admin_repo_find(a, o->repo, &repo, e) < 0 ||
		store_environment_list(a->store, repo.id, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if ((o->name && !str_eq(o->name, l.v[i].name)) || !admin_row(a, l.v[i].name))
			continue;
		if (a->json) {
			environment_write(&a->w, &l.v[i]);
			continue;
		}
		table_text(&a->table, l.v[i].name);
		table_words(a, &l.v[i].reviewers);
		table_int(&a->table, l.v[i].wait_minutes);
		table_words(a, &l.v[i].branches);
	}
	return 0;
}

int admin_environment_list(int argc, char **argv)
{
	struct environment_options o = { 0 };
	const struct cli_flag flags[] = {
		REPO_FLAG,
		{ "name", CLI_STRING, &o.name, "NAME", "one environment (default: all)" },
	};

	return verb_run(argc, argv, flags, ARRAY_LEN(flags),
		(struct admin_verb){
			.list = &environments, .work = environment_list_all, .repo_of = repo_of },
		&o);
}

/* ---- delete ---- */

static int environment_delete(struct admin *a, void *options, struct err *e)
{
	const struct environment_options *o = options;
	CLEANUP(environment_row_release) struct environment_row env = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || admin_repo_find(a, o->repo, &repo, e) < 0 ||
		store_environment_get(a->store, repo.id, o->name, &env, e) < 0 ||
		store_environment_delete(a->store, env.id, e) < 0 ||
		gate_rules_changed(a->store, repo.id, o->name, wall_now(), e) < 0 ||
		audit(a, o, "environment.delete", o->repo, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return 0;
}

int admin_environment_delete(int argc, char **argv)
{
	struct environment_options o = { 0 };
	const struct cli_flag flags[] = { REPO_FLAG, NAME_FLAG };

	return verb_run(argc, argv, flags, ARRAY_LEN(flags),
		(struct admin_verb){ .text_only = true,
			.help = "Its secrets and variables go with it, and jobs that wait for it "
				"go on without its rules.",
			.work = environment_delete,
			.repo_of = repo_of },
		&o);
}

/* ---- approve and reject ---- */

static int decide(struct admin *a, const struct environment_options *o, bool approve, struct err *e)
{
	const struct admin_caller *caller = admin_caller();
	const struct gate_decision d = { .run_id = o->run,
		.environment = o->name,
		.approve = approve,
		.who = caller ? caller->login : "an operator",
		.by_operator = true,
		.comment = o->comment };
	CLEAN_STR char *run = xasprintf("%" PRId64, o->run);
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t jobs;

	if (store_begin(a->store, &tx, e) < 0 ||
		gate_decide(a->store, &d, wall_now(), &jobs, e) < 0 ||
		audit(a, o, approve ? "environment.approve" : "environment.reject", run, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	printf("%" PRId64 " jobs %s\n", jobs, approve ? "approved" : "rejected");
	admin_wake(a);
	return 0;
}

static int environment_approve(struct admin *a, void *options, struct err *e)
{
	return decide(a, options, true, e);
}

static int environment_reject(struct admin *a, void *options, struct err *e)
{
	return decide(a, options, false, e);
}

static int verb_decide(
	int argc, char **argv, int (*work)(struct admin *a, void *options, struct err *e))
{
	struct environment_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "run", CLI_INT, &o.run, "ID", "the run", .min = 1, .max = INT64_MAX,
			.required = true, .positional = true },
		NAME_FLAG,
		{ "comment", CLI_STRING, &o.comment, "TEXT", "why" },
	};

	return verb_run(argc, argv, flags, ARRAY_LEN(flags),
		(struct admin_verb){ .text_only = true, .work = work }, &o);
}

int admin_environment_approve(int argc, char **argv)
{
	return verb_decide(argc, argv, environment_approve);
}

int admin_environment_reject(int argc, char **argv)
{
	return verb_decide(argc, argv, environment_reject);
}
