/* The JSON of `event_payload`, as workflows read it under shithub.event. Internal to trigger. */
#ifndef COORDINATOR_TRIGGER_PAYLOAD_H
#define COORDINATOR_TRIGGER_PAYLOAD_H

#include "base/json.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/schedule.h"
#include "coordinator/trigger/trigger.h"

struct payload_push {
	const struct ref_update *update;
	const struct commit_info *head;
	const struct commit_list *commits;
	const char *pusher; /* NULL: unknown */
};
/* Texts for the caller to free; NULL and an error when something is no UTF-8 or too large. */
char *payload_push(const struct trigger *t, const struct repo_row *repo,
	const struct payload_push *p, struct err *e) CHECK_RESULT;
char *payload_dispatch(const struct trigger *t, const struct repo_row *repo, const char *file,
	const char *ref, const struct pairs *inputs, const char *actor, struct err *e) CHECK_RESULT;
struct event_pull;
char *payload_pull(const struct trigger *t, const struct repo_row *repo,
	const struct event_pull *pull, const char *actor, struct err *e) CHECK_RESULT;
char *payload_schedule(const struct trigger *t, const struct repo_row *repo,
	const struct schedule_row *line, struct err *e) CHECK_RESULT;

#endif
