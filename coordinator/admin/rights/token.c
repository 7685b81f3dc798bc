/*
 * Personal access tokens. The token is printed once and only its hash is kept, so the one who asks
 * for it must store it; there is no verb that shows it again.
 *
 * A one-machine install has one user, whom nobody wants to set up first: without --user the token
 * belongs to the user of its own name, who is made if there is none. The very first user is a site
 * admin, so that the first token works everywhere; each later one may what it is granted.
 */
#include "coordinator/admin/rights/token.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/app/token.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/owner.h"
#include "coordinator/view/row_json.h"

enum { PAT_NAME_MAX = 100 };

#define SCOPE_NAMES "repo:read, repo:write, repo:admin or admin"
static const struct {
	const char *name;
	unsigned bits;
} scopes[] = {
	{ "repo:read", SCOPE_REPO_READ },
	{ "repo:write", SCOPE_REPO_READ | SCOPE_REPO_WRITE },
	{ "repo:admin", SCOPE_REPO_READ | SCOPE_REPO_WRITE | SCOPE_REPO_ADMIN },
	{ "admin", SCOPE_ADMIN },
};

/* ---- create ---- */

struct create_options {
	const char *user, *name, *scopes, *expires_in;
	unsigned bits;
	int64_t life; /* microseconds, 0: for ever */
};

static int scopes_parse(const char *text, unsigned *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv list = { 0 };

	strv_split(&list, text, ',');
	*ret = 0;
	strv_each (name, &list) {
		unsigned bits = 0;

		for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
			if (str_eq(name, scopes[i].name))
				bits = scopes[i].bits;
		if (!bits)
			return err_set(
				e, ERR_INPUT, "--scopes: \"%.40s\", expected " SCOPE_NAMES, name);
		*ret |= bits;
	}
	return *ret ? 0 : err_set(e, ERR_INPUT, "--scopes: expected " SCOPE_NAMES);
}

static int check_create(struct admin *a UNUSED, void *options, struct err *e)
{
	struct create_options *o = options;

	if (!*o->name || strlen(o->name) > PAT_NAME_MAX)
		return err_set(e, ERR_INPUT, "--name: expected 1 to %d bytes", PAT_NAME_MAX);
	if (!o->user && repo_owner_new_check(o->name, e) < 0)
		return err_wrap(e, "--name names the user as well without --user");
	if (o->expires_in && duration_parse(o->expires_in, &o->life, e) < 0)
		return -1;
	return scopes_parse(o->scopes, &o->bits, e);
}

/* The user of that name, made if there is none. */
static int ensure_user(struct admin *a, const char *login, struct owner_row *ret, struct err *e)
{
	struct err why = { 0 };
	int64_t users = 0;

	if (store_user_find(a->store, login, ret, &why) == 0)
		return 0;
	owner_row_release(ret);
	if (!err_is(&why, ERR_NOT_FOUND))
		return err_set(e, why.class, "%s", why.text);
	if (store_user_count(a->store, &users, e) < 0)
		return -1;
	*ret = (struct owner_row){
		.login = xstrdup(login), .user = true, .site_admin = users == 0
	};
	if (store_owner_add(a->store, ret, wall_now(), e) < 0)
		return -1;
	return admin_audit(a,
		(struct audit_entry){ .verb = ret->site_admin ? "user.add-admin" : "user.add",
			.target_kind = "user",
			.target = login },
		e);
}

static void tell_made(const struct owner_row *user)
{
	fprintf(stderr, "user %s made: %s\n", user->login,
		user->site_admin
			? "the first one, a site admin"
			: "`admin repo grant` gives it repositories, `admin user set-admin` all");
}

static int find_user(
	struct admin *a, const struct create_options *o, struct owner_row *ret, struct err *e)
{
	if (!o->user)
		return ensure_user(a, o->name, ret, e);
	return store_user_find(a->store, o->user, ret, e);
}

static void print_created(struct admin *a, const struct create_options *o, int64_t id,
	const char *login, const char *token)
{
	if (!a->json) {
		printf("token %s\nIt is not shown again.\n", token);
		return;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", id);
	json_kv_str(&a->w, "user", login);
	json_kv_str(&a->w, "name", o->name);
	json_kv_str(&a->w, "scopes", o->scopes);
	json_kv_str(&a->w, "token", token);
	json_end_object(&a->w);
}

static int add_token(struct admin *a, const struct create_options *o, const char *token,
	struct owner_row *user, int64_t *ret_id, struct err *e)
{
	struct wall now = wall_now();
	unsigned char sha[SHA256_LEN];
	CLEAN_TX struct store_tx tx = { 0 };

	token_hash(token, sha);
	if (store_begin(a->store, &tx, e) < 0 || find_user(a, o, user, e) < 0)
		return -1;
	struct pat_spec spec = { .user_id = user->id,
		.name = o->name,
		.sha = sha,
		.scopes = o->bits,
		.expires_at = { o->life ? now.us + o->life : 0 } };
	if (o->bits & SCOPE_ADMIN && !user->site_admin)
		return err_set(
			e, ERR_DENIED, "--scopes admin: user %s is no site admin", user->login);
	if (store_pat_add(a->store, &spec, now, ret_id, e) < 0 ||
		admin_audit_id(a, "token.create", "token", *ret_id, user->login, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int create_token(struct admin *a, void *options, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row user = { 0 };
	char token[PAT_TEXT_MAX];
	int64_t id;

	pat_random(token);
	int rc = add_token(a, options, token, &user, &id, e);
	if (rc == 0)
		print_created(a, options, id, user.login, token);
	if (rc == 0 && !user.created_at.us) /* was not read but made */
		tell_made(&user);
	wipe(token, sizeof(token));
	return rc;
}

int admin_token_create(int argc, char **argv)
{
	struct create_options o = { .scopes = "repo:read" };
	const struct cli_flag flags[] = {
		{ "name", CLI_STRING, &o.name, "NAME", "what it is for", .required = true,
			.positional = true },
		{ "user", CLI_STRING, &o.user, "LOGIN",
			"whose it is (default: the user of its name, made if there is none)" },
		{ "scopes", CLI_STRING, &o.scopes, "LIST", "of " SCOPE_NAMES },
		{ "expires-in", CLI_STRING, &o.expires_in, "30d",
			"its lifetime (default: unlimited)" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = check_create,
			.makes_store = true,
			.work = create_token });
}

/* ---- list ---- */

static void scopes_text(int64_t bits, struct buf *out)
{
	if (bits & SCOPE_REPO_ADMIN)
		buf_adds(out, "repo:admin");
	else if (bits & SCOPE_REPO_WRITE)
		buf_adds(out, "repo:write");
	else if (bits & SCOPE_REPO_READ)
		buf_adds(out, "repo:read");
	if (bits & SCOPE_ADMIN)
		buf_addf(out, "%sadmin", out->len ? "," : "");
}

static const char *pat_state(const struct pat_row *p, struct wall now)
{
	return p->revoked_at.us                                 ? "revoked"
	       : p->expires_at.us && p->expires_at.us <= now.us ? "expired"
								: "active";
}

static const char *wall_or(struct wall t, const char *none, char text[WALL_TEXT_MAX])
{
	return t.us ? wall_format(t, text) : none;
}

void admin_token_show(struct admin *a, const struct pat_row *p)
{
	CLEAN_BUF struct buf list = BUF_INIT(100);
	const char *state = pat_state(p, wall_now());
	char used[WALL_TEXT_MAX], ends[WALL_TEXT_MAX];

	scopes_text(p->scopes, &list);
	if (!a->json) {
		printf("token %" PRId64 "  %s  %s  %s  %s, %s\n", p->id, p->name, buf_cstr(&list),
			state, wall_or(p->last_used_at, "never used", used),
			wall_or(p->expires_at, "does not expire", ends));
		return;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", p->id);
	json_kv_str(&a->w, "user", p->login);
	json_kv_str(&a->w, "name", p->name);
	json_kv_str(&a->w, "scopes", buf_cstr(&list));
	json_kv_str(&a->w, "status", state);
	kv_time(&a->w, "created_at", p->created_at);
	kv_time(&a->w, "last_used_at", p->last_used_at);
	kv_time(&a->w, "expires_at", p->expires_at);
	kv_time(&a->w, "revoked_at", p->revoked_at);
	json_end_object(&a->w);
}

static const struct table_column pat_columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "USER" },
	{ "NAME" },
	{ "SCOPES" },
	{ "STATE", TABLE_STATE },
	{ "LAST USED" },
	{ "EXPIRES" },
};
static const struct admin_list tokens_list = { ADMIN_LIST("tokens", pat_columns),
	.order = ADMIN_BY_ID };

static void add_cells(struct table *t, const struct pat_row *p)
{
	CLEAN_BUF struct buf list = BUF_INIT(100);

	scopes_text(p->scopes, &list);
	table_int(t, p->id);
	table_text(t, p->login);
	table_text(t, p->name);
	table_text(t, buf_cstr(&list));
	table_text(t, pat_state(p, wall_now()));
	table_time(t, p->last_used_at);
	table_time(t, p->expires_at);
}

static int list_tokens(struct admin *a, void *options, struct err *e)
{
	const char *login = *(const char **)options;
	CLEANUP(owner_row_release) struct owner_row user = { 0 };
	CLEANUP(pat_list_release) struct pat_list list = { 0 };

	if ((login && store_user_find(a->store, login, &user, e) < 0) ||
		store_pat_list(a->store, user.id, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		if (!admin_row_id(a, list.v[i].id))
			continue;
		if (a->json)
			admin_token_show(a, &list.v[i]);
		else
			add_cells(&a->table, &list.v[i]);
	}
	return 0;
}

int admin_token_list(int argc, char **argv)
{
	const char *login = NULL;
	const struct cli_flag flags[] = {
		{ "user", CLI_STRING, &login, "LOGIN", "one user's (default: all)" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &login,
			.list = &tokens_list,
			.work = list_tokens });
}

/* ---- revoke ---- */

static int revoke_token(struct admin *a, void *options, struct err *e)
{
	int64_t id = *(int64_t *)options;
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_pat_revoke(a->store, id, wall_now(), e) < 0 ||
		admin_audit_id(a, "token.revoke", "token", id, NULL, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	if (!a->json) {
		printf("token %" PRId64 " is revoked\n", id);
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "id", id);
	json_kv_str(&a->w, "status", "revoked");
	json_end_object(&a->w);
	return 0;
}

int admin_token_revoke(int argc, char **argv)
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the token") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.work = revoke_token });
}
