/* The gate with disk guards that this very program plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/supervisor/disk_gate.h"

static void on_change(void *data)
{
	*(bool *)data = true;
}

/* The role `disk-guard` of this program never ends: the gate opens again after its patience, and
 * does not start another one at once. */
static void a_guard_that_hangs_is_abandoned(void **state)
{
	struct settings settings = { .refs = 1 }, *current = &settings;
	struct err e = { 0 };
	struct loop *loop = loop_new(&e);
	bool changed = false;
	struct disk_gate *gate;

	(void)state;
	settings.config.runner.workspace_root = settings.config.runner.state_dir = (char *)"/tmp";
	settings.config.disk.high_water = 1; /* reached on any disk with a file */
	gate = disk_gate_new(&(struct disk_gate_spec){ .loop = loop,
		.current = &current,
		.guard_us = USEC_PER_SEC,
		.on_change = on_change,
		.data = &changed });
	assert_false(disk_gate_open(gate));
	assert_int_equal(disk_gate_state(gate).guards, 1);
	assert_int_equal(loop_wait(loop, &changed, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	assert_true(disk_gate_open(gate));
	assert_int_equal(disk_gate_state(gate).guards, 1);
	assert_false(disk_gate_state(gate).pressure);
	disk_gate_free(gate);
	loop_free(loop);
}

/* What the gate tells of its folder are the texts in force, not those that a reload freed. */
static void a_reload_changes_what_it_tells(void **state)
{
	struct settings before = { .refs = 1 }, after = { .refs = 1 }, *current = &before;
	struct err e = { 0 };
	struct loop *loop = loop_new(&e);
	char *text = strdup("/tmp");
	bool changed = false;
	struct disk_gate *gate;

	(void)state;
	before.config.runner.workspace_root = before.config.runner.state_dir = text;
	before.config.disk.high_water = 100;
	after = before;
	after.config.runner.workspace_root = after.config.runner.state_dir = strdup("/tmp");
	gate = disk_gate_new(&(struct disk_gate_spec){
		.loop = loop, .current = &current, .on_change = on_change, .data = &changed });
	assert_null(disk_gate_state(gate).root);
	assert_false(disk_gate_is_short(gate));
	assert_ptr_equal(text, disk_gate_state(gate).root);
	current = &after;
	memset(text, 0xff, strlen(text)); /* as whoever gets the memory next may leave it */
	free(text);
	assert_string_equal("/tmp", disk_gate_state(gate).root);
	disk_gate_free(gate);
	loop_free(loop);
	free(after.config.runner.workspace_root);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guard_that_hangs_is_abandoned),
		cmocka_unit_test(a_reload_changes_what_it_tells),
	};

	(void)argv;
	if (argc > 1)
		for (;;)
			pause();
	return cmocka_run_group_tests_name("disk_gate", tests, NULL, NULL);
}
