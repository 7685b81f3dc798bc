/*
 * The connections of the server, and which of them go when there are too many. Nobody is trusted
 * before a request of theirs was: a connection that only waits (for its first request, for the next
 * one, or for a body, begun or not) costs its peer a place, and the oldest of them makes room for a
 * new one. A connection that a handler vouched for (httpd_trust) keeps its place.
 *
 * A connection of a trusted proxy carries the requests of many. While it waits it is nobody's and
 * costs no peer a place, and what a handler vouched for ends with its request; during a request its
 * peer is whom the proxy names.
 *
 *   connection_opened → connection_request (headers in) → connection_body … → connection_idle
 *
 * Part of the server, like private.h. One-second steps: a deadline is met a second late at most.
 */
#ifndef COORDINATOR_HTTP_CONNECTION_H
#define COORDINATOR_HTTP_CONNECTION_H

#include <microhttpd.h>

#include "base/loop.h"
#include "coordinator/http/address.h"

/* Times are in all, not between two bytes: for the headers of a new connection's first request, for
 * those of the next one on a used connection, for a body that is collected. */
#define CONNECTION_HEADERS_US (10 * USEC_PER_SEC)
#define CONNECTION_IDLE_US (60 * USEC_PER_SEC)
#define CONNECTION_BODY_US (60 * USEC_PER_SEC)
#define CONNECTION_PEER_BODIES MIB(32) /* collected at one time for one peer */

struct connections;
struct connection;

struct connections_config {
	unsigned max; /* beyond three quarters of these, waiting ones make room */
	unsigned
		max_per_peer; /* that wait and are not trusted; a peer is an address, of v6 a /64 */
	int64_t headers_us;   /* CONNECTION_HEADERS_US, unless a test cannot wait so long */
	struct networks trusted; /* proxies; borrowed */
};
struct connections *connections_new(struct loop *l, const struct connections_config *c);
void connections_free(struct connections *s); /* none may be open. NULL fine */
/* Three quarters of the places are taken: who can come later should not hold one. */
bool connections_crowded(const struct connections *s);

/* libmicrohttpd's: opened and closed. */
void connection_notify(void *connections, struct MHD_Connection *c, void **slot,
	enum MHD_ConnectionNotificationCode code);
struct connection *connection_of(struct MHD_Connection *c);

/* Whether X-Forwarded-For counts, and what it says; before connection_request. */
bool connection_of_proxy(const struct connection *k);
void connection_forwarded(struct connection *k, const char *text);
void connection_request(struct connection *k);    /* the headers are in */
void connection_sends_body(struct connection *k); /* its time runs from the first call */
/* n more bytes of a body are collected; false when the peer has too many on the way. */
bool connection_body(struct connection *k, size_t n) CHECK_RESULT;
void connection_whole(struct connection *k); /* the body is in */
void connection_idle(struct connection *k);  /* the request is over, its body is forgotten */
void connection_trust(struct connection *k);
uint64_t connection_peer(const struct connection *k);          /* a number of the peer */
struct address connection_address(const struct connection *k); /* who calls */

#endif
