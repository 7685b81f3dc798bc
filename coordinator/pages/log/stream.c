/*
 * What a reader gets is asked for by the server when the last was sent, so nothing is queued for
 * one that is slow. Rights are asked when a stream begins; each ends after server.live_log_time,
 * between two events, and a browser comes again with the place where it was.
 *
 * Held streams must not take the places of runners: a new one is refused when they are a quarter of
 * all connections, or when the server is crowded.
 */
#include "coordinator/pages/log/stream.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/log/event.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/log/log.h"
#include "coordinator/pages/page.h"

enum { STREAM_ANEW_MAX = 100 }; /* a job does not come back to the queue as often in two minutes */

/* ---- reading by itself ---- */

static void on_line(void *data, const struct log_line *l)
{
	struct log_stream *s = data;
	const struct log_feed *f = s->feed;

	if (l->number <= s->at.line || (s->at.step == f->at.step && l->number > f->at.line))
		return;
	if (!s->from)
		s->from = l->number;
	s->at.line = l->number;
	line_html_flat(&s->html, s->at.step, l, false, &s->time);
}

static void lines_tell(struct log_stream *s)
{
	if (!s->from)
		return;
	event_lines(&s->out, &s->at, s->from, buf_slice(&s->html.out));
	buf_clear(&s->html.out);
	s->from = 0;
	s->time = (struct wall){ 0 };
}

static struct log_source stream_source(const struct log_stream *s)
{
	return (struct log_source){ &s->feed->job, &s->feed->steps.v[s->at.step - 1] };
}

static void reader_close(struct log_stream *s)
{
	if (s->reading)
		log_reader_release(&s->reader);
	s->reading = false;
}

static void reader_open(struct log_stream *s)
{
	struct log_source of = stream_source(s);
	struct log_index *x = log_index_get(s->app, &of);

	log_reader_init(&s->reader, s->app, &of, log_index_before(x, s->at.line + 1));
	log_index_put(s->app, x);
	s->reader.lines.on_line = on_line;
	s->reader.lines.data = s;
	s->reading = true;
}

static void place_free(struct log_stream *s)
{
	s->app->log_streams_behind -= s->reads;
	s->reads = false;
	reader_close(s);
}

static void become_level(struct log_stream *s)
{
	place_free(s);
	s->level = true;
	s->seq = s->feed->next_seq;
}

static void begin_anew(struct log_stream *s)
{
	reader_close(s);
	s->ended = s->anew++ == STREAM_ANEW_MAX;
	s->at = (struct log_place){ s->feed->job.returns, s->feed->steps.n > 0, 0 };
	event_reset(&s->out, &s->at);
}

static bool is_ahead(const struct log_place *a, const struct log_place *b)
{
	return a->step > b->step || (a->step == b->step && a->line > b->line);
}

/* One piece of the log, or over to the next step. */
static void read_piece(struct log_stream *s)
{
	struct log_source of = stream_source(s);
	struct err e = { 0 };

	if (!s->reading)
		reader_open(s);
	int rc = log_reader_go_on(&s->reader, &of, &e);
	lines_tell(s);
	if (rc < 0) {
		log_error("pages", "log_read_failed", F_ERR(&e));
		s->ended = true;
	}
	if (rc == 0 && s->at.step < s->feed->at.step) {
		reader_close(s);
		s->at.step++;
		s->at.line = 0;
	} else if (rc == 0 && !log_place_eq(&s->at, &s->feed->at)) {
		begin_anew(s); /* fewer lines than it was told: another log */
	}
}

/* False: it has to wait. */
static bool catch_up(struct log_stream *s)
{
	if (s->at.returns != s->feed->at.returns || is_ahead(&s->at, &s->feed->at) || !s->at.step)
		begin_anew(s);
	if (!log_place_eq(&s->at, &s->feed->at)) {
		if (!s->reads && s->app->log_streams_behind >= STREAMS_BEHIND)
			return false;
		s->app->log_streams_behind += !s->reads;
		s->reads = true;
		read_piece(s);
		if (!s->out.len) /* so that no call takes long */
			buf_adds(&s->out, ":\n");
	}
	if (log_place_eq(&s->at, &s->feed->at))
		become_level(s);
	return true;
}

/* ---- what is sent next ---- */

static void states_tell(struct log_stream *s)
{
	const struct log_feed *f = s->feed;

	event_job(&s->out, &f->job);
	for (size_t i = 0; i < f->steps.n; i++)
		event_step(&s->out, &f->steps.v[i]);
	s->told = true;
	s->states = f->states;
}

static void greet(struct log_stream *s)
{
	buf_adds(&s->out, "retry: 2000\n\n");
	states_tell(s);
	if (s->now)
		s->at = s->feed->at;
	s->now = false;
}

static void next_piece(struct log_stream *s)
{
	struct log_feed *f = s->feed;

	s->piece = log_feed_piece(f, s->seq);
	s->piece_at = 0;
	if (s->piece) {
		s->seq++;
		s->at = s->piece->to;
	} else if (s->seq < f->next_seq) {
		s->level = false; /* too slow: what it needs is gone */
		s->told = false;
	} else if (f->over) {
		event_end(&s->out, f->job.returns);
		s->ended = true;
	}
}

/* Puts something into out or piece, or ends; neither: it waits. */
static void prepare(struct log_stream *s)
{
	const struct log_feed *f = s->feed;
	struct mono now = mono_now();

	if (f->gone)
		buf_adds(&s->out, "event: broken\ndata: \n\n");
	if (f->gone || mono_diff(now, s->until) > 0) {
		s->ended = true;
		return;
	}
	if (!f->level)
		return;
	if (!s->told)
		greet(s);
	while (!s->out.len && !s->piece && !s->ended) {
		if (s->level) {
			next_piece(s);
			if (s->level)
				break;
		} else if (!catch_up(s)) {
			break;
		} else if (s->level && s->states != f->states) {
			states_tell(s);
		}
	}
}

static void ping(struct log_stream *s)
{
	if (!s->out.len && !s->piece && !s->ended &&
		mono_diff(mono_now(), s->sent_at) > STREAM_PING_US)
		buf_adds(&s->out, ":\n\n");
}

static ssize_t send_some(struct log_stream *s, char *out, size_t max)
{
	size_t n = 0;

	s->sent_at = mono_now();
	if (s->out.len) {
		n = s->out.len - s->out_at < max ? s->out.len - s->out_at : max;
		memcpy(out, s->out.data + s->out_at, n);
		s->out_at += n;
		if (s->out_at == s->out.len)
			buf_release(&s->out);
		return (ssize_t)n;
	}
	n = s->piece->len - s->piece_at < max ? s->piece->len - s->piece_at : max;
	memcpy(out, s->piece->text + s->piece_at, n);
	s->piece_at += n;
	if (s->piece_at == s->piece->len)
		feed_piece_put(TAKE(s->piece));
	return (ssize_t)n;
}

static ssize_t stream_read(void *data, char *out, size_t max)
{
	struct log_stream *s = data;

	s->waits = false;
	if (!s->out.len && !s->piece) {
		s->out_at = 0;
		if (!s->ended) {
			prepare(s);
			ping(s);
		}
	}
	if (!buf_ok(&s->out))
		return HTTPD_ABORT;
	if (s->out.len || s->piece)
		return send_some(s, out, max);
	s->waits = !s->ended;
	return s->ended ? HTTPD_END : 0;
}

void log_stream_wake(struct log_stream *s)
{
	const struct log_feed *f = s->feed;
	struct mono now = mono_now();

	if (s->waits && f &&
		(f->gone || !s->level || s->seq < f->next_seq || f->over ||
			mono_diff(now, s->sent_at) > STREAM_PING_US ||
			mono_diff(now, s->until) > 0))
		httpd_resume(s->request);
}

/* ---- beginning and end ---- */

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct log_stream *s = data;

	place_free(s);
	feed_piece_put(s->piece);
	if (s->feed)
		log_feed_leave(s->feed, s);
	buf_release(&s->out);
	html_release(&s->html);
	free(s);
}

/* A number in front of a dash, which is taken, too. */
static bool number_read(const char **text, int64_t max, int64_t *ret)
{
	const char *dash = strchr(*text, '-');
	CLEAN_STR char *digits = dash ? xstrndup(*text, (size_t)(dash - *text)) : NULL;

	if (!digits || !parse_i64(digits, 0, max, ret))
		return false;
	*text = dash + 1;
	return true;
}

/* "7-3-120"; "7-end": the job was over then. */
static bool place_read(const char *text, struct log_place *ret, bool *ret_end)
{
	if (!number_read(&text, INT64_MAX, &ret->returns))
		return false;
	*ret_end = str_eq(text, "end");
	return *ret_end || (number_read(&text, INT32_MAX, &ret->step) &&
				   parse_i64(text, 0, INT64_MAX - 1, &ret->line));
}

/* Where the caller was: 1, 0 it has heard the end of this job, -1. */
static int begin_at(struct log_stream *s, const struct place *at, struct err *e)
{
	const char *last = httpd_header(s->request, "Last-Event-ID");
	const char *text = last && *last ? last : httpd_query(s->request, "at");
	bool end = false;

	s->at = (struct log_place){ at->job.returns, 1, 0 };
	s->now = str_eq(text, "now");
	if (!text || !*text || s->now)
		return 1;
	if (!place_read(text, &s->at, &end))
		return err_set(
			e, ERR_INPUT, "\"%.60s\": expected the id of an event, or at=now", text);
	if (!end)
		return 1;
	if (s->at.returns == at->job.returns && status_terminal(at->job.state.status))
		return 0;
	s->at.returns = -1; /* it is run again: from the first line */
	return 1;
}

static int take_place(struct log_stream *s, struct err *e)
{
	const struct httpd *h = s->app->httpd;
	size_t most = httpd_places(h) / 4, of_peer;
	size_t all = log_feed_streams(s->app, s->peer, &of_peer);

	/* those that came together do not come again together */
	s->until = mono_add(
		mono_now(), s->app->live_log_us + (int64_t)(all % 32) * s->app->live_log_us / 120);
	if (all < STREAMS_MAX && all < most && of_peer < STREAMS_OF_PEER && !httpd_crowded(h))
		return 0;
	return err_set(e, ERR_TIMEOUT, "too many live logs are open, try again");
}

void page_log_events(struct httpd_request *r, void *app)
{
	CLEAN_PLACE struct place at = { 0 };
	struct log_stream *s;
	struct err e = { 0 };
	int rc = 1;

	if (log_fetch_first(r, app, page_log_events))
		return;
	s = xcalloc(1, sizeof(*s));
	s->app = app;
	s->request = r;
	s->peer = httpd_peer(r);
	s->sent_at = mono_now();
	buf_init(&s->out, LOG_EVENT_BYTES);
	html_init(&s->html, LOG_EVENT_BYTES);
	httpd_on_close(r, on_close, s);
	if (place_of(app, r, PLACE_JOB, &at, &e) < 0 || (rc = begin_at(s, &at, &e)) < 0 ||
		take_place(s, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_headers(r);
	if (rc == 0) {
		httpd_reply(r, 204, NULL, NULL, 0);
		return;
	}
	s->feed = log_feed_join(app, at.job.id, s);
	httpd_add_header(r, "X-Accel-Buffering", "no");
	httpd_reply_stream(r, 200, "text/event-stream", stream_read, s);
}
