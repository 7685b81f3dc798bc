/*
 * The coordinator as its unit tests see it: the same parts that serve puts together, without a
 * process of its own, so that a test can look into the store between two calls and move its clock.
 */
#include "tests/unit/help/coordinator_help.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/sql/sql.h"
#include "coordinator/app/turn.h"
#include "coordinator/claim/claim.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/syncer.h"
#include "coordinator/pages/pages.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/job.h"
#include "coordinator/rights/owner.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/routes_help.h"
#include "tests/unit/help/store_help.h"

struct strv labels_of(const char *text)
{
	struct strv l = { 0 };

	strv_split(&l, text, ',');
	return l;
}

int64_t world_runner(struct world *w, const char *name, const char *labels, int64_t capacity,
	char token[TOKEN_HEX_MAX])
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

int64_t world_user(struct world *w, const char *login, bool site_admin)
{
	CLEANUP(owner_row_release) struct owner_row row = { 0 };
	struct err e = { 0 };

	if (store_owner_find(w->app.store, login, &row, NULL) == 0)
		return row.id;
	row = (struct owner_row){ .login = xstrdup(login), .user = true, .site_admin = site_admin };
	must_err(store_owner_add(w->app.store, &row, wall_now(), &e));
	return row.id;
}

void world_pat(struct world *w, const char *login, unsigned scopes, char out[PAT_TEXT_MAX])
{
	unsigned char sha[SHA256_LEN];
	struct pat_spec spec = {
		.user_id = world_user(w, login, false), .name = "test", .sha = sha, .scopes = scopes
	};
	struct err e = { 0 };
	int64_t id;

	pat_random(out);
	token_hash(out, sha);
	must_err(store_pat_add(w->app.store, &spec, wall_now(), &id, &e));
}

void world_open(struct world *w)
{
	struct err e = { 0 };

	*w = (struct world){ 0 };
	snprintf(w->dir, sizeof(w->dir), "/tmp/shithub-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->app.data_dir = xstrdup(w->dir);
	w->app.objects = objects_open(&(struct objects_place){ .data_dir = w->dir }, &e);
	w->app.store = test_store_open(w->dir);
	must_err(keys_load(&w->app.keys, NULL, w->dir, &e));
	w->app.scrub = scrub_new();
	world_user(w, "alice", false);
	must_err(store_repo_add(
		w->app.store, "alice", "demo", false, "trunk", wall_now(), &w->repo_id, &e));
	w->runner_id = world_runner(w, "r1", "linux,x64", 2, w->runner_token);
	w->app.public_url = xstrdup("http://coordinator.test");
}

void world_serve(struct world *w)
{
	const struct routes routes = world_routes();
	struct err e = { 0 };

	w->app.loop = loop_new(&e);
	assert_non_null(w->app.loop);
	must_err(waiters_new(&w->app, &e));
	struct httpd_config c = { .listen = "127.0.0.1:0",
		.tables = routes.tables,
		.table_sizes = routes.sizes,
		.n_tables = ROUTES_TABLES,
		.lost = &page_lost,
		.app = &w->app,
		.turn = &app_turn };
	w->app.httpd = httpd_new(w->app.loop, &c, &e);
	if (!w->app.httpd)
		fail_msg("%s", e.text);
	snprintf(w->base, sizeof(w->base), "http://%s", httpd_address(w->app.httpd));
	w->app.syncer = syncer_start(w->app.loop, 1, &e);
	assert_non_null(w->app.syncer);
	w->client = http_new(w->app.loop, &(struct http_config){ .user_agent = "test" }, &e);
	assert_non_null(w->client);
}

/* It breaks texts between macros into pieces. */
/* clang-format off */
#define ONE_IF(what) "CASE WHEN " what " THEN 1 ELSE 0 END"
#define SUM_IF(what) "coalesce(sum(" ONE_IF(what) "), 0)"
#define OVER "j.status IN ('completed', 'cancelled')"
#define LOST \
	"(" OVER " AND j.conclusion <> 'success' AND NOT (j.continue_on_error <> 0" \
	" AND j.conclusion IN ('failure', 'timed_out')))"
static const char *const wrong_counts[] = {
	"SELECT count(*) FROM (SELECT run_id, status, outcome, kept, n FROM job_counts"
	" WHERE n <> 0 EXCEPT SELECT run_id, status, CASE WHEN conclusion IS NULL THEN ''"
	" WHEN " LOST " THEN conclusion ELSE 'success' END AS c, "
	ONE_IF("kept_from IS NOT NULL") " AS k, count(*) FROM workflow_jobs j"
	" GROUP BY run_id, status, c, k) AS w",
	"SELECT (SELECT count(*) FROM workflow_jobs)"
	" <> (SELECT coalesce(sum(n), 0) FROM job_counts)",
	"SELECT count(*) FROM job_keys k WHERE (open, queued, held, unfolds, stops, failed) <>"
	" (SELECT " SUM_IF("NOT (" OVER ")") ", " SUM_IF("j.status = 'queued'") ", "
	SUM_IF("j.status = 'queued' AND j.ready = 0 AND j.pending = 0 AND j.gate <> 1") ", "
	SUM_IF("j.status = 'queued' AND j.unfold = 1") ", "
	SUM_IF("NOT (" OVER ") AND j.cancel_requested = 0") ", " SUM_IF(LOST)
	" FROM workflow_jobs j WHERE j.run_id = k.run_id AND j.job_key = k.job_key)",
	"SELECT count(*) FROM job_keys k WHERE (needs_open, needs_failed) <>"
	" (SELECT " SUM_IF("d.open > 0") ", " SUM_IF("d.failed > 0")
	" FROM job_needs n JOIN job_keys d ON d.run_id = n.run_id AND d.job_key = n.needs"
	" WHERE n.run_id = k.run_id AND n.job_key = k.job_key)",
};
/* of each engine */
static const char wrong_needs[] =
	"SELECT count(*) FROM (SELECT j.run_id, j.job_key, n.value FROM workflow_jobs j,"
	" json_each(j.needs) n EXCEPT SELECT run_id, job_key, needs FROM job_needs) AS w";
static const char wrong_needs_postgres[] =
	"SELECT count(*) FROM (SELECT j.run_id, j.job_key, n.value FROM workflow_jobs j,"
	" json_array_elements_text(CAST(j.needs AS json)) AS n (value)"
	" EXCEPT SELECT run_id, job_key, needs FROM job_needs) AS w";
/* clang-format on */

static void wrong_check(struct world *w, const char *sql)
{
	struct err e = { 0 };
	int64_t n = 0;

	if (sql_int(w->app.store, &n, &e, sql, "") < 0 || n)
		fail_msg("%" PRId64 " wrong counts, %s: %s", n, e.text, sql);
}

void world_counts_check(struct world *w)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong_counts); i++)
		wrong_check(w, wrong_counts[i]);
	wrong_check(w, sql_is_postgres(w->app.store) ? wrong_needs_postgres : wrong_needs);
}

void world_close(struct world *w)
{
	world_counts_check(w);
	uint64_t left = 0;

	if (w->client)
		http_free(w->client);
	if (w->app.loop) {
		syncer_stop(TAKE(w->app.syncer));
		waiters_free(&w->app);
		httpd_free(w->app.httpd);
		pages_stop(&w->app);
		logs_stop(&w->app);
		loop_free(w->app.loop);
	}
	scrub_free(w->app.scrub);
	store_free(w->app.store);
	test_store_drop(w->dir);
	objects_free(w->app.objects);
	free(w->app.data_dir);
	free(w->app.public_url);
	CLEAN_FD int tmp = dir_open("/tmp", NULL);
	must(tree_remove(tmp, w->dir + strlen("/tmp/"), &left, NULL));
}

struct run_created world_run(struct world *w, const char *event, size_t n, const char *const *jobs)
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

void world_claim(struct world *w, const char *labels, struct job_row *ret)
{
	struct err e = { 0 };
	CLEANUP(strv_release) struct strv l = labels_of(labels);
	int rc = store_job_claim(w->app.store, w->runner_id, &l, wall_now(), ret, &e);

	if (rc != 1)
		fail_msg("claim: %d %s", rc, e.text);
}

void world_finish(struct world *w, int64_t job_id, enum conclusion c)
{
	struct err e = { 0 };
	struct state st, run;
	struct state_report r = {
		.state = { c == CONCLUSION_CANCELLED ? STATUS_CANCELLED : STATUS_COMPLETED, c }
	};

	must_err(store_job_report(w->app.store, job_id, &r, wall_now(), &st, &run, &e));
}

int64_t world_job(struct world *w, int64_t run_id, const char *key)
{
	CLEANUP(job_list_release) struct job_list l = { 0 };

	must(store_job_list(w->app.store, run_id, &l, NULL));
	for (size_t i = 0; i < l.n; i++)
		if (str_eq(l.v[i].key, key))
			return l.v[i].id;
	fail_msg("no job %s", key);
	return 0;
}

const char *world_state(struct world *w, int64_t run_id, const char *key)
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

struct http_exchange *call_start(struct world *w, const struct call_spec *c)
{
	struct err e = { 0 };
	CLEANUP(strv_release) struct strv headers = { 0 };
	char url[512];

	snprintf(url, sizeof(url), "%s%s", w->base, c->path);
	if (c->key)
		strv_addf(&headers, "Idempotency-Key: %s", c->key);
	if (c->header)
		strv_add(&headers, c->header);
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

long call_do(struct world *w, const struct call_spec *c, struct json_doc **ret)
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

long chain_call(
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

void claim_take(struct claimed *ret, const struct json_doc *d)
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

long heartbeat(struct world *w, const char *token, const char *body, struct claimed *ret)
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
