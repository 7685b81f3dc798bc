/*
 * The host as a step may meet it: its addresses, and a port of our own that listens on all of them
 * while a check runs. Every connection that gets through is a hole; nothing is read or answered.
 */
#ifndef NETWORK_HOST_PORTS_H
#define NETWORK_HOST_PORTS_H

#include "base/err.h"

enum { HOST_ADDRESSES_MAX = 24 };

struct host_ports {
	int v4, v6; /* listening; v6 is -1 where the host has no IPv6 */
	int port;
	struct strv addresses; /* of all interfaces, without loopback and link-local ones */
};
#define HOST_PORTS_INIT            \
	{                          \
		.v4 = -1, .v6 = -1 \
	}

int host_ports_open(struct host_ports *h, struct err *e) CHECK_RESULT;
void host_ports_close(struct host_ports *h);

#endif
