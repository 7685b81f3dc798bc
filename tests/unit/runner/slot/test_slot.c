/*
 * The slot's states with roles that fail on purpose: this very program is started as each of them,
 * as the runner starts itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "runner/slot/slot.h"

/* ---- the roles ---- */

static int note(const char *top, const char *text)
{
	CLEAN_STR char *path = path_join(top, "roles");
	FILE *f = fopen(path, "a");

	if (!f)
		return 1;
	fprintf(f, "%s\n", text);
	return fclose(f) ? 1 : 0;
}

static bool has(const char *top, const char *name)
{
	CLEAN_STR char *path = path_join(top, name);

	return access(path, F_OK) == 0;
}

/* The folder comes as the workspace root, or in the environment of job processes. */
static int be_role(int argc, char **argv)
{
	const char *top = getenv("TOP");

	for (int i = 2; i < argc; i++)
		if (str_starts(argv[i], "--root="))
			top = argv[i] + strlen("--root=");
	for (int i = 2; i < argc; i++)
		if (str_starts(argv[i], "--ended=") || str_starts(argv[i], "--no-workspace="))
			note(top, argv[i]);
	if (str_eq(argv[1], "job") && has(top, "hang"))
		for (;;)
			pause();
	if (str_eq(argv[1], "job"))
		return 7;
	if (str_eq(argv[1], "recover") && has(top, "recovers-for-ever"))
		for (;;)
			pause();
	if (str_eq(argv[1], "recover"))
		return has(top, "die") ? 1 : 0;
	if (str_eq(argv[1], "janitor") && (str_eq(argv[2], "remove") || has(top, "stuck")))
		for (;;)
			pause();
	return 0;
}

/* ---- the slot ---- */

struct fixture {
	char top[32];
	struct loop *loop;
	struct state_dir state;
	struct runner_config config;
	struct strv env;
	struct slot_owner owner;
	bool over;
};

static void on_over(void *data)
{
	((struct fixture *)data)->over = true;
}

static int begin(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	snprintf(f->top, sizeof(f->top), "/tmp/slot-XXXXXX");
	f->state = (struct state_dir)STATE_DIR_INIT;
	f->loop = loop_new(&e);
	if (!mkdtemp(f->top) || !f->loop || state_dir_own(&f->state, f->top, &e) < 0)
		return -1;
	f->config.runner.workspace_root = f->top;
	f->config.server.base_url = (char *)(uintptr_t) "http://nowhere.invalid";
	strv_addf(&f->env, "TOP=%s", f->top);
	f->owner = (struct slot_owner){ .loop = f->loop,
		.config = &f->config,
		.job_env = &f->env,
		.state = &f->state,
		.remove_us = 50 * USEC_PER_MSEC,
		.on_over = on_over,
		.data = f };
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	CLEAN_FD int tmp = -1;
	struct err e = { 0 };
	uint64_t left = 0;
	int rc;

	state_dir_release(&f->state);
	loop_free(f->loop);
	strv_release(&f->env);
	tmp = dir_open("/tmp", &e);
	rc = tmp < 0 ? -1 : tree_remove(tmp, f->top + strlen("/tmp/"), &left, &e);
	free(f);
	return rc;
}

static struct slot *start(struct fixture *f)
{
	struct claim_identity id = {
		.job_id = 42, .run_id = 7, .step_id = 1, .token = xstrdup("token")
	};
	struct err e = { 0 };
	struct slot *s = slot_start(&f->owner, &id, SLICE("{}"), false, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

/* Its owner is called: the slot is over, or holds no place any longer. */
static void wait_call(struct fixture *f)
{
	struct err e = { 0 };

	if (loop_wait(f->loop, &f->over, mono_add(mono_now(), 60 * USEC_PER_SEC), &e) < 0)
		fail_msg("%s", e.text);
	f->over = false;
}

static void wait_over(struct fixture *f, const struct slot *s)
{
	while (!slot_over(s))
		wait_call(f);
}

static void put(const struct fixture *f, const char *name)
{
	CLEAN_STR char *path = path_join(f->top, name);
	struct err e = { 0 };

	assert_int_equal(file_replace(path, "", 0, 0600, &e), 0);
}

static void take_away(const struct fixture *f, const char *name)
{
	CLEAN_STR char *path = path_join(f->top, name);

	assert_int_equal(unlink(path), 0);
}

static bool is_there(const struct fixture *f, const char *name)
{
	CLEAN_STR char *path = path_join(f->top, name);
	struct stat st;

	return stat(path, &st) == 0;
}

static void expect_roles(const struct fixture *f, const char *lines)
{
	CLEAN_STR char *path = path_join(f->top, "roles");
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	struct err e = { 0 };

	assert_int_equal(file_read(path, &text, &e), 0);
	assert_string_equal(buf_cstr(&text), lines);
}

/* How many recover processes have started. */
static size_t count_roles(const struct fixture *f)
{
	CLEAN_STR char *path = path_join(f->top, "roles");
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	struct err e = { 0 };
	size_t n = 0;

	if (file_read(path, &text, &e) < 0)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

static void turn(struct fixture *f)
{
	bool never = false;
	struct err ignored = { 0 };

	assert_int_equal(
		-1, loop_wait(f->loop, &never, mono_add(mono_now(), 10 * USEC_PER_MSEC), &ignored));
}

/* A job process that ends badly is recovered; a janitor that hangs does not keep the slot. */
static void survives_bad_roles(void **state)
{
	struct fixture *f = *state;
	struct slot *s = start(f);

	assert_true(is_there(f, "jobs/42/journal"));
	assert_true(is_there(f, "jobs/42/chain"));
	assert_true(is_there(f, "leases/7-42"));
	wait_over(f, s);
	assert_true(slot_over(s));
	assert_string_equal(slot_conclusion(s), "crashed");
	expect_roles(f, "--ended=exit status 7\n");
	assert_false(is_there(f, "jobs/42"));
	assert_false(is_there(f, "leases/7-42"));
	slot_free(s);
}

/* Who holds a job's lease keeps its folder; the second is reported, and touches nothing. */
static void respects_a_lease(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *folder = path_join(f->top, "leases");
	struct lease held = LEASE_INIT;
	struct err e = { 0 };
	CLEAN_STR char *dir = NULL;
	struct slot *s;

	assert_int_equal(lease_take(folder, "7-42", &held, &e), 0);
	assert_int_equal(state_dir_job_make(&f->state, 42, &dir, &e), 0);
	s = start(f);
	wait_over(f, s);
	assert_string_equal(slot_conclusion(s), "crashed");
	assert_true(is_there(f, "jobs/42/ctl"));
	assert_true(is_there(f, "leases/7-42"));
	slot_free(s);
	lease_end(&held);
}

/* A file system that hangs costs the job its workspace, not the slot. */
static void gives_up_a_workspace_that_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct slot *s;

	put(f, "stuck");
	f->owner.make_us = 50 * USEC_PER_MSEC;
	s = start(f);
	wait_over(f, s);
	expect_roles(f, "--no-workspace=it could not be made in time; does its file system hang?\n"
			"--ended=exit status 7\n");
	slot_free(s);
}

static void kills_a_job_process_that_hangs(void **state)
{
	struct fixture *f = *state;
	struct slot *s;

	put(f, "hang");
	f->owner.silence_us = 300 * USEC_PER_MSEC;
	s = start(f);
	wait_over(f, s);
	expect_roles(f, "--ended=no sign of life for 300ms\n");
	assert_string_equal(slot_conclusion(s), "crashed");
	slot_free(s);
}

/* A recover process that dies is started again; what it needs stays, its place does not. */
static void recovers_until_it_works(void **state)
{
	struct fixture *f = *state;
	struct slot *s;

	put(f, "die");
	s = start(f);
	wait_call(f);
	assert_true(slot_is_recovering(s));
	while (count_roles(f) < 3)
		turn(f);
	assert_true(slot_is_recovering(s));
	assert_true(is_there(f, "jobs/42/journal"));
	take_away(f, "die");
	wait_over(f, s);
	assert_false(is_there(f, "jobs/42"));
	slot_free(s);
}

/* One that hangs is killed, which counts as a death of its own. */
static void kills_a_recovery_that_hangs(void **state)
{
	struct fixture *f = *state;
	struct slot *s;

	put(f, "recovers-for-ever");
	f->owner.recover_us = 200 * USEC_PER_MSEC;
	s = start(f);
	wait_call(f);
	while (count_roles(f) < 2)
		turn(f);
	assert_true(is_there(f, "jobs/42/journal"));
	take_away(f, "recovers-for-ever");
	wait_over(f, s);
	assert_false(is_there(f, "jobs/42"));
	slot_free(s);
}

static void gives_up_when_the_token_is_dead(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *chain = path_join(f->top, "jobs/42/chain");
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct slot *s;

	put(f, "hang");
	put(f, "die");
	f->owner.silence_us = 300 * USEC_PER_MSEC;
	s = start(f);
	assert_int_equal(utimensat(AT_FDCWD, chain, old, 0), 0);
	wait_over(f, s);
	assert_int_equal(count_roles(f), 1);
	assert_false(is_there(f, "jobs/42"));
	slot_free(s);
}

/* A stop while it waits for the next try: the next start goes on. */
static void leaves_a_failing_recovery_to_the_next_start(void **state)
{
	struct fixture *f = *state;
	struct slot *s;

	put(f, "die");
	s = start(f);
	wait_call(f);
	while (count_roles(f) < 1)
		turn(f);
	slot_cancel(s);
	wait_over(f, s);
	assert_true(is_there(f, "jobs/42/journal"));
	slot_free(s);
}

/* The supervisor goes before the slot's end: everything stays for the next one. */
static void leaves_its_remains(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *folder = path_join(f->top, "leases");
	struct lease lease = LEASE_INIT;
	struct err e = { 0 };

	slot_free(start(f));
	assert_true(is_there(f, "jobs/42/journal"));
	assert_int_equal(lease_take(folder, "7-42", &lease, &e), 0);
	lease_drop(&lease);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(survives_bad_roles, begin, end),
		cmocka_unit_test_setup_teardown(respects_a_lease, begin, end),
		cmocka_unit_test_setup_teardown(gives_up_a_workspace_that_is_not_made, begin, end),
		cmocka_unit_test_setup_teardown(kills_a_job_process_that_hangs, begin, end),
		cmocka_unit_test_setup_teardown(recovers_until_it_works, begin, end),
		cmocka_unit_test_setup_teardown(kills_a_recovery_that_hangs, begin, end),
		cmocka_unit_test_setup_teardown(gives_up_when_the_token_is_dead, begin, end),
		cmocka_unit_test_setup_teardown(
			leaves_a_failing_recovery_to_the_next_start, begin, end),
		cmocka_unit_test_setup_teardown(leaves_its_remains, begin, end),
	};

	if (argc > 1)
		return be_role(argc, argv);
	return cmocka_run_group_tests_name("slot", tests, NULL, NULL);
}
