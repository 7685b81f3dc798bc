/*
 * Webhooks and their outbox. A hook hears of changes of one repository, or of all (the site's). The
 * outbox is written by triggers (schema.c) in the transaction of the change, so nothing that was
 * committed is missing in it. Each row goes to one hook, in order of ids, until it was taken or
 * given up.
 */
#ifndef COORDINATOR_STORE_WEBHOOK_H
#define COORDINATOR_STORE_WEBHOOK_H

#include "base/clock.h"
#include "coordinator/store/page.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

enum webhook_event { WEBHOOK_RUN = 1, WEBHOOK_JOB = 2 }; /* bits */
enum {
	WEBHOOKS_PLACE = 20,     /* hooks of one repository, and of the site */
	WEBHOOK_WAITING = 10000, /* changes that may wait for one hook; the oldest are given up */
	WEBHOOK_ANSWERS = 12,    /* bad answers to one change until it is given up */
	WEBHOOK_URL_MAX = 2048,
	WEBHOOK_SECRET_MAX = 1024,
};
#define WEBHOOK_AGE_US (24 * 3600 * USEC_PER_SEC)      /* after that a change is given up */
#define WEBHOOK_KEPT_US (7 * 24 * 3600 * USEC_PER_SEC) /* so long it is listed afterwards */

struct webhook_row {
	int64_t sender;      /* lease.h: the serve that sends to it; 0: none */
	int64_t id, repo_id; /* repo_id 0: the site's */
	char *repo;          /* "owner/name", NULL: the site's */
	char *url;
	char *format;     /* "json", "forge": commit statuses of a forge's API */
	int64_t events;   /* enum webhook_event */
	bool public_only; /* it may lead to public addresses alone */
	char *sealed;     /* secret or token; context: webhook_context */
	size_t sealed_len;
	int64_t failures; /* in a row */
	int64_t waiting, dead;
	struct wall created_at, next_at; /* next_at: not tried before */
};
struct webhook_list {
	struct webhook_row *v;
	size_t n;
};
void webhook_row_release(struct webhook_row *r);
void webhook_list_release(struct webhook_list *l);
char *webhook_context(int64_t repo_id, const char *url); /* for seal(); the caller's */

struct webhook_spec {
	int64_t repo_id; /* 0: the site's */
	const char *url, *format;
	int64_t events;
	bool public_only;
	const void *sealed;
	size_t sealed_len;
};
/* A hook of the same place and URL is changed. ERR_LIMIT: WEBHOOKS_PLACE. */
int store_webhook_set(struct store *s, const struct webhook_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e) CHECK_RESULT;
int store_webhook_get(
	struct store *s, int64_t id, struct webhook_row *ret, struct err *e) CHECK_RESULT;
int store_webhook_list(struct store *s, struct webhook_list *ret, struct err *e) CHECK_RESULT;
int store_webhook_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
/* One more row in the outbox, of the event "ping"; the hook is tried at once. */
int store_webhook_ping(struct store *s, int64_t id, struct wall now, int64_t *ret_delivery,
	struct err *e) CHECK_RESULT;

/* ---- the outbox ---- */

struct delivery_row {
	int64_t id, hook_id;
	char *guid;             /* the same each time it is sent */
	char *event;            /* "workflow_run", "workflow_job", "ping" */
	int64_t run_id, job_id; /* 0: none */
	bool has_state;
	struct state state; /* that it came to, whatever it is now */
	int64_t runner_id;  /* 0: none */
	struct wall changed_at, tried_at, done_at;
	int64_t attempts; /* that were answered */
	int64_t answer;   /* HTTP status of the last answer, 0: none */
	char *problem;    /* of the last attempt; NULL: none */
	char *outcome;    /* "delivered", "dead"; NULL: it waits */
};
struct delivery_list {
	struct delivery_row *v;
	size_t n;
};
void delivery_row_release(struct delivery_row *r);
void delivery_list_release(struct delivery_list *l);
/* Of a hook, newest first; *ret_total: how many there are. */
int store_delivery_list(struct store *s, int64_t hook_id, const struct page *page,
	struct delivery_list *ret, int64_t *ret_total, struct err *e) CHECK_RESULT;

int store_delivery_get(
	struct store *s, int64_t id, struct delivery_row *ret, struct err *e) CHECK_RESULT;

/* Hooks that something waits for and that may be tried now. */
int store_webhook_due(
	struct store *s, struct wall now, struct webhook_list *ret, struct err *e) CHECK_RESULT;
/* The serve that sends what waits for a hook, as long as it lives or until it frees what it took: 1
 * this one, 0 another, -1. */
int store_webhook_take(struct store *s, int64_t id, int64_t instance, struct err *e) CHECK_RESULT;
int store_webhooks_free(struct store *s, int64_t instance, struct err *e) CHECK_RESULT;
/* The oldest that waits: 1, 0 none, -1. */
int store_delivery_next(
	struct store *s, int64_t hook_id, struct delivery_row *ret, struct err *e) CHECK_RESULT;
struct delivery_result {
	int64_t id, hook_id;
	bool delivered, dead; /* neither: it will be tried again */
	bool answered;
	int64_t answer;
	const char *problem; /* NULL: none */
	struct wall now, next_at;
};
/* Of one that is done already this changes nothing. */
int store_delivery_tried(
	struct store *s, const struct delivery_result *r, struct err *e) CHECK_RESULT;
/* Gives up what is too old, or behind too many. */
int store_deliveries_give_up(
	struct store *s, int64_t hook_id, struct wall now, struct err *e) CHECK_RESULT;
/* Forgets what was done long ago. */
int store_deliveries_prune(struct store *s, struct wall now, struct err *e) CHECK_RESULT;

#endif
