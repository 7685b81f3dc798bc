/*
 * A terminal may stop reading at any time (Ctrl-S, a pager), and the job must go on meanwhile. So
 * lines of our own and logs form one queue, and a writable event moves its head on; a log's bytes
 * stay in its spool until the terminal takes them. A file or a full pipe's reader that went away
 * ends the job: nobody reads it any more.
 */
#include "runner/report/terminal.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "runner/report/local_outputs.h"
#include "runner/report/terminal_lines.h"

#define OUT_MAX MIB(4) /* a block of a log, as composed: most of it may be prefixes */

struct item {
	struct item *next;
	char *text;          /* a line of our own, or … */
	struct spool *spool; /* … a step's log, which holds the queue until it is closed */
	size_t sent;         /* of text */
};

struct terminal {
	struct report report; /* first */
	struct terminal_report_spec spec;
	struct item *head, **tail;
	struct loop_source *writable; /* NULL: writing never has to wait (a file) */
	bool gone, final, progressed;
	char last;     /* byte written; our own lines start on a fresh line */
	bool passing;  /* the line under the cursor is to be written over */
	bool composed; /* logs go through lines and out, not as they are */
	struct terminal_lines lines;
	struct buf out; /* whole lines, when jobs share the output */
	char *prefix;   /* "build (linux) | " */
};

static struct terminal *terminal_of(struct report *r)
{
	return (struct terminal *)r;
}

/* ---- queue ---- */

static void pop(struct terminal *t)
{
	struct item *it = t->head;

	t->head = it->next;
	if (!t->head)
		t->tail = &t->head;
	free(it->text);
	free(it);
	t->progressed = true;
}

static struct item *push(struct terminal *t)
{
	struct item *it = xcalloc(1, sizeof(*it));

	*t->tail = it;
	t->tail = &it->next;
	return it;
}

static void hang_up(struct terminal *t, const char *why)
{
	if (t->gone)
		return;
	t->gone = t->progressed = true;
	while (t->head)
		pop(t);
	buf_clear(&t->out);
	log_warn("local", "output_gone", F_STR("error", why));
	t->spec.on_gone(t->spec.data);
}

#define LINE_WIPE "\r\033[K"

static void progress_wipe(struct terminal *t)
{
	if (t->passing && write(t->spec.fd, LINE_WIPE, strlen(LINE_WIPE)) > 0)
		t->passing = false;
}

/* At most PIPE_BUF bytes: what a writable pipe takes without blocking us. Bytes written, 0: not
 * now, -1: never again. */
static ssize_t put(struct terminal *t, const char *p, size_t n)
{
	ssize_t done;

	progress_wipe(t);
	done = write(t->spec.fd, p, n < PIPE_BUF ? n : PIPE_BUF);
	if (done > 0) {
		t->last = p[done - 1];
		return done;
	}
	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(t, strerror(errno));
		return -1;
	}
	return 0;
}

static void put_text(struct terminal *t, struct item *it)
{
	ssize_t n;

	if (it->sent == 0 && t->last != '\n') {
		if (put(t, "\n", 1) <= 0)
			return;
	}
	n = put(t, it->text + it->sent, strlen(it->text + it->sent));
	if (n < 0)
		return;
	it->sent += (size_t)n;
	if (!it->text[it->sent])
		pop(t);
}

/* Colours that a step left on end with it; the place of the cursor stays as it was. */
static void finish_log(struct terminal *t, const struct item *it)
{
	char last = t->last;

	if (t->spec.color && !t->prefix && it->spool->written && put(t, TERMINAL_COLOR_OFF, 4) < 0)
		return;
	t->last = last;
	pop(t);
}

static void put_out(struct terminal *t)
{
	ssize_t done = put(t, t->out.data, terminal_lines_fit(t->out.data, t->out.len, PIPE_BUF));

	if (done > 0)
		buf_consume(&t->out, (size_t)done);
}

static void put_log(struct terminal *t, struct item *it)
{
	char block[PIPE_BUF];
	struct err e = { 0 };
	int64_t n = spool_peek(it->spool, block, sizeof(block), &e);
	ssize_t done;

	if (n < 0) {
		hang_up(t, e.text);
		return;
	}
	if (n == 0 && t->composed)
		terminal_lines_end(&t->lines, &t->out);
	if (n == 0) {
		if (t->out.len == 0)
			finish_log(t, it);
		return;
	}
	if (t->composed) {
		terminal_lines_feed(&t->lines, block, (size_t)n, &t->out);
		spool_ack(it->spool, (uint64_t)n);
		return;
	}
	done = put(t, block, (size_t)n);
	if (done > 0)
		spool_ack(it->spool, (uint64_t)done);
}

/* Whether there is something to write now. */
static bool has_work(const struct terminal *t)
{
	const struct item *it = t->head;

	return t->out.len > 0 ||
	       (it && (it->text || spool_pending(it->spool) || it->spool->closed));
}

static void put_one(struct terminal *t)
{
	if (t->out.len > 0)
		put_out(t);
	else if (t->head->text)
		put_text(t, t->head);
	else
		put_log(t, t->head);
}

static void pump(struct terminal *t)
{
	if (t->writable)
		loop_io_events(t->writable, has_work(t) ? EPOLLOUT : 0);
	else
		while (has_work(t))
			put_one(t);
}

static void on_writable(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct terminal *t = data;

	(void)src, (void)fd, (void)events;
	if (has_work(t))
		put_one(t);
	pump(t);
}

PRINTF_LIKE(2, 3) static void say(struct terminal *t, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (t->gone)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		BUG("out of memory");
	va_end(ap);
	push(t)->text = text;
	pump(t);
}

/* ---- report ---- */

static const char *color(const struct terminal *t, const char *sequence)
{
	return t->spec.color ? sequence : "";
}

static const char *prefix(const struct terminal *t)
{
	return t->prefix ? t->prefix : "";
}

static void say_end(
	struct terminal *t, const char *name, const struct report_status *st, bool is_job)
{
	const char *conclusion = st->conclusion ? st->conclusion : st->status;
	struct terminal_mark m = terminal_mark(conclusion);
	CLEAN_STR char *time = NULL;

	if (st->completed_at.us && st->started_at.us)
		time = xasprintf("  %.1f s",
			(double)(st->completed_at.us - st->started_at.us) / USEC_PER_SEC);
	say(t, "%s%s%s %s%s%s%s%s%s\n", is_job ? "" : prefix(t), color(t, m.color), m.sign, name,
		str_eq(conclusion, "success") ? "" : "  ",
		str_eq(conclusion, "success") ? "" : conclusion, color(t, TERMINAL_COLOR_OFF),
		time ? time : "", is_job && !t->prefix ? "\n" : "");
}

static char *job_name(const struct terminal *t)
{
	return terminal_shown(
		"", t->spec.job && t->spec.job->job_name ? t->spec.job->job_name : "job");
}

static void local_job_status(struct report *r, const struct report_status *st)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *name = job_name(t);

	if (str_eq(st->status, "running")) {
		say(t, "%s━━ %s%s\n", color(t, TERMINAL_COLOR_BOLD), name,
			color(t, TERMINAL_COLOR_OFF));
		return;
	}
	t->final = true;
	say_end(t, name, st, true);
}

static char *step_name(const struct terminal *t, int64_t id)
{
	for (size_t i = 0; t->spec.job && i < t->spec.job->steps.n; i++) {
		const struct step_spec *s = &t->spec.job->steps.v[i];

		if (s->id == id)
			return terminal_step_name(s->name, s->run, s->uses);
	}
	return xstrdup("step");
}

static void local_step_status(struct report *r, int64_t step_id, const struct report_status *st)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *name = step_name(t, step_id);

	if (str_eq(st->status, "running"))
		say(t, "%s%s▶ %s%s\n", prefix(t), color(t, "\033[1;36m"), name,
			color(t, TERMINAL_COLOR_OFF));
	else
		say_end(t, name, st, false);
}

static void local_log(struct report *r, int64_t step_id, struct spool *spool)
{
	struct terminal *t = terminal_of(r);

	(void)step_id;
	if (!t->gone)
		push(t)->spool = spool;
}

static void local_wake(struct report *r)
{
	pump(terminal_of(r));
}

static void local_poll_cancel(struct report *r, bool on)
{
	(void)r, (void)on; /* who cancels is at this terminal and sends a signal */
}

static int local_flush(struct report *r, struct mono deadline, struct err *e)
{
	struct terminal *t = terminal_of(r);

	for (pump(t); t->head; pump(t)) {
		t->progressed = false;
		if (loop_wait(t->spec.loop, &t->progressed, deadline, e) < 0)
			return err_wrap(e, "output not written");
	}
	return t->gone ? err_set(e, ERR_IO, "output not written") : 0;
}

static bool local_final(const struct report *r)
{
	const struct terminal *t = (const struct terminal *)r;

	return t->final && !t->gone;
}

static void local_free(struct report *r)
{
	struct terminal *t = terminal_of(r);

	while (t->head)
		pop(t);
	loop_source_unref(&t->writable);
	terminal_lines_release(&t->lines);
	buf_release(&t->out);
	free(t->prefix);
	free(t);
}

static bool local_note(struct report *r, const char *line)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *safe = text_printable(line);

	say(t, "%s%s\n", prefix(t), safe);
	return true;
}

/* Only where the cursor can go back, and only between lines. A text that does not get through is
 * soon followed by the next one. */
static bool local_progress(struct report *r, const char *text)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *clean = terminal_shown("", text ? text : "");
	CLEAN_STR char *line = xasprintf(LINE_WIPE "%s", clean);

	if (!t->spec.color || t->gone || t->prefix)
		return false;
	if (!text)
		progress_wipe(t);
	else if (!has_work(t) && t->last == '\n' && write(t->spec.fd, line, strlen(line)) > 0)
		t->passing = true;
	return true;
}

/* There is nobody to ask; what a job passes to others is kept for `exec`. */
static void local_call(struct report *r, const struct report_call *c)
{
	const struct terminal *t = terminal_of(r);
	struct err e = { 0 };

	if (!str_eq(c->path, "/outputs") || !t->spec.job || !t->spec.state_dir)
		err_set(&e, ERR_INPUT, "a local run has no coordinator to ask %s", c->path);
	else if (local_outputs_keep(t->spec.state_dir, t->spec.job->id, c->body, &e) < 0)
		err_wrap(&e, "outputs");
	c->done(c->data, NULL, e.class == ERR_NONE ? NULL : &e);
}

static void local_call_cancel(struct report *r, void *data)
{
	(void)r, (void)data; /* each is answered at once */
}

static const struct report_ops local_ops = {
	.job_status = local_job_status,
	.step_status = local_step_status,
	.log = local_log,
	.wake = local_wake,
	.poll_cancel = local_poll_cancel,
	.flush = local_flush,
	.final_accepted = local_final,
	.note = local_note,
	.progress = local_progress,
	.call = local_call,
	.call_cancel = local_call_cancel,
	.free = local_free,
};

/* Files and /dev/null are always writable and unknown to epoll. */
static bool can_wait(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

/* Whether and how logs are changed on their way. */
static void compose(struct terminal *t)
{
	t->lines = (struct terminal_lines)TERMINAL_LINES_INIT;
	t->lines.clean = isatty(t->spec.fd);
	t->composed = t->lines.clean || t->spec.shared;
	if (!t->spec.shared)
		return;
	CLEAN_STR char *name = job_name(t);

	t->prefix =
		xasprintf("%s%s |%s ", color(t, "\033[36m"), name, color(t, TERMINAL_COLOR_OFF));
	t->lines.prefix = t->prefix;
	t->lines.line_end = color(t, TERMINAL_COLOR_OFF);
}

struct report *terminal_report_new(const struct terminal_report_spec *spec)
{
	struct terminal *t = xcalloc(1, sizeof(*t));

	t->report.ops = &local_ops;
	t->spec = *spec;
	t->tail = &t->head;
	t->last = '\n';
	buf_init(&t->out, OUT_MAX);
	compose(t);
	signal(SIGPIPE, SIG_IGN);
	if (can_wait(spec->fd))
		t->writable = loop_io(spec->loop, spec->fd, 0, on_writable, t);
	return &t->report;
}
