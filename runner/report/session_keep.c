/*
 * What a session keeps in the job's folder, and how another process goes on from it. The outbox
 * gets a report when it is queued; the chain is saved before a call is sent (its key and body must
 * be known to whoever repeats it) and when its answer was judged. A kill between answer and save
 * leaves the call in flight, and repeating it brings the same answer again.
 */
#include "runner/report/session_private.h"

#include "base/fs.h"
#include "base/log.h"
#include "state/outbox.h"

/* ---- writing ---- */

static void not_kept(const struct err *e)
{
	log_warn("session", "not_kept", F_ERR(e),
		F_STR("effect", "a crash of this job could not be reported completely"));
}

void session_keep_open(struct session *s)
{
	struct chain_state ignored = { 0 };
	struct err e = { 0 };

	if (chain_open(&s->chain, s->spec.dir, &ignored, &e) < 0) {
		not_kept(&e);
		return;
	}
	chain_state_release(&ignored);
	s->outbox = outbox_open(s->spec.dir, s->spec.steps, &e);
	if (s->outbox < 0)
		not_kept(&e);
}

void session_keep_close(struct session *s)
{
	chain_close(&s->chain);
	close_fdp(&s->outbox);
}

void session_keep_report(struct session *s, const struct item *it)
{
	struct outbox_report r = { .kind = it->kind == ITEM_LOG           ? OUTBOX_LOG
					   : it->kind == ITEM_STEP_STATUS ? OUTBOX_STEP
									  : OUTBOX_JOB,
		.step = it->step_id,
		.terminal = it->terminal,
		.body = it->body,
		.header = it->headers.n ? it->headers.v[0] : NULL };
	struct err e = { 0 };

	if (s->outbox < 0)
		return;
	if (it->kind == ITEM_LOG && it->spool->path)
		r.file = strrchr(it->spool->path, '/') + 1;
	if (outbox_append(s->outbox, &r, &e) < 0) {
		not_kept(&e);
		close_fdp(&s->outbox);
	}
}

static void write_log(const struct item *log, struct chain_state *c)
{
	c->log_acked = (int64_t)log->spool->acked;
	c->log_seq = log->seq;
	c->log_chunk = (int64_t)log->chunk;
	c->log_sent = log->sent_once;
	c->log_refused = log->refused;
	c->notice = log->notice;
}

void session_keep_state(struct session *s, const struct item *call)
{
	struct chain_state c = {
		.token = s->token, .done = s->done, .lost = s->lost, .final = s->final_accepted
	};
	struct err e = { 0 };

	if (s->chain.fd < 0)
		return;
	if (s->head && s->head->kind == ITEM_LOG)
		write_log(s->head, &c);
	if (call) {
		c.call = call->kind == ITEM_CANCEL_CHECK ? CHAIN_CANCEL
			 : call->kind == ITEM_CALL       ? CHAIN_ASK
							 : CHAIN_REPORT;
		memcpy(c.key, call->key, sizeof(c.key));
		c.path = call->path;
		c.body = call->kind == ITEM_CALL ? call->body : NULL;
		c.headers = call->headers;
	}
	if (chain_save(&s->chain, &c, &e) < 0) {
		not_kept(&e);
		chain_close(&s->chain);
	}
}

/* ---- going on ---- */

static int load_log(
	struct session *s, struct item *it, const char *file, uint64_t acked, struct err *e)
{
	CLEAN_STR char *path = path_join(s->spec.dir, file);

	it->spool = it->own = xcalloc(1, sizeof(*it->own));
	*it->own = (struct spool){ .fd = -1, .closed = true };
	if (spool_reopen(it->own, path, acked, e) == 0)
		return 0;
	/* shorter than what arrived: on a full disk its end was in memory (runner/report/spool.h)
	 */
	if (!err_is(e, ERR_NOT_FOUND) && !err_is(e, ERR_INPUT))
		return -1;
	err_clear(e); /* all of it arrived, or as much as ever can */
	return 0;
}

static int load_report(
	struct session *s, const struct outbox_report *r, uint64_t acked, struct err *e)
{
	static const enum item_kind kinds[] = { ITEM_JOB_STATUS, ITEM_STEP_STATUS, ITEM_LOG };
	struct item *it = session_enqueue(s, kinds[r->kind], r->step);

	it->body = xstrdup(r->body);
	if (r->header)
		strv_add(&it->headers, r->header);
	it->terminal = r->terminal;
	return r->kind == OUTBOX_LOG ? load_log(s, it, r->file, acked, e) : 0;
}

/* The first report that is not delivered, as far as it was. */
static void load_head(struct item *it, const struct chain_state *c)
{
	if (it->kind != ITEM_LOG)
		return;
	it->seq = c->log_seq;
	it->sent_once = c->log_sent;
	it->refused = c->log_refused;
	it->notice = xstrdup(c->notice);
	if ((uint64_t)c->log_chunk <= spool_pending(it->spool))
		it->chunk = (size_t)c->log_chunk;
}

/* The call in flight when the process died: it may have taken effect, so it comes first, the same.
 */
static void load_call(struct session *s, const struct chain_state *c)
{
	struct item *it = NULL;

	if (c->call == CHAIN_REPORT)
		it = s->head;
	else if (c->call == CHAIN_CANCEL)
		it = &s->cancel_item;
	else if (c->call == CHAIN_ASK && c->body)
		it = session_enqueue_call(s, c->path, c->body);
	if (!it)
		return; /* what it said is not known; the token will tell */
	strv_each (line, &c->headers)
		strv_add(&it->headers, line);
	memcpy(it->key, c->key, sizeof(it->key));
	s->flying = it;
	s->repeat = true;
}

static int load(struct session *s, const struct chain_state *c, const struct outbox_list *reports,
	struct err *e)
{
	if (c->lost)
		return err_set(e, ERR_AUTH, "the job's token chain was already broken");
	s->token = xstrdup(c->token);
	s->final_accepted = c->final;
	s->done = c->done;
	for (size_t i = (size_t)c->done; i < reports->n; i++)
		if (load_report(s, &reports->v[i],
			    i == (size_t)c->done ? (uint64_t)c->log_acked : 0, e) < 0)
			return -1;
	if (s->head)
		load_head(s->head, c);
	load_call(s, c);
	return 0;
}

int session_keep_load(struct session *s, struct err *e)
{
	CLEANUP(chain_state_release) struct chain_state c = { 0 };
	CLEANUP(outbox_list_release) struct outbox_list reports = { 0 };

	if (chain_open(&s->chain, s->spec.dir, &c, e) < 0 ||
		outbox_read(s->spec.dir, &reports, e) < 0 || load(s, &c, &reports, e) < 0)
		return -1;
	s->outbox = outbox_open(s->spec.dir, s->spec.steps, e);
	return s->outbox < 0 ? -1 : 0;
}
