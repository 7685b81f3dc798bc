/* The head of an HTTP request to the monitor, as far as it matters there. Pure. */
#ifndef RUNNER_CONTROL_MONITOR_REQUEST_H
#define RUNNER_CONTROL_MONITOR_REQUEST_H

#include "base/util.h"

enum { MONITOR_REQUEST_MAX = 8 << 10 };

enum monitor_wants {
	MONITOR_METRICS,
	MONITOR_HEALTH,
	MONITOR_NOTHING, /* no such path */
	MONITOR_METHOD,  /* neither GET nor HEAD */
	MONITOR_BAD,     /* no HTTP/1 request */
};
struct monitor_request {
	enum monitor_wants wants;
	bool head; /* without the body */
};

/* Whether the bytes hold the empty line that ends a head. */
bool monitor_request_whole(struct slice seen);
struct monitor_request monitor_request_parse(struct slice request);

#endif
