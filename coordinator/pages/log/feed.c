/*
 * One timer for all feeds. A feed that is due reads until there is no more or the slice is over;
 * then the loop serves others before it goes on. What comes while nobody is level (a large log
 * after a restart) is read the same way, so it takes some ticks and nobody waits for it but its
 * readers.
 *
 * The store is asked four times a second and nobody tells us: what other processes write (admin
 * verbs) is seen, and a thousand lines between two ticks become one event.
 */
#include "coordinator/pages/log/feed.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/log/event.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/pages/log/stream.h"
#include "coordinator/store/log.h"

struct log_feeds {
	struct app *app;
	struct loop_source *tick;
	struct mono began; /* the tick that is under way */
	struct mono woke;  /* the last group of streams */
	struct log_feed *first;
	size_t n;
};

/* ---- pieces ---- */

void feed_piece_put(struct feed_piece *p)
{
	if (p && --p->users == 0)
		free(p);
}

struct feed_piece *log_feed_piece(const struct log_feed *f, uint64_t seq)
{
	struct feed_piece *p = f->first;

	while (p && p->seq != seq)
		p = p->next;
	if (p)
		p->users++;
	return p;
}

static void piece_drop(struct log_feed *f)
{
	struct feed_piece *p = f->first;

	f->first = p->next;
	if (!f->first)
		f->last = NULL;
	f->bytes -= p->len;
	feed_piece_put(p);
}

static size_t bytes_kept(const struct log_feed *f)
{
	size_t share = FEEDS_BYTES / f->app->log_feeds->n;

	return share < FEED_BYTES ? share : FEED_BYTES;
}

static void piece_add(struct log_feed *f, const struct buf *text)
{
	struct feed_piece *p = xmalloc(sizeof(*p) + text->len);

	*p = (struct feed_piece){ .users = 1, .seq = f->next_seq++, .to = f->at, .len = text->len };
	memcpy(p->text, text->data, text->len);
	if (f->last)
		f->last->next = p;
	else
		f->first = p;
	f->last = p;
	f->bytes += p->len;
	while (f->first != f->last && f->bytes > bytes_kept(f))
		piece_drop(f);
}

static void lines_tell(struct log_feed *f)
{
	CLEAN_BUF struct buf text = BUF_INIT(LOG_EVENT_BYTES);

	if (!f->from)
		return;
	event_lines(&text, &f->at, f->from, buf_slice(&f->html.out));
	if (buf_ok(&text) && buf_ok(&f->html.out))
		piece_add(f, &text);
	buf_clear(&f->html.out);
	f->from = 0;
	f->time = (struct wall){ 0 };
}

/* ---- lines ---- */

static void on_line(void *data, const struct log_line *l)
{
	struct log_feed *f = data;

	f->at.line = l->number;
	if (!f->level)
		return;
	if (!f->from)
		f->from = l->number;
	line_html_flat(
		&f->html, f->at.step, l, f->index && l->number == f->index->first_error, &f->time);
	if (f->html.out.len >= FEED_PIECE)
		lines_tell(f);
}

static struct log_source feed_source(const struct log_feed *f)
{
	return (struct log_source){ &f->job, &f->steps.v[f->step] };
}

static void step_leave(struct log_feed *f)
{
	if (f->reading)
		log_reader_release(&f->reader);
	f->reading = false;
	log_index_put(f->app, TAKE(f->index));
}

static void step_enter(struct log_feed *f, size_t step)
{
	step_leave(f);
	f->step = step;
	f->at.step = (int64_t)step + 1;
	f->at.line = 0;
	struct log_source s = feed_source(f);
	f->index = log_index_get(f->app, &s);
}

static bool has_begun(const struct step_row *s)
{
	return s->log_bytes > 0 || s->state.status == STATUS_RUNNING;
}

/* The last step that has begun, not before the one that is read; steps.n 0: none. */
static size_t step_to_read(const struct log_feed *f)
{
	size_t last = f->step;

	for (size_t i = f->step; i < f->steps.n; i++)
		if (has_begun(&f->steps.v[i]))
			last = i;
	return last;
}

static void reader_open(struct log_feed *f)
{
	struct log_source s = feed_source(f);
	const struct log_mark *mark = f->level ? NULL : log_index_before(f->index, INT64_MAX);

	log_reader_init(&f->reader, f->app, &s, mark);
	f->at.line = f->reader.lines.number;
	f->reader.lines.on_line = on_line;
	f->reader.lines.data = f;
	f->reading = true;
}

/* One piece of the step's log: 1, 0 nothing more for now, -1. */
static int step_read(struct log_feed *f, struct err *e)
{
	struct log_source s = feed_source(f);
	int rc = log_index_go_on(f->app, f->index, &s, e);

	if (rc != 0)
		return rc;
	if (!f->reading)
		reader_open(f);
	return log_reader_go_on(&f->reader, &s, e);
}

/* All that there is: 1 when the slice ended before, 0, -1. */
static int feed_read(struct log_feed *f, struct mono end, struct err *e)
{
	if (!f->steps.n)
		return 0;
	if (!f->index)
		step_enter(f, f->level ? f->step : step_to_read(f));
	for (;;) {
		int rc = step_read(f, e);

		if (rc < 0)
			return -1;
		if (rc > 0 && mono_diff(mono_now(), end) > 0)
			return 1;
		if (rc > 0)
			continue;
		lines_tell(f);
		if (!f->reader.ended || step_to_read(f) == f->step)
			return 0;
		step_enter(f, f->step + 1);
	}
}

/* ---- states ---- */

static bool same_state(struct state a, struct state b)
{
	return a.status == b.status && a.conclusion == b.conclusion;
}

static bool same_step(const struct step_row *a, const struct step_row *b)
{
	return same_state(a->state, b->state) && (a->log_bytes > 0) == (b->log_bytes > 0);
}

static void states_tell(
	struct log_feed *f, const struct job_row *job, const struct job_steps *before)
{
	CLEAN_BUF struct buf text = BUF_INIT(LOG_EVENT_BYTES);

	if (!same_state(job->state, f->job.state))
		event_job(&text, &f->job);
	for (size_t i = 0; i < f->steps.n; i++)
		if (i >= before->n || !same_step(&before->v[i], &f->steps.v[i]))
			event_step(&text, &f->steps.v[i]);
	if (!text.len)
		return;
	f->states++;
	if (f->level)
		piece_add(f, &text);
}

static void feed_reset(struct log_feed *f)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(1));

	step_leave(f);
	buf_clear(&f->html.out);
	f->from = 0;
	f->step = 0;
	f->over = false;
	f->at = (struct log_place){ f->job.returns, f->steps.n > 0, 0 };
	if (!f->level)
		return;
	event_reset(&text, &f->at);
	piece_add(f, &text);
}

/* The rows as they are now, and what differs from those before. */
static int feed_check(struct log_feed *f, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct job_row old_job;
	struct job_steps old_steps;

	if (store_job_get(f->app->store, f->job_id, &job, e) < 0 ||
		store_step_list(f->app->store, job.source_id, &steps, e) < 0)
		return -1;
	if (f->at.step && steps.n != f->steps.n)
		return err_set(e, ERR_NOT_FOUND, "the job has other steps than before");
	old_job = TAKE_VALUE(f->job, job);
	old_steps = TAKE_VALUE(f->steps, steps);
	job = old_job; /* released */
	steps = old_steps;
	if (!f->at.step || f->at.returns != f->job.returns)
		feed_reset(f);
	states_tell(f, &job, &steps);
	return 0;
}

/* The end of a log may be held back for a while (coordinator/scrub). */
static int feed_over(struct log_feed *f, struct err *e)
{
	CLEANUP(log_steps_release) struct log_steps held = { 0 };

	if (f->over || !status_terminal(f->job.state.status))
		return 0;
	if (store_log_held(f->app->store, f->job.source_id, &held, e) < 0)
		return -1;
	f->over = held.n == 0;
	return 0;
}

/* 1: not done, it goes on in the next round. */
static int feed_go_on(struct log_feed *f, struct mono end, struct err *e)
{
	if (f->stale && feed_check(f, e) < 0)
		return -1;
	f->stale = false;
	int rc = feed_read(f, end, e);
	if (rc != 0)
		return rc;
	f->level = true;
	return feed_over(f, e);
}

/* ---- the tick ---- */

static void feed_turn(struct log_feed *f, struct mono end)
{
	struct err e = { 0 };
	int rc = f->gone ? 0 : feed_go_on(f, end, &e);

	f->due = rc > 0;
	if (rc < 0) {
		f->gone = !err_is(&e, ERR_TIMEOUT); /* another process has the store */
		if (!err_is(&e, ERR_NOT_FOUND))
			log_error("pages", "log_read_failed", F_ERR(&e));
	}
	if (f->unwoken)
		f->wake_again = true;
	else
		f->unwoken = f->streams;
}

/* Hundreds of streams that send at one time would keep all other callers waiting. True: there are
 * more, or it is too early for any. */
static bool streams_wake(struct log_feeds *all, struct mono now)
{
	int left = FEED_WAKE;

	if (mono_diff(now, all->woke) < FEED_WAKE_US)
		return true;
	all->woke = now;
	for (struct log_feed *f = all->first; f; f = f->next) {
		while (f->unwoken && left-- > 0) {
			struct log_stream *s = f->unwoken;

			f->unwoken = s->next;
			log_stream_wake(s);
			if (f->unwoken || !f->wake_again)
				continue;
			f->unwoken = f->streams;
			f->wake_again = false;
		}
		if (f->unwoken)
			return true;
	}
	return false;
}

static void to_the_end(struct log_feeds *all, struct log_feed *f)
{
	struct log_feed **at = &all->first;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	while (*at)
		at = &(*at)->next;
	*at = f;
	f->next = NULL;
}

/* The next that wants a turn; one that needs another slice stands behind all others. */
static struct log_feed *next_due(const struct log_feeds *all)
{
	struct log_feed *f = all->first;

	while (f && !f->due)
		f = f->next;
	return f;
}

/* True: some want another slice. */
static bool feeds_turn(struct log_feeds *all, struct mono now)
{
	struct mono end = mono_add(now, FEED_SLICE_US);
	struct log_feed *f;

	if (mono_diff(now, all->began) >= FEED_TICK_US) {
		all->began = now;
		for (f = all->first; f; f = f->next)
			f->due = f->stale = true;
	}
	while ((f = next_due(all)) && mono_diff(end, mono_now()) > 0) {
		feed_turn(f, end);
		if (f->due)
			to_the_end(all, f);
	}
	return f != NULL;
}

static void on_tick(struct loop_source *s, void *data)
{
	struct log_feeds *all = data;
	struct mono now = mono_now();
	bool due = feeds_turn(all, now);
	bool waits = streams_wake(all, now);

	if (due)
		loop_timer_set(s, mono_now());
	else
		loop_timer_set(s, waits ? mono_add(all->woke, FEED_WAKE_US)
					: mono_add(all->began, FEED_TICK_US));
}

/* ---- who watches ---- */

static struct log_feeds *feeds_of(struct app *a)
{
	if (a->log_feeds)
		return a->log_feeds;
	a->log_feeds = xcalloc(1, sizeof(*a->log_feeds));
	a->log_feeds->app = a;
	a->log_feeds->tick = loop_timer(a->loop, MONO_NEVER, on_tick, a->log_feeds);
	return a->log_feeds;
}

static struct log_feed *feed_new(struct log_feeds *all, int64_t job_id)
{
	struct log_feed *f = xcalloc(1, sizeof(*f));

	f->app = all->app;
	f->job_id = job_id;
	f->due = f->stale = true;
	html_init(&f->html, LOG_EVENT_BYTES);
	f->next = all->first;
	all->first = f;
	all->n++;
	loop_timer_set(all->tick, mono_now());
	return f;
}

struct log_feed *log_feed_join(struct app *a, int64_t job_id, struct log_stream *s)
{
	struct log_feeds *all = feeds_of(a);
	struct log_feed *f = all->first;

	while (f && (f->job_id != job_id || f->gone))
		f = f->next;
	if (!f)
		f = feed_new(all, job_id);
	s->next = f->streams;
	if (s->next)
		s->next->link = &s->next;
	s->link = &f->streams;
	f->streams = s;
	return f;
}

static void feed_free(struct log_feed *f)
{
	struct log_feeds *all = f->app->log_feeds;
	struct log_feed **at = &all->first;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	all->n--;
	step_leave(f);
	while (f->first)
		piece_drop(f);
	html_release(&f->html);
	job_row_release(&f->job);
	job_steps_release(&f->steps);
	free(f);
	if (!all->first)
		loop_timer_set(all->tick, MONO_NEVER);
}

void log_feed_leave(struct log_feed *f, struct log_stream *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	if (f->unwoken == s)
		f->unwoken = s->next;
	if (!f->streams)
		feed_free(f);
}

size_t log_feed_streams(const struct app *a, uint64_t peer, size_t *ret_of_peer)
{
	size_t n = 0;

	*ret_of_peer = 0;
	for (const struct log_feed *f = a->log_feeds ? a->log_feeds->first : NULL; f; f = f->next)
		for (const struct log_stream *s = f->streams; s; s = s->next) {
			n++;
			*ret_of_peer += s->peer == peer;
		}
	return n;
}

void log_feeds_free(struct app *a)
{
	if (!a->log_feeds)
		return;
	loop_source_unref(&a->log_feeds->tick);
	free(TAKE(a->log_feeds));
}
