/*
 * The logs of a run over the API, step by step: the coordinator says which step was the checkout
 * and which failed, so nothing is guessed from the text.
 */
#include "runner/verbs/triage_fetch.h"

#include <inttypes.h>

#include "base/http/http.h"
#include "base/json.h"
#include "base/limits.h"

enum { ANSWER_S = 60 };

struct fetcher {
	const struct triage_source *from;
	struct loop *loop;
	struct http *http;
	struct triage *triage;
};

static int get(struct fetcher *f, const char *path, int (*on_body)(void *, const char *, size_t),
	struct buf *ret, struct err *e)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1%s", f->from->config->server.base_url, path);
	struct http_request r = { .method = "GET",
		.url = url,
		.bearer = f->from->token,
		.timeout_us = ANSWER_S * USEC_PER_SEC,
		.max_answer = LIMIT_CLAIM_BYTES,
		.on_body = on_body,
		.data = f };
	CLEAN_EXCHANGE struct http_exchange *x = http_start(f->http, &r, NULL, NULL, e);
	const struct http_result *got = x ? http_wait(x) : NULL;

	if (!got)
		return -1;
	if (got->outcome != HTTP_DONE || got->status != 200) {
		http_result_error(got, e);
		return err_wrap(e, "GET %s", url);
	}
	if (ret)
		buf_add(ret, got->body.data, got->body.len);
	return 0;
}

static int on_log(void *data, const char *p, size_t n)
{
	struct fetcher *f = data;

	triage_feed(f->triage, p, n);
	return 0;
}

static bool failed(const struct json_value *row)
{
	const char *c = json_get_string(row, "conclusion");

	return str_eq(c, "failure") || str_eq(c, "timed_out");
}

static bool is_checkout(const struct json_value *step)
{
	const char *uses = json_get_string(step, "uses");

	return uses && str_starts(uses, "actions/checkout");
}

/* Steps in order; the log only of the one that failed first, and only where it can tell something.
 */
static int feed_job(struct fetcher *f, const struct json_value *job, struct err *e)
{
	const char *runner = json_get_string(json_get(job, "runner"), "name");
	const struct json_value *steps = json_get(job, "steps");

	if (!failed(job) || !steps || steps->type != JSON_ARRAY)
		return 0;
	json_array_each (step, steps) {
		bool bad = failed(step), checkout = is_checkout(step);
		CLEAN_STR char *path = xasprintf("/jobs/%" PRId64 "/steps/%" PRId64 "/log",
			json_get_int(job, "id", 0), json_get_int(step, "id", 0));

		triage_step(f->triage, runner, checkout, bad);
		if (bad)
			return checkout || step_i == 0 ? get(f, path, on_log, NULL, e) : 0;
	}
	return 0;
}

static int feed_run(struct fetcher *f, const struct json_value *run, struct err *e)
{
	const char *repo = json_get_string(run, "repo");
	const struct json_value *jobs = json_get(run, "jobs");

	if (f->from->repo && !str_eq(repo, f->from->repo))
		return err_set(e, ERR_INPUT, "run %" PRId64 " is of %s, not of %s", f->from->run,
			repo ? repo : "(no repository)", f->from->repo);
	if (!jobs || jobs->type != JSON_ARRAY)
		return err_set(
			e, ERR_PROTO, "run %" PRId64 ": the answer has no jobs", f->from->run);
	json_array_each (job, jobs) {
		if (feed_job(f, job, e) < 0)
			return -1;
	}
	return 0;
}

static int fetch(struct fetcher *f, struct err *e)
{
	CLEAN_STR char *path = xasprintf("/runs/%" PRId64, f->from->run);
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };

	if (get(f, path, NULL, &text, e) < 0)
		return -1;
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&text), text.len, &lim, e);
	return doc ? feed_run(f, json_root(doc), e) : -1;
}

int triage_fetch(struct triage *t, const struct triage_source *from, struct err *e)
{
	struct http_config config = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = from->config->server.ca_file };
	struct fetcher f = { .from = from, .triage = t, .loop = loop_new(e) };
	int rc;

	f.http = f.loop ? http_new(f.loop, &config, e) : NULL;
	rc = f.http ? fetch(&f, e) : -1;
	if (f.http)
		http_free(f.http);
	if (f.loop)
		loop_free(f.loop);
	return rc;
}
