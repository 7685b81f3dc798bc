/*
 * One job. Its logs may be large, so this page alone is streamed: each call of the reader takes one
 * piece of a log further, and what it made leaves before the next one. A call that finds nothing to
 * show (it is still on its way to the first error) sends a line end, so that no call takes long.
 *
 * One step's log is open: the one that the address asks for, else the first that failed, else the
 * one that runs. Short ones of other steps are there, too, folded; longer ones are a link away.
 */
#include "coordinator/pages/log/log.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/terminal/style.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/pages/log/find.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/log/view.h"
#include "coordinator/pages/markup.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/show.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/explain.h"

enum { FOUND_SHOWN = 200, FOLDED_MAX = 16 << 10, FOLDED_ALL_MAX = 64 << 10 };

struct job_page {
	struct app *app;
	struct html html;
	size_t sent; /* of it */
	struct place at;
	struct job_steps steps;
	char *runner; /* its name, NULL: none */
	struct job_waits waits;
	size_t next;    /* step */
	size_t open;    /* whose log is unfolded; steps.n: none */
	int64_t line;   /* where it begins; 0: at the first error */
	int64_t folded; /* bytes of logs that are there and folded */
	char *query;    /* what is searched for; NULL: nothing is */
	bool unwrapped; /* long lines are not wrapped */
	bool times;     /* of lines are shown */
	struct log_find find;
	bool finding, found; /* the search goes on; it had its turn */
	bool in_log;         /* of steps.v[next] */
	bool ended;
	struct log_view view;
	struct stored_step log;
};

static void job_page_free(struct job_page *p)
{
	if (p->in_log) {
		log_view_release(&p->view);
		stored_step_release(&p->log);
	}
	log_find_release(&p->find);
	free(p->query);
	html_release(&p->html);
	place_release(&p->at);
	job_steps_release(&p->steps);
	job_waits_release(&p->waits);
	free(p->runner);
	free(p);
}

/* ---- which log ---- */

static bool failed(const struct step_row *s)
{
	return s->state.conclusion == CONCLUSION_FAILURE ||
	       s->state.conclusion == CONCLUSION_TIMED_OUT;
}

static size_t first_failed(const struct job_page *p)
{
	size_t i = 0;

	while (i < p->steps.n && !failed(&p->steps.v[i]))
		i++;
	return i;
}

static size_t first_running(const struct job_page *p)
{
	size_t i = 0;

	while (i < p->steps.n && p->steps.v[i].state.status != STATUS_RUNNING)
		i++;
	return i;
}

/* What was switched, in front of links that lead to the same job. */
static const char *kept(const struct job_page *p)
{
	static const char *const texts[2][2] = { { "", "times=on&" },
		{ "wrap=off&", "wrap=off&times=on&" } };

	return texts[p->unwrapped][p->times];
}

static int read_switch(struct httpd_request *r, const char *name, bool *ret, struct err *e)
{
	const char *value = httpd_query(r, name);

	if (!value || !*value)
		return 0;
	*ret = str_eq(value, "on");
	return *ret || str_eq(value, "off")
		       ? 0
		       : err_set(e, ERR_INPUT, "%s \"%.40s\": expected on or off", name, value);
}

static int read_switches(struct job_page *p, struct httpd_request *r, struct err *e)
{
	bool wrap = true;

	if (read_switch(r, "wrap", &wrap, e) < 0 || read_switch(r, "times", &p->times, e) < 0)
		return -1;
	p->unwrapped = !wrap;
	return 0;
}

static int choose_log(struct job_page *p, struct httpd_request *r, struct err *e)
{
	int64_t step;

	if (query_number(r, "step", &step, e) < 0 || query_number(r, "line", &p->line, e) < 0 ||
		query_text(r, "q", FIND_TEXT_MAX, &p->query, e) < 0 || read_switches(p, r, e) < 0)
		return -1;
	if (step > (int64_t)p->steps.n)
		return err_set(e, ERR_INPUT, "the job has %zu steps", p->steps.n);
	p->open = step ? (size_t)step - 1 : first_failed(p);
	if (p->open == p->steps.n)
		p->open = first_running(p);
	if (!p->line && p->open < p->steps.n && !failed(&p->steps.v[p->open]))
		p->line = 1;
	return 0;
}

static int job_page_load(struct app *a, struct httpd_request *r, struct job_page *p, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	const struct job_row *job = &p->at.job;

	if (place_of(a, r, PLACE_JOB, &p->at, e) < 0 ||
		store_step_list(a->store, job->source_id, &p->steps, e) < 0)
		return -1;
	if (job->runner_id && store_runner_get(a->store, job->runner_id, &runner, e) < 0)
		return -1;
	p->runner = xstrdup(runner.name);
	if (job->state.status == STATUS_QUEUED &&
		job_waits_load(a->store, 0, job->id, &p->waits, e) < 0)
		return -1;
	return choose_log(p, r, e);
}

/* ---- its head ---- */

static int64_t log_bytes_of(const struct job_page *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->steps.n; i++)
		sum += p->steps.v[i].log_bytes;
	return sum;
}

static void write_lead(struct job_page *p)
{
	const struct job_row *job = &p->at.job;
	struct html *h = &p->html;
	size_t bad = first_failed(p);
	CLEAN_STR char *labels = joined(&job->runs_on), *needs = joined(&job->needs);
	CLEAN_STR char *error =
		bad < p->steps.n && p->steps.v[bad].log_bytes
			? xasprintf("%s?%sstep=%zu#first-error", p->at.job_url, kept(p), bad + 1)
			: NULL;
	CLEAN_STR char *raw = xasprintf("%s/log", p->at.job_url);

	html_job_begin(h, &(struct html_job_begin){ .word = state_word(job->state),
				  .name = job->name,
				  .state = word_shown(state_word(job->state)),
				  .runner = p->runner,
				  .when = job->started_at,
				  .took = span_of(h, job->started_at, job->completed_at),
				  .waited = span_of(h, job->created_at, job->claimed_at),
				  .labels = labels ? labels : "none",
				  .needs = needs,
				  .environment = job->environment,
				  .environment_url = job->environment_url,
				  .error_url = error,
				  .raw_url = log_bytes_of(p) ? raw : NULL });
}

static void write_waits(struct job_page *p)
{
	const char *reason = p->at.job.reason;

	for (size_t i = 0; i < p->waits.n; i++)
		for (size_t k = 0; k < p->waits.v[i].reasons.n; k++)
			html_run_note(&p->html, &(struct html_run_note){ .kind = "wait",
							.title = "Why it waits",
							.text = p->waits.v[i].reasons.v[k].text });
	if (!str_empty(reason) && !p->waits.n)
		html_run_note(&p->html,
			&(struct html_run_note){
				.kind = "info", .title = "Why it ended", .text = reason });
}

/* The address with one thing switched and the other as it is, at the log that is open. */
static char *switched(
	const struct job_page *p, const char *name, bool on, const char *other, bool other_on)
{
	CLEAN_STR char *at = p->open < p->steps.n
				     ? xasprintf("&step=%zu#step-%zu", p->open + 1, p->open + 1)
				     : xstrdup("");

	return xasprintf("%s?%s=%s&%s=%s%s", p->at.job_url, name, on ? "on" : "off", other,
		other_on ? "on" : "off", at);
}

static void job_page_begin(struct job_page *p)
{
	CLEAN_STR char *title = xasprintf(
		"%s · %s #%" PRId64, p->at.job.name, p->at.run.workflow_name, p->at.run.run_index);
	CLEAN_STR char *wrap = switched(p, "wrap", p->unwrapped, "times", p->times);
	CLEAN_STR char *times = switched(p, "times", !p->times, "wrap", !p->unwrapped);

	page_begin(&p->html, &p->at.viewer, &p->at, title);
	write_lead(p);
	write_waits(p);
	if (log_bytes_of(p))
		html_log_tools(&p->html, &(struct html_log_tools){ .url = p->at.job_url,
						 .wrap_url = wrap,
						 .times_url = times,
						 .times = p->times,
						 .query = p->query,
						 .unwrapped = p->unwrapped });
}

static void steps_begin(struct job_page *p)
{
	if (p->steps.n)
		html_steps_begin(
			&p->html, &(struct html_steps_begin){ .nowrap = p->unwrapped,
					  .times = p->times,
					  .url = p->at.job_url,
					  .live = !status_terminal(p->at.job.state.status) });
}

/* ---- what was searched for ---- */

static void write_hit(void *data, size_t step, const struct log_line *l)
{
	struct job_page *p = data;
	int64_t from = l->number > LOG_CONTEXT ? l->number - LOG_CONTEXT : 1;
	CLEAN_STR char *url = xasprintf("%s?%sstep=%zu&line=%" PRId64 "#L%zu-%" PRId64,
		p->at.job_url, kept(p), step + 1, from, step + 1, l->number);

	html_found_line(&p->html, &(struct html_found_line){ url, (int64_t)step + 1, l->number });
	line_html_text(&p->html, l);
	html_found_line_end(&p->html, &(struct html_found_line_end){ 0 });
}

static void find_begin(struct job_page *p)
{
	p->found = true;
	if (!p->query || !p->steps.n)
		return;
	html_found_begin(&p->html, &(struct html_found_begin){ p->query });
	p->finding = true;
}

static void find_go_on(struct job_page *p)
{
	struct err e = { 0 };
	bool broken = log_find_go_on(&p->find, &e) < 0;

	if (broken)
		log_error("pages", "log_read_failed", F_ERR(&e));
	if (!broken && !p->find.ended)
		return;
	p->finding = false;
	html_found_end(&p->html, &(struct html_found_end){ .n = (int64_t)p->find.n,
					 .one = p->find.n == 1,
					 .cut = p->find.cut,
					 .broken = broken });
	log_find_release(&p->find);
	steps_begin(p);
}

static int find_prepare(struct job_page *p, struct httpd_request *r, struct err *e)
{
	if (!p->query || !p->steps.n)
		return 0;
	p->find = (struct log_find){ .app = p->app,
		.at = &p->at,
		.steps = &p->steps,
		.last_step = p->steps.n - 1,
		.max = FOUND_SHOWN,
		.on_hit = write_hit,
		.data = p };
	return log_find_begin(&p->find, r, p->query, e);
}

/* ---- its steps ---- */

/* Where lines stand before the first that is shown, a link says so as soon as it is known. */
static void write_earlier(void *data, int64_t first)
{
	struct job_page *p = data;
	int64_t from = first > LOG_WINDOW ? first - LOG_WINDOW : 1;
	CLEAN_STR char *raw = xasprintf("%s/steps/%zu/log", p->at.job_url, p->next + 1);
	CLEAN_STR char *url = xasprintf("%s?%sstep=%zu&line=%" PRId64 "#step-%zu", p->at.job_url,
		kept(p), p->next + 1, from, p->next + 1);

	html_log_earlier(&p->html, &(struct html_log_earlier){ url, from, first - 1, raw });
}

/* Over what is known of the log already. */
static void log_jump(struct job_page *p, const struct step_row *step)
{
	struct log_source s = { &p->at.job, step };
	struct log_index *x = log_index_get(p->app, &s);
	const struct log_mark *mark;

	if (!p->view.from && x->first_error)
		p->view.from = x->first_error > LOG_CONTEXT ? x->first_error - LOG_CONTEXT + 1 : 1;
	mark = p->view.from ? log_index_before(x, p->view.from) : NULL;
	if (mark) {
		stored_step_jump(&p->log, &mark->at);
		log_view_jump(&p->view, &mark->lines,
			x->first_error && x->first_error <= mark->lines.number);
	}
	log_index_put(p->app, x);
}

static void log_open(struct job_page *p, const struct step_row *step)
{
	bool open = p->next == p->open;

	log_view_init(&p->view, &p->html, (int64_t)p->next + 1, open ? p->line : 1);
	stored_step_init(&p->log, p->app->store, p->app->objects, p->at.job.source_run_id);
	log_jump(p, step);
	p->view.times = p->times;
	p->view.on_first = write_earlier;
	p->view.data = p;
	p->in_log = true;
	if (!open)
		p->folded += step->log_bytes;
}

static bool has_log(const struct job_page *p, const struct step_row *step)
{
	if (p->next == p->open)
		return step->log_bytes > 0;
	return step->log_bytes > 0 && step->log_bytes <= FOLDED_MAX &&
	       p->folded + step->log_bytes <= FOLDED_ALL_MAX;
}

static void step_write(struct job_page *p)
{
	const struct step_row *step = &p->steps.v[p->next];
	const int64_t number = (int64_t)p->next + 1;
	const char *word = state_word(step->state);
	int64_t took = span_of(&p->html, step->started_at, step->completed_at);
	int64_t started = step->started_at.us / USEC_PER_MSEC;
	bool over = status_terminal(step->state.status);
	CLEAN_STR char *name = terminal_step_name(step->name, step->run, step->uses);
	CLEAN_STR char *url = xasprintf(
		"%s?%sstep=%" PRId64 "#step-%" PRId64, p->at.job_url, kept(p), number, number);

	if (has_log(p, step)) {
		html_step_begin(&p->html, &(struct html_step_begin){ .index = number,
						  .started = started,
						  .over = over,
						  .open = p->next == p->open,
						  .word = word,
						  .name = name,
						  .took = took });
		log_open(p, step);
		return;
	}
	if (step->log_bytes)
		html_step_link(&p->html, &(struct html_step_link){ .index = number,
						 .started = started,
						 .over = over,
						 .url = url,
						 .word = word,
						 .name = name,
						 .size = step->log_bytes,
						 .took = took });
	else
		html_step_bare(&p->html, &(struct html_step_bare){ .index = number,
						 .started = started,
						 .over = over,
						 .word = word,
						 .name = name,
						 .took = took });
	p->next++;
}

static void write_later(struct job_page *p, const char *raw)
{
	int64_t from = p->view.last + 1;
	CLEAN_STR char *url = xasprintf("%s?%sstep=%zu&line=%" PRId64 "#L%zu-%" PRId64,
		p->at.job_url, kept(p), p->next + 1, from, p->next + 1, from);

	html_log_later(&p->html, &(struct html_log_later){ url, from, raw });
}

static void log_close(struct job_page *p)
{
	CLEAN_STR char *raw = xasprintf("%s/steps/%zu/log", p->at.job_url, p->next + 1);

	log_view_end(&p->view);
	if (p->view.full)
		write_later(p, raw);
	html_step_end(&p->html, &(struct html_step_end){ 0 });
	log_view_release(&p->view);
	stored_step_release(&p->log);
	p->in_log = false;
	p->next++;
}

static void log_go_on(struct job_page *p)
{
	char piece[LOG_PIECE];
	struct err e = { 0 };
	ssize_t n = p->view.full ? 0
				 : stored_step_read(
					   &p->log, &p->steps.v[p->next], piece, sizeof(piece), &e);

	if (n < 0) {
		log_error("pages", "log_read_failed", F_ERR(&e));
		log_view_end(&p->view);
		html_log_broken(&p->html, &(struct html_log_broken){ 0 });
		p->view.full = false;
	}
	if (n <= 0)
		log_close(p);
	for (size_t at = 0, part; n > 0 && at < (size_t)n; at += part) {
		size_t left = (size_t)n - at;

		part = stored_step_time(
			&p->log, p->log.given - (int64_t)left, left, &p->view.lines.at);
		log_view_feed(&p->view, piece + at, part);
	}
}

/* ---- streaming ---- */

static void job_page_go_on(struct job_page *p)
{
	if (p->finding) {
		find_go_on(p);
	} else if (p->in_log) {
		log_go_on(p);
	} else if (!p->found) {
		find_begin(p);
		if (!p->finding)
			steps_begin(p);
	} else if (p->next < p->steps.n) {
		step_write(p);
	} else {
		if (p->steps.n)
			html_steps_end(&p->html, &(struct html_steps_end){ 0 });
		html_foot(&p->html, &(struct html_foot){ 0 });
		p->ended = true;
	}
}

static ssize_t job_page_read(void *data, char *out, size_t max)
{
	struct job_page *p = data;

	if (p->sent == p->html.out.len) {
		if (p->ended)
			return HTTPD_END;
		buf_clear(&p->html.out);
		p->sent = 0;
		job_page_go_on(p);
		if (!p->html.out.len)
			html_markup(&p->html, "\n");
	}
	if (!buf_ok(&p->html.out))
		return HTTPD_ABORT;
	size_t left = p->html.out.len - p->sent, n = left < max ? left : max;
	memcpy(out, p->html.out.data + p->sent, n);
	p->sent += n;
	return (ssize_t)n;
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	job_page_free(data);
}

void page_job(struct httpd_request *r, void *app)
{
	struct job_page *p;
	struct err e = { 0 };

	if (log_fetch_first(r, app, page_job))
		return;
	p = xcalloc(1, sizeof(*p));
	p->app = app;
	html_init(&p->html, PAGE_MAX_BYTES);
	httpd_on_close(r, on_close, p);
	if (job_page_load(app, r, p, &e) < 0 || find_prepare(p, r, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	job_page_begin(p);
	page_headers(r);
	httpd_reply_stream(r, 200, "text/html; charset=utf-8", job_page_read, p);
}
