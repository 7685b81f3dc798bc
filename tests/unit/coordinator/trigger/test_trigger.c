/* From pushes and dispatches to runs: filters, skip markers, broken files, inputs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/fs.h"
#include "base/json.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/audit.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"
#include "coordinator/trigger/schedule.h"
#include "coordinator/trigger/trigger.h"
#include "tests/unit/help/trigger_help.h"

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* ---- the commands of a push ---- */

static void add_packet(struct buf *b, const char *p, size_t n)
{
	buf_addf(b, "%04zx", n + 4);
	buf_add(b, p, n);
}

static void parses_commands(void **state)
{
	static const char first[] = ZERO " " A40 " refs/heads/trunk\0report-status agent=git/2";
	static const char second[] = A40 " " ZERO " refs/heads/old\n";
	CLEAN_BUF struct buf b = BUF_INIT(4096);
	CLEAN_PUSH struct push push = { 0 };
	struct err e = { 0 };

	(void)state;

	add_packet(&b, "shallow " B40, 48);
	add_packet(&b, first, sizeof(first) - 1);
	add_packet(&b, second, sizeof(second) - 1);
	buf_adds(&b, "0000");
	assert_int_equal(push_parse(b.data, b.len, &push, &e), 0);
	assert_int_equal(push.n, 2);
	assert_string_equal(push.v[0].ref, "refs/heads/trunk");
	assert_string_equal(push.v[0].after, A40);
	assert_true(oid_is_zero(push.v[0].before));
	assert_string_equal(push.v[1].ref, "refs/heads/old");
	assert_true(oid_is_zero(push.v[1].after));
}

static void refuses_bad_commands(void **state)
{
	static const char upper_case[] =
		"005cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA " A40 " refs/x0000";
	static const char *const bad[] = {
		"",
		"000",
		"zzzz",
		"0003",
		"0008abcd0000",
		"0010abc",
		upper_case,
		"000dpush-cert0000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_PUSH struct push push = { 0 };
		struct err e = { 0 };

		if (push_parse(bad[i], strlen(bad[i]), &push, &e) == 0)
			fail_msg("accepted row %zu", i);
		assert_int_equal(e.class, ERR_INPUT);
		assert_int_equal(push.n, 0);
	}
}

/* However the stream is cut, the head ends right behind the flush packet. */
static void scan_stops_at_the_flush(void **state)
{
	static const char text[] = "0008abcd"
				   "0005x"
				   "0000PACKrest of the pack";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		struct push_scan s = { .head = BUF_INIT(PUSH_COMMANDS_MAX) };
		struct err e = { 0 };

		for (size_t at = 0; at < sizeof(text) - 1; at += step) {
			size_t left = sizeof(text) - 1 - at;

			assert_int_equal(
				push_scan_add(&s, text + at, left < step ? left : step, &e), 0);
		}
		assert_true(s.done);
		assert_int_equal(s.head.len, 17);
		buf_release(&s.head);
	}
}

static void scan_is_bounded(void **state)
{
	struct push_scan s = { .head = BUF_INIT(64) };
	struct err e = { 0 };

	(void)state;

	int rc = 0;
	for (int i = 0; i < 20 && rc == 0; i++)
		rc = push_scan_add(&s, "0008abcd", 8, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.class, ERR_LIMIT);
	buf_release(&s.head);
}

/* ---- which refs are wanted ---- */

static void refs_and_filters(void **state)
{
	static const struct {
		const char *on, *name;
		bool tag, wanted;
	} rows[] = {
		{ "push: ", "x", false, true },
		{ "push: ", "v1", true, true },
		{ "workflow_dispatch: ", "x", false, false },
		{ "push: {branches: [trunk]}", "trunk", false, true },
		{ "push: {branches: [trunk]}", "other", false, false },
		{ "push: {branches: [trunk]}", "trunk", true, false },
		{ "push: {tags: ['v*']}", "v1", true, true },
		{ "push: {tags: ['v*']}", "w1", true, false },
		{ "push: {tags: ['v*']}", "v1", false, false },
		{ "push: {branches: [trunk], tags: ['v*']}", "v1", true, true },
		{ "push: {branches-ignore: ['wip/**']}", "wip/a/b", false, false },
		{ "push: {branches-ignore: ['wip/**']}", "a", false, true },
		{ "push: {tags-ignore: [old]}", "old", true, false },
		{ "push: {paths: [x]}", "any", false, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w;
		CLEAN_STR char *text = xasprintf(
			"on: {%s}\njobs: {a: {runs-on: x, steps: [{run: y}]}}\n", rows[i].on);

		if (workflow_parse("f", text, strlen(text), &w, &problems) < 0)
			fail_msg("%s", problems.v[0]);
		if (trigger_ref_wanted(&w.on.push, rows[i].tag, rows[i].name) != rows[i].wanted)
			fail_msg("%s: %s", rows[i].on, rows[i].name);
	}
}

static void skip_markers(void **state)
{
	(void)state;
	assert_true(trigger_skips("Fix a typo [skip ci]\n"));
	assert_true(trigger_skips("Fix\n\n[no ci]"));
	assert_false(trigger_skips("Fix the skip ci marker"));
	assert_true(trigger_skips("Fix\n\n\nskip-checks: true\n"));
	assert_true(trigger_skips("Fix\n\n\nReviewed-by: A\nSkip-Checks:true"));
	assert_false(trigger_skips("skip-checks: true"));
	assert_false(trigger_skips("Fix\n\nskip-checks: true\n\nor not"));
	assert_false(trigger_skips("Fix\n\n\nskip-checks: false"));
	assert_false(trigger_skips("Fix\n\n\nno skip-checks: true"));
	assert_false(trigger_skips(""));
}

/* ---- pushes and dispatches against a real store and real git ---- */

#define RUN_JOB "jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n"

static void expect_member(const struct json_value *v, const char *key, const char *expected)
{
	const char *got = json_get_string(v, key);

	if (!str_eq(got, expected))
		fail_msg("%s: %s, expected %s", key, got ? got : "(none)", expected);
}

static void push_makes_a_run(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"name: A\non: {push: {branches: [trunk]}}\nenv: {X: 1, Y: 1}\n"
		"permissions: {contents: read}\ndefaults: {run: {shell: sh, working-directory: "
		"d}}\n"
		"jobs:\n  one: {runs-on: [linux, x64], env: {Y: 2}, steps:"
		" [{uses: actions/checkout@v4}, {run: make, working-directory: e}]}\n"
		"  two: {runs-on: linux, needs: one, steps: [{run: t}]}\n");
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "First \xe9"), 1);
	trigger_world_newest(f, &run);
	assert_string_equal(run.workflow_name, "A");
	assert_string_equal(run.workflow_file, ".shithub/workflows/a.yml");
	assert_string_equal(run.event, "push");
	assert_string_equal(run.head_ref, "refs/heads/trunk");
	assert_string_equal(run.actor, "ada");
	assert_int_equal(run.state.status, STATUS_QUEUED);

	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	assert_int_equal(store_job_list(f->store, run.id, &jobs, &e), 0);
	assert_int_equal(jobs.n, 2);
	assert_string_equal(pairs_get(&jobs.v[0].env, "X"), "1");
	assert_string_equal(pairs_get(&jobs.v[0].env, "Y"), "2");
	assert_string_equal(jobs.v[0].permissions_json, "{\"contents\":\"read\"}");
	assert_string_equal(jobs.v[1].needs.v[0], "one");
	assert_int_equal(store_step_list(f->store, jobs.v[0].id, &steps, &e), 0);
	assert_string_equal(steps.v[0].uses, "actions/checkout@v4");
	assert_null(steps.v[0].working_directory);
	assert_null(steps.v[0].shell);
	assert_string_equal(steps.v[1].working_directory, "e");
	assert_string_equal(steps.v[1].shell, "sh");
}

static void payload_is_what_users_expect(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml", "on: push\n" RUN_JOB);
	assert_int_equal(trigger_world_push(f, A40, "refs/heads/trunk", "Second"), 1);
	trigger_world_newest(f, &run);
	CLEAN_JSON struct json_doc *doc =
		json_parse(run.event_payload, strlen(run.event_payload), NULL, &e);
	const struct json_value *root = json_root(doc), *head = json_get(root, "head_commit");
	const struct json_value *repo = json_get(root, "repository");
	CLEAN_STR char *compare =
		xasprintf("https://ci.example/octo/demo/compare/" A40 "...%s", run.head_sha);
	expect_member(root, "ref", "refs/heads/trunk");
	expect_member(root, "before", A40);
	expect_member(root, "after", run.head_sha);
	expect_member(root, "compare", compare);
	expect_member(repo, "full_name", "octo/demo");
	expect_member(repo, "name", "demo");
	expect_member(json_get(repo, "owner"), "login", "octo");
	assert_true(json_get_bool(repo, "private", false));
	expect_member(json_get(root, "pusher"), "name", "ada");
	expect_member(head, "id", run.head_sha);
	expect_member(head, "message", "Second");
	expect_member(head, "timestamp", "2026-01-31T12:00:00+01:00");
	expect_member(json_get(head, "author"), "name", "Ada");
	expect_member(json_get(head, "author"), "email", "ada@example.org");
}

/* "First Second!": the first line of each commit, with a mark for those other branches have. */
static void expect_commits(struct trigger_world *f, const char *expected, bool forced)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEAN_BUF struct buf got = BUF_INIT(KIB(4));
	struct err e = { 0 };

	trigger_world_newest(f, &run);
	CLEAN_JSON struct json_doc *doc =
		json_parse(run.event_payload, strlen(run.event_payload), NULL, &e);
	json_array_each (c, json_get(json_root(doc), "commits")) {
		const char *message = json_get_string(c, "message");

		buf_addf(&got, "%s%.*s%s", got.len ? " " : "", (int)strcspn(message, "\n"), message,
			json_get_bool(c, "distinct", false) ? "" : "!");
	}
	assert_string_equal(buf_cstr(&got), expected);
	assert_int_equal(json_get_bool(json_root(doc), "forced", !forced), forced);
}

static void a_push_names_its_commits(void **state)
{
	struct trigger_world *f = *state;

	git_write(f->work, ".shithub/workflows/a.yml", "on: push\n" RUN_JOB);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "one"), 1);
	expect_commits(f, "one", false);
	CLEAN_STR char *one = git_run(f->g, f->work, "rev-parse", "HEAD", NULL);
	git_write(f->work, "x", "2");
	free(git_commit_all(f->g, f->work, "two"));
	git_write(f->work, "x", "3");
	assert_int_equal(trigger_world_push(f, one, "refs/heads/trunk", "three"), 1);
	expect_commits(f, "two three", false);
	/* a new branch brings what no other has */
	git_write(f->work, "x", "4");
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/side", "four"), 1);
	expect_commits(f, "four", false);
	CLEAN_STR char *four = git_run(f->g, f->work, "rev-parse", "HEAD", NULL);
	/* trunk catches up with what side had before, and one more */
	CLEAN_STR char *three = git_run(f->g, f->work, "rev-parse", "HEAD^", NULL);
	git_write(f->work, "x", "5");
	assert_int_equal(trigger_world_push(f, three, "refs/heads/trunk", "five"), 1);
	expect_commits(f, "four! five", false);
	/* side is set back and goes another way */
	free(git_run(f->g, f->work, "reset", "-q", "--hard", one, NULL));
	git_write(f->work, "x", "6");
	assert_int_equal(trigger_world_push(f, four, "refs/heads/side", "six"), 1);
	expect_commits(f, "six", true);
	/* what was there before is gone from the repository, too */
	assert_int_equal(trigger_world_push(f, A40, "refs/heads/side", "six again"), 1);
	expect_commits(f, "six six again", true);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/tags/v1", "tagged"), 1);
	expect_commits(f, "", false);
}

static void broken_file_is_a_failed_run(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml", "on: nope\njobs: {}\n");
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Broken"), 1);
	trigger_world_newest(f, &run);
	assert_int_equal(run.state.status, STATUS_COMPLETED);
	assert_int_equal(run.state.conclusion, CONCLUSION_FAILURE);
	assert_non_null(strstr(run.problems, ".shithub/workflows/a.yml:1:5: on: unknown event"));
	assert_non_null(strstr(run.problems, "\n.shithub/workflows/a.yml:2:7: jobs: empty map"));
}

static void what_starts_nothing(void **state)
{
	struct trigger_world *f = *state;
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [trunk], paths: ['src/**']}}\n" RUN_JOB);
	CLEAN_STR char *before = git_commit_all(f->g, f->work, "base");
	/* another branch; a path that is not filtered for; a skip marker; a ref that is neither */
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/other", "other branch"), 0);
	git_write(f->work, "docs/x", "1");
	assert_int_equal(trigger_world_push(f, before, "refs/heads/trunk", "docs only"), 0);
	git_write(f->work, "src/x", "1");
	assert_int_equal(trigger_world_push(f, before, "refs/heads/trunk", "src [ci skip]"), 0);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/notes/x", "notes"), 0);
	/* now all fits */
	assert_int_equal(trigger_world_push(f, before, "refs/heads/trunk", "src"), 1);
	/* a deletion, and an update that git refused */
	struct ref_update u[] = { { A40, ZERO, (char *)"refs/heads/trunk" },
		{ ZERO, A40, (char *)"refs/heads/trunk" } };
	struct push push = { u, 2 };
	struct push_runs p = { .push = &push, .pusher = "ada" };
	assert_int_equal(trigger_push(&f->t, &f->row, &p, &e), 0);
	assert_int_equal(p.at.runs, 0);
	assert_int_equal(p.at.ref, 2);
}

static size_t update_runs(
	struct trigger_world *f, const char *before, const char *after, const char *ref)
{
	struct ref_update u = { .ref = (char *)ref };
	struct push push = { &u, 1 };
	struct push_runs p = { .push = &push, .pusher = "ada" };
	struct err e = { 0 };

	memcpy(u.before, before, 41);
	memcpy(u.after, after, 41);
	if (trigger_push(&f->t, &f->row, &p, &e) < 0)
		fail_msg("%s", e.text);
	return (size_t)p.at.runs;
}

static void refs_of_any_length(void **state)
{
	struct trigger_world *f = *state;
	char ref[LIMIT_REF + 2] = "refs/heads/";

	git_write(f->work, ".shithub/workflows/a.yml", "on: push\n" RUN_JOB);
	for (size_t i = strlen(ref); i < LIMIT_REF; i++)
		ref[i] = i % 200 ? 'x' : '/'; /* each part is the name of a file */
	ref[LIMIT_REF - 1] = 'x';
	assert_int_equal(1, trigger_world_push(f, ZERO, ref, "long enough"));
	ref[LIMIT_REF] = 'x';
	assert_int_equal(0, trigger_world_push(f, ZERO, ref, "too long"));
}

/* Somebody pushed again before the runs of this push were made. */
static void a_branch_that_moved_on(void **state)
{
	struct trigger_world *f = *state;

	git_write(f->work, ".shithub/workflows/a.yml", "on: push\n" RUN_JOB);
	CLEAN_STR char *first = git_commit_all(f->g, f->work, "first");
	CLEAN_STR char *second = git_commit_all(f->g, f->work, "second");
	CLEAN_STR char *third = git_commit_all(f->g, f->work, "third");
	free(git_run(f->g, f->work, "push", "-q", "origin", "HEAD:refs/heads/trunk", NULL));
	assert_int_equal(1, update_runs(f, first, second, "refs/heads/trunk"));
	assert_int_equal(1, update_runs(f, ZERO, first, "refs/heads/trunk"));
	assert_int_equal(1, update_runs(f, second, third, "refs/heads/trunk"));
	/* to an earlier commit: git refused that, or the branch was moved back since */
	assert_int_equal(0, update_runs(f, third, first, "refs/heads/trunk"));
	/* pushed over with force: the branch has it no more */
	free(git_run(f->g, f->work, "push", "-q", "-f", "origin", "HEAD~2:refs/heads/trunk", NULL));
	assert_int_equal(0, update_runs(f, first, second, "refs/heads/trunk"));
	/* a tag does not move on */
	free(git_run(f->g, f->work, "push", "-q", "origin", "HEAD:refs/tags/v1", NULL));
	assert_int_equal(0, update_runs(f, first, second, "refs/tags/v1"));
}

static void tags_trigger_the_commit_behind(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {tags: ['v[0-9]+'], paths: [never]}}\n" RUN_JOB);
	CLEAN_STR char *commit = git_commit_all(f->g, f->work, "tagged");
	free(git_run(f->g, f->work, "tag", "-a", "v7", "-m", "seven", NULL));
	free(git_run(f->g, f->work, "push", "-q", "origin", "v7", NULL));
	CLEAN_STR char *tag = git_run(f->g, f->work, "rev-parse", "v7", NULL);
	struct ref_update u = { .before = ZERO, .ref = (char *)"refs/tags/v7" };
	struct push push = { &u, 1 };
	memcpy(u.after, tag, 41);
	struct push_runs p = { .push = &push };
	assert_int_equal(trigger_push(&f->t, &f->row, &p, &e), 0);
	assert_int_equal(p.at.runs, 1);
	trigger_world_newest(f, &run);
	assert_string_equal(run.head_sha, commit);
	assert_string_equal(run.head_ref, "refs/tags/v7");
}

static int dispatch(struct trigger_world *f, const char *workflow, const char *ref,
	const char *input, struct run_created *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEANUP(pairs_release) struct pairs inputs = { 0 };
	struct trigger_dispatch d = { .workflow = workflow, .ref = ref, .inputs = &inputs };

	if (input) {
		const char *eq = strchr(input, '=');
		CLEAN_STR char *name = xstrndup(input, (size_t)(eq - input));

		pairs_set(&inputs, name, eq + 1);
	}
	err_clear(e);
	return trigger_dispatch(&f->t, &f->row, &d, &problems, ret, e);
}

static void dispatch_checks_and_fills_inputs(void **state)
{
	static const struct {
		const char *workflow, *ref, *input, *error;
	} rows[] = {
		{ "none.yml", NULL, NULL, "no workflow \"none.yml\" at refs/heads/trunk" },
		{ "m.yml", "nope", NULL, "no branch or tag \"nope\"" },
		{ "push.yml", NULL, NULL, "its \"on\" has no workflow_dispatch" },
		{ "bad.yml", NULL, NULL, "bad.yml: 1 problems" },
		{ "m.yml", NULL, NULL, "input level: required" },
		{ "m.yml", NULL, "other=1", "input other: unknown" },
		{ "m.yml", NULL, "level=mid", "input level: \"mid\", expected one of: low high" },
	};
	struct trigger_world *f = *state;
	struct run_created c = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/push.yml", "on: push\n" RUN_JOB);
	git_write(f->work, ".shithub/workflows/bad.yml", "on: push\njobs: {}\n");
	git_write(f->work, ".shithub/workflows/m.yml",
		"on: {workflow_dispatch: {inputs: {level: {required: true, type: choice,"
		" options: [low, high]}, dry: {type: boolean}, n: {default: 5}}}}\n" RUN_JOB);
	trigger_world_push(f, ZERO, "refs/heads/trunk", "dispatch");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int rc = dispatch(f, rows[i].workflow, rows[i].ref, rows[i].input, &c, &e);

		assert_int_equal(rc, -1);
		if (!strstr(e.text, rows[i].error))
			fail_msg("got \"%s\", expected \"%s\"", e.text, rows[i].error);
	}
	CLEANUP(run_row_release) struct run_row run = { 0 };
	if (dispatch(f, ".shithub/workflows/m.yml", "trunk", "level=high", &c, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(store_run_get(f->store, c.run_id, &run, &e), 0);
	assert_string_equal(run.event, "workflow_dispatch");
	assert_int_equal(run.run_index, c.run_index);
	assert_non_null(strstr(run.event_payload,
		"\"inputs\":{\"level\":\"high\",\"dry\":\"false\",\"n\":\"5\"}"));
}

#define WITH_STORE(test) \
	cmocka_unit_test_setup_teardown(test, trigger_world_open, trigger_world_close)

/* Starts what is due so many minutes from now; the number of runs. */
static size_t runs_after(struct trigger_world *f, int64_t minutes)
{
	struct trigger t = f->t;
	struct err e = { 0 };
	size_t runs = 99;

	t.now.us += minutes * 60 * USEC_PER_SEC;
	if (trigger_schedules(&t, &runs, &e) < 0)
		fail_msg("%s", e.text);
	return runs;
}

#define WIDE(script)                                                                               \
	"on: push\njobs: {a: {runs-on: linux, strategy: {matrix: {x: [1,2,3,4,5,6,7,8,9,10,11,12," \
	"13,14,15,16], y: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}, steps: [{run: \"" script     \
	"\"}]}}\n"

static void one_push_starts_so_many_jobs(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_list_release) struct run_list list = { 0 };
	struct err e = { 0 };
	size_t refused = 0;

	for (int i = 0; i < 5; i++) {
		CLEAN_STR char *name = xasprintf(".shithub/workflows/%d.yml", i);

		git_write(f->work, name, WIDE("echo"));
	}
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Wide"), 5);
	assert_int_equal(store_run_list(f->store, f->row.id, 10, &list, &e), 0);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].problems) {
			refused++;
			assert_non_null(strstr(list.v[i].problems,
				"256 jobs, and the other workflows of this push started 1024"));
		}
	assert_int_equal(refused, 1);
}

static void a_run_takes_so_much_room(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEAN_STR char *script = xcalloc(1, KIB(40) + 1);

	memset(script, 'x', KIB(40));
	CLEAN_STR char *text = xasprintf(WIDE("%s"), script);
	git_write(f->work, ".shithub/workflows/a.yml", text);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Long"), 1);
	trigger_world_newest(f, &run);
	assert_non_null(run.problems);
	if (!strstr(run.problems, "at most 8192 KiB"))
		fail_msg("%s", run.problems);
}

#define CRON "on: {schedule: [{cron: '* * * * *'}]}\n"

static void schedules_of_the_default_branch(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml", CRON RUN_JOB);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/other", "Elsewhere"), 0);
	assert_int_equal(runs_after(f, 5), 0);
	/* a marker starts no run, but the lines count */
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Here [skip ci]"), 0);
	assert_int_equal(runs_after(f, 0), 0);
	assert_int_equal(runs_after(f, 5), 1); /* five times passed, one run */
	assert_int_equal(runs_after(f, 5), 0);
	assert_int_equal(runs_after(f, 6), 1);
	trigger_world_newest(f, &run);
	assert_string_equal(run.event, "schedule");
	assert_string_equal(run.head_ref, "refs/heads/trunk");
	assert_string_equal(run.actor, "ada");
	CLEAN_JSON struct json_doc *doc =
		json_parse(run.event_payload, strlen(run.event_payload), NULL, &e);
	expect_member(json_root(doc), "schedule", "* * * * *");

	/* a push before the next time keeps it; one without the line ends it */
	git_write(f->work, "x", "1");
	assert_int_equal(trigger_world_push(f, A40, "refs/heads/trunk", "Same"), 0);
	assert_int_equal(runs_after(f, 7), 1);
	git_write(f->work, ".shithub/workflows/a.yml", "on: workflow_dispatch\n" RUN_JOB);
	assert_int_equal(trigger_world_push(f, A40, "refs/heads/trunk", "None"), 0);
	assert_int_equal(runs_after(f, 60), 0);
}

static void the_line(struct trigger_world *f, struct schedule_row *ret)
{
	CLEANUP(schedule_list_release) struct schedule_list l = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_schedule_list(f->store, f->row.id, &l, &e), 0);
	assert_int_equal(l.n, 1);
	*ret = (struct schedule_row){ .next_at = l.v[0].next_at,
		.dropped_at = l.v[0].dropped_at,
		.dropped_why = l.v[0].dropped_why ? xstrdup(l.v[0].dropped_why) : NULL };
}

/* Its branch is gone when its time comes: it says so, once, until a push brings it back. */
static void a_schedule_that_is_dropped_says_why(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(audit_rows_release) struct audit_rows audit = { 0 };
	const struct audit_filter all = { .page = { .limit = 10 } };
	struct schedule_row line;
	struct err e = { 0 };
	char *branch = f->row.default_branch;

	git_write(f->work, ".shithub/workflows/a.yml", CRON RUN_JOB);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Here"), 0);
	assert_int_equal(
		sql_run(f->store, &e, "UPDATE repositories SET default_branch = 'gone'", ""), 0);
	assert_int_equal(runs_after(f, 5), 0);
	the_line(f, &line);
	assert_true(line.dropped_at.us > 0);
	assert_non_null(line.dropped_why);
	assert_non_null(strstr(line.dropped_why, "gone"));
	free(line.dropped_why);
	assert_int_equal(store_audit_list(f->store, &all, &audit, &e), 0);
	assert_int_equal(audit.n, 1);
	assert_string_equal(audit.v[0].verb, "schedule.drop");
	assert_string_equal(audit.v[0].by, "coordinator");
	assert_true(str_starts(audit.v[0].reason, ".shithub/workflows/a.yml, * * * * *: "));
	assert_int_equal(runs_after(f, 60), 0); /* nor a second entry */

	assert_int_equal(
		sql_run(f->store, &e, "UPDATE repositories SET default_branch = ?", "t", branch),
		0);
	assert_int_equal(runs_after(f, 60), 0);
	git_write(f->work, "x", "1");
	assert_int_equal(trigger_world_push(f, A40, "refs/heads/trunk", "Again"), 0);
	the_line(f, &line);
	assert_int_equal(line.dropped_at.us, 0);
	assert_null(line.dropped_why);
	assert_int_equal(runs_after(f, 60), 1);
}

/* A disk that is not mounted comes back, and the line is still there. */
static void a_repository_that_does_not_open_drops_no_schedule(void **state)
{
	struct trigger_world *f = *state;
	CLEAN_STR char *away = xasprintf("%s.away", f->bare);
	struct schedule_row line;

	git_write(f->work, ".shithub/workflows/a.yml", CRON RUN_JOB);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Here"), 0);
	assert_int_equal(rename(f->bare, away), 0);
	assert_int_equal(runs_after(f, 5), 0);
	the_line(f, &line);
	assert_int_equal(line.dropped_at.us, 0);
	assert_null(line.dropped_why);
	assert_int_equal(rename(away, f->bare), 0);
	/* nor one whose commit is not there */
	CLEAN_STR char *objects = xasprintf("%s/objects", f->bare);
	CLEAN_STR char *gone = xasprintf("%s.away", objects);
	assert_int_equal(rename(objects, gone), 0);
	assert_int_equal(mkdir(objects, 0700), 0);
	assert_int_equal(runs_after(f, 10), 0);
	the_line(f, &line);
	assert_int_equal(line.dropped_at.us, 0);
	assert_int_equal(rmdir(objects), 0);
	assert_int_equal(rename(gone, objects), 0);
	assert_int_equal(runs_after(f, 20), 1);
}

static void a_schedule_that_cannot_run_says_why(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		CRON
		"jobs: {a: {runs-on: '${{ shithub.event.nothing }}', steps: [{run: echo}]}}\n");
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "Labels"), 0);
	assert_int_equal(runs_after(f, 1), 1);
	trigger_world_newest(f, &run);
	assert_int_equal(run.state.conclusion, CONCLUSION_FAILURE);
	assert_non_null(strstr(run.problems, "runs-on"));
	/* the branch is gone: so is the line */
	free(git_run(f->g, f->bare, "update-ref", "-d", "refs/heads/trunk", NULL));
	assert_int_equal(runs_after(f, 3), 0);
	git_write(f->work, "x", "1");
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/other", "Elsewhere"), 0);
	assert_int_equal(runs_after(f, 9), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_commands),
		cmocka_unit_test(refuses_bad_commands),
		cmocka_unit_test(scan_stops_at_the_flush),
		cmocka_unit_test(scan_is_bounded),
		cmocka_unit_test(refs_and_filters),
		WITH_STORE(refs_of_any_length),
		cmocka_unit_test(skip_markers),
		WITH_STORE(push_makes_a_run),
		WITH_STORE(payload_is_what_users_expect),
		WITH_STORE(a_push_names_its_commits),
		WITH_STORE(broken_file_is_a_failed_run),
		WITH_STORE(what_starts_nothing),
		WITH_STORE(a_branch_that_moved_on),
		WITH_STORE(tags_trigger_the_commit_behind),
		WITH_STORE(dispatch_checks_and_fills_inputs),
		WITH_STORE(one_push_starts_so_many_jobs),
		WITH_STORE(a_run_takes_so_much_room),
		WITH_STORE(schedules_of_the_default_branch),
		WITH_STORE(a_schedule_that_is_dropped_says_why),
		WITH_STORE(a_repository_that_does_not_open_drops_no_schedule),
		WITH_STORE(a_schedule_that_cannot_run_says_why),
	};

	return cmocka_run_group_tests_name("trigger", tests, NULL, NULL);
}
