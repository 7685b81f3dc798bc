/* The head of a request to /metrics: what is served was asked for, with a whole line. */
#include "runner/control/monitor_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *text = xmemdup0(data, size); /* exactly as long: a read past it is found */
	struct slice request = { text, size };
	struct monitor_request r = monitor_request_parse(request);

	if (r.wants == MONITOR_METRICS && !memmem(text, size, " /metrics", 9))
		BUG("nobody asked for metrics");
	if (r.wants != MONITOR_BAD && !memchr(text, '\n', size))
		BUG("half a line");
	if (r.head && r.wants != MONITOR_BAD && memcmp(text, "HEAD ", 5) != 0)
		BUG("no HEAD");
	if (monitor_request_whole(request) && size < 2)
		BUG("too short");
	return 0;
}
