/*
 * Every member of `shithub` and `runner` and every variable, from a claim of the coordinator and
 * from one of a local run: both come from a real push, and both must say the same.
 */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/claim/claim.h"
#include "coordinator/repo/repo.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/trigger.h"
#include "runner/context/env.h"
#include "runner/context/facts.h"
#include "runner/context/job.h"
#include "runner/local/claim.h"
#include "runner/local/options.h"
#include "tests/unit/help/git_tool.h"

#include <unistd.h>

#define FILE_NAME ".shithub/workflows/all.yml"

/* `early`: a job's name says the same. {sha} and the like stand for what a run brings with it. */
static const struct row {
	const char *expression, *value, *variable; /* variable without its prefix, NULL: none */
	bool early;
	const char *local; /* NULL: the same value */
} rows[] = {
	/* the first one: job j0 */
	{ "github.job", "\"j0\"", "JOB", true, NULL },
	{ "github.action", "\"__run_2\"", "ACTION", false, NULL },
	{ "github.action_ref", "\"\"", NULL, false, NULL },
	{ "github.action_repository", "\"\"", "ACTION_REPOSITORY", false, NULL },
	{ "github.actor", "\"ada\"", "ACTOR", true, NULL },
	{ "github.actor_id", "null", NULL, true, NULL },
	{ "github.api_url", "\"http://coordinator.test/api/v1\"", "API_URL", true, NULL },
	{ "github.base_ref", "\"\"", "BASE_REF", true, NULL },
	{ "github.env", "\"/shithub/files/2/env\"", "ENV", false, NULL },
	{ "github.event.after", "\"{sha}\"", NULL, true, NULL },
	{ "github.event.before", "\"{zero}\"", NULL, true, NULL },
	{ "github.event.created", "true", NULL, true, NULL },
	{ "github.event.deleted", "false", NULL, true, NULL },
	{ "github.event.forced", "false", NULL, true, NULL },
	{ "github.event.base_ref", "null", NULL, true, NULL },
	{ "github.event.compare", "\"http://coordinator.test/alice/demo/commit/{sha}\"", NULL, true,
		NULL },
	{ "github.event.commits[0].id", "\"{sha}\"", NULL, true, NULL },
	{ "github.event.commits[0].message", "\"First\"", NULL, true, NULL },
	{ "github.event.commits[0].distinct", "true", NULL, true, NULL },
	{ "github.event.commits[1]", "null", NULL, true, NULL },
	{ "github.event.head_commit.id", "\"{sha}\"", NULL, true, NULL },
	{ "github.event.head_commit.tree_id", "\"{tree}\"", NULL, true, NULL },
	{ "github.event.head_commit.message", "\"First\"", NULL, true, NULL },
	{ "github.event.head_commit.timestamp", "\"2026-01-31T12:00:00+01:00\"", NULL, true, NULL },
	{ "github.event.head_commit.url", "\"http://coordinator.test/alice/demo/commit/{sha}\"",
		NULL, true, NULL },
	{ "github.event.head_commit.author.name", "\"Ada\"", NULL, true, NULL },
	{ "github.event.head_commit.author.email", "\"ada@example.org\"", NULL, true, NULL },
	{ "github.event.head_commit.committer.name", "\"Ada\"", NULL, true, NULL },
	{ "github.event.pusher.name", "\"ada\"", NULL, true, NULL },
	{ "github.event.sender.login", "\"ada\"", NULL, true, NULL },
	{ "github.event.repository.full_name", "\"alice/demo\"", NULL, true, NULL },
	{ "github.event.repository.default_branch", "\"trunk\"", NULL, true, NULL },
	{ "github.event.repository.owner.login", "\"alice\"", NULL, true, NULL },
	{ "github.event.repository.html_url", "\"http://coordinator.test/alice/demo\"", NULL, true,
		NULL },
	{ "github.event.repository.clone_url", "\"http://coordinator.test/alice/demo.git\"", NULL,
		true, NULL },
	{ "github.event_name", "\"push\"", "EVENT_NAME", true, NULL },
	{ "github.event_path", "\"/shithub/files/event.json\"", "EVENT_PATH", false, NULL },
	{ "github.head_ref", "\"\"", "HEAD_REF", true, NULL },
	{ "github.output", "\"/shithub/files/2/output\"", "OUTPUT", false, NULL },
	{ "github.path", "\"/shithub/files/2/path\"", "PATH", false, NULL },
	{ "github.ref", "\"refs/heads/feature/x\"", "REF", true, NULL },
	{ "github.ref_name", "\"feature/x\"", "REF_NAME", true, NULL },
	{ "github.ref_protected", "false", "REF_PROTECTED", true, NULL },
	{ "github.ref_type", "\"branch\"", "REF_TYPE", true, NULL },
	{ "github.repository", "\"alice/demo\"", "REPOSITORY", true, NULL },
	{ "github.repository_id", "\"1\"", "REPOSITORY_ID", true, NULL },
	{ "github.repository_owner", "\"alice\"", "REPOSITORY_OWNER", true, NULL },
	{ "github.repository_owner_id", "null", NULL, true, NULL },
	{ "github.repositoryUrl", "\"http://coordinator.test/alice/demo.git\"", NULL, true, NULL },
	{ "github.run_attempt", "\"1\"", "RUN_ATTEMPT", true, NULL },
	{ "github.run_id", "\"1\"", "RUN_ID", true, NULL },
	{ "github.run_number", "\"1\"", "RUN_NUMBER", true, NULL },
	{ "github.secret_source", "\"Actions\"", NULL, true, NULL },
	{ "github.server_url", "\"http://coordinator.test\"", "SERVER_URL", true, NULL },
	{ "github.sha", "\"{sha}\"", "SHA", true, NULL },
	{ "github.state", "\"/shithub/files/2/state\"", "STATE", false, NULL },
	{ "github.step_summary", "\"/shithub/files/2/step_summary\"", "STEP_SUMMARY", false, NULL },
	{ "github.token", "\"{token}\"", NULL, false, "\"\"" },
	{ "github.triggering_actor", "\"ada\"", "TRIGGERING_ACTOR", true, NULL },
	{ "github.workflow", "\"" FILE_NAME "\"", "WORKFLOW", true, NULL },
	{ "github.workflow_ref", "\"alice/demo/" FILE_NAME "@refs/heads/feature/x\"",
		"WORKFLOW_REF", true, NULL },
	{ "github.workflow_sha", "\"{sha}\"", "WORKFLOW_SHA", true, NULL },
	{ "github.workspace", "\"/workspace\"", "WORKSPACE", false, NULL },
	{ "runner.arch", "\"{arch}\"", "RUNNER_ARCH", false, NULL },
	{ "runner.debug", "null", NULL, false, NULL },
	{ "runner.environment", "\"self-hosted\"", "RUNNER_ENVIRONMENT", false, NULL },
	{ "runner.name", "\"r1\"", "RUNNER_NAME", false, "\"{host}\"" },
	{ "runner.os", "\"Linux\"", "RUNNER_OS", false, NULL },
	{ "runner.temp", "\"/shithub/temp\"", "RUNNER_TEMP", false, NULL },
	{ "runner.tool_cache", "\"/shithub/tool_cache\"", "RUNNER_TOOL_CACHE", false, NULL },
	{ "runner.workspace", "\"/workspace\"", "RUNNER_WORKSPACE", false, NULL },
};

struct fixture {
	struct world w;
	struct git_tool *git;
	char *work, *sha, *tree, *text;
	char host[256];
};

/* A job for each early row, whose name is what the expression says. */
static char *workflow_text(void)
{
	struct buf text = BUF_INIT(KIB(64));

	buf_adds(&text, "on: push\njobs:\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].early)
			buf_addf(&text,
				"  j%zu:\n    name: ${{ toJSON(%s) }}\n    runs-on: linux\n"
				"    steps:\n      - uses: actions/checkout@v4\n      - run: a\n"
				"      - run: b\n",
				i, rows[i].expression);
	return buf_take(&text);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	repo_library_init();
	world_open(&f->w);
	f->git = git_tool_new();
	f->work = git_work_tree(f->git, "work");
	f->text = workflow_text();
	git_write(f->work, FILE_NAME, f->text);
	f->sha = git_commit_all(f->git, f->work, "First");
	f->tree = git_run(f->git, f->work, "rev-parse", "HEAD^{tree}", NULL);
	assert_int_equal(gethostname(f->host, sizeof(f->host) - 1), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	git_tool_free(f->git);
	world_close(&f->w);
	free(f->work);
	free(f->sha);
	free(f->tree);
	free(f->text);
	free(f);
	repo_library_shutdown();
	return 0;
}

/* ---- two claims ---- */

static struct job_spec *parse(const struct buf *claim)
{
	struct err e = { 0 };
	struct job_spec *s = job_spec_parse(claim->data, claim->len, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static void push(struct fixture *f, const struct repo_row *row)
{
	const struct trigger t = { .store = f->w.app.store,
		.data_dir = f->w.dir,
		.public_url = f->w.app.public_url,
		.now = wall_now() };
	CLEAN_STR char *bare = repo_path(f->w.dir, row);
	struct ref_update u = { .ref = (char *)"refs/heads/feature/x" };
	struct err e = { 0 };

	must_err(repo_create(bare, "trunk", &e));
	free(git_run(f->git, f->work, "push", "-q", bare, "HEAD:refs/heads/feature/x", NULL));
	memset(u.before, '0', 40);
	memcpy(u.after, f->sha, 41);
	struct push_runs p = { .push = &(struct push){ &u, 1 }, .pusher = "ada" };
	must_err(trigger_push(&t, row, &p, &e));
	assert_int_equal(p.at.runs, 1);
}

/* Of the run's first job. Names of all of them in names[i], the caller's. */
static struct job_spec *coordinator_claim(struct fixture *f, char **names)
{
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct claim taken;
	struct err e = { 0 };

	must_err(store_repo_get(f->w.app.store, f->w.repo_id, &row, &e));
	push(f, &row);
	must_err(store_job_list(f->w.app.store, 1, &jobs, &e));
	for (size_t i = 0; i < jobs.n; i++)
		names[strtoul(jobs.v[i].key + 1, NULL, 10)] = xstrdup(jobs.v[i].name);
	assert_int_equal(claim_try(&f->w.app, f->w.runner_id, &labels, &claim, &taken, &e), 1);
	return parse(&claim);
}

static struct job_spec *local_claim(struct fixture *f, char **names)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEANUP(local_plan_release) struct local_plan plan = { 0 };
	CLEANUP(local_event_release)
	struct local_event ev = { .name = "push",
		.workflow_file = FILE_NAME,
		.sha = f->sha,
		.ref = "refs/heads/feature/x",
		.repository = "alice/demo",
		.url = "http://coordinator.test/alice/demo.git",
		.actor = "ada",
		.default_branch = "trunk",
		.commit = { .message = "First\n",
			.tree = f->tree,
			.timestamp = "2026-01-31T12:00:00+01:00",
			.author_name = "Ada",
			.author_email = "ada@example.org",
			.committer_name = "Ada",
			.committer_email = "ada@example.org" },
		.run_id = 1 };
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEAN_WORKFLOW struct workflow w = { 0 };
	struct local_choice choice = { 0 };
	struct err e = { 0 };

	if (workflow_parse(FILE_NAME, f->text, strlen(f->text), &w, &problems) < 0)
		fail_msg("%s", problems.v[0]);
	must_err(local_payload_make(&ev, NULL, &e));
	must_err(local_plan_make(&plan, &w, &choice, &ev, &e));
	for (size_t i = 0; i < plan.n; i++)
		names[strtoul(plan.v[i].job->key + 1, NULL, 10)] = xstrdup(plan.v[i].name);
	must_err(local_claim_write(&plan, 0, &claim, &e));
	return parse(&claim);
}

/* ---- what the table says of them ---- */

/* The value with {…} filled in. */
static char *expected(const struct fixture *f, const struct job_spec *s, const char *value)
{
#if defined(__x86_64__)
	static const char arch[] = "X64";
#else
	static const char arch[] = "ARM64";
#endif
	const struct {
		const char *name, *value;
	} known[] = { { "{sha}", f->sha }, { "{tree}", f->tree }, { "{host}", f->host },
		{ "{token}", s->checkout_token }, { "{arch}", arch },
		{ "{zero}", "0000000000000000000000000000000000000000" } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *at = strstr(value, known[i].name);

		if (at)
			return xasprintf("%.*s%s%s", (int)(at - value), value, known[i].value,
				at + strlen(known[i].name));
	}
	return xstrdup(value);
}

/* The text of a JSON value, as a variable has it. */
static char *plain(const char *json)
{
	return *json == '"' ? xmemdup0(json + 1, strlen(json) - 2) : xstrdup(json);
}

static void check_variable(const struct strv *env, const char *name, const char *json)
{
	static const char *const prefixes[] = { "GITHUB_", "SHITHUB_" };
	CLEAN_STR char *text = plain(json);
	bool machine = str_starts(name, "RUNNER_");

	for (size_t i = 0; i < (machine ? 1 : ARRAY_LEN(prefixes)); i++) {
		CLEAN_STR char *entry =
			xasprintf("%s%s=%s", machine ? "" : prefixes[i], name, text);

		if (!strv_contains(env, entry))
			fail_msg("no variable %s", entry);
	}
}

/* In the job's last step. */
static void assert_value(const struct job *j, const char *text, const char *want)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = job_context(j, a, j->spec->steps.n - 1, NULL, EXPR_SUCCESS);
	CLEAN_BUF struct buf got = BUF_INIT(KIB(64));
	struct expr_value v;
	struct err e = { 0 };

	must_err(render_value(text, strlen(text), &c, a, &v, &e));
	must(expr_write_json(&got, &v, EXPR_JSON_EXACT));
	if (!str_eq(buf_cstr(&got), want))
		fail_msg("%s: %s, expected %s", text, buf_cstr(&got), want);
}

static void check_row(const struct fixture *f, const struct row *row, const struct job *j,
	const struct strv *env, const char *value)
{
	CLEAN_STR char *text = xasprintf("${{ %s }}", row->expression);
	CLEAN_STR char *want = expected(f, j->spec, value);

	assert_value(j, text, want);
	if (row->variable)
		check_variable(env, row->variable, want);
}

static void check_all(struct fixture *f, struct job_spec *s, char **names, bool local)
{
	struct job j = { .spec = s };
	CLEANUP(job_facts_release) struct job_facts facts = { 0 };
	CLEANUP(strv_release) struct strv env = { 0 };
	const struct image image = { 0 };
	struct pairs none = { 0 };

	j.runs = step_runs_new(s->steps.n);
	job_values_init(&j.values, s->event_payload);
	job_facts_make(s, 2, &facts);
	step_env(&facts.of, &image, &j.values, &none, &env);
	assert_true(strv_contains(&env, "GITHUB_ACTIONS=true"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *value = local && rows[i].local ? rows[i].local : rows[i].value;
		CLEAN_STR char *want = expected(f, s, value);
		CLEAN_STR char *name = TAKE(names[i]);

		check_row(f, &rows[i], &j, &env, value);
		/* github.job is another one in each job's name */
		if (rows[i].early && !str_eq(name, want))
			fail_msg("name of job %zu: %s, expected %s", i, name, want);
	}
	job_values_release(&j.values);
	step_runs_free(j.runs, s->steps.n, false);
	job_spec_free(s);
}

static void a_claim_of_the_coordinator(void **state)
{
	char *names[ARRAY_LEN(rows)] = { NULL };

	check_all(*state, coordinator_claim(*state, names), names, false);
}

static void a_claim_of_a_local_run(void **state)
{
	char *names[ARRAY_LEN(rows)] = { NULL };

	check_all(*state, local_claim(*state, names), names, true);
}

/* ---- kinds ---- */

static const char kinds[] =
	"on:\n  workflow_dispatch:\n    inputs:\n      flag: {type: boolean, default: true}\n"
	"      off: {type: boolean}\n      count: {type: number, default: 1.50}\n"
	"      none: {type: number}\n      word: {default: 'true'}\n"
	"jobs:\n  a:\n    runs-on: linux\n    strategy: {matrix: {v: [3.10], w: ['3.10'], b: "
	"[false]}}\n"
	"    name: ${{ toJSON(inputs.count) }} ${{ toJSON(matrix.v) }} ${{ toJSON(matrix.b) }}\n"
	"    steps: [{run: x}]\n";

static void check_kinds(struct job_spec *s)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "${{ inputs.flag }}", "true" },
		{ "${{ inputs.off }}", "false" },
		{ "${{ inputs.count }}", "1.5" },
		{ "${{ inputs.none }}", "0" },
		{ "${{ inputs.word }}", "\"true\"" },
		{ "${{ github.event.inputs.flag }}", "\"true\"" },
		{ "${{ github.event.inputs.off }}", "\"false\"" },
		{ "${{ github.event.inputs.count }}", "\"1.50\"" },
		{ "${{ matrix.v }}", "3.1" },
		{ "${{ matrix.w }}", "\"3.10\"" },
		{ "${{ matrix.b }}", "false" },
	};
	struct job j = { .spec = s, .runs = step_runs_new(1) };

	assert_string_equal(s->job_name, "1.5 3.1 false");
	job_values_init(&j.values, s->event_payload);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_value(&j, cases[i].text, cases[i].value);
	job_values_release(&j.values);
	step_runs_free(j.runs, 1, false);
	job_spec_free(s);
}

static void kinds_from_the_coordinator(void **state)
{
	struct fixture *f = *state;
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(strv_release) struct strv labels = labels_of("linux"), problems = { 0 };
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES);
	const struct trigger t = { .store = f->w.app.store,
		.data_dir = f->w.dir,
		.public_url = f->w.app.public_url,
		.now = wall_now() };
	const struct trigger_dispatch d = { .workflow = "kinds.yml",
		.ref = "refs/heads/feature/x",
		.inputs = &(struct pairs){ 0 },
		.actor = "ada" };
	struct run_created run;
	struct claim taken;
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/kinds.yml", kinds);
	git_write(f->work, FILE_NAME, "on: workflow_call\n");
	free(f->sha);
	f->sha = git_commit_all(f->git, f->work, "Kinds");
	must_err(store_repo_get(f->w.app.store, f->w.repo_id, &row, &e));
	CLEAN_STR char *bare = repo_path(f->w.dir, &row);
	must_err(repo_create(bare, "trunk", &e));
	free(git_run(f->git, f->work, "push", "-q", bare, "HEAD:refs/heads/feature/x", NULL));
	must_err(trigger_dispatch(&t, &row, &d, &problems, &run, &e));
	assert_int_equal(claim_try(&f->w.app, f->w.runner_id, &labels, &claim, &taken, &e), 1);
	check_kinds(parse(&claim));
}

static void kinds_from_a_local_run(void **state)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEANUP(local_plan_release) struct local_plan plan = { 0 };
	CLEANUP(local_event_release)
	struct local_event ev = { .name = "workflow_dispatch",
		.workflow_file = FILE_NAME,
		.sha = SHA_A,
		.ref = "refs/heads/trunk",
		.repository = "alice/demo",
		.url = "http://coordinator.test/alice/demo.git",
		.actor = "ada",
		.run_id = 1 };
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEAN_WORKFLOW struct workflow w = { 0 };
	struct local_choice choice = { 0 };
	struct err e = { 0 };

	(void)state;
	if (workflow_parse(FILE_NAME, kinds, strlen(kinds), &w, &problems) < 0)
		fail_msg("%s", problems.v[0]);
	must_err(local_inputs_complete(&w, &(struct pairs){ 0 }, NULL, &ev.inputs, &e));
	must_err(local_payload_make(&ev, NULL, &e));
	must_err(local_plan_make(&plan, &w, &choice, &ev, &e));
	must_err(local_claim_write(&plan, 0, &claim, &e));
	check_kinds(parse(&claim));
}

static const char hosted[] =
	"{\"token\":\"t\",\"job\":{\"id\":5,\"run_id\":4,\"repo_id\":3,\"run_index\":2,"
	"\"workflow_file\":\".shithub/workflows/ci.yml\",\"workflow_name\":\"\","
	"\"checkout_url\":\"https://hub.test/team/app.git\",\"checkout_token\":\"c\","
	"\"head_sha\":\"" SHA_A "\",\"head_ref\":\"refs/pull/7/merge\","
	"\"event\":\"pull_request\",\"event_payload\":{\"sender\":{\"login\":\"eve\","
	"\"id\":9},"
	"\"inputs\":{\"flag\":\"true\"},\"repository\":{\"owner\":{\"id\":8}},"
	"\"pull_request\":{\"head\":{\"ref\":\"evil\"},\"base\":{\"ref\":\"trunk\"}}},"
	"\"job_key\":\"a\",\"job_name\":\"a\",\"steps\":[{\"id\":1,\"uses\":\"x/y@v4\"}]}}";

/* What a claim of our own says of a pull request: who acts is still the host's word, and whether a
 * missing secret is an error depends on whether the job gets any. */
static void a_claim_of_a_pull_request(void **state)
{
	static const struct {
		const char *trust, *source, *secret; /* secret NULL: an error */
	} trusts[] = {
		{ "untrusted", "\"None\"", "\"\"" },
		{ "approved", "\"Actions\"", NULL },
		{ "trusted", "\"Actions\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trusts); i++) {
		CLEAN_STR char *extra = xasprintf("{\"trust\":\"%s\",\"actor\":\"eve\","
						  "\"triggering_actor\":\"ada\",%s",
			trusts[i].trust, strstr(hosted, "\"id\":5"));
		CLEAN_STR char *text = xasprintf("{\"token\":\"t\",\"job\":%s", extra);
		CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
		struct err e = { 0 };
		CLEANUP(job_spec_freep) struct job_spec *s = job_spec_parse(text, strlen(text), &e);
		struct expr_value v;

		assert_string_equal(e.text, "");
		struct job j = { .spec = s, .runs = step_runs_new(1) };
		job_values_init(&j.values, s->event_payload);
		struct expr_context c = job_context(&j, a, 0, NULL, EXPR_SUCCESS);
		assert_value(&j, "${{ github.secret_source }}", trusts[i].source);
		must_err(render_value("${{ github.actor }}", 19, &c, a, &v, &e));
		assert_int_equal(EXPR_TAINTED, v.flags);
		must_err(render_value("${{ github.triggering_actor }}", 30, &c, a, &v, &e));
		assert_int_equal(EXPR_TAINTED, v.flags);
		if (trusts[i].secret)
			assert_value(&j, "${{ secrets.KEY }}", trusts[i].secret);
		else
			assert_int_equal(-1, render_value("${{ secrets.KEY }}", 18, &c, a, &v, &e));
		job_values_release(&j.values);
		step_runs_free(j.runs, 1, false);
	}
}

/* The hosted service has no field for the actor, the attempt or typed inputs. */
static void a_claim_of_the_hosted_service(void **state)
{
	static const struct {
		const char *expression, *value;
		unsigned flags;
	} cases[] = {
		{ "github.actor", "\"eve\"", EXPR_TAINTED },
		{ "github.triggering_actor", "\"eve\"", EXPR_TAINTED },
		{ "github.actor_id", "\"9\"", EXPR_TAINTED },
		{ "github.repository_owner_id", "\"8\"", EXPR_TAINTED },
		{ "github.head_ref", "\"evil\"", EXPR_TAINTED },
		{ "github.base_ref", "\"trunk\"", EXPR_TAINTED },
		{ "github.ref_name", "\"7/merge\"", EXPR_TAINTED },
		{ "github.secret_source", "\"None\"", 0 },
		{ "github.run_attempt", "\"1\"", 0 },
		{ "github.run_number", "\"2\"", 0 },
		{ "github.workflow", "\".shithub/workflows/ci.yml\"", 0 },
		{ "github.server_url", "\"https://hub.test\"", 0 },
		{ "github.token", "\"c\"", EXPR_SECRET },
		{ "secrets.GITHUB_TOKEN", "\"c\"", EXPR_SECRET },
		{ "secrets.github_token == github.token", "true", EXPR_SECRET },
		{ "github.action", "\"__x_y\"", 0 },
		{ "github.action_repository", "\"x/y\"", 0 },
		{ "github.action_ref", "\"v4\"", 0 },
		{ "github.output", "null", 0 },
		{ "inputs.flag", "\"true\"", EXPR_TAINTED },
	};
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct err e = { 0 };
	CLEANUP(job_spec_freep) struct job_spec *s = job_spec_parse(hosted, strlen(hosted), &e);

	(void)state;
	assert_string_equal(e.text, "");
	struct job j = { .spec = s, .runs = step_runs_new(1) };

	job_values_init(&j.values, s->event_payload);
	struct expr_context c = job_context(&j, a, 0, NULL, EXPR_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *whole = xasprintf("${{ %s }}", cases[i].expression);
		struct expr_value v;

		assert_value(&j, whole, cases[i].value);
		must_err(render_value(whole, strlen(whole), &c, a, &v, &e));
		if (v.flags != cases[i].flags)
			fail_msg("%s: flags %u", cases[i].expression, v.flags);
	}
	/* a secret that somebody gave wins */
	pairs_set(&s->secrets, "github_token", "own");
	assert_value(&j, "${{ secrets.GITHUB_TOKEN }}", "\"own\"");
	job_values_release(&j.values);
	step_runs_free(j.runs, 1, false);
}

/* Expressions know no timeout. */
static void ends_of_steps(void **state)
{
	static const struct {
		enum outcome outcome, conclusion;
		const char *text;
	} cases[] = {
		{ OUTCOME_SUCCESS, OUTCOME_SUCCESS, "\"success success\"" },
		{ OUTCOME_FAILURE, OUTCOME_SUCCESS, "\"failure success\"" },
		{ OUTCOME_TIMED_OUT, OUTCOME_SUCCESS, "\"failure success\"" },
		{ OUTCOME_TIMED_OUT, OUTCOME_TIMED_OUT, "\"failure failure\"" },
		{ OUTCOME_CANCELLED, OUTCOME_CANCELLED, "\"cancelled cancelled\"" },
		{ OUTCOME_SKIPPED, OUTCOME_SKIPPED, "\"skipped skipped\"" },
	};
	struct step_spec step = { .step_id = (char *)"s", .run = (char *)"x" };
	struct job_spec spec = { .steps = { &step, 1 } };
	static const char text[] = "${{ format('{0} {1}', steps.s.outcome, steps.s.conclusion) }}";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job j = { .spec = &spec, .runs = step_runs_new(1) };

		job_values_init(&j.values, NULL);
		j.runs[0].ended = true;
		j.runs[0].outcome = cases[i].outcome;
		j.runs[0].conclusion = cases[i].conclusion;
		assert_value(&j, text, cases[i].text);
		job_values_release(&j.values);
		step_runs_free(j.runs, 1, false);
	}
}

/* A context has no member that the table above does not know, nor one that docs leave out. */
static void nothing_is_left_out(void **state)
{
	CLEAN_BUF struct buf docs = BUF_INIT(MIB(1)), json = BUF_INIT(MIB(1));
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	const struct shithub_facts none = { .ref = "x" };
	struct expr_value contexts[] = { shithub_context(&none, a), runner_context(&none, a) };
	static const char *const prefixes[] = { "github.", "runner." };
	struct err e = { 0 };

	(void)state;
	must_err(file_read("docs/EXPRESSIONS.md", &docs, &e));
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
		buf_clear(&json);
		must(expr_write_json(&json, &contexts[i], EXPR_JSON_EXACT));
		CLEAN_JSON struct json_doc *doc = json_parse(json.data, json.len, NULL, &e);
		assert_non_null(doc);
		json_array_each (member, json_root(doc)) {
			CLEAN_STR char *name = xasprintf("%s%s", prefixes[i], member->key);
			CLEAN_STR char *cell = xasprintf("| `%s` |", name);
			bool known = false;

			for (size_t k = 0; k < ARRAY_LEN(rows); k++)
				known |= str_eq(rows[k].expression, name);
			if (!known || !strstr(buf_cstr(&docs), cell))
				fail_msg("%s: %s", name, known ? "not in docs" : "not tested");
		}
	}
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(a_claim_of_the_coordinator),
		WITH(a_claim_of_a_local_run),
		WITH(kinds_from_the_coordinator),
		cmocka_unit_test(kinds_from_a_local_run),
		cmocka_unit_test(a_claim_of_the_hosted_service),
		cmocka_unit_test(a_claim_of_a_pull_request),
		cmocka_unit_test(ends_of_steps),
		cmocka_unit_test(nothing_is_left_out),
	};

	return cmocka_run_group_tests_name("contexts", tests, NULL, NULL);
}
