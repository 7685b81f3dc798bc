/*
 * What a coordinator would have sent, made on this machine: the event's payload and each job's
 * claim (of the protocol, with the same extension keys). Pure.
 */
#ifndef RUNNER_LOCAL_CLAIM_H
#define RUNNER_LOCAL_CLAIM_H

#include "base/buf.h"
#include "runner/local/plan.h"

/* Fills ev->payload: the given object (NULL: an empty one), completed with what the event's
 * payload always has. ev's repository and inputs are set. */
int local_payload_make(
	struct local_event *ev, const struct json_value *given, struct err *e) CHECK_RESULT;

/* The claim of plan->v[i]; secrets in it: wipe it. */
int local_claim_write(
	const struct local_plan *p, size_t i, struct buf *out, struct err *e) CHECK_RESULT;

#endif
