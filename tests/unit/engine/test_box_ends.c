/* How a step ends: signals, kill, the memory limit, left-over processes, an owner that lets go. */
#include <inttypes.h>
#include <signal.h>

#include "tests/unit/help/box_world.h"

/* ---- signals, ends ---- */

static void poke_term(struct run *r)
{
	step_box_signal(r->box, SIGTERM);
}

static void poke_kill(struct run *r)
{
	step_box_kill(r->box);
}

static void poke_free(struct run *r)
{
	step_box_free(r->box);
	r->box = NULL;
}

static void test_own_signal(void **state)
{
	struct run r = { 0 };

	run_script(&r, "kill -KILL $$");
	if (*state) { /* attach: as a shell says it */
		assert_int_equal(r.result.end, STEP_EXITED);
		assert_int_equal(r.result.code, 128 + SIGKILL);
	} else {
		assert_int_equal(r.result.end, STEP_SIGNALED);
		assert_int_equal(r.result.code, SIGKILL);
	}
	assert_false(r.result.oom);
	run_release(&r);
}

static void test_sigterm_reaches_all(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_term };

	run_script(&r, "trap 'echo parent; exit 3' TERM\n"
		       "bash -c 'trap \"echo child; exit 0\" TERM; sleep 60 & wait' &\n"
		       "sleep 0.1; echo go; wait; wait; sleep 60");
	assert_true(r.poked);
	assert_non_null(strstr(buf_cstr(&r.out), "parent\n"));
	assert_non_null(strstr(buf_cstr(&r.out), "child\n"));
	assert_int_equal(r.result.code, 3);
	run_release(&r);
}

static void test_sigterm_default(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_term };

	run_script(&r, "echo go; sleep 60");
	assert_true(r.result.end == STEP_SIGNALED ? r.result.code == SIGTERM
						  : r.result.code == 128 + SIGTERM);
	run_release(&r);
}

static void ignored_then_kill(struct run *r)
{
	step_box_signal(r->box, SIGTERM);
	step_box_kill(r->box);
}

static void test_kill(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = ignored_then_kill };

	run_script(&r, "trap '' TERM; bash -c 'trap \"\" TERM; sleep 60' & echo go; "
		       "while :; do sleep 1; done");
	assert_int_equal(r.result.end, STEP_GONE);
	assert_int_equal(r.result.infra.class, ERR_NONE);
	run_release(&r);
}

static void test_kill_while_writing(void **state UNUSED)
{
	struct run r = { .poke = "y\n", .on_poke = poke_kill };

	run_script(&r, "yes");
	assert_int_equal(r.result.end, STEP_GONE);
	run_release(&r);
}

static void test_kill_before_launch(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct step_box *b = step_box_prepare(w.job, "7");
	struct err e = { 0 };
	struct step_launch l = {
		.argv = &argv, .working_dir = "/", .on_output = on_output, .on_exit = on_exit_status
	};

	strv_add(&argv, "true");
	step_box_kill(b);
	assert_int_equal(step_box_launch(b, &l, &e), -1);
	assert_int_equal(e.class, ERR_CANCELLED);
	step_box_free(b);
}

static void test_free_in_callback(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_free };
	bool never = false;
	struct err e = { 0 };

	run_start(&r, "echo go; for i in 1 2 3 4 5 6; do echo more; sleep 0.01; done", NULL, NULL);
	while (!r.poked)
		assert_int_equal(loop_wait(w.loop, &never, mono_add(mono_now(), 1000), &e), -1);
	uint64_t bytes = r.bytes;
	assert_int_equal(
		loop_wait(w.loop, &never, mono_add(mono_now(), 200 * USEC_PER_MSEC), &e), -1);
	assert_int_equal(r.bytes, bytes);
	assert_false(r.done);
	buf_release(&r.out);
}

static void test_oom(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "head -c 600m /dev/zero | tail -c 500m > /dev/null; echo not reached");
	assert_null(strstr(buf_cstr(&r.out), "not reached"));
	assert_true(r.result.oom);
	run_release(&r);
}

static void test_fork_bomb(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "f() { for i in $(seq 400); do sleep 30 & done; }; f 2>&1 | head -3; "
		       "echo survived; kill -KILL -1");
	assert_non_null(strstr(buf_cstr(&r.out), "Resource temporarily unavailable"));
	run_release(&r);
}

static void test_leftover(void **state)
{
	struct run r = { 0 };
	struct mono begin = mono_now();

	run_script(&r, "sleep 50 & echo started");
	assert_string_equal(buf_cstr(&r.out), "started\n");
	assert_int_equal(r.result.end, STEP_EXITED);
	assert_int_equal(r.result.code, 0);
	if (!*state) /* the attach transport ends with its process 1, nothing is held open */
		assert_true(r.result.output_cut);
	assert_true(mono_diff(mono_now(), begin) < 10 * USEC_PER_SEC);
	run_release(&r);
}

/* One that holds no output is told of, unless it ends at once. */
static void test_quiet_leftover(void **state)
{
	struct run r = { 0 };

	run_script(&r, "sleep 50 >/dev/null 2>&1 & echo started");
	assert_string_equal(buf_cstr(&r.out), "started\n");
	assert_int_equal(r.result.code, 0);
	assert_false(r.result.output_cut);
	if (!*state) /* the attach transport cannot tell */
		assert_true(r.result.left_ended);
	run_release(&r);

	r = (struct run){ 0 };
	run_script(&r, "(sleep 0.02) >/dev/null 2>&1 & echo started");
	assert_int_equal(r.result.code, 0);
	assert_false(r.result.left_ended);
	run_release(&r);

	r = (struct run){ 0 };
	run_script(&r, "(sleep 0.05; echo late) & true");
	assert_string_equal(buf_cstr(&r.out), "late\n");
	assert_false(r.result.left_ended);
	run_release(&r);
}

/* ---- table ---- */

static const struct box_case cases[] = {
	{ "death by own signal", test_own_signal },
	{ "SIGTERM reaches all", test_sigterm_reaches_all },
	{ "SIGTERM by default", test_sigterm_default },
	{ "SIGTERM ignored, then kill", test_kill },
	{ "kill while writing", test_kill_while_writing },
	{ "kill before launch", test_kill_before_launch },
	{ "free inside a callback", test_free_in_callback },
	{ "out of memory", test_oom },
	{ "fork bomb", test_fork_bomb },
	{ "left-over process", test_leftover },
	{ "quiet left-over process", test_quiet_leftover },
};

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[128];
	int n = 0;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	n += box_cases_add(tests + n, "gate", open_gate, NULL, cases, ARRAY_LEN(cases));
	n += box_cases_add(
		tests + n, "attach", open_attach, (void *)"attach", cases, ARRAY_LEN(cases));
	return _cmocka_run_group_tests(
		"box_ends", tests, (size_t)n, box_world_open, box_world_close);
}
