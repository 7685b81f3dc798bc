/*
 * Messages wait as the exact bytes that will be sent: a repeat with the same Idempotency-Key must
 * not differ by a byte, whatever became of the record meanwhile.
 */
#include "hygiene/host/outbox.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "state/evidence.h"

#define IDEMPOTENCY_PREFIX "runner-host-hygiene:"

struct message {
	char *idempotency_key; /* and its name in the folder */
	struct wall queued;
	char *body;
	enum outbox_state state;
	char *answer; /* NULL or the last one */
};

const char *outbox_state_name(enum outbox_state s)
{
	static const char *const names[] = { "pending", "delivered", "refused", "not_supported",
		"abandoned" };

	return names[s];
}

static void message_release(struct message *m)
{
	free(m->idempotency_key);
	free(m->body);
	free(m->answer);
}

static int message_put(const struct audit *a, const struct message *m, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(EVIDENCE_RECORD_MAX);
	char at[WALL_TEXT_MAX];
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "idempotency_key", m->idempotency_key);
	json_kv_str(&w, "queued_at", wall_format(m->queued, at));
	json_kv_str(&w, "state", outbox_state_name(m->state));
	json_kv_str(&w, "answer", m->answer);
	json_kv_str(&w, "body", m->body);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return -1;
	return evidence_put(a->outbox, m->idempotency_key, buf_slice(&out), e);
}

/* What the other side stores: the documents and everything that says what they are about. */
static char *message_body(const struct audit_record *r, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_API_BODY);
	CLEAN_BUF struct buf record = BUF_INIT(LIMIT_API_BODY);
	struct json_limits lim = { .bytes = LIMIT_API_BODY };
	struct json_writer w;

	json_writer_init(&w, &record, false);
	audit_record_write(r, true, &w);
	if (json_writer_finish(&w, e) < 0)
		return NULL;
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&record), record.len, &lim, e);
	if (!doc)
		return NULL;
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "key", r->key);
	json_kv_str(&w, "host", r->host);
	json_kv_str(&w, "action", r->action);
	json_kv_str(&w, "status", audit_status_name(r->status));
	json_key(&w, "documents");
	json_copy(&w, json_root(doc));
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? NULL : buf_take(&out);
}

int audit_outbox_add(const struct audit *a, const struct audit_record *r, struct err *e)
{
	CLEAN_BUF struct buf had = BUF_INIT(EVIDENCE_RECORD_MAX);
	CLEANUP(message_release)
	struct message m = { .queued = wall_now(),
		.idempotency_key = xasprintf(
			IDEMPOTENCY_PREFIX "%s:%s", r->key, audit_status_name(r->status)) };
	struct err why = { 0 };

	if (evidence_get(a->outbox, m.idempotency_key, &had, &why) == 0)
		return 0;
	m.body = message_body(r, e);
	if (!m.body || message_put(a, &m, e) < 0)
		return err_wrap(e, "outbox");
	return 0;
}

/* ---- reading ---- */

static int take_state(const struct json_value *v, void *target, struct err *e)
{
	for (unsigned s = 0; v->type == JSON_STRING && s < OUTBOX_STATES; s++)
		if (str_eq(v->string, outbox_state_name(s))) {
			*(enum outbox_state *)target = s;
			return 0;
		}
	return err_set(e, ERR_INPUT, "expected a state of a message");
}

static int take_time(const struct json_value *v, void *target, struct err *e)
{
	return v->type == JSON_STRING ? wall_parse(v->string, target, e)
				      : err_set(e, ERR_INPUT, "expected a time");
}

static const struct json_field fields[] = {
	{ "idempotency_key", JSON_TO_STRING, offsetof(struct message, idempotency_key),
		JSON_REQUIRED },
	{ "queued_at", JSON_TO_CUSTOM, offsetof(struct message, queued), JSON_REQUIRED,
		.fn = take_time },
	{ "state", JSON_TO_CUSTOM, offsetof(struct message, state), JSON_REQUIRED,
		.fn = take_state },
	{ "answer", JSON_TO_STRING, offsetof(struct message, answer) },
	{ "body", JSON_TO_STRING, offsetof(struct message, body), JSON_REQUIRED, 2,
		(int64_t)LIMIT_API_BODY },
};

static int message_read(const char *path, struct message *m, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_RECORD_MAX);
	struct json_limits lim = { .bytes = EVIDENCE_RECORD_MAX };

	*m = (struct message){ 0 };
	if (file_read(path, &text, e) < 0)
		return -1;
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&text), text.len, &lim, e);
	if (doc && json_decode(json_root(doc), fields, ARRAY_LEN(fields), m, JSON_STRICT, e) == 0)
		return 0;
	e->class = ERR_IO;
	return err_wrap(e,
		"message %s cannot be read; look at it, then move it aside with "
		"`shithubd-runner hygiene apply --resolve --move-damaged`",
		path);
}

bool outbox_is_message(const char *path)
{
	CLEANUP(message_release) struct message m = { 0 };
	struct err e = { 0 };

	return message_read(path, &m, &e) == 0;
}

struct messages {
	struct message *v;
	size_t n;
};

static void messages_release(struct messages *l)
{
	for (size_t i = 0; i < l->n; i++)
		message_release(&l->v[i]);
	free(l->v);
}

static int by_time(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	return (x->queued.us > y->queued.us) - (x->queued.us < y->queued.us);
}

static int messages_read(const struct audit *a, struct messages *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv paths = { 0 };

	*ret = (struct messages){ 0 };
	if (evidence_list(a->outbox, &paths, e) < 0)
		return -1;
	ret->v = xcalloc(paths.n + 1, sizeof(*ret->v));
	strv_each (path, &paths)
		if (message_read(path, &ret->v[ret->n++], e) < 0)
			return -1;
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_time);
	return 0;
}

/* ---- sending ---- */

static enum outbox_state state_of(const struct http_result *r)
{
	static const struct {
		long status;
		enum outbox_state state;
	} known[] = { { 200, OUTBOX_DELIVERED }, { 201, OUTBOX_DELIVERED }, { 400, OUTBOX_REFUSED },
		{ 404, OUTBOX_NOT_SUPPORTED }, { 405, OUTBOX_NOT_SUPPORTED },
		{ 409, OUTBOX_REFUSED }, { 413, OUTBOX_REFUSED }, { 501, OUTBOX_NOT_SUPPORTED } };

	for (size_t i = 0; r->outcome == HTTP_DONE && i < ARRAY_LEN(known); i++)
		if (known[i].status == r->status)
			return known[i].state;
	return OUTBOX_PENDING;
}

static int message_send(const struct audit_target *t, struct message *m, struct err *e)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1/runners/evidence", t->base_url);
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct http_request q = { .method = "POST",
		.url = url,
		.headers = &headers,
		.bearer = t->token,
		.body = m->body,
		.body_len = strlen(m->body),
		.timeout_us = t->timeout_us };
	struct err why = { 0 };

	strv_addf(&headers, "Idempotency-Key: %s", m->idempotency_key);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(t->http, &q, NULL, NULL, e);
	if (!x)
		return -1;
	m->state = state_of(http_wait(x));
	free(m->answer);
	m->answer = NULL;
	if (m->state != OUTBOX_DELIVERED) {
		http_result_error(http_result(x), &why);
		m->answer = xstrdup(why.text);
	}
	return 0;
}

static bool reachable(const struct audit_target *t)
{
	return t->base_url && t->token;
}

int audit_deliver(const struct audit *a, const struct audit_target *t, struct outbox_count *ret,
	struct err *e)
{
	CLEANUP(messages_release) struct messages l = { 0 };
	bool answered = reachable(t);

	*ret = (struct outbox_count){ 0 };
	if (messages_read(a, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct message *m = &l.v[i];

		if (m->state == OUTBOX_PENDING && answered) {
			if (message_send(t, m, e) < 0 || message_put(a, m, e) < 0)
				return err_wrap(e, "tell the coordinator");
			answered = m->state != OUTBOX_PENDING;
		}
		ret->of[m->state]++;
		if ((m->state == OUTBOX_PENDING || m->state == OUTBOX_REFUSED) && m->answer &&
			!ret->why[0])
			snprintf(ret->why, sizeof(ret->why), "%s", m->answer);
	}
	return 0;
}

int audit_abandon(const struct audit *a, struct err *e)
{
	CLEANUP(messages_release) struct messages l = { 0 };

	if (messages_read(a, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].state != OUTBOX_REFUSED)
			continue;
		l.v[i].state = OUTBOX_ABANDONED;
		if (message_put(a, &l.v[i], e) < 0)
			return -1;
	}
	return 0;
}

bool audit_owes(const struct audit_target *t, const struct outbox_count *c)
{
	return c->of[OUTBOX_REFUSED] || (reachable(t) && c->of[OUTBOX_PENDING]);
}

/* The messages of one record are older than its last change, or written right after it: what goes
 * here takes its record along, so nothing is queued anew. */
static int trim_messages(const struct audit *a, const struct audit_target *t, struct wall before,
	struct strv *ret_kept, struct err *e)
{
	CLEANUP(messages_release) struct messages l = { 0 };

	if (messages_read(a, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct message *m = &l.v[i];
		bool settled =
			m->state != OUTBOX_REFUSED && (m->state != OUTBOX_PENDING || !reachable(t));

		if (m->queued.us >= before.us || !settled)
			strv_add(ret_kept, m->idempotency_key);
		else if (evidence_drop(a->outbox, m->idempotency_key, e) < 0)
			return -1;
	}
	return 0;
}

int audit_trim(
	const struct audit *a, const struct audit_target *t, struct wall before, struct err *e)
{
	CLEANUP(audit_list_release) struct audit_list l = { 0 };
	CLEANUP(strv_release) struct strv kept = { 0 };

	if (trim_messages(a, t, before, &kept, e) < 0 || audit_each(a, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct audit_record *r = &l.v[i];
		CLEAN_STR char *message =
			xasprintf(IDEMPOTENCY_PREFIX "%s:%s", r->key, audit_status_name(r->status));

		if (r->updated.us >= before.us || audit_unresolved(r) ||
			strv_contains(&kept, message))
			continue;
		if (evidence_drop(a->records, r->key, e) < 0)
			return -1;
	}
	return 0;
}
