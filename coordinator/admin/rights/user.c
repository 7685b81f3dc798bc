/*
 * Users from the command line. What they do they do with access tokens, or signed in at the pages
 * with a password, which they have only when somebody gave them one.
 */
#include "coordinator/admin/rights/user.h"

#include <stdio.h>

#include "base/fs.h"
#include "coordinator/admin/audit.h"
#include "coordinator/admin/rights/identity.h"
#include "coordinator/admin/rights/token.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/owner.h"
#include "coordinator/rights/password.h"
#include "coordinator/rights/session.h"

static void write_members(struct json_writer *w, const struct owner_row *r)
{
	char text[WALL_TEXT_MAX];

	json_kv_int(w, "id", r->id);
	json_kv_str(w, "login", r->login);
	json_kv_str(w, "type", r->user ? "User" : "Organization");
	json_kv_bool(w, "site_admin", r->site_admin);
	json_kv_str(w, "created_at", wall_format(r->created_at, text));
	json_kv_str(w, "disabled_at", r->disabled_at.us ? wall_format(r->disabled_at, text) : NULL);
}

static const char *owner_state(const struct owner_row *r)
{
	return r->disabled_at.us ? "disabled" : r->site_admin ? "site admin" : NULL;
}

static void print_owner(const struct owner_row *r)
{
	char text[WALL_TEXT_MAX];
	const char *state = owner_state(r);

	printf("%s  %s%s%s  since %s\n", r->login, r->user ? "user" : "organisation",
		state ? ", " : "", state ? state : "", wall_format(r->created_at, text));
}

static const struct table_column owner_columns[] = {
	{ "LOGIN" },
	{ "TYPE" },
	{ "STATE", TABLE_STATE },
	{ "SINCE" },
};
const struct admin_list admin_owners_list = { ADMIN_LIST("users or organisations", owner_columns) };

static void write_owner(struct json_writer *w, const struct owner_row *r)
{
	json_begin_object(w);
	write_members(w, r);
	json_end_object(w);
}

void admin_show_owner(struct admin *a, const struct owner_row *r)
{
	if (a->json)
		write_owner(&a->w, r);
	else
		print_owner(r);
}

void admin_list_owners(struct admin *a, const struct owner_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct owner_row *r = &l->v[i];

		if (!admin_row(a, r->login))
			continue;
		if (a->json) {
			write_owner(&a->w, r);
			continue;
		}
		table_text(&a->table, r->login);
		table_text(&a->table, r->user ? "user" : "organisation");
		table_text(&a->table, owner_state(r));
		table_time(&a->table, r->created_at);
	}
}

static int user_audit(struct admin *a, const char *verb, struct err *e)
{
	return admin_audit(a,
		(struct audit_entry){ .verb = verb, .target_kind = "user", .target = a->args[0] },
		e);
}

static int check_login(struct admin *a, void *options UNUSED, struct err *e)
{
	if (a->n_args < 1)
		return err_set(e, ERR_INPUT, "user missing, expected LOGIN");
	return repo_owner_check(a->args[0], e);
}

/* ---- add, list, show ---- */

static int check_add(struct admin *a, void *options, struct err *e)
{
	return check_login(a, options, e) < 0 ? -1 : repo_owner_new_check(a->args[0], e);
}

static int add_user(struct admin *a, void *options, struct err *e)
{
	struct owner_row row = {
		.login = a->args[0], .user = true, .site_admin = *(bool *)options
	};

	CLEAN_TX struct store_tx tx = { 0 };

	row.created_at = wall_now();
	if (store_begin(a->store, &tx, e) < 0 ||
		store_owner_add(a->store, &row, row.created_at, e) < 0 ||
		user_audit(a, row.site_admin ? "user.add-admin" : "user.add", e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	admin_show_owner(a, &row);
	return 0;
}

int admin_user_add(int argc, char **argv)
{
	bool site_admin = false;
	const struct cli_flag flags[] = {
		{ "site-admin", CLI_BOOL, &site_admin, NULL, "may do everything" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &site_admin,
			.max_args = 1,
			.check = check_add,
			.makes_store = true,
			.work = add_user });
}

static int list_users(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_list_release) struct owner_list list = { 0 };

	if (store_owner_list(a->store, true, &list, e) < 0)
		return -1;
	admin_list_owners(a, &list);
	return 0;
}

int admin_user_list(int argc, char **argv)
{
	return admin_verb_run(
		argc, argv, &(struct admin_verb){ .list = &admin_owners_list, .work = list_users });
}

static int show_user(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row row = { 0 };
	CLEANUP(pat_list_release) struct pat_list tokens = { 0 };

	if (store_user_find(a->store, a->args[0], &row, e) < 0 ||
		store_pat_list(a->store, row.id, &tokens, e) < 0)
		return -1;
	if (a->json) {
		json_begin_object(&a->w);
		write_members(&a->w, &row);
		json_key(&a->w, "tokens");
		json_begin_array(&a->w);
	} else {
		print_owner(&row);
	}
	for (size_t i = 0; i < tokens.n; i++)
		admin_token_show(a, &tokens.v[i]);
	if (a->json)
		json_end_array(&a->w);
	if (admin_identities_show(a, row.id, e) < 0)
		return -1;
	if (a->json)
		json_end_object(&a->w);
	return 0;
}

static int one_user(int argc, char **argv, int max_args,
	int (*check)(struct admin *a, void *options, struct err *e),
	int (*work)(struct admin *a, void *options, struct err *e))
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = max_args, .check = check, .work = work });
}

int admin_user_show(int argc, char **argv)
{
	return one_user(argc, argv, 1, check_login, show_user);
}

/* ---- changes ---- */

static int show_again(struct admin *a, struct owner_row *row, struct err *e)
{
	CLEAN_STR char *login = xstrdup(row->login);

	owner_row_release(row);
	if (store_user_find(a->store, login, row, e) < 0)
		return -1;
	admin_show_owner(a, row);
	return 0;
}

static int set_disabled(struct admin *a, struct wall when, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row row = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_user_find(a->store, a->args[0], &row, e) < 0 ||
		store_user_set_disabled(a->store, row.id, when, e) < 0 ||
		user_audit(a, when.us ? "user.disable" : "user.enable", e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	return show_again(a, &row, e);
}

static int disable_user(struct admin *a, void *options UNUSED, struct err *e)
{
	return set_disabled(a, wall_now(), e);
}

int admin_user_disable(int argc, char **argv)
{
	return one_user(argc, argv, 1, check_login, disable_user);
}

static int enable_user(struct admin *a, void *options UNUSED, struct err *e)
{
	return set_disabled(a, (struct wall){ 0 }, e);
}

int admin_user_enable(int argc, char **argv)
{
	return one_user(argc, argv, 1, check_login, enable_user);
}

/* ---- passwords ---- */

static int password_read(char digest[PASSWORD_DIGEST_MAX], struct err *e)
{
	struct buf text = BUF_INIT_SECRET(PASSWORD_MAX + 1);
	int rc = fd_read_all(STDIN_FILENO, &text, e);

	if (rc < 0)
		err_wrap(e, "password on standard input (at most %d bytes)", PASSWORD_MAX);
	if (rc == 0 && text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = 0;
	if (rc == 0 && text.len && memchr(text.data, 0, text.len))
		rc = err_set(e, ERR_INPUT, "password on standard input: expected no NUL");
	if (rc == 0)
		rc = password_digest(buf_cstr(&text), digest, e);
	buf_release_wipe(&text);
	return rc;
}

static int set_password(struct admin *a, void *options, struct err *e)
{
	const bool remove = *(bool *)options;
	char digest[PASSWORD_DIGEST_MAX];
	CLEANUP(owner_row_release) struct owner_row row = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if ((!remove && password_read(digest, e) < 0) || store_begin(a->store, &tx, e) < 0 ||
		store_user_find(a->store, a->args[0], &row, e) < 0 ||
		store_password_set(a->store, row.id, remove ? NULL : digest, e) < 0 ||
		user_audit(a, remove ? "user.password-remove" : "user.password", e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	return show_again(a, &row, e);
}

int admin_user_password(int argc, char **argv)
{
	bool remove = false;
	const struct cli_flag flags[] = {
		{ "remove", CLI_BOOL, &remove, NULL, "the user cannot sign in any more" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &remove,
			.max_args = 1,
			.reads_stdin = true,
			.help = "The password is read from standard input; one newline at its end "
				"is dropped. All\nsessions of the user end.",
			.check = check_login,
			.work = set_password });
}

static int check_on_off(struct admin *a, void *options, struct err *e)
{
	if (check_login(a, options, e) < 0)
		return -1;
	if (a->n_args < 2 || !(str_eq(a->args[1], "on") || str_eq(a->args[1], "off")))
		return err_set(e, ERR_INPUT, "site admin \"%.40s\", expected on or off",
			a->n_args < 2 ? "" : a->args[1]);
	return 0;
}

static int set_admin(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row row = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	bool on = str_eq(a->args[1], "on");

	if (store_begin(a->store, &tx, e) < 0 ||
		store_user_find(a->store, a->args[0], &row, e) < 0 ||
		store_user_set_admin(a->store, row.id, on, e) < 0 ||
		user_audit(a, on ? "user.set-admin-on" : "user.set-admin-off", e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	return show_again(a, &row, e);
}

int admin_user_set_admin(int argc, char **argv)
{
	return one_user(argc, argv, 2, check_on_off, set_admin);
}
