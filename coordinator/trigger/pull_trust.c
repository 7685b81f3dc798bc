/*
 * Own: the head is on the branch of this repository that the host names, where only somebody with
 * write could put it, and the author may write. Such a pull request can do no more than a push of
 * its author. Of all others a newcomer's waits.
 */
#include "coordinator/trigger/pull_trust.h"

#include <strings.h>

#include "coordinator/rights/access.h"
#include "coordinator/rights/owner.h"
#include "coordinator/store/pull.h"

bool pull_is_own(const struct repo_row *row, const struct pull_event *ev)
{
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);

	return !ev->head_repo || strcasecmp(ev->head_repo, full) == 0;
}

static bool on_own_branch(
	const struct repo_row *row, struct repo *repo, const struct pull_event *ev)
{
	CLEAN_STR char *branch = xasprintf("refs/heads/%s", ev->head_ref);

	return pull_is_own(row, ev) && repo_branch_holds(repo, branch, ev->head_sha);
}

/* The host may say that somebody is new here, not that somebody is not. */
static bool said_to_be_new(const struct pull_event *ev)
{
	return str_eq(ev->association, "FIRST_TIMER") ||
	       str_eq(ev->association, "FIRST_TIME_CONTRIBUTOR");
}

static int author_is_new(const struct trigger *t, const struct repo_row *row,
	const struct pull_event *ev, bool writes, bool *ret, struct err *e)
{
	bool known = writes;

	if (!known && ev->author &&
		store_pull_author_known(t->store, row->id, ev->author, ev->number, &known, e) < 0)
		return -1;
	*ret = !known || said_to_be_new(ev);
	return 0;
}

/* A login that is no user here writes nothing. */
static int author_writes(
	struct store *s, int64_t repo_id, const char *author, bool *ret, struct err *e)
{
	CLEANUP(owner_row_release) struct owner_row user = { 0 };
	struct access_row access = { 0 };
	struct err why = { 0 };

	*ret = false;
	if (store_user_find(s, author, &user, &why) < 0) {
		if (err_is(&why, ERR_NOT_FOUND) || err_is(&why, ERR_INPUT))
			return 0;
		return err_set(e, why.class, "%s", why.text);
	}
	if (store_access_repo(s, user.id, repo_id, &access, e) < 0)
		return -1;
	*ret = access.role >= ROLE_WRITE;
	return 0;
}

int pull_trust_judge(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	const struct pull_event *ev, struct pull_trust *ret, struct err *e)
{
	CLEANUP(approval_row_release) struct approval_row approval = { 0 };
	bool writes = false;

	*ret = (struct pull_trust){ TRUST_UNTRUSTED, true };
	if (ev->author && author_writes(t->store, row->id, ev->author, &writes, e) < 0)
		return -1;
	if (writes && on_own_branch(row, repo, ev)) {
		*ret = (struct pull_trust){ TRUST_OWN, false };
		return 0;
	}
	int rc = store_approval_find(t->store, row->id, ev->number, ev->head_sha, &approval, e);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return author_is_new(t, row, ev, writes, &ret->awaits, e);
	ret->awaits = false;
	ret->trust = approval.secrets ? TRUST_APPROVED : TRUST_UNTRUSTED;
	return 0;
}
