/* What a webhook is told of a run, and where a commit status goes. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/sql/sql.h"
#include "coordinator/store/webhook.h"
#include "coordinator/webhook/payload.h"

#define FORGE "https://forge.example/api/v1/repos/alice/demo"

/* The first change of the run's job as a hook of that format gets it. */
static char *tell(struct world *w, int64_t run_id, const char *format, struct buf *out)
{
	const struct webhook_row hook = {
		.repo_id = w->repo_id, .url = (char *)FORGE, .format = (char *)format
	};
	const struct delivery_row d = { .run_id = run_id,
		.job_id = world_job(w, run_id, "a"),
		.has_state = true,
		.state = { STATUS_QUEUED, CONCLUSION_NONE } };
	char *url = NULL;
	struct err e = { 0 };

	const struct payload_links links = { w->app.public_url, false };

	assert_int_equal(1, payload_write(w->app.store, &hook, &d, &links, out, &url, &e));
	return url;
}

/* The merge of a pull request runs, and the head is told of it. */
static void test_a_pull_request_is_told_at_its_head(void **state UNUSED)
{
	static const char merge[] = "b1ad3b5f070c26ae9286b36f9a13c0d850b18cf4";
	struct world w;
	CLEAN_BUF struct buf status = BUF_INIT(KIB(8)), json = BUF_INIT(KIB(8));
	struct err e = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	must_err(sql_run(w.app.store, &e,
		"UPDATE workflow_runs SET head_sha = ?2, pull_number = 7, pull_head = ?3"
		" WHERE id = ?1",
		"itt", run.run_id, merge, SHA_A));
	CLEAN_STR char *forge = tell(&w, run.run_id, "forge", &status);
	assert_string_equal(FORGE "/statuses/" SHA_A, forge);
	CLEAN_STR char *plain = tell(&w, run.run_id, "json", &json);
	assert_string_equal(FORGE, plain);
	CLEAN_JSON struct json_doc *d = json_parse(json.data, json.len, NULL, &e);
	assert_non_null(d);
	assert_string_equal(
		SHA_A, json_get_string(json_get(json_root(d), "workflow_job"), "head_sha"));
	world_close(&w);
}

/* The state that the forge is told of the run itself, "" when it hears nothing. */
static const char *told_of_run(struct world *w, int64_t run_id, struct state state)
{
	static char text[20];
	const struct webhook_row hook = {
		.repo_id = w->repo_id, .url = (char *)FORGE, .format = (char *)"forge"
	};
	const struct delivery_row d = { .run_id = run_id, .has_state = true, .state = state };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(8));
	CLEAN_STR char *url = NULL;
	struct err e = { 0 };

	*text = '\0';
	const struct payload_links links = { w->app.public_url, false };
	int rc = payload_write(w->app.store, &hook, &d, &links, &out, &url, &e);
	if (rc == 0)
		return text;
	assert_int_equal(1, rc);
	CLEAN_JSON struct json_doc *doc = json_parse(out.data, out.len, NULL, &e);
	snprintf(text, sizeof(text), "%s", json_get_string(json_root(doc), "state"));
	return text;
}

static const struct state queued = { STATUS_QUEUED, CONCLUSION_NONE },
			  good = { STATUS_COMPLETED, CONCLUSION_SUCCESS },
			  bad = { STATUS_COMPLETED, CONCLUSION_FAILURE };

/* It says "error" until an attempt that was let in says better. */
static void test_a_refused_run_is_followed_to_its_good_end(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	struct run_created refused = RUN(&w, "a:linux"), second = RUN(&w, "a:linux"),
			   third = RUN(&w, "a:linux"), other = RUN(&w, "a:linux");
	must_err(sql_run(w.app.store, &e, "DELETE FROM workflow_jobs WHERE run_id = ?", "i",
		refused.run_id));
	must_err(sql_run(w.app.store, &e,
		"UPDATE workflow_runs SET refused = 1, problems = 'no' WHERE id = ?", "i",
		refused.run_id));
	must_err(sql_run(w.app.store, &e,
		"UPDATE workflow_runs SET parent_run_id = id - 1 WHERE id IN (?, ?)", "ii",
		second.run_id, third.run_id));
	assert_string_equal("", told_of_run(&w, refused.run_id, queued));
	assert_string_equal("error", told_of_run(&w, refused.run_id, bad));
	assert_string_equal("pending", told_of_run(&w, second.run_id, queued));
	assert_string_equal("failure", told_of_run(&w, second.run_id, bad));
	assert_string_equal("pending", told_of_run(&w, third.run_id, queued));
	assert_string_equal("success", told_of_run(&w, third.run_id, good));
	assert_string_equal("", told_of_run(&w, other.run_id, queued));
	assert_string_equal("", told_of_run(&w, other.run_id, good));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pull_request_is_told_at_its_head),
		cmocka_unit_test(test_a_refused_run_is_followed_to_its_good_end),
	};

	return cmocka_run_group_tests_name("payload", tests, NULL, NULL);
}
