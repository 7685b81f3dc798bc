/*
 * One heartbeat at a time: asks the coordinator for work and says we are alive. The supervisor
 * decides when; this module only sends and classifies.
 */
#ifndef RUNNER_SUPERVISOR_HEARTBEAT_H
#define RUNNER_SUPERVISOR_HEARTBEAT_H

#include "base/http/http.h"
#include "base/ids.h"
#include "runner/supervisor/claim_keys.h"

enum heartbeat_kind {
	HEARTBEAT_NOTHING, /* 204 */
	HEARTBEAT_CLAIM,   /* 200: body holds the claim */
	HEARTBEAT_LIMITED, /* 429 */
	HEARTBEAT_REFUSED, /* 401/403: the registration token is bad or the runner is revoked */
	HEARTBEAT_FAILED,  /* network, 5xx, anything else: try again later */
	HEARTBEAT_KINDS,
};

struct heartbeat_answer {
	enum heartbeat_kind kind;
	struct slice claim;     /* borrowed until the callback returns; may be cut (too large) */
	int64_t retry_after_us; /* -1: none */
	bool cut;               /* the claim was larger than LIMIT_CLAIM_BYTES */
	bool held;              /* the coordinator honoured Prefer: wait */
	bool returnable;    /* CLAIM: the coordinator queues the job again when it is handed back */
	const char *key;    /* CLAIM: settle it when the claim is safe */
	const char *reason; /* one line for REFUSED and FAILED */
};

struct heartbeat;
/* What a heartbeat says of us; copied. */
struct heartbeat_self {
	const char *base_url, *token;
	const struct strv *labels;
	int64_t capacity;
};
struct heartbeat_spec {
	struct loop *loop;
	struct http *http;
	struct heartbeat_self self;
	struct claim_keys *keys; /* borrowed */
	void (*on_answer)(void *data, const struct heartbeat_answer *a);
	void *data;
};
struct heartbeat *heartbeat_new(const struct heartbeat_spec *spec);
void heartbeat_free(struct heartbeat *h); /* aborts one in flight without a callback; NULL fine */
/* wait_s 0: no Prefer header. active: the jobs that we have, so that the coordinator ends those
 * that it counts in vain; NULL: not known now. A coordinator that refuses to hear of them (HTTP
 * 400) is asked again at once without, and from then on they are not named to it. BUG while one is
 * in flight. One whose answer was lost is repeated with its Idempotency-Key, so that a coordinator
 * which knows it hands out a claim in it again. -1: the key could not be written down, so nothing
 * was sent. */
int heartbeat_send(
	struct heartbeat *h, int64_t wait_s, const struct ids *active, struct err *e) CHECK_RESULT;
bool heartbeat_in_flight(const struct heartbeat *h);
/* Holds from the next one on; true when it differs from what the last one said. */
bool heartbeat_set_self(struct heartbeat *h, const struct heartbeat_self *self);
/* Asks the coordinator to answer the heartbeat that it holds now instead of at the end of its wait;
 * on_answer comes as always, and may still bring a claim. A coordinator that does not know how
 * (ours does) answers when the wait is over. Nothing in flight: nothing happens. */
void heartbeat_hurry(struct heartbeat *h);
/* When the answer of the one in flight is overdue, however long it may be held. */
struct mono heartbeat_overdue(const struct heartbeat *h);
/* Gives up on the one in flight; no callback. The next start asks for a claim that was on its way.
 */
void heartbeat_abort(struct heartbeat *h);

#endif
