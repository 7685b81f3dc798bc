/* See local_report.h. */
#include "runner/local_report.h"

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

enum { NAME_SHOWN = 120 };

struct item {
	struct item *next;
	char *text;          /* a line of our own, or … */
	struct spool *spool; /* … a step's log, which holds the queue until it is closed */
	size_t sent;         /* of text */
};

struct terminal {
	struct report report; /* first */
	struct local_report_spec spec;
	struct item *head, **tail;
	struct loop_source *writable; /* NULL: writing never has to wait (a file) */
	bool gone, final, progressed;
	char last;    /* byte written; our own lines start on a fresh line */
	bool passing; /* the line under the cursor is to be written over */
};

static struct terminal *terminal_of(struct report *r)
{
	return (struct terminal *)r;
}

bool local_color(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && str_empty(getenv("NO_COLOR")) && !(term && str_eq(term, "dumb"));
}

struct local_mark local_mark(const char *conclusion)
{
	static const struct {
		const char *conclusion;
		struct local_mark mark;
	} marks[] = {
		{ "success", { "✓", "\033[32m" } },
		{ "skipped", { "○", "\033[2m" } },
		{ "cancelled", { "⊘", "\033[33m" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (str_eq(conclusion, marks[i].conclusion))
			return marks[i].mark;
	return (struct local_mark){ "✗", "\033[31m" };
}

/* One line of it, without control characters. */
static char *shown(const char *prefix, const char *text)
{
	size_t n;

	text += strspn(text, " \t\r\n");
	n = strcspn(text, "\r\n");
	bool cut = text[n] && text[n + strspn(text + n, " \t\r\n")];
	if (n > NAME_SHOWN) {
		n = utf8_whole_prefix(text, NAME_SHOWN);
		cut = true;
	}
	char *all = xasprintf("%s%.*s%s", prefix, (int)n, text, cut ? " …" : "");
	for (char *p = all; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return all;
}

char *local_step_name(const char *name, const char *run, const char *uses)
{
	if (!str_empty(name))
		return shown("", name);
	return shown("Run ", str_empty(run) ? (uses ? uses : "") : run);
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

	if (t->spec.color && it->spool->written && put(t, LOCAL_COLOR_OFF, 4) < 0)
		return;
	t->last = last;
	pop(t);
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
	if (n == 0) {
		finish_log(t, it);
		return;
	}
	done = put(t, block, (size_t)n);
	if (done > 0)
		spool_ack(it->spool, (uint64_t)done);
}

/* Whether the head of the queue has something to write now. */
static bool has_work(const struct terminal *t)
{
	const struct item *it = t->head;

	return it && (it->text || spool_pending(it->spool) || it->spool->closed);
}

static void put_one(struct terminal *t)
{
	if (t->head->text)
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

static void say_end(
	struct terminal *t, const char *name, const struct report_status *st, bool is_job)
{
	const char *conclusion = st->conclusion ? st->conclusion : st->status;
	struct local_mark m = local_mark(conclusion);
	CLEAN_STR char *time = NULL;

	if (st->completed_at.us && st->started_at.us)
		time = xasprintf("  %.1f s",
			(double)(st->completed_at.us - st->started_at.us) / USEC_PER_SEC);
	say(t, "%s%s %s%s%s%s%s%s\n", color(t, m.color), m.sign, name,
		str_eq(conclusion, "success") ? "" : "  ",
		str_eq(conclusion, "success") ? "" : conclusion, color(t, LOCAL_COLOR_OFF),
		time ? time : "", is_job ? "\n" : "");
}

static const char *job_name(const struct terminal *t)
{
	return t->spec.job && t->spec.job->job_name ? t->spec.job->job_name : "job";
}

static void local_job_status(struct report *r, const struct report_status *st)
{
	struct terminal *t = terminal_of(r);

	if (str_eq(st->status, "running")) {
		say(t, "%s━━ %s%s\n", color(t, LOCAL_COLOR_BOLD), job_name(t),
			color(t, LOCAL_COLOR_OFF));
		return;
	}
	t->final = true;
	say_end(t, job_name(t), st, true);
}

static char *step_name(const struct terminal *t, int64_t id)
{
	for (size_t i = 0; t->spec.job && i < t->spec.job->steps.n; i++) {
		const struct step_spec *s = &t->spec.job->steps.v[i];

		if (s->id == id)
			return local_step_name(s->name, s->run, s->uses);
	}
	return xstrdup("step");
}

static void local_step_status(struct report *r, int64_t step_id, const struct report_status *st)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *name = step_name(t, step_id);

	if (str_eq(st->status, "running"))
		say(t, "%s▶ %s%s\n", color(t, "\033[1;36m"), name, color(t, LOCAL_COLOR_OFF));
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
	loop_source_free(t->writable);
	free(t);
}

static bool local_note(struct report *r, const char *line)
{
	say(terminal_of(r), "%s\n", line);
	return true;
}

/* Only where the cursor can go back, and only between lines. A text that does not get through is
 * soon followed by the next one. */
static bool local_progress(struct report *r, const char *text)
{
	struct terminal *t = terminal_of(r);
	CLEAN_STR char *clean = shown("", text ? text : "");
	CLEAN_STR char *line = xasprintf(LINE_WIPE "%s", clean);

	if (!t->spec.color || t->gone)
		return false;
	if (!text)
		progress_wipe(t);
	else if (!has_work(t) && t->last == '\n' && write(t->spec.fd, line, strlen(line)) > 0)
		t->passing = true;
	return true;
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
	.free = local_free,
};

/* Files and /dev/null are always writable and unknown to epoll. */
static bool can_wait(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

struct report *local_report_new(const struct local_report_spec *spec)
{
	struct terminal *t = xcalloc(1, sizeof(*t));

	t->report.ops = &local_ops;
	t->spec = *spec;
	t->tail = &t->head;
	t->last = '\n';
	signal(SIGPIPE, SIG_IGN);
	if (can_wait(spec->fd))
		t->writable = loop_io(spec->loop, spec->fd, 0, on_writable, t);
	return &t->report;
}
