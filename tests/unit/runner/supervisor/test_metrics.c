/* The metrics page: its rules (those of `promtool check metrics` among them), counters, health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "runner/supervisor/metrics.h"
#include "runner/control/monitor_request.h"

static struct progress_view running(void)
{
	struct progress_view v = { .last = PROGRESS_INIT, .first_step = { 3 * USEC_PER_SEC } };

	v.last.queued = 77;
	v.last.masked = 4;
	v.last.engine_errors = 1;
	histogram_add(&v.last.step_seconds, 40 * USEC_PER_MSEC);
	histogram_add(&v.last.step_seconds, 7200 * USEC_PER_SEC);
	return v;
}

static struct status status_of(const struct progress_view *v)
{
	struct status s = { .state = "claiming",
		.instance = "a\"b\\c\nd",
		.server = "http://h",
		.capacity = 3,
		.n_jobs = 1 };

	s.jobs[0] = (struct slot_view){
		.job_id = 1, .state = "running", .since = { USEC_PER_SEC }, .progress = v
	};
	return s;
}

static void page_of(const struct tally *t, const struct status *s, struct buf *out)
{
	const struct disk_view disk = { .total = 1000, .free = 400 };

	buf_clear(out);
	metrics_write(t, s, &disk, out);
	assert_true(buf_ok(out));
}

static void assert_line(const struct buf *page, const char *line)
{
	CLEAN_STR char *wanted = xasprintf("\n%s\n", line);

	if (!strstr(buf_cstr(page), wanted))
		fail_msg("no line %s in\n%s", line, buf_cstr(page));
}

static void shows_the_running_job(void **state)
{
	CLEAN_BUF struct buf page = BUF_INIT(KIB(64));
	struct progress_view v = running();
	struct status s = status_of(&v);
	struct tally t = { 0 };
	static const char build[] = "shithub_runner_build_info{version=\"" PROJECT_VERSION
				    "\",instance=\"a\\\"b\\\\c d\"} 1";
	static const char *const lines[] = {
		"shithub_runner_slots_busy 1",
		"shithub_runner_slots_capacity 3",
		"shithub_runner_upload_queue_bytes 77",
		"shithub_runner_masked_replacements_total 4",
		"shithub_runner_engine_errors_total 1",
		"shithub_runner_step_seconds_bucket{le=\"0.01\"} 0",
		"shithub_runner_step_seconds_bucket{le=\"0.05\"} 1",
		"shithub_runner_step_seconds_bucket{le=\"3600\"} 1",
		"shithub_runner_step_seconds_bucket{le=\"+Inf\"} 2",
		"shithub_runner_step_seconds_count 2",
		"shithub_runner_step_seconds_sum 7200.040000",
		"shithub_runner_claim_latency_seconds_sum 2.000000",
		"shithub_runner_workspace_bytes{state=\"used\"} 600",
		build,
	};

	(void)state;
	page_of(&t, &s, &page);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_line(&page, lines[i]);
}

/* What a job had counted stands when it is over. */
static void counters_never_fall(void **state)
{
	CLEAN_BUF struct buf page = BUF_INIT(KIB(64));
	struct progress_view v = running();
	struct status s = status_of(&v);
	struct tally t = { 0 };

	(void)state;
	tally_job(&t, "timed_out", &s.jobs[0]);
	tally_job(&t, "what nobody knows", &s.jobs[0]);
	s.n_jobs = 0;
	page_of(&t, &s, &page);
	assert_line(&page, "shithub_runner_masked_replacements_total 8");
	assert_line(&page, "shithub_runner_step_seconds_count 4");
	assert_line(&page, "shithub_runner_claim_latency_seconds_count 2");
	assert_line(&page, "shithub_runner_jobs_total{conclusion=\"timed_out\"} 1");
	assert_line(&page, "shithub_runner_jobs_total{conclusion=\"other\"} 1");
	assert_line(&page, "shithub_runner_upload_queue_bytes 0");
}

/* Each family once, HELP then TYPE then its samples; counters end in _total, others do not. */
static void keeps_the_rules(void **state)
{
	CLEAN_BUF struct buf page = BUF_INIT(KIB(64));
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct progress_view v = running();
	struct status s = status_of(&v);
	struct tally t = { 0 };
	char name[128] = "", type[32] = "";
	size_t families = 0;

	(void)state;
	page_of(&t, &s, &page);
	strv_split(&lines, page.data, '\n');
	for (size_t i = 0; i < lines.n; i++) {
		const char *line = lines.v[i];

		if (str_starts(line, "# HELP ")) {
			char again[160];

			assert_int_equal(sscanf(line, "# HELP %127s", name), 1);
			assert_true(str_starts(name, "shithub_runner_"));
			assert_true(strlen(line) > strlen("# HELP  ") + strlen(name) + 10);
			snprintf(again, sizeof(again), "# HELP %s ", name);
			assert_null(strstr(strstr(page.data, again) + 1, again));
			assert_true(i + 2 < lines.n);
			assert_int_equal(sscanf(lines.v[++i], "# TYPE %127s %31s", again, type), 2);
			assert_string_equal(again, name);
			assert_int_equal(str_eq(type, "counter"), str_ends(name, "_total"));
			families++;
		} else if (!str_starts(line, name)) {
			fail_msg("%s does not belong to %s", line, name);
		}
	}
	assert_true(families >= 15);
}

static void health(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct progress_view v = running();
	struct status s = status_of(&v);

	(void)state;
	assert_null(health_problem(&s, &out));
	s.engine = (struct engine_view){ .state = ENGINE_DOWN, .error = "gone" };
	assert_non_null(strstr(health_problem(&s, &out), "engine does not answer: gone"));
	buf_clear(&out);
	s.heartbeat = (struct heartbeat_view){ .any = true, .error = "HTTP 500", .failures = 3 };
	assert_non_null(strstr(health_problem(&s, &out), "3 in a row"));
}

static void status_in_words(void **state)
{
	CLEAN_BUF struct buf json = BUF_INIT(KIB(64)), text = BUF_INIT(KIB(64));
	struct progress_view v = running();
	struct status s = status_of(&v);
	struct json_writer w;
	struct err e = { 0 };

	(void)state;
	v.last.step = 1;
	v.last.steps = 4;
	v.last.step_since = (struct wall){ 5 };
	snprintf(v.last.name, sizeof(v.last.name), "build");
	s.now = (struct wall){ 5 + 65 * USEC_PER_SEC };
	s.mono_now = (struct mono){ 71 * USEC_PER_SEC };
	json_writer_init(&w, &json, false);
	status_write(&s, &w);
	assert_int_equal(json_writer_finish(&w, &e), 0);
	CLEAN_JSON struct json_doc *doc = json_parse(json.data, json.len, NULL, &e);
	assert_non_null(doc);
	status_describe(json_root(doc), &text);
	assert_non_null(strstr(buf_cstr(&text), "claiming, 1 of 3 slots busy, 0 jobs done"));
	assert_non_null(strstr(buf_cstr(&text),
		"job 1 (run 0): running for 1m10s, step 2 of 4 \"build\" for 1m5s, 77 log bytes"));
	assert_non_null(strstr(buf_cstr(&text), "heartbeat: none yet"));
}

static void requests(void **state)
{
	static const struct {
		const char *text;
		enum monitor_wants wants;
	} cases[] = {
		{ "GET /metrics HTTP/1.1\r\n\r\n", MONITOR_METRICS },
		{ "GET /metrics?x=1 HTTP/1.0\n\n", MONITOR_METRICS },
		{ "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", MONITOR_HEALTH },
		{ "GET / HTTP/1.1\r\n\r\n", MONITOR_NOTHING },
		{ "GET /metricsx HTTP/1.1\r\n\r\n", MONITOR_NOTHING },
		{ "POST /metrics HTTP/1.1\r\n\r\n", MONITOR_METHOD },
		{ "GET metrics HTTP/1.1\r\n\r\n", MONITOR_BAD },
		{ "GET /metrics HTTP/2\r\n\r\n", MONITOR_BAD },
		{ "GET /metrics\r\n\r\n", MONITOR_BAD },
		{ "GET  /metrics HTTP/1.1\r\n\r\n", MONITOR_BAD },
		{ "\r\n\r\n", MONITOR_BAD },
		{ "", MONITOR_BAD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct monitor_request r = monitor_request_parse(slice_of(cases[i].text));

		if (r.wants != cases[i].wants)
			fail_msg("%s: %d", cases[i].text, r.wants);
		assert_int_equal(r.head, str_starts(cases[i].text, "HEAD"));
		assert_int_equal(
			monitor_request_whole(slice_of(cases[i].text)), *cases[i].text != '\0');
	}
	assert_false(monitor_request_whole(SLICE("GET / HTTP/1.1\r\nHost: x\r\n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_the_running_job),
		cmocka_unit_test(counters_never_fall),
		cmocka_unit_test(keeps_the_rules),
		cmocka_unit_test(health),
		cmocka_unit_test(status_in_words),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
