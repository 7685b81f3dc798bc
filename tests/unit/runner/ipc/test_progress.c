/* What a job tells of itself: rate, names, and what the supervisor refuses to believe. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "runner/ipc/channel.h"
#include "runner/ipc/progress.h"

struct fixture {
	struct loop *loop;
	int fds[2];
	uint64_t queued, masked;
	struct progress_sender *sender;
};

static void fill(void *data, struct progress *p)
{
	const struct fixture *f = data;

	p->queued = f->queued;
	p->masked = f->masked;
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	f->loop = loop_new(&e);
	if (!f->loop ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, f->fds) < 0)
		return -1;
	f->sender = progress_sender_new(&(struct progress_sender_spec){
		.loop = f->loop, .channel = f->fds[0], .fill = fill, .data = f });
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	progress_sender_free(f->sender);
	loop_free(f->loop);
	close(f->fds[0]);
	close(f->fds[1]);
	free(f);
	return 0;
}

/* How many messages there are; the last one in *ret. */
static size_t messages(struct fixture *f, struct progress *ret)
{
	struct channel_message m = { .fd = -1 };
	struct err e = { 0 };
	size_t n = 0;

	for (; channel_receive(f->fds[1], &m, &e) == 1; n++) {
		assert_int_equal(m.type, CHANNEL_PROGRESS);
		*ret = m.progress;
	}
	return n;
}

static void many_steps_few_messages(void **state)
{
	struct fixture *f = *state;
	struct progress last = PROGRESS_INIT;

	for (size_t i = 0; i < 500; i++) {
		progress_step_begin(f->sender, i, 500, "step");
		f->masked++;
		progress_step_end(f->sender);
	}
	progress_sender_free(TAKE(f->sender));
	assert_in_range(messages(f, &last), 1, 4);
	assert_int_equal(histogram_count(&last.step_seconds), 500);
	assert_int_equal(last.masked, 500);
	assert_int_equal(last.step, -1);
	assert_string_equal(last.name, "");
}

static void a_full_channel_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct progress last = PROGRESS_INIT;
	const int small = 1;

	assert_int_equal(setsockopt(f->fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (send(f->fds[0], "x", 1, 0) == 1)
		;
	progress_step_begin(f->sender, 3, 9, "waits");
	while (recv(f->fds[1], &last, sizeof(last), 0) >= 0)
		;
	progress_sender_free(TAKE(f->sender));
	assert_int_equal(messages(f, &last), 1);
	assert_string_equal(last.name, "waits");
}

static void names_are_cut_between_characters(void **state)
{
	struct fixture *f = *state;
	struct progress_view v = { .last = PROGRESS_INIT };
	struct progress last = PROGRESS_INIT;
	char name[3 * PROGRESS_NAME + 1] = "";
	struct err e = { 0 };

	for (size_t i = 0; i < PROGRESS_NAME; i++)
		memcpy(name + 3 * i, "\xe2\x82\xac", 4);
	name[0] = '\n';
	name[1] = name[2] = 'a';
	progress_step_begin(f->sender, 0, 1, name);
	assert_int_equal(messages(f, &last), 1);
	assert_int_equal(strlen(last.name), PROGRESS_NAME - 3);
	assert_int_equal(last.name[0], '?');
	assert_int_equal(progress_take(&v, &last, mono_now(), &e), 0);
	assert_true(v.first_step.us > 0);
}

static void only_the_engines_errors_count(void **state)
{
	struct fixture *f = *state;
	struct progress last = PROGRESS_INIT;
	struct err e = { 0 };

	const struct {
		enum err_class class;
		bool alone;
	} cases[] = { { ERR_ENGINE, false }, { ERR_NET, true }, { ERR_NET, false },
		{ ERR_INPUT, true } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err_set(&e, cases[i].class, "what");
		progress_error(f->sender, &e, cases[i].alone);
	}
	progress_sender_free(TAKE(f->sender));
	assert_true(messages(f, &last) > 0);
	assert_int_equal(last.engine_errors, 2);
}

static void refuses_the_impossible(void **state)
{
	const struct progress good = { .step = 1,
		.steps = 3,
		.masked = 5,
		.engine_errors = 5,
		.name = "fine",
		.step_seconds = { .bucket = { 5 }, .sum_us = 5 } };
	struct progress bad[8];
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	bad[0].step = 3;
	bad[1].step = -2;
	bad[2].steps = 1 << 20;
	bad[3].masked = 4;
	bad[4].engine_errors = 0;
	bad[5].step_seconds.bucket[0] = 4;
	memset(bad[6].name, 'x', sizeof(bad[6].name));
	memcpy(bad[7].name, "\xff", 2);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct progress_view v = { .last = PROGRESS_INIT };

		e = (struct err){ 0 };
		assert_int_equal(progress_take(&v, &good, mono_now(), &e), 0);
		assert_int_equal(progress_take(&v, &bad[i], mono_now(), &e), -1);
		assert_true(err_is(&e, ERR_PROTO));
		assert_memory_equal(&v.last, &good, sizeof(good));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_steps_few_messages, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_channel_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_cut_between_characters, setup, teardown),
		cmocka_unit_test_setup_teardown(only_the_engines_errors_count, setup, teardown),
		cmocka_unit_test(refuses_the_impossible),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
