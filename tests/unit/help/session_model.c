/*
 * One thread of libmicrohttpd serves, the test's own loop drives the session; what both touch
 * stands behind the model's lock.
 */
#include "tests/unit/help/session_model.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"

struct call {
	struct buf body;
};

static void commit(struct session_model *m, const char *url, const struct buf *body)
{
	struct session_record *r = &m->records[m->n_records++];
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(body), body->len, NULL, &e);
	const char *chunk = doc ? json_get_string(json_root(doc), "chunk") : NULL;
	size_t before = m->log.len;

	snprintf(r->path, sizeof(r->path), "%s", url);
	snprintf(r->body, sizeof(r->body), "%s", buf_cstr(body));
	if (chunk && base64_decode(&m->log, chunk, strlen(chunk), &e) < 0)
		BUG("chunk: %s", e.text);
	r->chunk_bytes = m->log.len - before;
	m->generation++;
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result rc = MHD_queue_response(c, status, r);

	MHD_destroy_response(r);
	return rc;
}

/* The token is good, or the very same call is repeated with its key. */
static bool admitted(struct session_model *m, struct MHD_Connection *c, bool *ret_replay)
{
	const char *auth = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
	const char *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
	const char *back = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Shithub-Job-Return");
	const char *lost = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Shithub-Job-Lost");
	char want[64];

	snprintf(m->returned, sizeof(m->returned), "%s", back ? back : "");
	snprintf(m->lost, sizeof(m->lost), "%s", lost ? lost : "");
	snprintf(want, sizeof(want), "Bearer token-%d", m->generation - 1);
	*ret_replay = str_eq(auth, want) && str_eq(key, m->last_key);
	if (*ret_replay)
		return true;
	snprintf(want, sizeof(want), "Bearer token-%d", m->generation);
	snprintf(m->last_key, sizeof(m->last_key), "%s", key ? key : "");
	return str_eq(auth, want);
}

static enum MHD_Result handle(
	struct session_model *m, struct MHD_Connection *c, const char *url, const struct buf *body)
{
	enum session_fault f = m->faults[m->requests++];
	bool named = f == CANCEL_BY || f == CANCEL_FORCE;
	char answer[192];
	bool replay;

	if (f == DROP_BEFORE)
		return MHD_NO;
	if (f == WEB_PAGE || f == EMPTY_ANSWER)
		return reply(c, 200, f == WEB_PAGE ? "<html>Please log in</html>" : "");
	if (f == UNAVAILABLE && str_eq(url, m->fine_path))
		f = CANCEL;
	if (f == UNAVAILABLE)
		return reply(c, 503, "{\"error\":\"down\"}");
	if (f == EXPIRED || !admitted(m, c, &replay))
		return reply(c, 401, "{\"error\":\"used\"}");
	if (f == REFUSE)
		return reply(c, 400, "{\"error\":\"no\"}");
	if (!replay)
		commit(m, url, body);
	if (f == DROP_AFTER)
		return MHD_NO;
	snprintf(answer, sizeof(answer), "{\"cancelled\":%s,%s\"%s\":\"x\",\"%s\":\"token%s%d\"}",
		named || f == CANCEL ? "true" : "false",
		f == CANCEL_FORCE ? "\"force\":true,\"reason\":\"cancelled by ada\","
		: f == CANCEL_BY  ? "\"force\":false,\"reason\":\"cancelled by ada\","
				  : "",
		f == NO_NEXT_TOKEN || f == BAD_NEXT_TOKEN ? "x" : "status",
		f == NO_NEXT_TOKEN ? "other" : "next_token", f == BAD_NEXT_TOKEN ? "\\r\\n" : "-",
		m->generation);
	return reply(c, 200, answer);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n, void **state)
{
	struct session_model *m = cls;
	struct call *call = *state;
	enum MHD_Result rc;

	(void)method, (void)version;
	if (!call) {
		*state = call = xcalloc(1, sizeof(*call));
		buf_init(&call->body, LIMIT_API_BODY);
		return MHD_YES;
	}
	if (*n) {
		buf_add(&call->body, data, *n);
		*n = 0;
		return MHD_YES;
	}
	pthread_mutex_lock(&m->lock);
	rc = handle(m, c, url, &call->body);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

static void on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct call *call = *state;

	(void)cls, (void)c, (void)code;
	if (call)
		buf_release(&call->body);
	free(call);
	*state = NULL;
}

void session_note_cancel(void *data, const char *why, bool force)
{
	struct session_fixture *f = data;

	f->cancels++;
	f->forced = force;
	snprintf(f->why, sizeof(f->why), "%s", why ? why : "");
}

void session_note_lost(void *data, const char *why)
{
	assert_non_null(why);
	((struct session_fixture *)data)->losses++;
}

struct session_fixture *session_fixture_begin(void)
{
	struct session_fixture *f = xcalloc(1, sizeof(*f));
	struct http_config http = { .user_agent = "test" };
	struct err e = { 0 };

	pthread_mutex_init(&f->model.lock, NULL);
	buf_init(&f->model.log, MIB(16));
	f->model.daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
			&f->model, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	assert_non_null(f->model.daemon);
	snprintf(f->base, sizeof(f->base), "http://127.0.0.1:%u",
		MHD_get_daemon_info(f->model.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	f->http = http_new(f->loop, &http, &e);
	assert_non_null(f->http);
	f->session = session_new(&(struct session_spec){ .loop = f->loop,
		.http = f->http,
		.base_url = f->base,
		.job_id = 42,
		.token = "token-0",
		.cancel_poll_us = 20 * USEC_PER_MSEC,
		.on_cancel = session_note_cancel,
		.on_lost = session_note_lost,
		.data = f });
	f->spool = (struct spool)SPOOL_INIT;
	snprintf(f->path, sizeof(f->path), "/tmp/session-spool-%d", (int)getpid());
	assert_int_equal(spool_open(&f->spool, f->path, &e), 0);
	return f;
}

void session_fixture_end(struct session_fixture *f)
{
	report_free(f->session);
	http_free(f->http);
	loop_free(f->loop);
	MHD_stop_daemon(f->model.daemon);
	pthread_mutex_destroy(&f->model.lock);
	buf_release(&f->model.log);
	spool_release(&f->spool);
	free(f);
}

int session_flush(struct session_fixture *f)
{
	struct err e = { 0 };
	int rc = report_flush(f->session, mono_add(mono_now(), 30 * USEC_PER_SEC), &e);

	if (err_is(&e, ERR_TIMEOUT))
		fail_msg("%s", e.text);
	return rc;
}

void session_status(struct session_fixture *f, int64_t step, const char *text)
{
	struct report_status s = { .status = text,
		.conclusion = str_eq(text, "completed") ? "success" : NULL };

	if (step)
		report_step_status(f->session, step, &s);
	else
		report_job_status(f->session, &s);
}

void session_append(struct session_fixture *f, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(spool_append(&f->spool, text, strlen(text), &e), 0);
	report_wake(f->session);
}

/* The calls of a whole job, with a fault at one of them. */
void session_whole_job(struct session_fixture *f)
{
	session_status(f, 0, "running");
	session_status(f, 7, "running");
	report_log(f->session, 7, &f->spool);
	session_append(f, "hello\n");
	session_status(f, 7, "completed");
	spool_close(&f->spool);
	report_wake(f->session);
	session_status(f, 0, "completed");
}

static const char *const session_whole_paths[] = {
	"/api/v1/jobs/42/status",
	"/api/v1/jobs/42/steps/7/status",
	"/api/v1/jobs/42/logs",
	"/api/v1/jobs/42/steps/7/status",
	"/api/v1/jobs/42/status",
};

void session_expect_whole(struct session_fixture *f)
{
	assert_int_equal(f->model.n_records, ARRAY_LEN(session_whole_paths));
	for (size_t i = 0; i < ARRAY_LEN(session_whole_paths); i++)
		assert_string_equal(f->model.records[i].path, session_whole_paths[i]);
	assert_string_equal(buf_cstr(&f->model.log), "hello\n");
	assert_true(report_final_accepted(f->session));
	assert_int_equal(f->losses, 0);
}

static void on_call(void *data, const struct json_value *answer, const struct err *why)
{
	struct session_question *q = data;

	q->answers++;
	q->why = why ? why->class : ERR_NONE;
	q->cancelled = answer && json_get(answer, "cancelled");
}

void session_ask(struct session_fixture *f, struct session_question *q)
{
	CLEANUP(strv_release) struct strv headers = { 0 };

	strv_add(&headers, "X-Question: 1");
	report_call(f->session, &(struct report_call){ .path = "/questions",
					.body = "{\"a\":1}",
					.headers = &headers,
					.done = on_call,
					.data = q });
}

void session_dispatch_until(struct session_fixture *f, const int *count, int wanted)
{
	struct mono deadline = mono_add(mono_now(), 30 * USEC_PER_SEC);

	while (__atomic_load_n(count, __ATOMIC_SEQ_CST) < wanted &&
		mono_diff(deadline, mono_now()) > 0) {
		bool never = false;
		struct err e = { 0 };

		if (loop_wait(f->loop, &never, mono_add(mono_now(), USEC_PER_MSEC), &e) == 0)
			fail();
	}
	assert_true(*count >= wanted);
}
