/*
 * /metrics and /healthz over HTTP at metrics.listen: GET and HEAD of two paths, one request a
 * connection, at most MONITOR_PEERS at once, 8 KiB and five seconds for a request. Small on
 * purpose: an HTTP library would cost more memory than the rest of an idle supervisor. Supervisor
 * only.
 */
#ifndef RUNNER_CONTROL_MONITOR_H
#define RUNNER_CONTROL_MONITOR_H

#include "base/buf.h"
#include "base/loop.h"

enum { MONITOR_PEERS = 8 };

struct monitor_handler {
	void (*metrics)(void *data, struct buf *out);
	/* One line into out; false: not healthy. */
	bool (*health)(void *data, struct buf *out);
	void *data;
};

struct monitor;
/* where: as metrics.listen. */
struct monitor *monitor_new(struct loop *l, const char *where,
	const struct monitor_handler *handler, struct err *e) CHECK_RESULT;
const char *monitor_where(const struct monitor *m); /* with the real port */
void monitor_free(struct monitor *m);               /* NULL fine */

#endif
