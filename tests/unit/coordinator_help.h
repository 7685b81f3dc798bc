/*
 * A coordinator inside the test process: a temporary data folder, a store with one repository and
 * one runner, and on demand the HTTP server and a client on the same loop.
 */
#ifndef TESTS_COORDINATOR_HELP_H
#define TESTS_COORDINATOR_HELP_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/http.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api.h"
#include "coordinator/claim.h"

#define SHA_A "a1ad3b5f070c26ae9286b36f9a13c0d850b18cf4"
#define must(call) assert_int_equal(0, (call))
#define must_err(call)                                     \
	do {                                               \
		if (call)                                  \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

struct world {
	char dir[64];
	struct app app;
	struct http *client;
	char base[80];
	int64_t repo_id, runner_id;
	char runner_token[TOKEN_HEX_MAX];
};

UNUSED static struct strv labels_of(const char *text)
{
	struct strv l = { 0 };
	strv_split(&l, text, ',');
	return l;
}

UNUSED static int64_t world_runner(struct world *w, const char *name, const char *labels,
	int64_t capacity, char token[TOKEN_HEX_MAX])
{
	struct err e = { 0 };
	unsigned char sha[SHA256_LEN];
	int64_t id = 0;
	CLEANUP(strv_release) struct strv l = labels_of(labels);
	token_random(token);
	token_hash(token, sha);
	must_err(store_runner_register(
		w->app.store, name, &l, capacity, sha, wall_now(), (struct wall){ 0 }, &id, &e));
	return id;
}

UNUSED static void world_open(struct world *w)
{
	struct err e = { 0 };
	*w = (struct world){ 0 };
	snprintf(w->dir, sizeof(w->dir), "/tmp/shithub-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->app.data_dir = xstrdup(w->dir);
	CLEAN_STR char *path = path_join(w->dir, "shithubd.db");
	w->app.store = store_open(path, &e);
	if (!w->app.store)
		fail_msg("%s", e.text);
	must_err(keys_load(&w->app.keys, NULL, w->dir, &e));
	must_err(store_repo_add(
		w->app.store, "alice", "demo", false, "trunk", wall_now(), &w->repo_id, &e));
	w->runner_id = world_runner(w, "r1", "linux,x64", 2, w->runner_token);
	w->app.public_url = xstrdup("http://coordinator.test");
}

UNUSED static void world_serve(struct world *w)
{
	static const struct httpd_route *const tables[] = { api_routes };
	struct err e = { 0 };
	w->app.loop = loop_new(&e);
	assert_non_null(w->app.loop);
	must_err(waiters_new(&w->app, &e));
	struct httpd_config c = { .listen = "127.0.0.1:0",
		.tables = tables,
		.table_sizes = &api_routes_n,
		.n_tables = 1,
		.app = &w->app };
	w->app.httpd = httpd_new(w->app.loop, &c, &e);
	if (!w->app.httpd)
		fail_msg("%s", e.text);
	snprintf(w->base, sizeof(w->base), "http://%s", httpd_address(w->app.httpd));
	w->client = http_new(w->app.loop, &(struct http_config){ .user_agent = "test" }, &e);
	assert_non_null(w->client);
}

UNUSED static void world_close(struct world *w)
{
	uint64_t left = 0;
	if (w->client)
		http_free(w->client);
	if (w->app.loop) {
		waiters_free(&w->app);
		httpd_free(w->app.httpd);
		loop_free(w->app.loop);
	}
	store_free(w->app.store);
	free(w->app.data_dir);
	free(w->app.public_url);
	CLEAN_FD int tmp = dir_open("/tmp", NULL);
	must(tree_remove(tmp, w->dir + strlen("/tmp/"), &left, NULL));
}

/* A run of jobs given as "key:label:need+need" each, with two steps a job. */
UNUSED static struct run_created world_run(
	struct world *w, const char *event, size_t n, const char *const *jobs)
{
	static const struct run_step_spec steps[] = {
		{ .uses = "actions/checkout@v4" },
		{ .step_id = "say", .name = "Say", .run = "echo hi" },
	};
	struct run_job_spec list[8] = { 0 };
	struct strv parts[8] = { 0 }, on[8] = { 0 }, needs[8] = { 0 };
	struct run_created ret = { 0 };
	struct err e = { 0 };
	for (size_t i = 0; i < n; i++) {
		strv_split(&parts[i], jobs[i], ':');
		strv_split(&on[i], parts[i].v[1], '&');
		if (parts[i].n > 2)
			strv_split(&needs[i], parts[i].v[2], '+');
		list[i] = (struct run_job_spec){ .key = parts[i].v[0],
			.runs_on = &on[i],
			.needs = &needs[i],
			.steps = steps,
			.n_steps = ARRAY_LEN(steps) };
	}
	struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = ".shithub/workflows/smoke.yml",
		.event = event,
		.event_payload = "{\"ref\":\"refs/heads/trunk\"}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/trunk",
		.jobs = list,
		.n_jobs = n };
	must_err(store_run_create(w->app.store, &spec, wall_now(), &ret, &e));
	for (size_t i = 0; i < n; i++) {
		strv_release(&parts[i]);
		strv_release(&on[i]);
		strv_release(&needs[i]);
	}
	return ret;
}
#define RUN(w, ...)                                                        \
	world_run(w, "push", ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), \
		(const char *[]){ __VA_ARGS__ })

/* "queued" or "completed/success" of a run's job; of the run itself with key NULL. */
UNUSED static const char *world_state(struct world *w, int64_t run_id, const char *key)
{
	static char text[64];
	struct err e = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	must_err(store_run_get(w->app.store, run_id, &run, &e));
	must_err(store_job_list(w->app.store, run_id, &jobs, &e));
	struct state st = run.state;
	for (size_t i = 0; i < jobs.n; i++)
		if (str_eq(jobs.v[i].key, key))
			st = jobs.v[i].state;
	snprintf(text, sizeof(text), "%s%s%s", status_text(st.status), st.conclusion ? "/" : "",
		st.conclusion ? conclusion_text(st.conclusion) : "");
	return text;
}

/* ---- the client ---- */

struct call_spec {
	const char *method, *path, *token, *body, *key, *prefer;
	size_t body_len; /* 0: strlen(body) */
};
UNUSED static struct http_exchange *call_start(struct world *w, const struct call_spec *c)
{
	struct err e = { 0 };
	CLEANUP(strv_release) struct strv headers = { 0 };
	char url[512];
	snprintf(url, sizeof(url), "%s%s", w->base, c->path);
	if (c->key)
		strv_addf(&headers, "Idempotency-Key: %s", c->key);
	if (c->prefer)
		strv_addf(&headers, "Prefer: %s", c->prefer);
	struct http_request q = { .method = c->method ? c->method : "POST",
		.url = url,
		.headers = &headers,
		.bearer = c->token,
		.body = c->body,
		.body_len = c->body_len ? c->body_len
			    : c->body   ? strlen(c->body)
					: 0,
		.max_answer = LIMIT_CLAIM_BYTES,
		.timeout_us = 40 * USEC_PER_SEC };
	struct http_exchange *x = http_start(w->client, &q, NULL, NULL, &e);
	if (!x)
		fail_msg("%s", e.text);
	return x;
}

/* Status, and the answer parsed in *ret (NULL: dropped). */
UNUSED static long call_do(struct world *w, const struct call_spec *c, struct json_doc **ret)
{
	CLEAN_EXCHANGE struct http_exchange *x = call_start(w, c);
	const struct http_result *r = http_wait(x);
	if (r->outcome != HTTP_DONE)
		fail_msg("%s: %s", c->path, r->error);
	if (ret) {
		struct err e = { 0 };
		struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };
		*ret = json_parse(buf_cstr(&r->body), r->body.len, &lim, &e);
		if (!*ret)
			fail_msg("%s: %s: %s", c->path, e.text, buf_cstr(&r->body));
	}
	return r->status;
}

/* A job call along the chain: token is replaced by next_token when there is one. */
UNUSED static long chain_call(
	struct world *w, const char *path, char *token, size_t n, const char *body, const char *key)
{
	CLEAN_JSON struct json_doc *d = NULL;
	struct call_spec c = { .path = path, .token = token, .body = body, .key = key };
	long status = call_do(w, &c, &d);
	const char *next = json_get_string(json_root(d), "next_token");
	if (next)
		snprintf(token, n, "%s", next);
	return status;
}

struct claimed {
	int64_t job_id, run_id, step_ids[2];
	char token[2048], checkout[2048];
};
UNUSED static void claim_take(struct claimed *ret, const struct json_doc *d)
{
	const struct json_value *job = json_get(json_root(d), "job");
	*ret = (struct claimed){ .job_id = json_get_int(job, "id", 0),
		.run_id = json_get_int(job, "run_id", 0) };
	for (size_t i = 0; i < 2; i++)
		ret->step_ids[i] = json_get_int(json_get(job, "steps")->items[i], "id", 0);
	snprintf(ret->token, sizeof(ret->token), "%s", json_get_string(json_root(d), "token"));
	snprintf(
		ret->checkout, sizeof(ret->checkout), "%s", json_get_string(job, "checkout_token"));
}

UNUSED static long heartbeat(
	struct world *w, const char *token, const char *body, struct claimed *ret)
{
	CLEAN_EXCHANGE struct http_exchange *x = call_start(
		w, &(struct call_spec){
			   .path = "/api/v1/runners/heartbeat", .token = token, .body = body });
	const struct http_result *r = http_wait(x);
	assert_int_equal(HTTP_DONE, r->outcome);
	if (r->status == 200 && ret) {
		struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };
		CLEAN_JSON struct json_doc *d =
			json_parse(buf_cstr(&r->body), r->body.len, &lim, NULL);
		assert_non_null(d);
		claim_take(ret, d);
	}
	return r->status;
}

#endif
