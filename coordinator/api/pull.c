/*
 * Calls about pull requests: the events of the host that owns them, and approvals. Both want a
 * personal access token with repo:write: whoever may push may already run code of their own with
 * the repository's secrets, so an event gives nobody more than that.
 *
 * An event and its answer are one transaction, and the answer is kept: a host that sends an event
 * again gets the same words, and nothing is started twice.
 */
#include "coordinator/api/api.h"

#include <inttypes.h>

#include "coordinator/api/body.h"
#include "coordinator/api/caller.h"
#include "coordinator/api/pull_body.h"
#include "coordinator/act/run.h"
#include "coordinator/store/pull.h"
#include "coordinator/trigger/pull.h"

/* ---- events ---- */

struct pull_call {
	struct app *app;
	struct httpd_request *request;
	struct pull_body body;
	struct repo_row repo;
	const char *key;
	unsigned char sha[SHA256_LEN];
	char *answer;
	size_t runs;
};

static void call_release(struct pull_call *c)
{
	pull_body_release(&c->body);
	repo_row_release(&c->repo);
	free(c->answer);
}

static int read_key(struct pull_call *c, struct err *e)
{
	c->key = httpd_header(c->request, "Idempotency-Key");
	size_t n = c->key ? strlen(c->key) : 0;

	for (size_t i = 0; i < n; i++)
		if (c->key[i] <= ' ' || c->key[i] > '~')
			n = IDEMPOTENCY_KEY_MAX + 1;
	if (!n || n > IDEMPOTENCY_KEY_MAX)
		return err_set(e, ERR_INPUT,
			"header Idempotency-Key: expected 1 to %d printable ASCII characters, one "
			"key "
			"for each event",
			IDEMPOTENCY_KEY_MAX);
	return 0;
}

static int read_call(struct pull_call *c, struct err *e)
{
	struct slice body = httpd_body(c->request);
	int64_t number;

	if (!httpd_param_id(c->request, "n", &number) || number > INT32_MAX)
		return err_set(e, ERR_NOT_FOUND, "there is no such number");
	if (read_key(c, e) < 0 || pull_body_parse(body, &c->body, e) < 0)
		return -1;
	if (c->body.number && c->body.number != number)
		return err_set(e, ERR_INPUT,
			"field \"number\": expected %" PRId64 ", as in the address, or nothing",
			number);
	c->body.number = number;
	sha256(body.ptr, body.len, c->sha);
	return 0;
}

static int write_answer(struct pull_call *c, const struct pull_made *made, struct err *e)
{
	const struct run_row run = { .pull_number = c->body.number, .trust = made->trust };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "number", c->body.number);
	json_kv_str(&w, "action", c->body.action);
	json_kv_str(&w, "head_sha", c->body.head.sha);
	json_kv_str(&w, "trust", run_trust_text(&run));
	json_kv_bool(&w, "waits_for_approval", made->awaits_approval);
	json_key(&w, "runs");
	json_begin_array(&w);
	for (size_t i = 0; i < made->files.runs.n; i++)
		json_int(&w, made->files.runs.v[i]);
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return -1;
	c->answer = buf_take(&out);
	return 0;
}

static struct pull_event event_of(const struct pull_body *b)
{
	return (struct pull_event){ .number = b->number,
		.action = b->action,
		.title = b->title,
		.body = b->text,
		.label = b->label,
		.author = b->author,
		.sender = b->sender,
		.association = b->association,
		.labels = &b->labels,
		.head_sha = b->head.sha,
		.head_ref = b->head.ref,
		.head_repo = b->head.repo,
		.base_ref = b->base.ref,
		.base_sha = b->base.sha,
		.merge_sha = b->merge_sha,
		.draft = b->draft,
		.merged = b->merged };
}

/* The answer is new, or that of the same event before. */
static int event_apply(struct pull_call *c, struct err *e)
{
	struct app *a = c->app;
	const struct trigger t = trigger_of(a);
	const struct pull_event ev = event_of(&c->body);
	CLEANUP(pull_made_release) struct pull_made made = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0)
		return -1;
	int rc = store_delivery_find(a->store, c->repo.id, c->key, c->sha, &c->answer, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (trigger_pull(&t, &c->repo, &ev, &made, e) < 0 || write_answer(c, &made, e) < 0 ||
		store_delivery_add(a->store, c->repo.id, c->key, c->sha, c->answer, t.now, e) < 0)
		return -1;
	c->runs = made.files.runs.n;
	return store_commit(&tx, e);
}

void api_pull_event(struct httpd_request *r, void *app)
{
	CLEANUP(call_release) struct pull_call c = { .app = app, .request = r };
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	struct err e = { 0 };

	if (auth_user(c.app, r, &who, &e) < 0 ||
		access_named(c.app, &who, httpd_param(r, "owner"), httpd_param(r, "name"),
			ROLE_WRITE, NULL, &e) < 0 ||
		store_repo_find(c.app->store, httpd_param(r, "owner"), httpd_param(r, "name"),
			&c.repo, &e) < 0 ||
		read_call(&c, &e) < 0 || event_apply(&c, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (c.runs) {
		metric_add(&c.app->metrics, METRIC_RUNS, (int64_t)c.runs);
		app_wake(c.app);
	}
	httpd_reply(r, 201, "application/json", c.answer, strlen(c.answer));
}

/* ---- approvals ---- */

static void approve_answer(struct httpd_request *r, int64_t id, bool secrets, int64_t started)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", id);
	json_kv_bool(&w, "secrets", secrets);
	json_kv_int(&w, "started", started);
	json_end_object(&w);
	caller_answer(r, 200, &w, &out, &e);
}

void api_run_approve(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEANUP(approve_release) struct approve_body body = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };
	char address[ADDRESS_TEXT_MAX];
	int64_t started = 0;
	struct err e = { 0 };

	if (caller_of_run(a, r, ROLE_WRITE, &c, &e) < 0 ||
		approve_parse(httpd_body(r), &body, &e) < 0 ||
		act_approve(a, &c.who, c.id,
			&(struct act_approval){ .reason = body.reason,
				.secrets = body.secrets,
				.address = httpd_address_of(r, address) },
			&started, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	approve_answer(r, c.id, body.secrets, started);
}
