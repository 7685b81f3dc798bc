/*
 * Addresses of callers, and who calls when a proxy stands in between. Plain values; no I/O.
 *
 * A proxy writes the address that it was called from at the end of X-Forwarded-For. So the text is
 * believed from its end on, and only as far as those who wrote it are proxies that the
 * configuration trusts: the last address that is none of them is the caller's. What stands before
 * it is whatever the caller liked to send.
 */
#ifndef COORDINATOR_HTTP_ADDRESS_H
#define COORDINATOR_HTTP_ADDRESS_H

#include <sys/socket.h>

#include "base/util.h"

struct address {
	unsigned char bytes[16]; /* v4 in its v6 form */
};
struct network {
	struct address first;
	unsigned bits; /* of the prefix, 1 to 128 */
};
struct networks {
	struct network *v;
	size_t n;
};

enum { ADDRESS_TEXT_MAX = 48 };

struct address address_of(const struct sockaddr *a); /* all zero: of no known family */
/* "192.0.2.1", "2001:db8::1". Returns out. */
const char *address_format(const struct address *a, char out[ADDRESS_TEXT_MAX]);
bool address_is_loopback(const struct address *a);
/* Whom a cap counts as one: an address, of v6 its /64. */
struct address address_peer(const struct address *a);

/* "192.0.2.0/24", "2001:db8::/32", or an address. NULL when fine, else what is wrong and what was
 * expected. */
const char *network_parse(const char *text, struct network *ret);
bool networks_hold(const struct networks *l, const struct address *a);

/* *a called, and brought this X-Forwarded-For: while *a is trusted it becomes the address before
 * it. Stops at what is no address. Several headers: joined with commas, in their order. */
void address_forwarded(const struct networks *trusted, const char *text, struct address *a);

#endif
