/*
 * Organisations from the command line. `repo add` makes the one it needs; this is for those who
 * want members: a membership is one role on every repository of the organisation.
 */
#include "coordinator/admin/rights/owner.h"

#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/admin/rights/user.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/owner.h"

static int check_args(struct admin *a, int n, const char *expected, struct err *e)
{
	if (a->n_args < n)
		return err_set(e, ERR_INPUT, "expected %s", expected);
	for (int i = 0; i < n; i++)
		if (repo_owner_check(a->args[i], e) < 0)
			return -1;
	return 0;
}

static int check_name(struct admin *a, void *options UNUSED, struct err *e)
{
	return check_args(a, 1, "the organisation's NAME", e);
}

static int check_add(struct admin *a, void *options, struct err *e)
{
	return check_name(a, options, e) < 0 ? -1 : repo_owner_new_check(a->args[0], e);
}

static int check_pair(struct admin *a, void *options UNUSED, struct err *e)
{
	return check_args(a, 2, "the organisation's NAME and a user's LOGIN", e);
}

/* reason: the member and its role, NULL: none */
static int owner_audit(struct admin *a, const char *verb, const char *reason, struct err *e)
{
	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = "owner",
			.target = a->args[0],
			.reason = reason },
		e);
}

static int add_owner(struct admin *a, void *options UNUSED, struct err *e)
{
	struct owner_row row = { .login = a->args[0], .created_at = wall_now() };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_owner_add(a->store, &row, row.created_at, e) < 0 ||
		owner_audit(a, "owner.add", NULL, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	admin_show_owner(a, &row);
	return 0;
}

int admin_owner_add(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 1,
			.makes_store = true,
			.check = check_add,
			.work = add_owner });
}

static int list_owners(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_list_release) struct owner_list list = { 0 };

	if (store_owner_list(a->store, false, &list, e) < 0)
		return -1;
	admin_list_owners(a, &list);
	return 0;
}

int admin_owner_list(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .list = &admin_owners_list, .work = list_owners });
}

/* ---- members ---- */

struct membership {
	struct owner_row owner, user;
};

static void membership_release(struct membership *p)
{
	owner_row_release(&p->owner);
	owner_row_release(&p->user);
}

static int find_pair(struct admin *a, struct membership *ret, struct err *e)
{
	return store_organisation_find(a->store, a->args[0], &ret->owner, e) < 0 ||
			       store_user_find(a->store, a->args[1], &ret->user, e) < 0
		       ? -1
		       : 0;
}

static void write_member(struct json_writer *w, const char *owner, const struct member_row *m)
{
	json_begin_object(w);
	json_kv_str(w, "organization", owner);
	json_kv_str(w, "login", m->login);
	json_kv_str(w, "role", role_text((enum role)m->role));
	json_end_object(w);
}

static void show_member(struct admin *a, const char *owner, const struct member_row *m)
{
	if (a->json)
		write_member(&a->w, owner, m);
	else
		printf("%s in %s: %s\n", m->login, owner, role_text((enum role)m->role));
}

static int set_member(struct admin *a, void *options, struct err *e)
{
	CLEANUP(membership_release) struct membership p = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	enum role role;

	if (role_parse(*(const char **)options, &role, e) < 0)
		return -1;
	CLEAN_STR char *reason = xasprintf("%s: %s", a->args[1], role_text(role));
	if (store_begin(a->store, &tx, e) < 0 || find_pair(a, &p, e) < 0 ||
		store_member_set(a->store, p.owner.id, p.user.id, role, e) < 0 ||
		owner_audit(a, "owner.member-set", reason, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	show_member(a, p.owner.login, &(struct member_row){ p.user.login, role });
	return 0;
}

int admin_member_set(int argc, char **argv)
{
	const char *role = "read";
	const struct cli_flag flags[] = {
		{ "role", CLI_STRING, &role, "ROLE",
			"read, write or admin, on all its repositories (default: read)" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &role,
			.max_args = 2,
			.check = check_pair,
			.work = set_member });
}

static int remove_member(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(membership_release) struct membership p = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || find_pair(a, &p, e) < 0)
		return -1;
	if (store_member_remove(a->store, p.owner.id, p.user.id, e) < 0)
		return err_wrap(e, "%s of %s", p.user.login, p.owner.login);
	if (owner_audit(a, "owner.member-remove", a->args[1], e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	show_member(a, p.owner.login, &(struct member_row){ p.user.login, ROLE_NONE });
	return 0;
}

int admin_member_remove(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 2, .check = check_pair, .work = remove_member });
}

static const struct table_column member_columns[] = { { "LOGIN" }, { "ROLE" } };
static const struct admin_list members_list = { ADMIN_LIST("members", member_columns) };

static int list_members(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row owner = { 0 };
	CLEANUP(member_list_release) struct member_list list = { 0 };

	if (store_organisation_find(a->store, a->args[0], &owner, e) < 0 ||
		store_member_list(a->store, owner.id, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		if (!admin_row(a, list.v[i].login))
			continue;
		if (a->json) {
			write_member(&a->w, owner.login, &list.v[i]);
			continue;
		}
		table_text(&a->table, list.v[i].login);
		table_text(&a->table, role_text((enum role)list.v[i].role));
	}
	return 0;
}

int admin_member_list(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 1,
			.list = &members_list,
			.check = check_name,
			.work = list_members });
}
