/*
 * A search reads as the pages do, a piece a call, so it keeps nobody from the application's thread;
 * how many there may be at one time bounds what all of them take of it.
 */
#include "coordinator/pages/log/find.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/pages/query.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool line_holds(const struct log_find *f, const struct log_line *l)
{
	char plain[LOG_LINE_SHOWN];
	size_t n = ansi_plain(l->text.ptr, l->text.len, plain, sizeof(plain));

	for (size_t i = 0; i < n; i++)
		plain[i] = lower(plain[i]);
	return memmem(plain, n, f->text, f->len) != NULL;
}

static void on_line(void *data, const struct log_line *l)
{
	struct log_find *f = data;

	if (f->ended || l->number <= f->after || l->kind == COMMAND_ENDGROUP || !line_holds(f, l))
		return;
	f->n++;
	f->on_hit(f->data, f->step, l);
	f->ended = f->cut = f->n == f->max;
}

static struct log_source source(const struct log_find *f)
{
	return (struct log_source){ &f->at->job, &f->steps->v[f->step] };
}

static void step_open(struct log_find *f)
{
	struct log_source s = source(f);
	struct log_index *x = log_index_get(f->app, &s);

	log_reader_init(&f->reader, f->app, &s, log_index_before(x, f->after + 1));
	log_index_put(f->app, x);
	f->reader.lines.on_line = on_line;
	f->reader.lines.data = f;
	f->open = true;
}

static void step_close(struct log_find *f)
{
	if (f->open)
		log_reader_release(&f->reader);
	f->open = false;
	f->after = 0;
	f->step++;
}

int log_find_go_on(struct log_find *f, struct err *e)
{
	if (f->step > f->last_step) {
		f->ended = true;
		return 0;
	}
	if (mono_diff(mono_now(), f->until) > 0) {
		f->ended = f->cut = true;
		return 0;
	}
	if (!f->open)
		step_open(f);
	struct log_source s = source(f);
	int rc = log_reader_go_on(&f->reader, &s, e);
	if (rc < 0)
		return -1;
	if (rc == 0)
		step_close(f);
	return 0;
}

/* ---- places ---- */

int log_find_begin(struct log_find *f, struct httpd_request *r, const char *text, struct err *e)
{
	struct app *a = f->app;
	size_t all = 0, of_peer = 0;

	f->peer = httpd_peer(r);
	for (const struct log_find *i = a->log_finds; i; i = i->next) {
		all++;
		of_peer += i->peer == f->peer;
	}
	if (all >= FIND_AT_ONCE || of_peer >= FIND_OF_PEER)
		return err_set(e, ERR_TIMEOUT, "too many searches at one time, try again");
	f->text = xstrdup(text);
	f->len = strlen(text);
	for (char *c = f->text; *c; c++)
		*c = lower(*c);
	f->until = mono_add(mono_now(), FIND_US);
	f->next = a->log_finds;
	f->link = &a->log_finds;
	if (f->next)
		f->next->link = &f->next;
	a->log_finds = f;
	return 0;
}

void log_find_release(struct log_find *f)
{
	if (f->open)
		log_reader_release(&f->reader);
	f->open = false;
	free(TAKE(f->text));
	if (!f->link)
		return;
	*f->link = f->next;
	if (f->next)
		f->next->link = f->link;
	f->link = NULL;
}

/* ---- …/jobs/{job}/find?q=&step=&after=STEP-LINE ---- */

enum { HITS_MAX = 1000 };

struct find_call {
	struct log_answer a;
	struct log_find find;
	bool begun;
};

static void on_hit(void *data, size_t step, const struct log_line *l)
{
	struct find_call *c = data;

	buf_addf(&c->a.html.out, "%s[%zu,%" PRId64 "]", c->find.n > 1 ? "," : "", step + 1,
		l->number);
}

static void call_go_on(struct log_answer *a)
{
	struct find_call *c = (struct find_call *)a;
	struct err e = { 0 };

	if (!c->begun)
		buf_adds(&a->html.out, "{\"hits\":[");
	c->begun = true;
	if (log_find_go_on(&c->find, &e) < 0) {
		log_error("pages", "log_read_failed", F_ERR(&e));
		a->failed = true;
	}
	if (c->find.ended)
		buf_addf(&a->html.out, "],\"more\":%s}", c->find.cut ? "true" : "false");
	a->ended = c->find.ended;
}

static void call_release(struct log_answer *a)
{
	log_find_release(&((struct find_call *)a)->find);
}

/* "3-120": behind line 120 of step 3. */
static int read_after(struct find_call *c, const char *text, struct err *e)
{
	CLEAN_STR char *step = text ? xstrndup(text, strcspn(text, "-")) : NULL;
	int64_t number = 0;

	if (!text || !*text)
		return 0;
	if (!parse_i64(step, 1, (int64_t)c->a.steps.n, &number) || !text[strlen(step)] ||
		!parse_i64(text + strlen(step) + 1, 0, INT64_MAX - 1, &c->find.after))
		return err_set(e, ERR_INPUT, "after \"%.40s\": expected STEP-LINE", text);
	c->find.step = (size_t)number - 1;
	return 0;
}

static int call_read(struct find_call *c, struct httpd_request *r, struct err *e)
{
	CLEAN_STR char *text = NULL;
	int64_t step;

	if (query_text(r, "q", FIND_TEXT_MAX, &text, e) < 0 ||
		query_number(r, "step", &step, e) < 0)
		return -1;
	if (!text)
		return err_set(e, ERR_INPUT, "expected q=TEXT, what to search for");
	if (step > (int64_t)c->a.steps.n)
		return err_set(e, ERR_INPUT, "the job has %zu steps", c->a.steps.n);
	c->find.last_step = step ? (size_t)step - 1 : c->a.steps.n - 1;
	c->find.step = step ? (size_t)step - 1 : 0;
	if (read_after(c, httpd_query(r, "after"), e) < 0)
		return -1;
	return log_find_begin(&c->find, r, text, e);
}

void page_log_find(struct httpd_request *r, void *app)
{
	struct find_call *c;
	struct err e = { 0 };

	if (log_fetch_first(r, app, page_log_find))
		return;
	c = xcalloc(1, sizeof(*c));
	c->a.release = call_release;
	c->a.go_on = call_go_on;
	if (log_answer_begin(&c->a, app, r) < 0)
		return;
	c->find = (struct log_find){ .app = app,
		.at = &c->a.at,
		.steps = &c->a.steps,
		.max = HITS_MAX,
		.on_hit = on_hit,
		.data = c };
	if (!c->a.steps.n)
		err_set(&e, ERR_NOT_FOUND, "the job has no steps");
	if (!c->a.steps.n || call_read(c, r, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	log_answer_send(&c->a, r, "application/json");
}
