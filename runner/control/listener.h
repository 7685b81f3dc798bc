/*
 * A small server on the loop: each peer sends one bounded request and gets one answer, then the
 * connection ends. Owns the listening socket and the connections.
 *
 * Limits, all in the spec: connections at once (further ones wait in the kernel's queue), bytes of
 * a request, time for the request and again for the answer. An answer may come later than `serve`:
 * the peer is then held without a time limit, and dropped when it hangs up.
 */
#ifndef RUNNER_CONTROL_LISTENER_H
#define RUNNER_CONTROL_LISTENER_H

#include "base/buf.h"
#include "base/loop.h"

struct listener;
struct listener_peer;

struct listener_spec {
	struct loop *loop;
	int fd; /* listening, non-blocking; taken over */
	size_t most_peers, most_bytes;
	int64_t patience_us;
	bool (*admit)(void *data, int fd); /* false: hangs up at once; NULL: everybody */
	/* Whether these bytes are a whole request. */
	bool (*whole)(struct slice seen);
	/* request: what came, whole or most_bytes without being so (cut). */
	void (*serve)(void *data, struct listener_peer *p, struct slice request, bool cut);
	void *data;
};
struct listener *listener_new(const struct listener_spec *spec);
void listener_free(struct listener *l); /* hangs up on everybody; NULL fine */

/* Takes the bytes of answer over. From serve, or later for a held peer; p is gone afterwards. */
void listener_reply(struct listener_peer *p, struct buf *answer);
/* Calls fn for each peer that waits for its answer; fn may answer that one. */
void listener_each_held(
	struct listener *l, void (*fn)(void *data, struct listener_peer *p), void *data);

/* Listening sockets, non-blocking. "127.0.0.1:80", "[::1]:80", or the path of a unix socket, where
 * a socket that nobody listens on is replaced. ret_where: the address with the real port. */
int listen_at(const char *where, char **ret_where, struct err *e) CHECK_RESULT;
/* dir/name, 0600, replaced without asking: the caller knows that it is nobody else's. dir may be
 * longer than a socket's path. */
int listen_in(const char *dir, const char *name, struct err *e) CHECK_RESULT;
/* Connects to it; ERR_NOT_FOUND when nobody listens there. Blocking. */
int connect_in(const char *dir, const char *name, struct err *e) CHECK_RESULT;

#endif
