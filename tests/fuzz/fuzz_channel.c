/* One packet from a job process to the supervisor, with or without a descriptor. */
#include <sys/socket.h>

#include "base/limits.h"
#include "runner/ipc/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel_message m = { .fd = -1 };
	struct err e = { 0 };
	int pair[2];

	if (size == 0 || size > KIB(64))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	if (send(pair[1], data, size, MSG_DONTWAIT) == (ssize_t)size) {
		int rc = channel_receive(pair[0], &m, &e);

		if (rc == 1 && m.type != CHANNEL_PROGRESS && !memchr(m.text, 0, sizeof(m.text)))
			abort();
		if (rc < 0 && !e.text[0])
			abort();
	}
	close_fdp(&m.fd);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
