/*
 * Which kind of network an address belongs to. A URL that somebody else chose may lead anywhere;
 * what must not be reached through it are the services of this host and of the networks behind it.
 * Names prove nothing (they resolve to what their owner likes), so addresses are judged, at the
 * moment of the connection.
 */
#ifndef BASE_HTTP_REACH_H
#define BASE_HTTP_REACH_H

#include <sys/socket.h>

#include "base/err.h"

enum http_reach {
	REACH_PUBLIC = 0,
	REACH_LOOPBACK = 1,   /* this host: 127.0.0.0/8, ::1, and each of its own addresses */
	REACH_LINK_LOCAL = 2, /* 169.254.0.0/16, fe80::/10, metadata services elsewhere */
	REACH_PRIVATE = 4,    /* private, shared, unique local, multicast and reserved ranges */
	REACH_ANY = 7,
};

/* One bit of enum http_reach, or REACH_PUBLIC. Pure but for one thing: it asks the kernel whether a
 * public or private address is this host's own. Other families than IPv4 and IPv6 are
 * REACH_LOOPBACK. */
unsigned reach_of_address(const struct sockaddr *a);
unsigned reach_of_ip(const char *ip);   /* text; REACH_LOOPBACK when it is none */
const char *reach_name(unsigned reach); /* "private", …, for messages */
/* Scheme, host and port are the same; false when one of them is no http(s) URL. */
bool http_same_origin(const char *a, const char *b);

#endif
