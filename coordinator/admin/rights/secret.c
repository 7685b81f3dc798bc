/*
 * Secrets and variables. A value comes on standard input, as a command line can be read by every
 * user of the machine. A secret is sealed here, with the key that serve uses; the store sees the
 * sealed bytes, and no verb shows them again.
 */
#include "coordinator/admin/rights/secret.h"

#include <stdio.h>
#include <strings.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/serve/root_key.h"
#include "coordinator/environment/environment.h"
#include "coordinator/environment/secret.h"
#include "coordinator/view/row_json.h"

enum { NAME_MAX_BYTES = 200 };

struct value_options {
	enum value_kind kind;
	const char *repo, *owner, *environment, *name;
	bool site;
};

/* ---- flags ---- */

/* What the field refuses: each rule by name. */
static int name_check(const char *s, struct err *e)
{
	static const char *const reserved[] = { "SHITHUB_", "GITHUB_" };
	static const char more[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t n = strlen(s);

	if (!n || n > NAME_MAX_BYTES)
		return err_set(
			e, ERR_INPUT, "--name: %zu bytes, expected 1 to %d", n, NAME_MAX_BYTES);
	if (strspn(s, more) != n)
		return err_set(
			e, ERR_INPUT, "--name \"%.40s\": expected letters, digits and _ only", s);
	if (*s >= '0' && *s <= '9')
		return err_set(e, ERR_INPUT,
			"--name \"%.40s\": begins with a digit, expected a letter or _", s);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (strncasecmp(s, reserved[i], strlen(reserved[i])) == 0)
			return err_set(e, ERR_INPUT,
				"--name \"%.40s\": begins with %s, which is kept for the runner's "
				"own variables",
				s, reserved[i]);
	return 0;
}

static int check_scope(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct value_options *o = options;

	if (!!o->repo + !!o->owner + o->site != 1)
		return err_set(e, ERR_INPUT, "expected one of --repo, --owner and --site");
	if (o->environment && !o->repo)
		return err_set(e, ERR_INPUT, "--environment: expected with --repo");
	return 0;
}

static int check_set(struct admin *a, void *options, struct err *e)
{
	const struct value_options *o = options;

	return check_scope(a, options, e) < 0 ? -1 : name_check(o->name, e);
}

#define SCOPE_FLAGS                                                                            \
	{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "of a repository" },                      \
		{ "environment", CLI_STRING, &o.environment, "NAME",                           \
			"of this environment of the repository" },                             \
		{ "owner", CLI_STRING, &o.owner, "OWNER", "of all repositories of an owner" }, \
	{                                                                                      \
		"site", CLI_BOOL, &o.site, NULL, "of all repositories"                         \
	}
#define NAME_FLAG                                                                           \
	{                                                                                   \
		"name", CLI_STRING, &o.name, "NAME", "letters, digits, _", .required = true \
	}

/* ---- the scope ---- */

/* What the flags name. `owner` of the scope is borrowed from them. */
static int scope_find(
	struct admin *a, const struct value_options *o, struct value_scope *ret, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(environment_row_release) struct environment_row env = { 0 };

	*ret = (struct value_scope){ .owner = o->owner };
	if (o->owner && (strchr(o->owner, '/') || !*o->owner || strlen(o->owner) > LIMIT_NAME))
		return err_set(e, ERR_INPUT, "--owner \"%.40s\": expected a name", o->owner);
	if (!o->repo)
		return 0;
	if (admin_repo_find(a, o->repo, &repo, e) < 0)
		return -1;
	if (!o->environment) {
		ret->repo_id = repo.id;
		return 0;
	}
	if (store_environment_get(a->store, repo.id, o->environment, &env, e) < 0)
		return err_wrap(e, "%s", o->repo);
	ret->environment_id = env.id;
	return 0;
}

static int scope_repo(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct value_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

static int scope_audit(
	struct admin *a, const struct value_options *o, const char *what, struct err *e)
{
	CLEAN_STR char *verb = xasprintf("%s.%s", value_kind_text(o->kind), what);
	CLEAN_STR char *of =
		o->environment ? xasprintf(" of environment %s", o->environment) : xstrdup("");
	CLEAN_STR char *name = xasprintf("%s%s", o->name, of);

	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = o->repo    ? "repository"
				       : o->owner ? "owner"
						  : "site",
			.target = o->repo ? o->repo : o->owner,
			.reason = name },
		e);
}

/* ---- set ---- */

static int value_read(struct buf *value, struct err *e)
{
	if (fd_read_all(STDIN_FILENO, value, e) < 0)
		return err_wrap(
			e, "value on standard input (at most %d bytes)", (int)LIMIT_MASK_VALUE);
	if (value->len && value->data[value->len - 1] == '\n')
		value->data[--value->len] = 0;
	if (!value->len || memchr(value->data, 0, value->len) ||
		!utf8_valid(value->data, value->len))
		return err_set(e, ERR_INPUT,
			"value on standard input: expected UTF-8 text without NUL, not empty");
	return 0;
}

static int value_seal(struct admin *a, const struct value_scope *scope, const char *name,
	const struct buf *value, struct buf *sealed, struct err *e)
{
	CLEAN_STR char *context = secret_context(scope, name);
	struct keys keys = { 0 };
	int rc = root_key_load(&keys, a->store, a->data_dir, e);

	if (rc == 0)
		rc = seal(&keys, context, value->data, value->len, sealed, e);
	keys_wipe(&keys);
	return rc;
}

static int value_put(
	struct admin *a, const struct value_options *o, const struct buf *value, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(LIMIT_MASK_VALUE + 64);
	CLEAN_TX struct store_tx tx = { 0 };
	struct value_scope scope;

	if (store_begin(a->store, &tx, e) < 0 || scope_find(a, o, &scope, e) < 0 ||
		(o->kind == VALUE_SECRET &&
			value_seal(a, &scope, o->name, value, &sealed, e) < 0) ||
		store_value_set(a->store, o->kind, &scope, o->name,
			buf_slice(o->kind == VALUE_SECRET ? &sealed : value), wall_now(), e) < 0 ||
		scope_audit(a, o, "set", e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int set_value(struct admin *a, void *options, struct err *e)
{
	struct buf value = BUF_INIT(LIMIT_MASK_VALUE);
	int rc = value_read(&value, e) < 0 ? -1 : value_put(a, options, &value, e);

	buf_release_wipe(&value);
	return rc;
}

static int verb_set(int argc, char **argv, enum value_kind kind)
{
	struct value_options o = { .kind = kind };
	const struct cli_flag flags[] = { SCOPE_FLAGS, NAME_FLAG };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.text_only = true,
			.reads_stdin = true,
			.help = "The value is read from standard input; one newline at its end is "
				"dropped.",
			.check = check_set,
			.makes_store = true,
			.work = set_value,
			.repo_of = scope_repo });
}

/* ---- list ---- */

static const struct table_column columns[] = { { "NAME" }, { "UPDATED" } };
static const struct table_column variable_columns[] = { { "NAME" }, { "UPDATED" }, { "VALUE" } };
static const struct admin_list secrets = { ADMIN_LIST("secrets", columns) };
static const struct admin_list variables = { ADMIN_LIST("variables", variable_columns) };

static void value_show(struct admin *a, enum value_kind kind, const struct value_row *r)
{
	if (!a->json) {
		table_text(&a->table, r->name);
		table_time(&a->table, r->updated_at);
		if (kind == VALUE_VARIABLE)
			table_text(&a->table, r->bytes);
		return;
	}
	json_begin_object(&a->w);
	json_kv_str(&a->w, "name", r->name);
	kv_time(&a->w, "updated_at", r->updated_at);
	if (kind == VALUE_VARIABLE)
		json_kv_str(&a->w, "value", r->bytes);
	json_end_object(&a->w);
}

static int list_values(struct admin *a, void *options, struct err *e)
{
	const struct value_options *o = options;
	CLEANUP(value_list_release) struct value_list l = { 0 };
	struct value_scope scope;

	if (scope_find(a, o, &scope, e) < 0 ||
		store_value_list(a->store, o->kind, &scope, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (admin_row(a, l.v[i].name))
			value_show(a, o->kind, &l.v[i]);
	return 0;
}

static int verb_list(int argc, char **argv, enum value_kind kind)
{
	struct value_options o = { .kind = kind };
	const struct cli_flag flags[] = { SCOPE_FLAGS };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = kind == VALUE_SECRET ? &secrets : &variables,
			.check = check_scope,
			.work = list_values,
			.repo_of = scope_repo });
}

/* ---- delete ---- */

static int delete_value(struct admin *a, void *options, struct err *e)
{
	const struct value_options *o = options;
	CLEAN_TX struct store_tx tx = { 0 };
	struct value_scope scope;

	if (store_begin(a->store, &tx, e) < 0 || scope_find(a, o, &scope, e) < 0 ||
		store_value_delete(a->store, o->kind, &scope, o->name, e) < 0 ||
		scope_audit(a, o, "delete", e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int verb_delete(int argc, char **argv, enum value_kind kind)
{
	struct value_options o = { .kind = kind };
	const struct cli_flag flags[] = { SCOPE_FLAGS, NAME_FLAG };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.text_only = true,
			.check = check_scope,
			.work = delete_value,
			.repo_of = scope_repo });
}

/* ---- the verbs ---- */

int admin_secret_set(int argc, char **argv)
{
	return verb_set(argc, argv, VALUE_SECRET);
}

int admin_secret_list(int argc, char **argv)
{
	return verb_list(argc, argv, VALUE_SECRET);
}

int admin_secret_delete(int argc, char **argv)
{
	return verb_delete(argc, argv, VALUE_SECRET);
}

int admin_variable_set(int argc, char **argv)
{
	return verb_set(argc, argv, VALUE_VARIABLE);
}

int admin_variable_list(int argc, char **argv)
{
	return verb_list(argc, argv, VALUE_VARIABLE);
}

int admin_variable_delete(int argc, char **argv)
{
	return verb_delete(argc, argv, VALUE_VARIABLE);
}
