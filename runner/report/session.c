/*
 * See session.h for the rules. Shape: a queue of items (session_queue.c), one exchange in flight
 * (session_send.c), one place that judges answers (session_answer.c), one timer that is armed for
 * the next reason to send (coalescing delay of a log, backoff after a failure), one timer for
 * cancel checks.
 */
#include "runner/report/session_private.h"

#include "base/limits.h"

#define BACKOFF_FIRST_US (500 * USEC_PER_MSEC)
#define BACKOFF_MAX_US (30 * USEC_PER_SEC)

static void on_timer(struct loop_source *src, void *data)
{
	(void)src;
	session_pump(data);
}

static void on_poll(struct loop_source *src, void *data)
{
	struct session *s = data;

	(void)src;
	if (!s->cancel_polling || s->lost)
		return;
	s->cancel_due = true;
	session_pump(s);
}

static void session_free(struct report *r)
{
	struct session *s = (struct session *)r;

	http_exchange_free(s->flight);
	while (s->head) {
		struct item *it = s->head;

		s->head = it->next;
		session_item_free(it);
	}
	while (s->calls) {
		struct item *it = s->calls;

		s->calls = it->next;
		session_item_free(it);
	}
	loop_source_unref(&s->timer);
	loop_source_unref(&s->poll);
	buf_release(&s->raw);
	buf_release_wipe(&s->body);
	wipe_free(s->token);
	free((char *)s->spec.base_url);
	session_keep_close(s);
	free((char *)s->spec.dir);
	free(s);
}

static void session_wake(struct report *r)
{
	session_pump((struct session *)r);
}

static void start_cancel(struct session *s)
{
	s->cancel_polling = true;
	loop_timer_set(s->poll, mono_add(loop_now(s->spec.loop), s->spec.cancel_poll_us));
}

void session_stop_cancel(struct session *s)
{
	s->cancel_polling = false;
	s->cancel_due = false;
	loop_timer_set(s->poll, MONO_NEVER);
}

static void session_poll_cancel(struct report *r, bool on)
{
	if (on)
		start_cancel((struct session *)r);
	else
		session_stop_cancel((struct session *)r);
}

static bool idle(const struct session *s)
{
	return s->lost || (!s->head && !s->flight);
}

static bool session_final_accepted(const struct report *r)
{
	return ((const struct session *)r)->final_accepted;
}

static int session_flush(struct report *r, struct mono deadline, struct err *e)
{
	struct session *s = (struct session *)r;

	while (!idle(s)) {
		s->progressed = false;
		session_pump(s);
		if (idle(s))
			break;
		if (loop_wait(s->spec.loop, &s->progressed, deadline, e) < 0)
			return err_wrap(e, "reports not delivered");
	}
	if (s->lost && !s->final_accepted)
		return err_set(e, ERR_AUTH,
			"the job's token chain is broken: the runner can no longer report this "
			"job");
	return 0;
}

static const struct report_ops session_ops = {
	.job_status = session_job_status,
	.step_status = session_step_status,
	.log = session_log,
	.wake = session_wake,
	.poll_cancel = session_poll_cancel,
	.flush = session_flush,
	.final_accepted = session_final_accepted,
	.call = session_call,
	.call_cancel = session_call_cancel,
	.free = session_free,
};

static struct session *make(const struct session_spec *spec)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->report.ops = &session_ops;
	s->spec = *spec;
	s->spec.base_url = xstrdup(spec->base_url);
	s->spec.dir = xstrdup(spec->dir);
	s->spec.token = NULL;
	s->tail = &s->head;
	s->cancel_item.kind = ITEM_CANCEL_CHECK;
	s->chain = (struct chain)CHAIN_INIT;
	s->outbox = -1;
	buf_init(&s->raw, LIMIT_LOG_CHUNK);
	buf_init(&s->body, LIMIT_JOB_OUTPUTS_BODY); /* the largest */
	backoff_init(&s->backoff, BACKOFF_FIRST_US, BACKOFF_MAX_US);
	s->timer = loop_timer(spec->loop, MONO_NEVER, on_timer, s);
	s->poll = loop_timer(spec->loop, MONO_NEVER, on_poll, s);
	return s;
}

struct report *session_new(const struct session_spec *spec)
{
	struct session *s = make(spec);

	s->token = xstrdup(spec->token);
	if (s->spec.dir)
		session_keep_open(s);
	return &s->report;
}

struct report *session_resume(const struct session_spec *spec, struct err *e)
{
	struct session *s = make(spec);

	if (session_keep_load(s, e) < 0) {
		session_free(&s->report);
		return NULL;
	}
	return &s->report;
}
