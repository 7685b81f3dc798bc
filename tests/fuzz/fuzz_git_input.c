/* The body of a push or a fetch as it comes in: gzip or plain, in pieces, to a child that reads. */
#include <sys/socket.h>

#include "base/limits.h"
#include "coordinator/git/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct git_input in = { 0 };
	struct err e = { 0 };
	char sink[4096];
	int pair[2], rc;

	if (size < 2)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	size_t piece = data[1] ? data[1] : 256;
	rc = git_input_init(&in, data[0] & 1, data[0] & 2, &e);
	for (size_t at = 2; at < size && rc >= 0; at += piece) {
		rc = git_input_add(
			&in, (const char *)data + at, size - at < piece ? size - at : piece, &e);
		if (rc == 0)
			rc = git_input_move(&in, pair[0], &e);
		while (recv(pair[1], sink, sizeof(sink), MSG_DONTWAIT) > 0)
			continue;
		if (in.total >
			MIB(8)) /* a gzip bomb is stopped by the sizes of its buffers, not by us */
			break;
	}
	if (rc < 0 && !e.text[0])
		abort();
	git_input_release(&in);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
