/*
 * What waits in a session. Reports keep their order, because a step's last status must not overtake
 * its log; calls of the job stand beside them, because a step waits for the answer while its log is
 * open.
 */
#include "runner/report/session_private.h"

#include "base/json.h"
#include "base/limits.h"

void session_item_free(struct item *it)
{
	free(it->body);
	free(it->notice);
	free(it->path);
	strv_release(&it->headers);
	if (it->own)
		spool_leave(it->own);
	free(it->own);
	free(it);
}

struct item *session_enqueue(struct session *s, enum item_kind kind, int64_t step_id)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->kind = kind;
	it->step_id = step_id;
	*s->tail = it;
	s->tail = &it->next;
	return it;
}

static void write_time(struct json_writer *w, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	if (t.us)
		json_kv_str(w, key, wall_format(t, text));
}

static char *status_body(const struct report_status *st)
{
	struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "status", st->status);
	if (st->conclusion)
		json_kv_str(&w, "conclusion", st->conclusion);
	write_time(&w, "started_at", st->started_at);
	write_time(&w, "completed_at", st->completed_at);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		BUG("status body: %s", e.text);
	return buf_take(&out);
}

static bool status_terminal(const char *status)
{
	return str_eq(status, "completed") || str_eq(status, "cancelled") ||
	       str_eq(status, "skipped");
}

void session_job_status(struct report *r, const struct report_status *st)
{
	struct session *s = (struct session *)r;
	struct item *it;

	if (s->lost)
		return;
	it = session_enqueue(s, ITEM_JOB_STATUS, 0);
	it->body = status_body(st);
	if (st->hand_back)
		strv_add(&it->headers, "Shithub-Job-Return: true");
	if (st->lost)
		strv_addf(&it->headers, "Shithub-Job-Lost: %.*s", REPORT_LOST_MAX, st->lost);
	it->terminal = status_terminal(st->status);
	session_keep_report(s, it);
	session_pump(s);
}

void session_step_status(struct report *r, int64_t step_id, const struct report_status *st)
{
	struct session *s = (struct session *)r;
	struct item *it;

	if (s->lost || step_id <= 0)
		return;
	it = session_enqueue(s, ITEM_STEP_STATUS, step_id);
	it->body = status_body(st);
	it->terminal = status_terminal(st->status);
	session_keep_report(s, it);
	session_pump(s);
}

void session_log(struct report *r, int64_t step_id, struct spool *spool)
{
	struct session *s = (struct session *)r;
	struct item *it;

	if (s->lost)
		return;
	it = session_enqueue(s, ITEM_LOG, step_id);
	it->spool = spool;
	session_keep_report(s, it);
	session_pump(s);
}

void session_pop_head(struct session *s)
{
	struct item *it = s->head;

	s->head = it->next;
	s->done++;
	if (!s->head)
		s->tail = &s->head;
	session_item_free(it);
}

void session_pop_log(struct session *s)
{
	spool_release(s->head->spool);
	session_pop_head(s);
}

/* ---- calls ---- */

struct item *session_enqueue_call(struct session *s, const char *path, const char *body)
{
	struct item **tail = &s->calls;

	while (*tail)
		tail = &(*tail)->next;
	*tail = xcalloc(1, sizeof(**tail));
	(*tail)->kind = ITEM_CALL;
	(*tail)->path = xstrdup(path);
	(*tail)->body = xstrdup(body);
	return *tail;
}

void session_call(struct report *r, const struct report_call *c)
{
	struct session *s = (struct session *)r;
	struct err why = { 0 };
	struct item *it;

	if (s->lost) {
		err_set(&why, ERR_AUTH,
			"the job's token chain is broken: the runner can no longer report this "
			"job");
		c->done(c->data, NULL, &why);
		return;
	}
	it = session_enqueue_call(s, c->path, c->body);
	it->call = (struct report_call){ .done = c->done, .data = c->data };
	for (size_t i = 0; c->headers && i < c->headers->n; i++)
		strv_add(&it->headers, c->headers->v[i]);
	session_pump(s);
}

void session_call_cancel(struct report *r, void *data)
{
	struct session *s = (struct session *)r;

	/* it stays in line: it may be in flight, and then its answer brings the next token */
	for (struct item *it = s->calls; it; it = it->next)
		if (it->call.data == data)
			it->call.done = NULL;
}

void session_end_call(struct session *s, const struct json_value *answer, const struct err *why)
{
	struct item *it = s->calls;
	struct err no_answer = { 0 };

	s->calls = it->next;
	if (!answer && !why) {
		err_set(&no_answer, ERR_PROTO, "the coordinator's answer is not JSON");
		why = &no_answer;
	}
	if (it->call.done)
		it->call.done(it->call.data, answer, why);
	session_item_free(it);
}
