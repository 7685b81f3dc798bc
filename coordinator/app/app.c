/*
 * Who calls: registration tokens, checkout tokens. Each is looked up anew
 * for every call, so a revoked token or runner is refused at once.
 */
#include "coordinator/app/app.h"

#include "base/limits.h"
#include "coordinator/store/job.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"

int auth_runner(struct app *a, const char *token, struct runner_row *ret, struct err *e)
{
	unsigned char sha[SHA256_LEN];

	if (!token || strlen(token) > LIMIT_TOKEN)
		return err_set(e, ERR_AUTH, "runner token is unknown, expired or revoked");
	token_hash(token, sha);
	return store_runner_by_token(a->store, sha, wall_now(), ret, e);
}

static bool runner_trusted(struct store *s, int64_t runner_id)
{
	struct runner_row r = { 0 };

	if (store_runner_get(s, runner_id, &r, NULL) < 0)
		return false;
	bool ok = !r.revoked_at.us;
	runner_row_release(&r);
	return ok;
}

int auth_checkout(struct app *a, const char *token, int64_t repo_id, struct err *e)
{
	struct jwt_claims c;
	CLEANUP(job_row_release) struct job_row job = { 0 };

	if (jwt_verify(&a->keys, token, PURPOSE_CHECKOUT, wall_now(), &c, e) < 0)
		return -1;
	if (c.repo_id != repo_id || store_job_get(a->store, c.job_id, &job, NULL) < 0 ||
		job.repo_id != repo_id || job.runner_id != c.runner_id ||
		job.returns != c.returns || job.state.status != STATUS_RUNNING ||
		!runner_trusted(a->store, c.runner_id))
		return err_set(e, ERR_AUTH, "checkout token is not valid here");
	return 0;
}
