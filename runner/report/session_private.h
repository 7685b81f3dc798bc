/*
 * The session's inside, shared by its files and by nobody else: session.c (life, cancel checks,
 * flush), session_queue.c (what waits), session_send.c (what goes out next), session_answer.c (what
 * an answer means), session_keep.c (what stands on disk).
 */
#ifndef RUNNER_REPORT_SESSION_PRIVATE_H
#define RUNNER_REPORT_SESSION_PRIVATE_H

#include "base/backoff.h"
#include "base/codec.h"
#include "runner/report/session.h"
#include "state/chain.h"

enum item_kind { ITEM_JOB_STATUS, ITEM_STEP_STATUS, ITEM_LOG, ITEM_CANCEL_CHECK, ITEM_CALL };

struct item {
	struct item *next;
	enum item_kind kind;
	int64_t step_id;
	char key[UUID_TEXT_MAX]; /* Idempotency-Key of the call that is being tried; "": none yet */
	char *body;              /* statuses: ready to send */
	bool terminal;           /* statuses: of a job or step that is over */
	/* logs */
	struct spool *spool;
	struct spool *own; /* the same when it is ours, of a resumed session */
	int64_t seq;
	size_t chunk;       /* bytes that went out as seq: tried again, it must not have grown */
	struct mono oldest; /* when the oldest unsent byte was appended; us 0: none */
	bool sent_once, refused;
	char *notice; /* the next chunk: what stands in the log in place of a refused one */
	/* calls */
	struct report_call call; /* done NULL: cancelled */
	char *path;
	struct strv headers;
};

struct session {
	struct report report;
	struct session_spec spec;
	char *token;
	struct item *head, **tail;
	struct item *calls;      /* of the job, beside the queue */
	struct item cancel_item; /* the one cancel check, beside the queue */
	bool cancel_due, cancel_polling, cancel_seen;
	struct http_exchange *flight;
	struct item *flying;
	struct buf raw,
		body; /* of the request in flight: log bytes, and the text that carries them */
	bool repeat;  /* it may have taken effect: nothing but the same call is safe now */
	struct backoff backoff;
	struct loop_source *timer, *poll;
	bool lost, final_accepted, progressed;
	/* kept in spec.dir */
	struct chain chain; /* fd -1: no longer, or never */
	int outbox;         /* -1: the same */
	int64_t done;       /* reports that left the queue */
};

/* session_keep.c; nothing without a folder */
void session_keep_open(struct session *s);
int session_keep_load(struct session *s, struct err *e) CHECK_RESULT;
void session_keep_report(struct session *s, const struct item *it);
/* Before a call is sent, and after its answer (NULL). */
void session_keep_state(struct session *s, const struct item *call);
void session_keep_close(struct session *s);

/* session_queue.c: what is reported is queued and the pump is called */
void session_job_status(struct report *r, const struct report_status *st);
void session_step_status(struct report *r, int64_t step_id, const struct report_status *st);
void session_log(struct report *r, int64_t step_id, struct spool *spool);
void session_call(struct report *r, const struct report_call *c);
void session_call_cancel(struct report *r, void *data);
/* Ends the first call. */
void session_end_call(struct session *s, const struct json_value *answer, const struct err *why);
void session_pop_head(struct session *s);
/* Delivered: a job of many steps needs neither the file nor the descriptor any longer. */
void session_pop_log(struct session *s);
void session_item_free(struct item *it);
struct item *session_enqueue(struct session *s, enum item_kind kind, int64_t step_id);
struct item *session_enqueue_call(struct session *s, const char *path, const char *body);

/* session_send.c: the only place that starts a request */
void session_pump(struct session *s);

/* session_answer.c: the only place that judges one */
void session_on_answer(struct http_exchange *x, void *data);
void session_lose(struct session *s, const char *why);

/* session.c */
void session_stop_cancel(struct session *s);

#endif
