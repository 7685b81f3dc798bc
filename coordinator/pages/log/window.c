/*
 * …/steps/{step}/lines?from=&to=: those lines as the page has them, without folding, for a script
 * that shows what is seen. …/steps/{step}/index: what must be known to show any of them.
 */
#include "coordinator/pages/log/log.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/log/answer.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/query.h"

enum { WINDOW_LINES = 1000, WINDOW_BYTES = 1 << 20 };

/* ---- lines ---- */

struct window {
	struct log_answer a;
	int64_t from, to;
	size_t bytes; /* of lines that were given */
	struct wall time;
};

static void on_line(void *data, const struct log_line *l)
{
	struct window *w = data;

	if (l->number < w->from || w->a.ended)
		return;
	w->bytes += l->text.len;
	line_html_flat(&w->a.html, (int64_t)w->a.step + 1, l, l->number == w->a.index->first_error,
		&w->time);
	w->a.ended = l->number >= w->to || w->bytes >= WINDOW_BYTES;
}

static void lines_go_on(struct log_answer *a)
{
	if (log_answer_more(a) <= 0)
		a->ended = true;
}

static int window_read(struct window *w, struct httpd_request *r, struct err *e)
{
	if (query_number(r, "from", &w->from, e) < 0 || query_number(r, "to", &w->to, e) < 0)
		return -1;
	if (!w->from || w->to < w->from)
		return err_set(e, ERR_INPUT, "expected from=N&to=M, the numbers of two lines");
	if (w->to - w->from >= WINDOW_LINES)
		w->to = w->from + WINDOW_LINES - 1;
	return 0;
}

void page_log_lines(struct httpd_request *r, void *app)
{
	struct window *w;
	struct err e = { 0 };

	if (log_fetch_first(r, app, page_log_lines))
		return;
	w = xcalloc(1, sizeof(*w));
	if (log_answer_begin(&w->a, app, r) < 0 || log_answer_step(&w->a, r) < 0)
		return;
	if (window_read(w, r, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	log_answer_read(&w->a, w->from, on_line);
	w->a.go_on = lines_go_on;
	log_answer_send(&w->a, r, "text/html; charset=utf-8");
}

/* ---- index ---- */

static void index_write(struct log_answer *a)
{
	const struct log_index *x = a->index;
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &a->html.out, false);
	json_begin_object(&w);
	json_kv_int(&w, "lines", x->lines);
	json_kv_int(&w, "error", x->first_error);
	json_kv_bool(&w, "whole", x->whole);
	json_key(&w, "groups");
	json_begin_array(&w);
	for (size_t i = 0; i < x->n_groups; i++) {
		json_int(&w, x->groups[i].first);
		json_int(&w, x->groups[i].last);
	}
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0) {
		log_error("pages", "index_failed", F_ERR(&e));
		a->failed = true;
	}
}

static void index_go_on(struct log_answer *a)
{
	struct log_source s = log_answer_source(a);
	struct err e = { 0 };
	int rc = log_index_go_on(a->app, a->index, &s, &e);

	if (rc < 0) {
		log_error("pages", "log_read_failed", F_ERR(&e));
		a->failed = true;
	}
	if (rc == 0)
		index_write(a);
	a->ended = rc <= 0;
}

void page_log_index(struct httpd_request *r, void *app)
{
	struct log_answer *a;

	if (log_fetch_first(r, app, page_log_index))
		return;
	a = xcalloc(1, sizeof(*a));
	if (log_answer_begin(a, app, r) < 0 || log_answer_step(a, r) < 0)
		return;
	a->go_on = index_go_on;
	log_answer_send(a, r, "application/json");
}
