/*
 * A window of a log is what the whole log has there: from any line, with the colours and the
 * stopped commands of the lines before it, however its chunks are cut, while it grows and after it
 * became an object.
 */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/retention.h"
#include "coordinator/pages/log/index.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/store/log.h"
#include "coordinator/sql/sql.h"

enum { WINDOW = 1500 }; /* longer than commands are stopped at one time */

#define YEAR_US (365 * 24 * 3600 * USEC_PER_SEC)

struct read {
	struct job_row job;
	struct job_steps steps;
	struct log_source source;
};

static void read_release(struct read *r)
{
	job_row_release(&r->job);
	job_steps_release(&r->steps);
}

static void read_now(struct world *w, int64_t job_id, struct read *r)
{
	struct err e = { 0 };

	must_err(store_job_get(w->app.store, job_id, &r->job, &e));
	must_err(store_step_list(w->app.store, job_id, &r->steps, &e));
	r->source = (struct log_source){ &r->job, &r->steps.v[0] };
}

struct taken {
	struct html html;
	int64_t from, n;
};

static void on_line(void *data, const struct log_line *l)
{
	struct taken *t = data;

	if (l->number < t->from || t->n >= WINDOW)
		return;
	t->n++;
	line_html_flat(&t->html, 1, l, false, &(struct wall){ 0 });
}

/* WINDOW lines from that one on; the caller's. */
static char *window(
	struct world *w, const struct read *r, const struct log_mark *mark, int64_t from)
{
	struct taken t = { .from = from };
	struct log_reader reader;
	struct err e = { 0 };
	int rc;

	html_init(&t.html, MIB(16));
	log_reader_init(&reader, &w->app, &r->source, mark);
	reader.lines.on_line = on_line;
	reader.lines.data = &t;
	while ((rc = log_reader_go_on(&reader, &r->source, &e)) > 0)
		continue;
	must_err(rc);
	log_reader_release(&reader);
	char *text = xstrdup(buf_cstr(&t.html.out));
	html_release(&t.html);
	return text;
}

static void compare_at(
	struct world *w, const struct read *r, const struct log_index *x, int64_t from)
{
	const struct log_mark *mark = log_index_before(x, from);
	CLEAN_STR char *whole = window(w, r, NULL, from);
	CLEAN_STR char *piece = window(w, r, mark, from);

	assert_true(!mark || mark->lines.number < from);
	assert_string_equal(whole, piece);
	assert_true(strlen(whole) > 0);
}

static void compare(struct world *w, int64_t job_id, struct log_index *x, size_t marks)
{
	CLEANUP(read_release) struct read r = { 0 };
	struct err e = { 0 };
	int rc;

	read_now(w, job_id, &r);
	while ((rc = log_index_go_on(&w->app, x, &r.source, &e)) > 0)
		continue;
	must_err(rc);
	assert_true(x->n_marks >= marks);
	for (int64_t from = 1; from <= x->lines; from += x->lines / 7 + 1)
		compare_at(w, &r, x, from);
	for (size_t i = 0; i < x->n_marks; i++)
		compare_at(w, &r, x, x->marks[i].lines.number + 1);
}

/* All of it, with the time of each line. */
static char *shown(struct world *w, int64_t job_id, int64_t from)
{
	CLEANUP(read_release) struct read r = { 0 };

	read_now(w, job_id, &r);
	return window(w, &r, NULL, from);
}

static char *made_log(size_t lines)
{
	struct buf log = BUF_INIT(MIB(16));

	for (size_t i = 1; i <= lines; i++) {
		if (i % 997 == 0)
			buf_adds(&log, "::stop-commands::t0k\n");
		if (i % 100 == 0)
			buf_adds(&log, "::notice::text, or not\n");
		if (i % 1499 == 0)
			buf_adds(&log,
				"::t0k::\n::error::e\n::group::g\n::warning::w\n::endgroup::\n");
		buf_addf(&log, "%sline %zu %s\n", i % 500 == 0 ? "\x1b[32m" : "", i,
			i % 750 == 0 ? "\x1b[0m" : "of many");
	}
	return buf_take(&log);
}

static struct log_index *index_of(struct world *w, int64_t job_id)
{
	CLEANUP(read_release) struct read r = { 0 };

	read_now(w, job_id, &r);
	return log_index_get(&w->app, &r.source);
}

static void append(struct world *w, int64_t job_id, int64_t *seq, const char *text, size_t block)
{
	struct err e = { 0 };

	for (size_t at = 0, n = strlen(text); at < n; at += block)
		must_err(store_log_append(w->app.store, job_id, 0, (*seq)++, text + at,
			n - at < block ? n - at : block, wall_now(), &e));
}

static void test_windows(void **state UNUSED)
{
	static const size_t blocks[] = { 777, 65536, 300000 };
	CLEAN_STR char *log = made_log(20000);

	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		struct world w;
		struct retention keep = { 0, YEAR_US, YEAR_US, YEAR_US };
		struct retention_done done;
		struct job_row job = { 0 };
		struct err e = { 0 };
		int64_t seq = 0;

		world_open(&w);
		struct run_created made = RUN(&w, "a:linux");
		int64_t id = world_job(&w, made.run_id, "a");
		world_claim(&w, "linux", &job);
		job_row_release(&job);
		struct log_index *x = index_of(&w, id);
		append(&w, id, &seq, log, blocks[i]);
		compare(&w, id, x, 5);
		append(&w, id, &seq, log, blocks[i]);
		append(&w, id, &seq, "no end", 100);
		compare(&w, id, x, 10);
		int64_t open = x->lines;
		world_finish(&w, id, CONCLUSION_SUCCESS);
		compare(&w, id, x, 10);
		assert_int_equal(open + 1, x->lines);
		assert_true(x->whole && x->n_groups > 10 && x->first_error > 0);
		CLEAN_STR char *young = shown(&w, id, open - WINDOW / 2);
		must_err(sql_run(w.app.store, &e,
			"UPDATE workflow_steps SET status = 'completed', conclusion = 'success',"
			" completed_at = 1",
			""));
		must_err(retention_run(&w.app, &keep, wall_now(), &done, &e));
		assert_true(done.chunks > 0);
		CLEAN_STR char *archived = shown(&w, id, open - WINDOW / 2);
		assert_non_null(strstr(archived, "data-t="));
		assert_string_equal(young, archived);
		compare(&w, id, x, 10);
		log_index_put(&w.app, x);
		log_indexes_free(&w.app);
		x = index_of(&w, id); /* made of the object alone */
		compare(&w, id, x, 10);
		log_index_put(&w.app, x);
		log_indexes_free(&w.app);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
	};

	return cmocka_run_group_tests_name("log_index", tests, NULL, NULL);
}
