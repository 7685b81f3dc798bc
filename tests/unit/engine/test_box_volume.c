/* Much output, many boxes, and a box that serves several steps (isolation "job"). */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "tests/unit/help/box_world.h"

/* ---- volume ---- */

static void test_throughput(void **state)
{
	struct run r = { 0 };
	uint64_t want = *state ? MIB(32) : MIB(256);
	char script[64];

	snprintf(script, sizeof(script), "head -c %" PRIu64 " /dev/zero", want);
	r.box = step_box_prepare(w.job, "7");
	run_start(&r, ":; exec head -c 1 /dev/zero", NULL, NULL); /* the box is up by now */
	run_wait(&r);
	run_release(&r);
	r = (struct run){ .box = step_box_prepare(w.job, "8") };
	struct mono begin = mono_now();
	run_start(&r, script, NULL, NULL);
	run_wait(&r);
	assert_true(r.bytes == want);
	assert_int_equal(r.result.code, 0);
	print_message("%.0f MB/s over %" PRIu64 " MiB\n",
		(double)want / (double)mono_diff(r.exit_at, begin), want >> 20);
	run_release(&r);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void test_many_boxes(void **state UNUSED)
{
	enum { BOXES = 50 };
	int64_t step_us[BOXES];
	const size_t median = BOXES / 2, slow = BOXES * 9 / 10;
	struct step_box *ahead = step_box_prepare(w.job, "0");
	int before = 0;

	for (int i = 0; i < BOXES; i++) {
		struct run r = { .box = ahead };

		run_script(&r,
			"echo hi"); /* the first waits for its box, the next is made meanwhile */
		run_release(&r);
		ahead = step_box_prepare(w.job, "next");
		/* a second step in a box that certainly is ready: what a step costs beyond its box
		 */
		struct run wait = { .box = step_box_prepare(w.job, "idle") };
		run_script(&wait, "sleep 0.3");
		run_release(&wait);
		struct mono begin = mono_now();
		struct run timed = { .box = ahead };
		run_start(&timed, "echo hi", NULL, NULL);
		run_wait(&timed);
		step_us[i] = mono_diff(timed.exit_at, begin);
		assert_string_equal(buf_cstr(&timed.out), "hi\n");
		run_release(&timed);
		ahead = step_box_prepare(w.job, "next");
		if (i == 4)
			before = descriptors();
		if (i > 4 && i % 15 == 0)
			assert_in_range(descriptors(), 0, before + 8);
	}
	step_box_free(ahead);
	qsort(step_us, BOXES, sizeof(step_us[0]), compare);
	print_message("echo hi in a prepared box: median %.2f ms, p90 %.2f ms\n",
		(double)step_us[median] / 1000, (double)step_us[slow] / 1000);
}

/* ---- isolation "job" ---- */

static void again(struct run *r, const char *script)
{
	struct step_box *box = r->box;

	buf_release(&r->out);
	*r = (struct run){ .box = box };
	run_script(r, script);
}

static void test_job_isolation(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "echo kept > /tmp/f; (while :; do echo tick; sleep 0.01; done) & echo $! > "
		       "/tmp/pid");
	assert_int_equal(r.result.code, 0);
	assert_true(r.result.output_cut);
	again(&r, "cat /tmp/f; kill -0 $(cat /tmp/pid) && echo service lives; exit 4");
	assert_string_equal(buf_cstr(&r.out), "kept\nservice lives\n");
	assert_int_equal(r.result.code, 4);
	again(&r, "ls /tmp/_shithub | wc -l; kill $(cat /tmp/pid)");
	assert_string_equal(buf_cstr(&r.out), "1\n"); /* scripts of earlier steps are gone */
	again(&r, "kill -KILL $$");
	assert_int_equal(r.result.end, STEP_SIGNALED);
	again(&r, "rm -r /tmp/_shithub; ln -s /workspace /tmp/_shithub");
	again(&r, "echo x");
	assert_int_equal(r.result.code, 0); /* its own uid, its own /tmp: nothing to break */
	run_release(&r);
}

/* ---- table ---- */

static const struct box_case cases[] = {
	{ "throughput", test_throughput },
};

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[128];
	int n = 0;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	n += box_cases_add(tests + n, "gate", open_gate, NULL, cases, ARRAY_LEN(cases));
	n += box_cases_add(
		tests + n, "attach", open_attach, (void *)"attach", cases, ARRAY_LEN(cases));
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
		test_job_isolation, open_gate_job, job_close);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
		test_many_boxes, open_gate, job_close);
	return _cmocka_run_group_tests(
		"box_volume", tests, (size_t)n, box_world_open, box_world_close);
}
