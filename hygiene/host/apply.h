/*
 * Doing one planned action, with a record before and after:
 *
 *   key known? -> lock -> evidence -> plan -> "planned" -> two idle checks -> "action_started" ->
 *   the one call -> evidence -> "completed" or "failed" -> the coordinator is told
 *
 * Every record is on the disk before the step that it announces. Whatever goes wrong after
 * "planned" ends in "failed" with what was seen; only death leaves a record unresolved, and
 * host_resolve closes that with fresh evidence. Nothing is ever repeated or rolled back by itself.
 * One change at a time per engine and per state directory (hygiene/host/lock.h). Blocks on the
 * loop.
 */
#ifndef HYGIENE_HOST_APPLY_H
#define HYGIENE_HOST_APPLY_H

#include "base/exits.h"
#include "hygiene/host/outbox.h"
#include "hygiene/host/idle.h"
#include "hygiene/host/plan.h"
#include "hygiene/host/user.h"

struct host_apply {
	struct host_context context;
	struct audit_target target;
	struct audit audit;
};

struct host_outcome {
	struct audit_record record; /* key NULL: none was written */
	struct strv blockers;
	bool replayed; /* the record is that of an earlier run of this key */
	struct outbox_count outbox;
	enum exit_code code;
};
/* -1 only when nothing was recorded: bad key, another intent, an unresolved run of this key. */
int host_apply(const struct host_apply *a, const struct hygiene_request *r,
	struct host_outcome *ret, struct err *e) CHECK_RESULT;
/* Closes what is unresolved (key NULL: all) as failed; *ret_n of them. */
int host_resolve(const struct host_apply *a, const char *key, size_t *ret_n,
	struct outbox_count *ret_outbox, struct err *e) CHECK_RESULT;
void host_outcome_release(struct host_outcome *o);

#endif
