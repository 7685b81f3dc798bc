/*
 * A subject that is bound decides alone, whatever it is called today. Only one that nobody is bound
 * to is asked for its name, and then the name must be free or have been invited: a name at the
 * provider never opens an account that was there before.
 */
#include "coordinator/pages/arrival.h"

#include "coordinator/repo/repo.h"
#include "coordinator/rights/identity.h"
#include "coordinator/rights/owner.h"
#include "coordinator/store/audit.h"

static int note(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	const char *verb, struct err *e)
{
	CLEAN_STR char *reason = xasprintf("subject %s at %s signed in", p->subject, s->issuer);

	return store_audit_record(a->store,
		&(struct audit_entry){ .by = AUDIT_COORDINATOR,
			.verb = verb,
			.target_kind = "user",
			.target = p->login,
			.reason = reason },
		wall_now(), e);
}

/* 1 found, 0 nobody is bound to it. */
static int find_bound(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	struct arrived *ret, struct err *e)
{
	CLEANUP(identity_row_release) struct identity_row row = { 0 };
	struct err why = { 0 };

	if (store_identity_find(a->store, s->issuer, p->subject, wall_now(), &row, &why) < 0) {
		if (err_is(&why, ERR_NOT_FOUND))
			return 0;
		return err_set(e, why.class, "%s", why.text);
	}
	*ret = (struct arrived){ row.disabled ? ARRIVAL_DISABLED : ARRIVAL_USER, row.user_id,
		row.id };
	return 1;
}

/* 1 accepted, 0 nobody invited that name. */
static int accept_invitation(
	struct app *a, const struct oidc_settings *s, const struct oidc_person *p, struct err *e)
{
	bool accepted = false;

	if (!p->login)
		return 0;
	if (store_identity_accept(
		    a->store, s->issuer, p->subject, p->login, wall_now(), &accepted, e) < 0 ||
		(accepted && note(a, s, p, "user.link", e) < 0))
		return -1;
	return accepted;
}

static int make_user(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	struct arrived *ret, struct err *e)
{
	struct owner_row row = { .login = p->login, .user = true };
	struct wall now = wall_now();
	struct err why = { 0 };

	if (!p->login || repo_owner_new_check(p->login, &why) < 0) {
		ret->what = ARRIVAL_NAME_BAD;
		return 0;
	}
	if (store_owner_add(a->store, &row, now, &why) < 0) {
		ret->what = ARRIVAL_NAME_TAKEN;
		return err_is(&why, ERR_CONFLICT) ? 0 : err_set(e, why.class, "%s", why.text);
	}
	if (store_identity_link(a->store, row.id, s->issuer, p->subject, now, e) < 0 ||
		note(a, s, p, "user.add", e) < 0)
		return -1;
	return find_bound(a, s, p, ret, e) < 0 ? -1 : 0;
}

static int find_or_make(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	struct arrived *ret, struct err *e)
{
	int rc = find_bound(a, s, p, ret, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = accept_invitation(a, s, p, e);
	if (rc != 0)
		return rc < 0 ? -1 : find_bound(a, s, p, ret, e) < 0 ? -1 : 0;
	ret->what = ARRIVAL_UNKNOWN;
	return s->create ? make_user(a, s, p, ret, e) : 0;
}

int arrival_find(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	struct arrived *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	*ret = (struct arrived){ 0 };
	if (store_begin(a->store, &tx, e) < 0 || find_or_make(a, s, p, ret, e) < 0)
		return -1;
	return store_commit(&tx, e);
}
