/*
 * One heartbeat at a time: asks the coordinator for work and says we are alive. Source: PROTOCOL.md
 * "Endpoints". The supervisor decides when; this module only speaks and classifies.
 */
#ifndef RUNNER_HEARTBEAT_H
#define RUNNER_HEARTBEAT_H

#include "base/http.h"

enum heartbeat_kind {
	HEARTBEAT_NOTHING, /* 204 */
	HEARTBEAT_CLAIM,   /* 200: body holds the claim */
	HEARTBEAT_LIMITED, /* 429 */
	HEARTBEAT_REFUSED, /* 401/403: the registration token is bad or the runner is revoked */
	HEARTBEAT_FAILED,  /* network, 5xx, anything else: try again later */
};

struct heartbeat_answer {
	enum heartbeat_kind kind;
	struct slice claim;     /* borrowed until the callback returns; may be cut (too large) */
	int64_t retry_after_us; /* -1: none */
	bool cut;               /* the claim was larger than LIMIT_CLAIM_BYTES */
	bool held;              /* the coordinator honoured Prefer: wait */
	const char *reason;     /* one line for REFUSED and FAILED */
};

struct heartbeat;
struct heartbeat_spec {
	struct loop *loop;
	struct http *http;
	const char *base_url, *token;
	const struct strv *labels;
	int64_t capacity;
	void (*on_answer)(void *data, const struct heartbeat_answer *a);
	void *data;
};
struct heartbeat *heartbeat_new(const struct heartbeat_spec *spec);
void heartbeat_free(struct heartbeat *h); /* aborts one in flight without a callback; NULL fine */
/* wait_s 0: no Prefer header. BUG while one is in flight. */
void heartbeat_send(struct heartbeat *h, int64_t wait_s);
bool heartbeat_in_flight(const struct heartbeat *h);
/* Ends a held heartbeat (the runner drains); no callback. */
void heartbeat_abort(struct heartbeat *h);

#endif
