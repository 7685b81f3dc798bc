/*
 * Who may take which job: scopes, labels and policies, each with each, decided by the claim itself
 * and explained by the same code; caps hold under many claims; policies refuse what they say.
 */
#include "coordinator/queue/eligible.h"

#include "coordinator/queue/claim.h"
#include "coordinator/queue/explain.h"
#include "coordinator/queue/policy.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/queue/revoke.h"
#include "coordinator/store/repo.h"
#include "tests/unit/help/coordinator_help.h"

#define SITE ((struct policy_place){ .level = POLICY_SITE })

/* alice/demo (the world's), alice/other, bob/demo */
struct land {
	struct world w;
	int64_t repos[3];
};

static void land_open(struct land *l)
{
	struct err e = { 0 };

	world_open(&l->w);
	struct store *s = l->w.app.store;
	l->repos[0] = l->w.repo_id;
	must_err(store_repo_add(s, "alice", "other", false, "trunk", wall_now(), &l->repos[1], &e));
	must_err(store_repo_add(s, "bob", "demo", false, "trunk", wall_now(), &l->repos[2], &e));
}

static int64_t run_in(struct land *l, int64_t repo_id, const char *job)
{
	l->w.repo_id = repo_id;
	struct run_created c = RUN(&l->w, job);
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	must(store_job_list(l->w.app.store, c.run_id, &jobs, NULL));
	return jobs.v[0].id;
}

static int64_t claim(struct land *l, int64_t runner, const char *labels)
{
	CLEANUP(strv_release) struct strv list = labels_of(labels);
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct err e = { 0 };
	int rc = store_job_claim(l->w.app.store, runner, &list, wall_now(), &job, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	return rc > 0 ? job.id : 0;
}

static int64_t scoped(struct land *l, const char *name, const char *owner, int64_t repo_id)
{
	char token[TOKEN_HEX_MAX];
	int64_t id = world_runner(&l->w, name, "linux,x64", 4, token);

	must(store_runner_scope(l->w.app.store, id, owner, repo_id, NULL));
	return id;
}

/* The code of the first reason, "" when nothing keeps it back. */
static const char *why(struct land *l, int64_t job_id)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(job_waits_release) struct job_waits waits = { 0 };
	struct err e = { 0 };
	struct wall now = wall_now();

	must_err(store_job_get(l->w.app.store, job_id, &job, &e));
	const struct explain_spec spec = { .run_id = job.run_id,
		.job_id = job_id,
		.online_since = { now.us - 60 * USEC_PER_SEC },
		.now = now };
	must_err(store_run_explain(l->w.app.store, &spec, &waits, &e));
	assert_int_equal(1, waits.n);
	enum wait_kind kind = waits.v[0].reasons.v[0].kind;
	return kind == WAIT_SOON ? "" : wait_kind_text(kind);
}

/* Everybody online, the world's own runner out of the way. */
static void only(struct land *l, int64_t runner)
{
	const struct runner_report beat = { 0 };
	struct err e = { 0 };

	must_err(store_runner_heartbeat(l->w.app.store, runner, &beat, wall_now(), &e));
	if (runner != l->w.runner_id)
		must_err(store_runner_revoke(l->w.app.store, l->w.runner_id, NULL, wall_now(), &e));
}

static void test_scope_labels_policy(void **state UNUSED)
{
	enum { ANY, ALICE, BOB, DEMO, BOBS };
	/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in reading order */
	static const struct {
		int scope;
		const char *labels, *asks;
		int repo; /* of the job */
		enum policy_level level;
		const char *allowed; /* at that level, NULL: nothing set */
		bool disabled;       /* likewise */
		const char *want;    /* the code of the explanation, "": it is claimed */
	} cases[] = {
		{ ANY, "linux,x64", "linux", 0, 0, NULL, false, "" },
		{ ANY, "linux,x64", "linux&x64", 2, 0, NULL, false, "" },
		{ ANY, "linux", "linux&x64", 0, 0, NULL, false, "no_runner" },
		{ ANY, "linux,x64,gpu", "gpu", 0, 0, NULL, false, "no_runner" },
		{ ALICE, "linux,x64", "linux", 0, 0, NULL, false, "" },
		{ ALICE, "linux,x64", "linux", 1, 0, NULL, false, "" },
		{ ALICE, "linux,x64", "linux", 2, 0, NULL, false, "runners_out_of_scope" },
		{ ALICE, "linux,x64", "gpu", 2, 0, NULL, false, "no_runner" },
		{ BOB, "linux,x64", "linux", 0, 0, NULL, false, "runners_out_of_scope" },
		{ DEMO, "linux,x64", "linux", 0, 0, NULL, false, "" },
		{ DEMO, "linux,x64", "linux", 1, 0, NULL, false, "runners_out_of_scope" },
		{ BOBS, "linux,x64", "linux", 0, 0, NULL, false, "runners_out_of_scope" },
		{ BOBS, "linux,x64", "linux", 2, 0, NULL, false, "" },
		{ ANY, "linux,x64", "linux", 0, POLICY_SITE, NULL, true, "actions_disabled" },
		{ DEMO, "linux,x64", "linux", 0, POLICY_OWNER, NULL, true, "actions_disabled" },
		{ ANY, "linux,x64", "linux", 2, POLICY_OWNER, NULL, true, "" },
		{ ANY, "linux,x64", "linux", 0, POLICY_REPO, NULL, true, "actions_disabled" },
		{ ANY, "linux,x64", "linux", 1, POLICY_REPO, NULL, true, "" },
		{ ANY, "linux,x64", "linux", 0, POLICY_REPO, "repo", false, "runners_not_allowed" },
		{ DEMO, "linux,x64", "linux", 0, POLICY_REPO, "repo", false, "" },
		{ ALICE, "linux,x64", "linux", 0, POLICY_OWNER, "repo,owner", false, "" },
		{ ANY, "linux,x64", "linux", 0, POLICY_OWNER, "repo,owner", false,
			"runners_not_allowed" },
		{ ANY, "linux,x64", "linux", 0, POLICY_SITE, "mine", false, "" },
		{ ANY, "linux,x64", "linux", 0, POLICY_SITE, "other", false,
			"runners_not_allowed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct land l;

		land_open(&l);
		const struct {
			const char *owner;
			int64_t repo;
		} scopes[] = { [ANY] = { 0 },
			[ALICE] = { "ALICE", 0 },
			[BOB] = { "bob", 0 },
			[DEMO] = { NULL, l.repos[0] },
			[BOBS] = { NULL, l.repos[2] } };
		CLEANUP(strv_release) struct strv labels = labels_of(cases[i].labels);
		int64_t runner = scoped(
			&l, "mine", scopes[cases[i].scope].owner, scopes[cases[i].scope].repo);
		only(&l, runner);
		CLEANUP(policy_row_release)
		struct policy_row p = { .disabled_at = { cases[i].disabled ? 1 : 0 } };
		strv_split(&p.allowed_runners, cases[i].allowed ? cases[i].allowed : "", ',');
		const struct policy_place at = { cases[i].level, "Alice", l.repos[0] };
		must(store_policy_put(l.w.app.store, &at, &p, NULL));
		CLEAN_STR char *spec = xasprintf("a:%s", cases[i].asks);
		int64_t job = run_in(&l, l.repos[cases[i].repo], spec);

		/* what it says in heartbeats does not widen what it may: gpu was never allowed */
		CLEANUP(runner_row_release) struct runner_row row = { 0 };
		CLEANUP(strv_release) struct strv served = { 0 }, refused = { 0 };
		must(store_runner_get(l.w.app.store, runner, &row, NULL));
		runner_narrow(&row, &labels, &served, &refused);
		const struct runner_report narrowed = { .labels = &served,
			.refused_labels = &refused };
		must(store_runner_heartbeat(l.w.app.store, runner, &narrowed, wall_now(), NULL));

		if (!str_eq(cases[i].want, why(&l, job)))
			fail_msg("case %zu: \"%s\", expected \"%s\"", i, why(&l, job),
				cases[i].want);
		int64_t got = claim(&l, runner, cases[i].labels);
		if ((got == job) != str_empty(cases[i].want))
			fail_msg("case %zu: claimed %d, job %d", i, (int)got, (int)job);
		world_close(&l.w);
	}
}

static void trouble(struct land *l, int64_t runner, const char *kind, int64_t ago_us)
{
	const struct wall then = { wall_now().us - ago_us };
	struct err e = { 0 };

	must_err(store_runner_trouble(l->w.app.store, runner,
		&(struct runner_trouble){ kind, "97% used", then }, then, &e));
}

static struct queue_row counted(struct land *l)
{
	CLEANUP(queue_list_release) struct queue_list q = { 0 };
	struct err e = { 0 };

	must_err(store_queue(l->w.app.store, &q, &e));
	must_err(queue_count_runners(
		l->w.app.store, &q, (struct wall){ wall_now().us - 60 * USEC_PER_SEC }, &e));
	return (struct queue_row){
		.runners = q.v[0].runners, .offline = q.v[0].offline, .troubled = q.v[0].troubled
	};
}

/* What it said last holds: a trouble until a heartbeat, and no longer than it is repeated. */
static void test_a_runner_in_trouble(void **state UNUSED)
{
	struct land l;

	land_open(&l);
	int64_t runner = l.w.runner_id, job = run_in(&l, l.repos[0], "a:linux");
	only(&l, runner);
	assert_string_equal("", why(&l, job));
	assert_int_equal(1, counted(&l).runners);
	trouble(&l, runner, "disk", 0);
	assert_string_equal("runners_in_trouble", why(&l, job));
	assert_int_equal(0, counted(&l).runners);
	assert_int_equal(1, counted(&l).troubled);
	must(store_runner_drain(l.w.app.store, runner, NULL, wall_now(), NULL));
	assert_string_equal("runners_drained", why(&l, job));
	must(store_runner_undrain(l.w.app.store, runner, wall_now(), NULL));
	only(&l, runner);
	assert_string_equal("", why(&l, job));
	must(store_runner_heartbeat(l.w.app.store, runner, &(struct runner_report){ 0 },
		(struct wall){ wall_now().us - 90 * USEC_PER_SEC }, NULL));
	trouble(&l, runner, "engine", 80 * USEC_PER_SEC);
	assert_string_equal("runners_offline", why(&l, job));
	assert_int_equal(1, counted(&l).offline);
	world_close(&l.w);
}

/* The others' jobs are older and more, and the runner still finds its own. */
static void test_a_runner_of_one_repository_finds_its_job_behind_others(void **state UNUSED)
{
	struct land l;

	land_open(&l);
	int64_t mine = scoped(&l, "mine", NULL, l.repos[2]);
	for (size_t i = 0; i < 30; i++)
		run_in(&l, l.repos[i % 2], "a:linux");
	assert_int_equal(0, claim(&l, mine, "linux"));
	int64_t own = run_in(&l, l.repos[2], "a:linux");
	assert_int_equal(own, claim(&l, mine, "linux"));
	assert_int_equal(0, claim(&l, mine, "linux"));
	world_close(&l.w);
}

static void cap_set(struct land *l, struct policy_place at, enum policy_cap cap, int64_t n)
{
	CLEANUP(policy_row_release) struct policy_row p = { 0 };
	struct err e = { 0 };

	must_err(store_policy_get(l->w.app.store, &at, &p, &e));
	p.caps[cap] = n;
	must_err(store_policy_put(l->w.app.store, &at, &p, &e));
}

static void test_caps_of_running_jobs(void **state UNUSED)
{
	struct land l;
	char token[TOKEN_HEX_MAX];

	land_open(&l);
	int64_t r = world_runner(&l.w, "big", "linux", 64, token);
	only(&l, r);
	cap_set(&l, SITE, CAP_REPO_CONCURRENT_JOBS, 3);
	cap_set(&l, (struct policy_place){ .level = POLICY_REPO, .repo_id = l.repos[1] },
		CAP_REPO_CONCURRENT_JOBS, 1);
	cap_set(&l, (struct policy_place){ .level = POLICY_OWNER, .owner = "alice" },
		CAP_OWNER_CONCURRENT_JOBS, 2);
	int64_t last[3], first = 0;
	for (size_t i = 0; i < 15; i++)
		last[i % 3] = run_in(&l, l.repos[i % 3], "a:linux");
	size_t claimed = 0;
	for (int64_t id; (id = claim(&l, r, "linux")) != 0; claimed++)
		first = first ? first : id;
	/* alice 2 of both repositories, bob 3 */
	assert_int_equal(5, claimed);
	assert_string_equal("owner_concurrent_jobs", why(&l, last[0]));
	assert_string_equal("repo_concurrent_jobs", why(&l, last[2]));
	/* one that ends makes room for exactly one */
	world_finish(&l.w, first, CONCLUSION_SUCCESS);
	assert_true(claim(&l, r, "linux") > 0);
	assert_int_equal(0, claim(&l, r, "linux"));
	world_close(&l.w);
}

static void refused_with(struct err *e, const char *key)
{
	assert_true(err_is(e, ERR_LIMIT));
	if (!strstr(e->text, key))
		fail_msg("%s, expected %s", e->text, key);
	err_clear(e);
}

static void test_what_may_start(void **state UNUSED)
{
	struct land l;
	struct err e = { 0 };
	struct run_created run;

	land_open(&l);
	struct store *s = l.w.app.store;
	struct wall now = wall_now();
	cap_set(&l, (struct policy_place){ .level = POLICY_OWNER, .owner = "Alice" },
		CAP_REPO_QUEUED_RUNS, 2);
	run_in(&l, l.repos[0], "a:linux");
	must_err(policy_admits(s, l.repos[0], "push", "ada", now, &e));
	int64_t job = run_in(&l, l.repos[0], "a:linux");
	assert_int_equal(-1, policy_admits(s, l.repos[0], "push", "ada", now, &e));
	refused_with(&e, "max_repo_queued_runs");
	must_err(policy_admits(s, l.repos[1], "push", "ada", now, &e));
	must_err(policy_admits(s, l.repos[2], "push", "ada", now, &e));
	assert_true(claim(&l, l.w.runner_id, "linux") > 0); /* it runs: not queued any more */
	must_err(policy_admits(s, l.repos[0], "push", "ada", now, &e));

	/* three by ada: two in bob's */
	cap_set(&l, SITE, CAP_ACTOR_TRIGGERS, 3);
	cap_set(&l, (struct policy_place){ .level = POLICY_REPO, .repo_id = l.repos[2] },
		CAP_ACTOR_TRIGGERS, 2);
	CLEANUP(job_row_release) struct job_row row = { 0 };
	must_err(store_job_get(s, job, &row, &e));
	world_finish(&l.w, job - 1, CONCLUSION_SUCCESS);
	int64_t bobs = run_in(&l, l.repos[2], "a:linux");
	assert_int_equal(bobs,
		claim(&l, l.w.runner_id, "linux") == job ? claim(&l, l.w.runner_id, "linux") : 0);
	world_finish(&l.w, bobs, CONCLUSION_SUCCESS);
	CLEANUP(job_row_release) struct job_row done = { 0 };
	must_err(store_job_get(s, bobs, &done, &e));
	const struct rerun_spec again = { .run_id = done.run_id, .actor = "ada" };
	for (size_t i = 0; i < 2; i++) {
		must_err(store_run_rerun(s, &again, now, &run, &e));
		if (i == 0)
			must_err(policy_admits(s, l.repos[2], "push", "ada", now, &e));
	}
	assert_int_equal(-1, store_run_rerun(s, &again, now, &run, &e));
	refused_with(&e, "repository's policy allows 2 (actor_trigger_limit_per_hour)");
	must_err(policy_admits(s, l.repos[1], "push", "ada", now, &e));
	must_err(policy_admits(s, l.repos[2], "push", "eve", now, &e));
	must_err(policy_admits(s, l.repos[2], "schedule", "ada", now, &e));
	must_err(policy_admits(s, l.repos[2], "push", NULL, now, &e));
	must_err(policy_admits(
		s, l.repos[2], "push", "ada", (struct wall){ now.us + 3601 * USEC_PER_SEC }, &e));
	world_close(&l.w);
}

static void test_revocation_ends_jobs(void **state UNUSED)
{
	struct land l;
	struct err e = { 0 };
	int64_t jobs = 0;

	land_open(&l);
	struct run_created run = RUN(&l.w, "a:linux", "b:linux:a");
	assert_true(claim(&l, l.w.runner_id, "linux") > 0);
	must_err(runner_revoke(l.w.app.store, l.w.runner_id, "host stolen", wall_now(), &jobs, &e));
	assert_int_equal(1, jobs);
	assert_string_equal("completed/failure", world_state(&l.w, run.run_id, "a"));
	assert_string_equal("completed/skipped", world_state(&l.w, run.run_id, "b"));
	assert_string_equal("completed/failure", world_state(&l.w, run.run_id, NULL));
	CLEANUP(job_list_release) struct job_list list = { 0 };
	must_err(store_job_list(l.w.app.store, run.run_id, &list, &e));
	assert_string_equal("its runner r1 was revoked: host stolen", list.v[0].reason);
	assert_int_equal(
		-1, runner_revoke(l.w.app.store, l.w.runner_id, NULL, wall_now(), &jobs, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	world_close(&l.w);
}

static void test_one_scope(void **state UNUSED)
{
	struct land l;
	struct err e = { 0 };

	land_open(&l);
	assert_int_equal(
		-1, store_runner_scope(l.w.app.store, l.w.runner_id, "alice", l.repos[0], &e));
	world_close(&l.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scope_labels_policy),
		cmocka_unit_test(test_a_runner_in_trouble),
		cmocka_unit_test(test_a_runner_of_one_repository_finds_its_job_behind_others),
		cmocka_unit_test(test_caps_of_running_jobs),
		cmocka_unit_test(test_what_may_start),
		cmocka_unit_test(test_revocation_ends_jobs),
		cmocka_unit_test(test_one_scope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
