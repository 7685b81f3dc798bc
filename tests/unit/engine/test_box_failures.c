/* Engines that refuse: missing images, networks and folders, containers removed by somebody else.
 */
#include <signal.h>

#include "engine/image.h"
#include "tests/unit/help/box_world.h"

/* ---- failures ---- */

static void expect_launch_error(const struct box_job_spec *s, const char *text)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct err e = { 0 };
	struct step_launch l = {
		.argv = &argv, .working_dir = "/", .on_output = on_output, .on_exit = on_exit_status
	};
	struct box_job *j = box_job_open(s, &e);

	assert_non_null(j);
	strv_add(&argv, "true");
	assert_int_equal(step_box_launch(step_box_prepare(j, "7"), &l, &e), -1);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
	box_job_close(j);
}

static void test_bad_jobs(void **state)
{
	struct box_job_spec s = box_world_job_spec();

	s.image = "shithub-no-such-image:9";
	s.volumes =
		&(struct strv){ 0 }; /* else the engine is asked for them, and says it at once */
	expect_launch_error(&s, "o such image");
	s = box_world_job_spec();
	s.workspace = "/no/such/workspace";
	expect_launch_error(&s, "/no/such/workspace");
	s = box_world_job_spec();
	s.gate_path = "/etc/hostname"; /* there, but no program */
	if (!*state)                   /* attach: the step itself fails with the runtime's words */
		expect_launch_error(&s, "container");
	s = box_world_job_spec();
	w.config.engine.network = (char *)"shithub-no-such-network";
	expect_launch_error(&s, "shithub-no-such-network");
	box_world_limits();
}

static void poke_nothing(struct run *r UNUSED)
{
}

static void test_removed_from_outside(void **state)
{
	struct run r = { .poke = "go\n", .on_poke = poke_nothing };
	CLEANUP(strv_release) struct strv ids = { 0 };
	struct err e = { 0 };
	bool never = false;

	run_start(&r, "echo go; sleep 60", NULL, NULL);
	while (!r.poked)
		assert_int_equal(loop_wait(w.loop, &never, mono_add(mono_now(), 1000), &e), -1);
	err_clear(&e);
	assert_int_equal(engine_container_list(w.engine, BOX_LABEL_RUNNER, w.root, &ids, &e), 0);
	assert_in_range(ids.n, 1, 2); /* the box, and a holder when there is a network */
	strv_each (id, &ids)
		assert_int_equal(engine_container_remove(w.engine, id, &e), 0);
	run_wait(&r);
	if (*state && r.result.end == STEP_EXITED) { /* attach: asked before it was removed */
		assert_int_equal(r.result.code, 128 + SIGKILL);
	} else {
		assert_int_equal(r.result.end, STEP_GONE);
		assert_int_not_equal(r.result.infra.class, ERR_NONE);
	}
	run_release(&r);
}

static void test_probe(void **state UNUSED)
{
	struct box_job_spec s = box_world_job_spec();
	struct err e = { 0 };
	enum step_io io = STEP_IO_AUTO;

	box_world_limits();
	w.config.engine.step_io = STEP_IO_AUTO;
	if (step_io_probe(&s, &io, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(io, STEP_IO_GATE);
	s.image = "shithub-no-such-image:9";
	assert_int_equal(step_io_probe(&s, &io, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void test_engine_answers(void **state UNUSED)
{
	CLEANUP(image_release) struct image image = { 0 };
	struct err e = { 0 };
	struct container_state st;

	assert_int_equal(
		engine_image_inspect(w.engine, box_world_need("SHITHUB_TEST_IMAGE"), &image, &e),
		0);
	assert_true(str_starts(image.id, "sha256:"));
	assert_string_equal(image_digest(&image), image.id); /* it came from no registry */
	assert_true(image.size > 0);
	image_release(&image);
	assert_int_equal(engine_image_inspect(w.engine, "a/b:c?d e", &image, &e), -1);
	err_clear(&e);
	assert_int_equal(engine_network_check(w.engine, "none", &e), 0);
	assert_int_equal(engine_network_check(w.engine, "shithub-no-such-network", &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	err_clear(&e);
	assert_int_equal(engine_container_inspect(w.engine, "shithub-nope", &st, &e), 0);
	assert_false(st.exists);
	assert_int_equal(engine_container_kill(w.engine, "shithub-nope", &e), 0);
	assert_int_equal(engine_container_remove(w.engine, "shithub-nope", &e), 0);
	assert_null(engine_open(w.loop, w.http, ENGINE_AUTO, "/no/such.sock", &e));
	assert_non_null(strstr(e.text, "/no/such.sock"));
}

/* ---- table ---- */

static const struct box_case cases[] = {
	{ "bad jobs", test_bad_jobs },
	{ "removed from outside", test_removed_from_outside },
};

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[128];
	int n = 0;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_engine_answers);
	n += box_cases_add(tests + n, "gate", open_gate, NULL, cases, ARRAY_LEN(cases));
	n += box_cases_add(
		tests + n, "attach", open_attach, (void *)"attach", cases, ARRAY_LEN(cases));
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_probe);
	return _cmocka_run_group_tests(
		"box_failures", tests, (size_t)n, box_world_open, box_world_close);
}
