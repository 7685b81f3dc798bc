/*
 * A link by subject is certain. An invitation is for whoever has the user's name at the provider
 * and comes first within a week, so it is for providers where nobody chooses a name freely.
 */
#include "coordinator/admin/rights/identity.h"

#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/oidc/person.h"
#include "coordinator/oidc/provider.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/identity.h"
#include "coordinator/rights/owner.h"
#include "coordinator/serve/sign_in.h"

struct link_options {
	const char *subject, *issuer;
};

static void identity_json(struct json_writer *w, const struct identity_row *r)
{
	char text[WALL_TEXT_MAX];

	json_begin_object(w);
	json_kv_str(w, "issuer", r->issuer);
	json_kv_str(w, "subject", r->subject);
	json_kv_str(w, "created_at", wall_format(r->created_at, text));
	json_kv_str(
		w, "last_used_at", r->last_used_at.us ? wall_format(r->last_used_at, text) : NULL);
	json_end_object(w);
}

static void identity_print(const struct identity_row *r)
{
	const struct wall ends = { r->created_at.us + IDENTITY_INVITED_US };
	char text[WALL_TEXT_MAX];

	if (r->subject)
		printf("linked to %s at %s\n", r->subject, r->issuer);
	else
		printf("invited to come from %s until %s\n", r->issuer, wall_format(ends, text));
}

int admin_identities_show(struct admin *a, int64_t user_id, struct err *e)
{
	CLEANUP(identity_list_release) struct identity_list l = { 0 };

	if (store_identity_list(a->store, user_id, &l, e) < 0)
		return -1;
	if (a->json) {
		json_key(&a->w, "identities");
		json_begin_array(&a->w);
	}
	for (size_t i = 0; i < l.n; i++) {
		if (a->json)
			identity_json(&a->w, &l.v[i]);
		else
			identity_print(&l.v[i]);
	}
	if (a->json)
		json_end_array(&a->w);
	return 0;
}

static int show(struct admin *a, const struct owner_row *user, struct err *e)
{
	if (a->json) {
		json_begin_object(&a->w);
		json_kv_str(&a->w, "login", user->login);
	}
	if (admin_identities_show(a, user->id, e) < 0)
		return -1;
	if (a->json)
		json_end_object(&a->w);
	return 0;
}

static int check_link(struct admin *a, void *options, struct err *e)
{
	const struct link_options *o = options;

	if (a->n_args < 1)
		return err_set(e, ERR_INPUT, "user missing, expected LOGIN");
	if (o->subject && (!*o->subject || strlen(o->subject) > OIDC_SUBJECT_MAX))
		return err_set(e, ERR_INPUT, "--subject: expected 1 to %d bytes", OIDC_SUBJECT_MAX);
	if (o->issuer && oidc_url_problem(o->issuer))
		return err_set(e, ERR_INPUT, "--issuer: %s", oidc_url_problem(o->issuer));
	return repo_owner_check(a->args[0], e);
}

static int link_audit(struct admin *a, const char *verb, const char *subject, struct err *e)
{
	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = "user",
			.target = a->args[0],
			.reason = subject },
		e);
}

static int link_user(struct admin *a, void *options, struct err *e)
{
	const struct link_options *o = options;
	CLEANUP(owner_row_release) struct owner_row user = { 0 };
	CLEAN_STR char *issuer = xstrdup(o->issuer);
	CLEAN_TX struct store_tx tx = { 0 };

	if ((!issuer && sign_in_issuer(a->data_dir, &issuer, e) < 0) ||
		store_begin(a->store, &tx, e) < 0 ||
		store_user_find(a->store, a->args[0], &user, e) < 0 ||
		store_identity_link(a->store, user.id, issuer, o->subject, wall_now(), e) < 0 ||
		link_audit(a, o->subject ? "user.link" : "user.invite", o->subject, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	return show(a, &user, e);
}

int admin_user_link(int argc, char **argv)
{
	struct link_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "subject", CLI_STRING, &o.subject, "SUBJECT",
			"who the user is at the provider (claim \"sub\")" },
		{ "issuer", CLI_STRING, &o.issuer, "URL", "the provider (default: serve's)" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.max_args = 1,
			.help = "Without --subject it is an invitation: the first one whom the "
				"provider calls by this\nlogin is linked, for a week. All sessions "
				"of the user end.",
			.check = check_link,
			.work = link_user });
}

static int unlink_user(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row user = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_user_find(a->store, a->args[0], &user, e) < 0 ||
		store_identity_unlink(a->store, user.id, e) < 0 ||
		link_audit(a, "user.unlink", NULL, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	return show(a, &user, e);
}

int admin_user_unlink(int argc, char **argv)
{
	struct link_options none = { 0 };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .options = &none,
			.max_args = 1,
			.help = "The user cannot sign in by the provider any more. All its "
				"sessions end.",
			.check = check_link,
			.work = unlink_user });
}
