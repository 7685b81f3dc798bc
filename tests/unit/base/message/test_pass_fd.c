/* Descriptors over sockets: one arrives, more are refused and none stays open. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/message/frame.h"
#include "base/message/pass_fd.h"
#include "tests/unit/help/descriptors.h"

static void carries_one_descriptor(void **state)
{
	int pair[2], fd = -1;
	char text[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pass_fd_send(pair[0], "one", 3, pair[0], 0), 3);
	assert_int_equal(pass_fd_receive(pair[1], text, sizeof(text), 0, &fd), 3);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(pass_fd_send(pair[0], "none", 4, -1, 0), 4);
	assert_int_equal(pass_fd_receive(pair[1], text, sizeof(text), 0, &fd), 4);
	assert_int_equal(fd, -1);
	close(pair[0]);
	assert_int_equal(pass_fd_receive(pair[1], text, sizeof(text), 0, &fd), 0);
	close(pair[1]);
}

static void refuses_more_and_closes_all(void **state)
{
	int pair[2], fd = -1, before;
	char text[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = descriptors_open();
	for (size_t count = 2; count <= 8; count++) {
		descriptors_send(pair[0], "x", 1, count);
		assert_int_equal(pass_fd_receive(pair[1], text, sizeof(text), 0, &fd), -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(fd, -1);
	}
	descriptors_send(pair[0], "longer than 8", 13, 1);
	assert_int_equal(pass_fd_receive(pair[1], text, sizeof(text), 0, &fd), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(fd, -1);
	assert_int_equal(descriptors_open(), before);
	close(pair[0]);
	close(pair[1]);
}

static void a_request_with_two_descriptors_leaves_none(void **state)
{
	int pair[2], fd = -1, before;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	before = descriptors_open();
	descriptors_send(pair[0], "F", 1, 2);
	assert_int_equal(frame_recv_fd(pair[1], &fd, &e), -1);
	assert_true(err_is(&e, ERR_PROTO));
	err_clear(&e);
	descriptors_send(pair[0], "G", 1, 1);
	assert_int_equal(frame_recv_fd(pair[1], &fd, &e), -1);
	assert_int_equal(descriptors_open(), before);
	err_clear(&e);
	assert_int_equal(frame_send_fd(pair[0], pair[0], &e), 0);
	assert_int_equal(frame_recv_fd(pair[1], &fd, &e), 0);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_one_descriptor),
		cmocka_unit_test(refuses_more_and_closes_all),
		cmocka_unit_test(a_request_with_two_descriptors_leaves_none),
	};

	return cmocka_run_group_tests_name("pass_fd", tests, NULL, NULL);
}
