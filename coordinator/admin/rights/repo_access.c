/*
 * Who may what with one repository. A grant is a role of that repository alone; what an owner, a
 * membership or a site admin has besides is not taken away by revoking it, so `access` says where
 * each role comes from.
 */
#include "coordinator/admin/rights/repo_access.h"

#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/rights/owner.h"
#include "coordinator/store/repo.h"

struct grant {
	struct repo_row repo;
	struct owner_row user;
};

static void grant_release(struct grant *g)
{
	repo_row_release(&g->repo);
	owner_row_release(&g->user);
}

static int check_repo(struct admin *a, void *options UNUSED, struct err *e)
{
	return a->n_args < 1 ? err_set(e, ERR_INPUT, "expected OWNER/NAME") : 0;
}

static int check_pair(struct admin *a, void *options UNUSED, struct err *e)
{
	return a->n_args < 2 ? err_set(e, ERR_INPUT, "expected OWNER/NAME and a user's LOGIN") : 0;
}

static int find_pair(struct admin *a, struct grant *ret, struct err *e)
{
	return admin_repo_find(a, a->args[0], &ret->repo, e) < 0 ||
			       store_user_find(a->store, a->args[1], &ret->user, e) < 0
		       ? -1
		       : 0;
}

static void write_grant(struct json_writer *w, const struct grant_row *g)
{
	json_begin_object(w);
	json_kv_str(w, "login", g->login);
	json_kv_str(w, "role", role_text((enum role)g->role));
	json_kv_str(w, "through", g->through);
	json_kv_bool(w, "disabled", g->disabled);
	json_end_object(w);
}

static void show_pair(struct admin *a, const struct grant *g, enum role role)
{
	if (a->json)
		write_grant(&a->w, &(struct grant_row){ .login = g->user.login,
					   .role = role,
					   .through = (char *)"collaborator",
					   .disabled = g->user.disabled_at.us != 0 });
	else
		printf("%s on %s/%s: %s\n", g->user.login, g->repo.owner, g->repo.name,
			role_text(role));
}

static int repo_audit(struct admin *a, const char *verb, const char *reason, struct err *e)
{
	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = "repository",
			.target = a->args[0],
			.reason = reason },
		e);
}

static int grant_role(struct admin *a, void *options, struct err *e)
{
	CLEANUP(grant_release) struct grant g = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	enum role role;

	if (role_parse(*(const char **)options, &role, e) < 0)
		return -1;
	CLEAN_STR char *reason = xasprintf("%s: %s", a->args[1], role_text(role));
	if (store_begin(a->store, &tx, e) < 0 || find_pair(a, &g, e) < 0 ||
		store_collaborator_set(a->store, g.repo.id, g.user.id, role, e) < 0 ||
		repo_audit(a, "repo.grant", reason, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	show_pair(a, &g, role);
	return 0;
}

int admin_repo_grant(int argc, char **argv)
{
	const char *role = NULL;
	const struct cli_flag flags[] = {
		{ "role", CLI_STRING, &role, "ROLE", "read, write or admin", .required = true },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &role,
			.max_args = 2,
			.check = check_pair,
			.work = grant_role,
			.repo_of = admin_repo_of_argument });
}

static int revoke_role(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(grant_release) struct grant g = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || find_pair(a, &g, e) < 0)
		return -1;
	if (store_collaborator_remove(a->store, g.repo.id, g.user.id, e) < 0)
		return err_wrap(e, "%s of %s/%s", g.user.login, g.repo.owner, g.repo.name);
	if (repo_audit(a, "repo.revoke", a->args[1], e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	show_pair(a, &g, ROLE_NONE);
	return 0;
}

int admin_repo_revoke(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 2,
			.check = check_pair,
			.work = revoke_role,
			.repo_of = admin_repo_of_argument });
}

static const struct table_column access_columns[] = {
	{ "LOGIN" },
	{ "ROLE" },
	{ "THROUGH" },
	{ "STATE", TABLE_STATE },
};
static const struct admin_list access_list = { ADMIN_LIST("users with a role", access_columns) };

static int list_access(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(grant_list_release) struct grant_list list = { 0 };

	if (admin_repo_find(a, a->args[0], &repo, e) < 0 ||
		store_grant_list(a->store, repo.id, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		const struct grant_row *g = &list.v[i];
		CLEAN_STR char *name = xasprintf("%s/%s", g->login, g->through);

		if (!admin_row(a, name))
			continue;
		if (a->json) {
			write_grant(&a->w, g);
			continue;
		}
		table_text(&a->table, g->login);
		table_text(&a->table, role_text((enum role)g->role));
		table_text(&a->table, g->through);
		table_text(&a->table, g->disabled ? "disabled" : NULL);
	}
	if (!repo.private && !a->json)
		fprintf(stderr, "it is public: everybody may read it\n");
	return 0;
}

int admin_repo_access(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 1,
			.list = &access_list,
			.check = check_repo,
			.work = list_access,
			.repo_of = admin_repo_of_argument });
}

/* ---- visibility ---- */

enum visibility { VISIBILITY_PRIVATE, VISIBILITY_PUBLIC };

static int set_visibility(struct admin *a, void *options, struct err *e)
{
	bool private = *(enum visibility *)options == VISIBILITY_PRIVATE;
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || admin_repo_find(a, a->args[0], &repo, e) < 0 ||
		store_repo_set_private(a->store, repo.id, private, e) < 0 ||
		repo_audit(a, private ? "repo.set-private" : "repo.set-public", NULL, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	if (!a->json) {
		printf("%s/%s is %s\n", repo.owner, repo.name, private ? "private" : "public");
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", repo.id);
	json_kv_bool(&a->w, "private", private);
	json_kv_str(&a->w, "visibility", private ? "private" : "public");
	json_end_object(&a->w);
	return 0;
}

int admin_repo_set(int argc, char **argv)
{
	static const char *const words[] = { "private", "public", NULL };
	enum visibility visibility = VISIBILITY_PRIVATE;
	const struct cli_flag flags[] = {
		{ "visibility", CLI_CHOICE, &visibility, NULL,
			"who may read it: its users, or everybody", .words = words,
			.required = true },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &visibility,
			.max_args = 1,
			.check = check_repo,
			.work = set_visibility,
			.repo_of = admin_repo_of_argument });
}
