/* Cron lines of the default branch, each with the time at which it starts its next run. */
#ifndef COORDINATOR_STORE_SCHEDULE_H
#define COORDINATOR_STORE_SCHEDULE_H

#include "base/clock.h"
#include "coordinator/store/store.h"

struct schedule_row {
	int64_t id, repo_id;
	char *workflow_file, *cron;
	char *actor; /* who pushed the line; NULL: unknown */
	struct wall next_at;
	struct wall dropped_at; /* it starts no more runs since then; us 0: it does */
	char *dropped_why;
};
struct schedule_list {
	struct schedule_row *v;
	size_t n;
};
void schedule_list_release(struct schedule_list *l);

/* The repository has these and no others now (repo_id and id are ignored). A line that it had
 * before keeps its time and actor. */
int store_schedule_replace(struct store *s, int64_t repo_id, const struct schedule_list *l,
	struct err *e) CHECK_RESULT;
/* Of a repository, by file and line; dropped ones, too. */
int store_schedule_list(
	struct store *s, int64_t repo_id, struct schedule_list *ret, struct err *e) CHECK_RESULT;
/* Those whose time has come, oldest first. */
/* It is there and waits for the same time as when it was read: 1, 0, -1. */
int store_schedule_waits(
	struct store *s, const struct schedule_row *line, struct err *e) CHECK_RESULT;
int store_schedule_due(
	struct store *s, struct wall now, struct schedule_list *ret, struct err *e) CHECK_RESULT;
/* next_at 0: never again, the row goes. */
int store_schedule_set(
	struct store *s, int64_t id, struct wall next_at, struct err *e) CHECK_RESULT;
/* It starts no more runs until a push brings it back; it is shown until a push replaces it. */
int store_schedule_drop(
	struct store *s, int64_t id, const char *why, struct wall now, struct err *e) CHECK_RESULT;

#endif
