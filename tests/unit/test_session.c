/*
 * The session against a small model coordinator that enforces the token chain: order, rotation,
 * repeats, refusals, cancel checks and the lost chain. The real coordinator is in the system tests;
 * here its failures are chosen one by one.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "runner/session.h"
#include "state/chain.h"

enum fault {
	FINE,
	DROP_BEFORE, /* closed without reading anything into the chain */
	DROP_AFTER,  /* committed, then closed without an answer */
	UNAVAILABLE, /* 503 */
	REFUSE,      /* 400 */
	EXPIRED,     /* 401 */
	CANCEL,      /* a cancel check answers true */
	NO_NEXT_TOKEN,
	BAD_NEXT_TOKEN, /* one that fits no header */
};

enum { RECORDS_MAX = 256 };

struct record {
	char path[128], body[256];
	size_t chunk_bytes;
};

struct model {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	enum fault faults[RECORDS_MAX]; /* for the nth request */
	const char *fine_path;          /* UNAVAILABLE does not befall it; NULL: none */
	int requests;
	int generation; /* the token the chain is at */
	char last_key[64];
	struct record records[RECORDS_MAX]; /* committed calls, in order */
	int n_records;
	struct buf log; /* all log bytes of committed chunks */
};

struct call {
	struct buf body;
};

static void commit(struct model *m, const char *url, const struct buf *body)
{
	struct record *r = &m->records[m->n_records++];
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
static bool admitted(struct model *m, struct MHD_Connection *c, bool *ret_replay)
{
	const char *auth = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
	const char *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Idempotency-Key");
	char want[64];

	snprintf(want, sizeof(want), "Bearer token-%d", m->generation - 1);
	*ret_replay = str_eq(auth, want) && str_eq(key, m->last_key);
	if (*ret_replay)
		return true;
	snprintf(want, sizeof(want), "Bearer token-%d", m->generation);
	snprintf(m->last_key, sizeof(m->last_key), "%s", key ? key : "");
	return str_eq(auth, want);
}

static enum MHD_Result handle(
	struct model *m, struct MHD_Connection *c, const char *url, const struct buf *body)
{
	enum fault f = m->faults[m->requests++];
	char answer[128];
	bool replay;

	if (f == DROP_BEFORE)
		return MHD_NO;
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
	snprintf(answer, sizeof(answer), "{\"cancelled\":%s,\"%s\":\"token%s%d\"}",
		f == CANCEL ? "true" : "false", f == NO_NEXT_TOKEN ? "other" : "next_token",
		f == BAD_NEXT_TOKEN ? "\\r\\n" : "-", m->generation);
	return reply(c, 200, answer);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *data, size_t *n, void **state)
{
	struct model *m = cls;
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

struct fixture {
	struct model model;
	struct loop *loop;
	struct http *http;
	struct report *session;
	struct spool spool;
	char path[64];
	int cancels, losses;
	char base[64];
};

static void note_cancel(void *data)
{
	((struct fixture *)data)->cancels++;
}

static void note_lost(void *data, const char *why)
{
	assert_non_null(why);
	((struct fixture *)data)->losses++;
}

static struct fixture *begin(void)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
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
		.on_cancel = note_cancel,
		.on_lost = note_lost,
		.data = f });
	f->spool = (struct spool)SPOOL_INIT;
	snprintf(f->path, sizeof(f->path), "/tmp/session-spool-%d", (int)getpid());
	assert_int_equal(spool_open(&f->spool, f->path, &e), 0);
	return f;
}

static void end(struct fixture *f)
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

static int flush(struct fixture *f)
{
	struct err e = { 0 };
	int rc = report_flush(f->session, mono_add(mono_now(), 30 * USEC_PER_SEC), &e);

	if (err_is(&e, ERR_TIMEOUT))
		fail_msg("%s", e.text);
	return rc;
}

static void status(struct fixture *f, int64_t step, const char *text)
{
	struct report_status s = { .status = text,
		.conclusion = str_eq(text, "completed") ? "success" : NULL };

	if (step)
		report_step_status(f->session, step, &s);
	else
		report_job_status(f->session, &s);
}

static void append(struct fixture *f, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(spool_append(&f->spool, text, strlen(text), &e), 0);
	report_wake(f->session);
}

/* The calls of a whole job, with a fault at one of them. */
static void whole_job(struct fixture *f)
{
	status(f, 0, "running");
	status(f, 7, "running");
	report_log(f->session, 7, &f->spool);
	append(f, "hello\n");
	status(f, 7, "completed");
	spool_close(&f->spool);
	report_wake(f->session);
	status(f, 0, "completed");
}

static const char *const whole_paths[] = {
	"/api/v1/jobs/42/status",
	"/api/v1/jobs/42/steps/7/status",
	"/api/v1/jobs/42/logs",
	"/api/v1/jobs/42/steps/7/status",
	"/api/v1/jobs/42/status",
};

static void expect_whole(struct fixture *f)
{
	assert_int_equal(f->model.n_records, ARRAY_LEN(whole_paths));
	for (size_t i = 0; i < ARRAY_LEN(whole_paths); i++)
		assert_string_equal(f->model.records[i].path, whole_paths[i]);
	assert_string_equal(buf_cstr(&f->model.log), "hello\n");
	assert_true(report_final_accepted(f->session));
	assert_int_equal(f->losses, 0);
}

/* Each kind of transient fault at each call: the same calls in the same order, each once. */
static void survives_faults_anywhere(void **state)
{
	static const enum fault kinds[] = { FINE, DROP_BEFORE, DROP_AFTER, UNAVAILABLE };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t at = 0; at < ARRAY_LEN(whole_paths); at++) {
			struct fixture *f = begin();

			f->model.faults[at] = kinds[k];
			whole_job(f);
			assert_int_equal(flush(f), 0);
			expect_whole(f);
			end(f);
			if (kinds[k] == FINE)
				break;
		}
	}
}

static void loses_the_chain_once(void **state)
{
	static const enum fault kinds[] = { EXPIRED, NO_NEXT_TOKEN, BAD_NEXT_TOKEN };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct fixture *f = begin();
		int before;

		f->model.faults[1] = kinds[k];
		whole_job(f);
		assert_int_equal(flush(f), -1);
		assert_int_equal(f->losses, 1);
		before = f->model.requests;
		status(f, 7, "running");
		assert_int_equal(flush(f), -1);
		assert_int_equal(f->model.requests, before);
		end(f);
	}
}

struct question {
	int answers;
	bool cancelled; /* of the answer */
	enum err_class why;
};

static void on_call(void *data, const struct json_value *answer, const struct err *why)
{
	struct question *q = data;

	q->answers++;
	q->why = why ? why->class : ERR_NONE;
	q->cancelled = answer && json_get(answer, "cancelled");
}

static void ask(struct fixture *f, struct question *q)
{
	CLEANUP(strv_release) struct strv headers = { 0 };

	strv_add(&headers, "X-Question: 1");
	report_call(f->session, &(struct report_call){ .path = "/questions",
					.body = "{\"a\":1}",
					.headers = &headers,
					.done = on_call,
					.data = q });
}

/* A call overtakes the open log, in spite of each fault, and brings the chain forward. */
static void asks_beside_the_log(void **state)
{
	static const enum fault kinds[] = { FINE, DROP_BEFORE, DROP_AFTER, UNAVAILABLE };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct fixture *f = begin();
		struct question q = { 0 };
		struct err e = { 0 };

		report_log(f->session, 7, &f->spool);
		f->model.faults[0] = kinds[k];
		ask(f, &q);
		while (!q.answers) {
			bool never = false;
			if (loop_wait(f->loop, &never, mono_add(mono_now(), 5000), &e) == 0)
				fail_msg("no flag was set");
			err_clear(&e);
		}
		assert_int_equal(q.why, ERR_NONE);
		assert_true(q.cancelled);
		assert_int_equal(f->model.n_records, 1);
		assert_string_equal(f->model.records[0].path, "/api/v1/jobs/42/questions");
		assert_string_equal(f->model.records[0].body, "{\"a\":1}");
		append(f, "x\n");
		spool_close(&f->spool);
		report_wake(f->session);
		assert_int_equal(flush(f), 0);
		assert_int_equal(f->model.n_records, 2);
		assert_int_equal(q.answers, 1);
		end(f);
	}
}

static void says_why_there_is_no_answer(void **state)
{
	static const struct {
		enum fault fault;
		enum err_class why;
	} cases[] = {
		{ REFUSE, ERR_PROTO },
		{ EXPIRED, ERR_AUTH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = begin();
		struct question q = { 0 }, late = { 0 };

		f->model.faults[0] = cases[i].fault;
		ask(f, &q);
		status(f, 7, "running");
		(void)!flush(f);
		assert_int_equal(q.answers, 1);
		assert_int_equal(q.why, cases[i].why);
		ask(f, &late);
		assert_int_equal(late.answers, cases[i].fault == EXPIRED ? 1 : 0);
		end(f); /* with a call under way: it is not answered any more */
		assert_int_equal(late.answers, cases[i].fault == EXPIRED ? 1 : 0);
	}
}

static void forgets_cancelled_calls(void **state)
{
	struct fixture *f = begin();
	struct question first = { 0 }, second = { 0 };

	(void)state;
	ask(f, &first);
	ask(f, &second);
	report_call_cancel(f->session, &first); /* in flight: its answer only brings the token */
	report_call_cancel(f->session, &second);
	status(f, 7, "running");
	assert_int_equal(flush(f), 0);
	assert_int_equal(first.answers + second.answers, 0);
	assert_int_equal(f->model.n_records, 2);
	assert_string_equal(f->model.records[1].path, "/api/v1/jobs/42/steps/7/status");
	end(f);
}

static void drops_a_refused_chunk(void **state)
{
	struct fixture *f = begin();

	(void)state;
	f->model.faults[2] = REFUSE;
	whole_job(f);
	assert_int_equal(flush(f), 0);
	assert_true(str_starts(buf_cstr(&f->model.log),
		"[shithub] the coordinator refused part of this log, 6 bytes"));
	assert_true(report_final_accepted(f->session));
	end(f);
}

static void dispatch_until(struct fixture *f, const int *count, int wanted)
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

/* A coordinator whose log store is down still says that the job was cancelled. */
static void cancel_overtakes_a_failing_log(void **state)
{
	struct fixture *f = begin();

	(void)state;
	for (int i = 0; i < RECORDS_MAX; i++)
		f->model.faults[i] = UNAVAILABLE;
	f->model.fine_path = "/api/v1/jobs/42/cancel-check";
	report_poll_cancel(f->session, true);
	report_log(f->session, 7, &f->spool);
	append(f, "hello\n");
	dispatch_until(f, &f->cancels, 1);
	end(f);
}

/* What was appended meanwhile travels under the next number: the first try may have arrived. */
static void a_chunk_tried_again_has_not_grown(void **state)
{
	static const enum fault kinds[] = { UNAVAILABLE, DROP_AFTER };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct fixture *f = begin();

		f->model.faults[0] = kinds[k];
		report_log(f->session, 7, &f->spool);
		append(f, "first\n");
		dispatch_until(f, &f->model.requests, 1);
		append(f, "second\n");
		spool_close(&f->spool);
		report_wake(f->session);
		assert_int_equal(flush(f), 0);
		assert_int_equal(f->model.n_records, 2);
		assert_int_equal(f->model.records[0].chunk_bytes, 6);
		assert_string_equal(buf_cstr(&f->model.log), "first\nsecond\n");
		end(f);
	}
}

static void a_log_that_arrived_leaves_the_disk(void **state)
{
	struct fixture *f = begin();

	(void)state;
	whole_job(f);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(flush(f), 0);
	assert_int_not_equal(access(f->path, F_OK), 0);
	assert_int_equal(f->spool.fd, -1);
	end(f);
}

static void splits_and_numbers_chunks(void **state)
{
	struct fixture *f = begin();
	CLEAN_STR char *big = xmalloc(MIB(1) + 2);
	int logs = 0;

	(void)state;
	memset(big, 'x', MIB(1) + 1);
	big[MIB(1) + 1] = '\0';
	report_log(f->session, 7, &f->spool);
	append(f, big);
	spool_close(&f->spool);
	report_wake(f->session);
	assert_int_equal(flush(f), 0);
	assert_int_equal(f->model.log.len, MIB(1) + 1);
	for (int i = 0; i < f->model.n_records; i++) {
		CLEAN_STR char *seq = xasprintf("{\"seq\":%d,", logs++);

		assert_true(str_starts(f->model.records[i].body, seq));
		assert_true(f->model.records[i].chunk_bytes <= LIMIT_LOG_CHUNK);
	}
	assert_int_equal(logs, 3);
	end(f);
}

/* An open, silent log holds the queue but not the cancel checks. */
static void cancel_overtakes_an_open_log(void **state)
{
	struct fixture *f = begin();

	(void)state;
	for (int i = 0; i < RECORDS_MAX; i++)
		f->model.faults[i] = i < 2 ? FINE : CANCEL;
	report_log(f->session, 7, &f->spool);
	status(f, 7, "completed");
	report_poll_cancel(f->session, true);
	dispatch_until(f, &f->cancels, 1);
	assert_int_equal(f->cancels, 1);
	assert_string_equal(f->model.records[0].path, "/api/v1/jobs/42/cancel-check");
	spool_close(&f->spool);
	report_wake(f->session);
	assert_int_equal(flush(f), 0);
	assert_int_equal(f->cancels, 1);
	end(f);
}

/* ---- going on in another process ---- */

static char *kept_folder(void)
{
	char *dir = xstrdup("/tmp/session-kept-XXXXXX");
	struct err e = { 0 };

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chain_make(dir, "token-0", &e), 0);
	return dir;
}

static void drop_folder(char *dir)
{
	CLEAN_FD int tmp = -1;
	struct err e = { 0 };
	uint64_t left = 0;

	tmp = dir_open("/tmp", &e);
	assert_int_equal(tree_remove(tmp, dir + strlen("/tmp/"), &left, &e), 0);
	free(dir);
}

/* The fixture's session in place of its first one: kept in dir, new or resumed. */
static int keep_in(struct fixture *f, const char *dir, bool resume)
{
	struct session_spec spec = { .loop = f->loop,
		.http = f->http,
		.base_url = f->base,
		.job_id = 42,
		.token = "token-0",
		.cancel_poll_us = 20 * USEC_PER_MSEC,
		.on_cancel = note_cancel,
		.on_lost = note_lost,
		.data = f,
		.dir = dir,
		.steps = 1 };
	struct err e = { 0 };

	report_free(f->session);
	f->session = resume ? session_resume(&spec, &e) : session_new(&spec);
	if (!f->session)
		print_message("%s\n", e.text);
	return f->session ? 0 : -1;
}

static struct fixture *begin_kept(const char *dir)
{
	CLEAN_STR char *path = path_join(dir, "step-0.log");
	struct fixture *f = begin();
	struct err e = { 0 };

	spool_release(&f->spool);
	f->spool = (struct spool)SPOOL_INIT;
	assert_int_equal(spool_open(&f->spool, path, &e), 0);
	assert_int_equal(keep_in(f, dir, false), 0);
	return f;
}

/* The process dies with its nth request unanswered: whoever resumes makes the job whole. */
static void resumes_after_any_request(void **state)
{
	static const enum fault kinds[] = { DROP_BEFORE, DROP_AFTER, UNAVAILABLE };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (int at = 0; at < (int)ARRAY_LEN(whole_paths); at++) {
			char *dir = kept_folder();
			struct fixture *f = begin_kept(dir);

			f->model.faults[at] = kinds[k];
			whole_job(f);
			dispatch_until(f, &f->model.requests, at + 1);
			spool_leave(&f->spool);
			assert_int_equal(keep_in(f, dir, true), 0);
			assert_int_equal(flush(f), 0);
			expect_whole(f);
			end(f);
			drop_folder(dir);
		}
	}
}

/* A log of several chunks, killed between and inside of them: no byte twice, none missing. */
static void resumes_inside_a_log(void **state)
{
	CLEAN_BUF struct buf sent = BUF_INIT(MIB(4));

	(void)state;
	while (sent.len < 3 * LIMIT_LOG_CHUNK)
		assert_int_equal(buf_addf(&sent, "line at %zu\n", sent.len), 0);
	for (int at = 0; at < 5; at++) {
		char *dir = kept_folder();
		struct fixture *f = begin_kept(dir);

		f->model.faults[at] = at % 2 ? DROP_AFTER : DROP_BEFORE;
		status(f, 7, "running");
		report_log(f->session, 7, &f->spool);
		append(f, buf_cstr(&sent));
		dispatch_until(f, &f->model.requests, at + 1);
		spool_leave(&f->spool);
		assert_int_equal(keep_in(f, dir, true), 0);
		status(f, 7, "completed");
		status(f, 0, "completed");
		assert_int_equal(flush(f), 0);
		assert_int_equal(f->model.log.len, sent.len);
		assert_memory_equal(f->model.log.data, sent.data, sent.len);
		assert_int_equal(f->losses, 0);
		end(f);
		drop_folder(dir);
	}
}

/* A call of the job's own in flight: nobody waits for its answer, but the token in it counts. */
static void resumes_a_call(void **state)
{
	char *dir = kept_folder();
	struct fixture *f = begin_kept(dir);
	struct question q = { 0 };

	(void)state;
	f->model.faults[0] = DROP_AFTER;
	ask(f, &q);
	dispatch_until(f, &f->model.requests, 1);
	report_call_cancel(f->session, &q);
	spool_leave(&f->spool);
	assert_int_equal(keep_in(f, dir, true), 0);
	status(f, 0, "completed");
	assert_int_equal(flush(f), 0);
	assert_int_equal(f->model.n_records, 2);
	assert_true(report_final_accepted(f->session));
	end(f);
	drop_folder(dir);
}

static void does_not_resume_a_lost_chain(void **state)
{
	char *dir = kept_folder();
	struct fixture *f = begin_kept(dir);

	(void)state;
	f->model.faults[1] = EXPIRED;
	whole_job(f);
	assert_int_equal(flush(f), -1);
	spool_leave(&f->spool);
	assert_int_equal(keep_in(f, dir, true), -1);
	assert_int_equal(f->losses, 1);
	end(f);
	drop_folder(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_faults_anywhere),
		cmocka_unit_test(loses_the_chain_once),
		cmocka_unit_test(asks_beside_the_log),
		cmocka_unit_test(says_why_there_is_no_answer),
		cmocka_unit_test(forgets_cancelled_calls),
		cmocka_unit_test(drops_a_refused_chunk),
		cmocka_unit_test(splits_and_numbers_chunks),
		cmocka_unit_test(cancel_overtakes_an_open_log),
		cmocka_unit_test(cancel_overtakes_a_failing_log),
		cmocka_unit_test(a_chunk_tried_again_has_not_grown),
		cmocka_unit_test(a_log_that_arrived_leaves_the_disk),
		cmocka_unit_test(resumes_after_any_request),
		cmocka_unit_test(resumes_inside_a_log),
		cmocka_unit_test(resumes_a_call),
		cmocka_unit_test(does_not_resume_a_lost_chain),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
