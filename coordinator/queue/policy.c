/*
 * One row a level, each with all that the level sets. Running and waiting things are counted each
 * time by indexes that hold what is open alone, so no counter can be wrong after a crash and the
 * past costs nothing.
 */
#include "coordinator/queue/policy.h"

#include <inttypes.h>

#include "coordinator/store/repo.h"
#include "coordinator/sql/row.h"

#define HOUR_US (INT64_C(3600) * USEC_PER_SEC)

static const char *const level_words[] = {
	[POLICY_SITE] = "site",
	[POLICY_OWNER] = "owner",
	[POLICY_REPO] = "repository",
};
static const char *const cap_keys[] = {
	[CAP_REPO_QUEUED_RUNS] = "max_repo_queued_runs",
	[CAP_REPO_CONCURRENT_JOBS] = "max_repo_concurrent_jobs",
	[CAP_OWNER_CONCURRENT_JOBS] = "max_owner_concurrent_jobs",
	[CAP_ACTOR_TRIGGERS] = "actor_trigger_limit_per_hour",
};

static const struct column columns[] = {
	COLUMN("disabled_at", COLUMN_WALL, policy_row, disabled_at),
	COLUMN("disabled_reason", COLUMN_TEXT, policy_row, disabled_reason),
	COLUMN("allowed_runners", COLUMN_STRV, policy_row, allowed_runners),
	COLUMN("coalesce(max_repo_queued_runs, 0)", COLUMN_INT, policy_row,
		caps[CAP_REPO_QUEUED_RUNS]),
	COLUMN("coalesce(max_repo_concurrent_jobs, 0)", COLUMN_INT, policy_row,
		caps[CAP_REPO_CONCURRENT_JOBS]),
	COLUMN("coalesce(max_owner_concurrent_jobs, 0)", COLUMN_INT, policy_row,
		caps[CAP_OWNER_CONCURRENT_JOBS]),
	COLUMN("coalesce(actor_trigger_limit_per_hour, 0)", COLUMN_INT, policy_row,
		caps[CAP_ACTOR_TRIGGERS]),
};
static const struct row_type policy_type = ROW_TYPE(policy_row, columns);

const char *policy_level_text(enum policy_level level)
{
	return level_words[level];
}

const char *policy_cap_key(enum policy_cap cap)
{
	return cap_keys[cap];
}

void policy_row_release(struct policy_row *p)
{
	row_release(&policy_type, p);
}

void policy_release(struct policy *p)
{
	for (size_t i = 0; i < POLICY_LEVELS; i++)
		policy_row_release(&p->levels[i]);
}

/* ---- one level ---- */

static int place_select(
	struct store *s, struct query *q, const struct policy_place *at, struct err *e)
{
	switch (at->level) {
	case POLICY_OWNER:
		return row_select(
			s, q, e, &policy_type, "FROM policies WHERE owner = ?", "t", at->owner);
	case POLICY_REPO:
		return row_select(
			s, q, e, &policy_type, "FROM policies WHERE repo_id = ?", "i", at->repo_id);
	default:
		return row_select(s, q, e, &policy_type, "FROM policies WHERE id = 1", "");
	}
}

int store_policy_get(
	struct store *s, const struct policy_place *at, struct policy_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (place_select(s, &q, at, e) < 0)
		return -1;
	return row_next(&q, &policy_type, ret, e) < 0 ? -1 : 0;
}

/* The site's row is made with the schema. */
static int place_make(struct store *s, const struct policy_place *at, struct err *e)
{
	if (at->level == POLICY_OWNER)
		return sql_run(s, e,
			"INSERT INTO policies (owner) VALUES (?) ON CONFLICT DO NOTHING", "t",
			at->owner);
	if (at->level == POLICY_REPO)
		return sql_run(s, e,
			"INSERT INTO policies (repo_id) VALUES (?) ON CONFLICT DO NOTHING", "i",
			at->repo_id);
	return 0;
}

int store_policy_put(
	struct store *s, const struct policy_place *at, const struct policy_row *p, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || place_make(s, at, e) < 0 ||
		sql_run(s, e,
			"UPDATE policies SET disabled_at = ?4, disabled_reason = ?5,"
			" allowed_runners = ?6, max_repo_queued_runs = nullif(?7, 0),"
			" max_repo_concurrent_jobs = nullif(?8, 0),"
			" max_owner_concurrent_jobs = nullif(?9, 0),"
			" actor_trigger_limit_per_hour = nullif(?10, 0)"
			" WHERE CASE ?1 WHEN 0 THEN id = 1 WHEN 1 THEN owner = ?2"
			" ELSE repo_id = ?3 END",
			"itiwtviiii", (int64_t)at->level, at->owner, at->repo_id, p->disabled_at,
			p->disabled_at.us ? p->disabled_reason : NULL, &p->allowed_runners,
			p->caps[CAP_REPO_QUEUED_RUNS], p->caps[CAP_REPO_CONCURRENT_JOBS],
			p->caps[CAP_OWNER_CONCURRENT_JOBS], p->caps[CAP_ACTOR_TRIGGERS]) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* ---- the levels together ---- */

int store_policy_load(
	struct store *s, const char *owner, int64_t repo_id, struct policy *ret, struct err *e)
{
	const struct policy_place places[POLICY_LEVELS] = {
		[POLICY_SITE] = { POLICY_SITE, NULL, 0 },
		[POLICY_OWNER] = { POLICY_OWNER, owner, 0 },
		[POLICY_REPO] = { POLICY_REPO, NULL, repo_id },
	};

	for (size_t i = 0; i < POLICY_LEVELS; i++)
		if (store_policy_get(s, &places[i], &ret->levels[i], e) < 0)
			return -1;
	return 0;
}

int64_t policy_cap(const struct policy *p, enum policy_cap cap, enum policy_level *ret_level)
{
	int64_t least = 0;

	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		int64_t one = p->levels[i].caps[cap];

		if (!one || (least && one >= least))
			continue;
		least = one;
		*ret_level = (enum policy_level)i;
	}
	return least;
}

/* ---- may it start? ---- */

static int queued_runs_check(
	struct store *s, int64_t repo_id, const struct policy *p, struct err *e)
{
	enum policy_level level = POLICY_SITE;
	int64_t cap = policy_cap(p, CAP_REPO_QUEUED_RUNS, &level), n = 0;

	if (!cap)
		return 0;
	if (sql_int(s, &n, e,
		    "SELECT count(*) FROM workflow_runs WHERE repo_id = ?1"
		    " AND status IN ('queued', 'running') AND status = 'queued'"
		    " AND awaits_approval = 0", /* strangers must not fill it */
		    "i", repo_id) < 0)
		return -1;
	if (n < cap)
		return 0;
	return err_set(e, ERR_LIMIT,
		"%" PRId64
		" runs of the repository wait already, and the %s's policy allows %" PRId64
		" (max_repo_queued_runs): cancel some, or try again when they have begun",
		n, level_words[level], cap);
}

/* Runs that were refused or made by a schedule do not count. */
static int triggers_count(struct store *s, enum policy_level level, const struct repo_row *repo,
	const char *actor, struct wall since, int64_t *ret, struct err *e)
{
#define STARTED                                                         \
	" r.actor = ?1 AND r.created_at > ?2 AND r.event <> 'schedule'" \
	" AND r.problems IS NULL"
	switch (level) {
	case POLICY_SITE:
		return sql_int(s, ret, e, "SELECT count(*) FROM workflow_runs r WHERE" STARTED,
			"tw", actor, since);
	case POLICY_OWNER:
		return sql_int(s, ret, e,
			"SELECT count(*) FROM workflow_runs r JOIN repositories o"
			" ON o.id = r.repo_id WHERE" STARTED " AND o.owner = ?3",
			"twt", actor, since, repo->owner);
	default:
		return sql_int(s, ret, e,
			"SELECT count(*) FROM workflow_runs r WHERE" STARTED " AND r.repo_id = ?3",
			"twi", actor, since, repo->id);
	}
}

static int triggers_check(struct store *s, const struct repo_row *repo, const struct policy *p,
	const char *actor, struct wall now, struct err *e)
{
	const struct wall since = { now.us - HOUR_US };

	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		int64_t cap = p->levels[i].caps[CAP_ACTOR_TRIGGERS], n = 0;

		if (!cap)
			continue;
		if (triggers_count(s, (enum policy_level)i, repo, actor, since, &n, e) < 0)
			return -1;
		if (n >= cap)
			return err_set(e, ERR_LIMIT,
				"%.100s started %" PRId64 " runs in the last hour, and the %s's "
				"policy allows %" PRId64
				" (actor_trigger_limit_per_hour): try again later",
				actor, n, level_words[i], cap);
	}
	return 0;
}

int policy_admits(struct store *s, int64_t repo_id, const char *event, const char *actor,
	struct wall now, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(policy_release) struct policy p = { 0 };

	if (store_repo_get(s, repo_id, &repo, e) < 0 ||
		store_policy_load(s, repo.owner, repo_id, &p, e) < 0 ||
		queued_runs_check(s, repo_id, &p, e) < 0)
		return -1;
	if (str_empty(actor) || str_eq(event, "schedule"))
		return 0;
	return triggers_check(s, &repo, &p, actor, now, e);
}
