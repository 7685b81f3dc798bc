/* The channel between supervisor and job: round trips, refusals, no descriptor left behind. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "runner/ipc/channel.h"
#include "runner/ipc/heartbeat.h"
#include "tests/unit/help/descriptors.h"

struct pair_fds {
	int a, b;
};

static struct pair_fds open_pair(void)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	return (struct pair_fds){ fds[0], fds[1] };
}

static void close_pair(struct pair_fds p)
{
	close(p.a);
	close(p.b);
}

static void carries_a_descriptor(void **state)
{
	struct pair_fds p = open_pair();
	struct channel_message m = { .type = CHANNEL_ROLE, .fd = -1 }, got = { .fd = -1 };
	struct err e = { 0 };
	int pipe_fds[2];
	char c = 0;

	(void)state;
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	m.fd = pipe_fds[1];
	assert_int_equal(channel_send(p.a, &m, &e), 0);
	close(pipe_fds[1]);
	assert_int_equal(channel_receive(p.b, &got, &e), 1);
	assert_int_equal(got.type, CHANNEL_ROLE);
	assert_true(fcntl(got.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got.fd, "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	close(got.fd);
	close(pipe_fds[0]);
	close_pair(p);
}

static void carries_text(void **state)
{
	struct pair_fds p = open_pair();
	struct channel_message m = { .type = CHANNEL_REPORT, .fd = -1, .text = "success" }, got;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(channel_send(p.a, &m, &e), 0);
	assert_int_equal(channel_receive(p.b, &got, &e), 1);
	assert_string_equal(got.text, "success");
	assert_int_equal(got.fd, -1);
	close_pair(p);
}

static void tells_empty_from_closed(void **state)
{
	struct pair_fds p = open_pair();
	struct channel_message got;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(channel_receive(p.b, &got, &e), -1);
	assert_true(err_is(&e, ERR_TIMEOUT));
	close(p.a);
	assert_int_equal(channel_receive(p.b, &got, &e), 0);
	close(p.b);
}

struct packet {
	uint32_t type;
	union {
		char text[CHANNEL_TEXT];
		struct progress progress;
	};
};

static void refuses_malformed(void **state)
{
	struct packet unterminated = { .type = CHANNEL_REPORT }, unknown = { .type = 99 },
		      no_fd = { .type = CHANNEL_ROLE };

	const struct {
		const void *p;
		size_t n;
	} cases[] = {
		{ &unterminated, sizeof(unterminated) },
		{ &unknown, sizeof(unknown) },
		{ &no_fd, sizeof(no_fd) },
		{ &unknown, 3 },
	};

	(void)state;
	memset(unterminated.text, 'x', sizeof(unterminated.text));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pair_fds p = open_pair();
		struct channel_message got = { .fd = -1 };
		struct err e = { 0 };

		assert_int_equal(send(p.a, cases[i].p, cases[i].n, 0), cases[i].n);
		assert_int_equal(channel_receive(p.b, &got, &e), -1);
		assert_true(err_is(&e, ERR_PROTO));
		close_pair(p);
	}
}

static void closes_every_descriptor_of_a_refused_message(void **state)
{
	const struct packet role = { .type = CHANNEL_ROLE, .text = "checkout" };
	static const size_t counts[] = { 2, 3, 4, 5, 8 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct pair_fds p = open_pair();
		struct channel_message got = { .fd = -1 };
		struct err e = { 0 };
		int before;

		descriptors_send(p.a, &role, sizeof(role), counts[i]);
		before = descriptors_open();
		assert_int_equal(channel_receive(p.b, &got, &e), -1);
		assert_true(err_is(&e, ERR_PROTO));
		assert_int_equal(descriptors_open(), before);
		close_pair(p);
	}
}

static void sends_signs_of_life_from_the_loop(void **state)
{
	struct pair_fds p = open_pair();
	struct err e = { 0 };
	struct loop *l = loop_new(&e);
	struct job_heartbeat *h = job_heartbeat_new(l, p.a);
	struct channel_message got;

	(void)state;
	assert_int_equal(channel_receive(p.b, &got, &e), 1);
	assert_int_equal(got.type, CHANNEL_HEARTBEAT);
	assert_int_equal(got.fd, -1);
	assert_true(JOB_SILENCE_US >= 10 * JOB_HEARTBEAT_US);
	job_heartbeat_free(h);
	loop_free(l);
	close_pair(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_a_descriptor),
		cmocka_unit_test(carries_text),
		cmocka_unit_test(tells_empty_from_closed),
		cmocka_unit_test(refuses_malformed),
		cmocka_unit_test(closes_every_descriptor_of_a_refused_message),
		cmocka_unit_test(sends_signs_of_life_from_the_loop),
	};

	return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
