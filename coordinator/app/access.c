/*
 * The token is found anew for every call, and the role with it: what was revoked, disabled or
 * withdrawn is refused at once. What a caller may not read is answered like what does not exist.
 */
#include "coordinator/app/access.h"

#include "base/log.h"

int auth_pat(struct app *a, const char *token, struct pat_row *ret, struct err *e)
{
	struct wall now = wall_now();
	unsigned char sha[SHA256_LEN];
	struct err why = { 0 };

	if (!token || !str_starts(token, PAT_PREFIX) || strlen(token) >= PAT_TEXT_MAX)
		return err_set(e, ERR_AUTH, "token is unknown, expired or revoked");
	token_hash(token, sha);
	if (store_pat_find(a->store, sha, now, ret, e) < 0)
		return -1;
	/* a token is as good when the store cannot write */
	if (store_pat_used(a->store, ret, now, &why) < 0)
		log_warn("auth", "last_use_not_recorded", F_INT("token", ret->id), F_ERR(&why));
	return 0;
}

int auth_user(struct app *a, struct httpd_request *r, struct pat_row *ret, struct err *e)
{
	if (auth_pat(a, httpd_bearer(r), ret, e) < 0)
		return -1;
	httpd_trust(r);
	return 0;
}

/* ---- roles ---- */

/* The most that a token with these scopes may do. */
static enum role scopes_role(int64_t scopes)
{
	return scopes & SCOPE_REPO_ADMIN   ? ROLE_ADMIN
	       : scopes & SCOPE_REPO_WRITE ? ROLE_WRITE
	       : scopes & SCOPE_REPO_READ  ? ROLE_READ
					   : ROLE_NONE;
}

static enum role role_of(const struct pat_row *who, const struct access_row *found)
{
	enum role least = found->public ? ROLE_READ : ROLE_NONE;
	enum role most = who ? scopes_role(who->scopes) : ROLE_NONE;
	enum role role = (enum role)found->role < most ? (enum role)found->role : most;

	return role > least ? role : least;
}

static int role_check(const struct pat_row *who, const struct access_row *found, enum role need,
	const char *what, struct err *e)
{
	enum role role = role_of(who, found);

	if (role >= need)
		return 0;
	if (role == ROLE_NONE)
		return err_set(e, ERR_NOT_FOUND, "there is no such %s", what);
	if (who && (enum role)found->role >= need)
		return err_set(e, ERR_DENIED, "the token lacks the scope repo:%s", role_text(need));
	return err_set(e, ERR_DENIED, "your role on this repository is %s, expected %s",
		role_text((enum role)found->role), role_text(need));
}

static int64_t user_of(const struct pat_row *who)
{
	return who ? who->user_id : 0;
}

int64_t access_reader(const struct pat_row *who)
{
	return who && scopes_role(who->scopes) >= ROLE_READ ? who->user_id : 0;
}

int access_repo(
	struct app *a, const struct pat_row *who, int64_t repo_id, enum role need, struct err *e)
{
	struct access_row found;

	if (store_access_repo(a->store, user_of(who), repo_id, &found, e) < 0)
		return -1;
	return role_check(who, &found, need, "repository", e);
}

int access_named(struct app *a, const struct pat_row *who, const char *owner, const char *name,
	enum role need, int64_t *ret_repo, struct err *e)
{
	struct access_row found;

	if (store_access_named(a->store, user_of(who), owner, name, &found, e) < 0 ||
		role_check(who, &found, need, "repository", e) < 0)
		return -1;
	if (ret_repo)
		*ret_repo = found.repo_id;
	return 0;
}

int access_run(struct app *a, const struct pat_row *who, int64_t run_id, enum role need,
	int64_t *ret_repo, struct err *e)
{
	struct access_row found;

	if (store_access_run(a->store, user_of(who), run_id, &found, e) < 0 ||
		role_check(who, &found, need, "run", e) < 0)
		return -1;
	if (ret_repo)
		*ret_repo = found.repo_id;
	return 0;
}

int access_job(struct app *a, const struct pat_row *who, int64_t job_id, enum role need,
	int64_t *ret_repo, struct err *e)
{
	struct access_row found;

	if (store_access_job(a->store, user_of(who), job_id, &found, e) < 0 ||
		role_check(who, &found, need, "job", e) < 0)
		return -1;
	if (ret_repo)
		*ret_repo = found.repo_id;
	return 0;
}

int access_again(struct app *a, int64_t pat_id, int64_t repo_id, enum role need, struct err *e)
{
	CLEANUP(pat_row_release) struct pat_row who = { 0 };

	return store_pat_again(a->store, pat_id, wall_now(), &who, e) < 0
		       ? -1
		       : access_repo(a, &who, repo_id, need, e);
}
