/*
 * Registrations: what a runner may serve and for whom is the operator's to say, here and nowhere
 * else. Changes take effect at the runner's next heartbeat or job call, as each of them asks the
 * store; serve is woken only where a waiting heartbeat should be answered differently now.
 */
#include "coordinator/admin/runner.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/admin/runner_end.h"
#include "coordinator/app/metrics.h"
#include "coordinator/app/token.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/row_json.h"
#include "coordinator/view/runner.h"

enum { RUNNER_NAME_MAX = 100, CAPACITY_MAX = 64 };
#define DEFAULT_LABELS "self-hosted,linux,ubuntu-latest,x64" /* also those of the runner */

/* ---- register and rotate: both print a token once ---- */

static int labels_parse(const char *text, struct strv *ret, struct err *e)
{
	strv_split(ret, text, ',');
	if (!ret->n || ret->n > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "--labels: %zu labels, expected 1 to %d", ret->n,
			LIMIT_LABELS);
	strv_each (label, ret) {
		if (!label_valid(label))
			return err_set(
				e, ERR_INPUT, "--labels: \"%.120s\", expected " LABEL_RULE, label);
	}
	return 0;
}

static int expiry_parse(const char *text, struct wall now, struct wall *ret, struct err *e)
{
	int64_t us;

	if (!text)
		return 0;
	if (duration_parse(text, &us, e) < 0 || us <= 0)
		return err_set(
			e, ERR_INPUT, "--expires-in %.40s: expected a duration such as 24h", text);
	ret->us = now.us + us;
	return 0;
}

static void token_show(
	struct admin *a, const struct runner_row *r, const char *token, struct wall expires)
{
	if (!a->json) {
		printf("runner %" PRId64 " (%s)\ntoken %s\nIt is not shown again.\n", r->id,
			r->name, token);
		return;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", r->id);
	json_kv_str(&a->w, "name", r->name);
	json_kv_strv(&a->w, "labels", &r->labels);
	runner_scope_write(&a->w, r);
	json_kv_int(&a->w, "capacity", r->capacity);
	json_kv_str(&a->w, "token", token);
	kv_time(&a->w, "token_expires_at", expires);
	kv_time(&a->w, "expires_at", expires);
	json_end_object(&a->w);
}

struct register_options {
	const char *name, *labels, *expires_in;
	const char *owner, *repo; /* the scope; both NULL: all repositories */
	int64_t capacity;
	struct strv label_list;
	struct wall now, expires;
};

static int check_register(struct admin *a UNUSED, void *options, struct err *e)
{
	struct register_options *o = options;

	if (!*o->name || strlen(o->name) > RUNNER_NAME_MAX)
		return err_set(e, ERR_INPUT, "--name: expected 1 to %d bytes", RUNNER_NAME_MAX);
	if (str_eq(o->name, "site") || str_eq(o->name, "owner") || str_eq(o->name, "repo"))
		return err_set(e, ERR_INPUT,
			"--name %s: expected another one; policies use this word for a scope",
			o->name);
	if (o->owner && o->repo)
		return err_set(e, ERR_INPUT,
			"--owner and --repo: expected one of them, as a runner has one scope");
	if (o->owner && (!*o->owner || strchr(o->owner, '/')))
		return err_set(
			e, ERR_INPUT, "--owner %.100s: expected the name of an owner", o->owner);
	if (labels_parse(o->labels, &o->label_list, e) < 0)
		return -1;
	return expiry_parse(o->expires_in, o->now, &o->expires, e);
}

static int scope_set(struct admin *a, const struct register_options *o, int64_t id, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (o->repo && admin_repo_find(a, o->repo, &repo, e) < 0)
		return -1;
	if (!o->repo && !o->owner)
		return 0;
	return store_runner_scope(a->store, id, o->owner, repo.id, e);
}

static int register_runner(struct admin *a, void *options, struct err *e)
{
	const struct register_options *o = options;
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	unsigned char sha[SHA256_LEN];
	char token[TOKEN_HEX_MAX];
	int64_t id;

	token_random(token);
	token_hash(token, sha);
	int rc = store_begin(a->store, &tx, e);
	if (rc == 0)
		rc = store_runner_register(a->store, o->name, &o->label_list, o->capacity, sha,
			o->now, o->expires, &id, e);
	if (rc == 0)
		rc = scope_set(a, o, id, e);
	if (rc == 0)
		rc = metric_count_now(a->store, METRIC_REGISTRATIONS, e);
	if (rc == 0)
		rc = store_runner_get(a->store, id, &r, e);
	if (rc == 0)
		rc = admin_audit_id(a, "runner.register", "runner", id, NULL, e);
	if (rc == 0)
		rc = store_commit(&tx, e);
	if (rc == 0)
		token_show(a, &r, token, o->expires);
	wipe(token, sizeof(token));
	return rc;
}

static int repo_of_registered(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct register_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

#define EXPIRES_FLAG(target)                                         \
	{                                                            \
		"expires-in", CLI_STRING, &(target), "24h",          \
			"lifetime of the token (default: unlimited)" \
	}

int admin_runner_register(int argc, char **argv)
{
	struct register_options o = { .capacity = 1, .labels = DEFAULT_LABELS, .now = wall_now() };
	const struct cli_flag flags[] = {
		{ "name", CLI_STRING, &o.name, "NAME", "unique name", .required = true,
			.positional = true },
		{ "labels", CLI_STRING, &o.labels, "A,B",
			"labels it may serve (default " DEFAULT_LABELS ")" },
		{ "owner", CLI_STRING, &o.owner, "OWNER",
			"only for repositories of this owner (default: for all)" },
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "only for this repository" },
		{ "capacity", CLI_INT, &o.capacity, "N", "jobs at one time", 1, CAPACITY_MAX },
		EXPIRES_FLAG(o.expires_in),
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_register,
			.makes_store = true,
			.work = register_runner,
			.repo_of = repo_of_registered });

	strv_release(&o.label_list);
	return code;
}

struct rotate_options {
	int64_t id;
	const char *expires_in;
	struct wall now, expires;
};

static int check_rotate(struct admin *a UNUSED, void *options, struct err *e)
{
	struct rotate_options *o = options;

	return expiry_parse(o->expires_in, o->now, &o->expires, e);
}

static int rotate_token(struct admin *a, void *options, struct err *e)
{
	const struct rotate_options *o = options;
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	unsigned char sha[SHA256_LEN];
	char token[TOKEN_HEX_MAX];

	token_random(token);
	token_hash(token, sha);
	int rc = store_begin(a->store, &tx, e);
	if (rc == 0)
		rc = store_runner_rotate(a->store, o->id, sha, o->now, o->expires, e);
	if (rc == 0)
		rc = store_runner_get(a->store, o->id, &r, e);
	if (rc == 0)
		rc = admin_audit_id(a, "runner.rotate-token", "runner", o->id, NULL, e);
	if (rc == 0)
		rc = store_commit(&tx, e);
	if (rc == 0)
		token_show(a, &r, token, o->expires);
	wipe(token, sizeof(token));
	return rc;
}

static int repo_of_rotated(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct rotate_options *o = options;

	return admin_repo_of_runner(a, o->id, ret_repo, e);
}

int admin_runner_rotate_token(int argc, char **argv)
{
	struct rotate_options o = { .now = wall_now() };
	const struct cli_flag flags[] = {
		ADMIN_ID_FLAG(o.id, "the runner"),
		EXPIRES_FLAG(o.expires_in),
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_rotate,
			.work = rotate_token,
			.repo_of = repo_of_rotated });
}

/* ---- labels ---- */

struct labels_options {
	int64_t id;
	const char *labels, *reason;
	struct strv label_list;
};

static int check_labels(struct admin *a UNUSED, void *options, struct err *e)
{
	struct labels_options *o = options;

	return labels_parse(o->labels, &o->label_list, e);
}

static int set_labels(struct admin *a, void *options, struct err *e)
{
	const struct labels_options *o = options;
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_runner_set_labels(a->store, o->id, &o->label_list, e) < 0 ||
		admin_audit_id(a, "runner.set-labels", "runner", o->id, o->reason, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return admin_runner_show(a, o->id, "may serve these labels from now on", e);
}

static int repo_of_labelled(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct labels_options *o = options;

	return admin_repo_of_runner(a, o->id, ret_repo, e);
}

int admin_runner_set_labels(int argc, char **argv)
{
	struct labels_options o = { 0 };
	const struct cli_flag flags[] = {
		ADMIN_ID_FLAG(o.id, "the runner"),
		{ "labels", CLI_STRING, &o.labels, "A,B", "labels it may serve", .required = true },
		{ "reason", CLI_STRING, &o.reason, "TEXT", "why" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_labels,
			.work = set_labels,
			.repo_of = repo_of_labelled });

	strv_release(&o.label_list);
	return code;
}

/* ---- stale ones ---- */

struct stale_options {
	const char *older_than;
	int64_t age;
};

static int check_stale(struct admin *a UNUSED, void *options, struct err *e)
{
	struct stale_options *o = options;

	if (duration_parse(o->older_than, &o->age, e) < 0)
		return err_wrap(e, "--older-than");
	return 0;
}

static void stale_show(struct admin *a, const struct runner_row *r)
{
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", r->id);
	json_kv_str(&a->w, "name", r->name);
	json_kv_str(&a->w, "status", "offline");
	kv_time(&a->w, "last_heartbeat_at", r->last_heartbeat_at);
	json_end_object(&a->w);
}

static int mark_stale(struct admin *a, void *options, struct err *e)
{
	const struct stale_options *o = options;
	CLEANUP(runner_list_release) struct runner_list l = { 0 };
	struct wall now = wall_now();
	int64_t count;

	if (store_runner_cleanup_stale(a->store, (struct wall){ now.us - o->age }, now, &count, e) <
			0 ||
		store_runner_list(a->store, &l, e) < 0)
		return -1;
	if (!a->json) {
		printf("%" PRId64 " runners marked offline\n", count);
		return 0;
	}
	json_begin_array(&a->w);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].offline_at.us == now.us) /* by this very call */
			stale_show(a, &l.v[i]);
	json_end_array(&a->w);
	return 0;
}

int admin_runner_cleanup_stale(int argc, char **argv)
{
	struct stale_options o = { .older_than = "2m" };
	const struct cli_flag flags[] = {
		{ "older-than", CLI_STRING, &o.older_than, "2m", "age of the last heartbeat" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_stale,
			.work = mark_stale });
}
