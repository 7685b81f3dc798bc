/*
 * The end of a push's answer. git closes the stream of its side band with a flush packet; that
 * packet is kept back until the runs are made, and what the pusher should know of them goes before
 * it, on the band whose lines git shows as "remote: …". A client without the band gets git's answer
 * alone, and so does one whose push broke git off.
 *
 * The runs may take long, when another process has the store's lock: the answer does not wait for
 * them longer than GIT_PLAN_WAIT_US.
 */
#include <errno.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "coordinator/git/private.h"

#define FLUSH "0000"
enum { FLUSH_LEN = 4, BAND_HEAD = 5 };
#define BAND_TEXT '\2'

static void add_line(struct buf *out, const char *line)
{
	buf_addf(out, "%04zx%c%s\n", BAND_HEAD + strlen(line) + 1, BAND_TEXT, line);
}

static void add_lines(const struct git_session *s, struct buf *out)
{
	const struct push_notes *n = &s->plan.notes;

	if (!s->exited) { /* the planner has them still */
		add_line(out, "the runs of this push are still being made");
		return;
	}
	strv_each (line, &n->lines)
		add_line(out, line);
	if (n->left_out > 0) {
		CLEAN_STR char *more = xasprintf("and %zu lines more: see the runs", n->left_out);

		add_line(out, more);
	}
}

/* The rest of git's answer is all in `early`. */
static void add_news(struct git_session *s)
{
	s->told = true;
	if (s->early.len != FLUSH_LEN || memcmp(s->early.data, FLUSH, FLUSH_LEN) != 0)
		return;
	buf_clear(&s->early);
	add_lines(s, &s->early);
	buf_adds(&s->early, FLUSH);
}

bool git_answer_tells(const struct git_session *s)
{
	return push_asks(s->input.scan.head.data, s->input.scan.head.len, "side-band-64k");
}

/* Of `early`, what may be sent now. */
static size_t ready(const struct git_session *s)
{
	size_t kept = s->tells && !s->told ? FLUSH_LEN : 0;

	return s->early.len > kept ? s->early.len - kept : 0;
}

static ssize_t take_ready(struct git_session *s, char *out, size_t max)
{
	size_t n = ready(s) < max ? ready(s) : max;

	memcpy(out, s->early.data, n);
	buf_consume(&s->early, n);
	return (ssize_t)n;
}

/* 0: the pipe is empty and will wake us, -1: nothing will come. */
static ssize_t read_pipe(struct git_session *s, char *out, size_t max)
{
	ssize_t n = read(s->out, out, max);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		loop_io_events(s->on_out, EPOLLIN);
		return 0;
	}
	s->out_ended = true;
	return -1;
}

/* Where the last bytes may have to be kept back. As read_pipe. */
static ssize_t read_aside(struct git_session *s)
{
	ssize_t n = read_pipe(s, buf_reserve(&s->early, KIB(16)), KIB(16));

	if (n > 0)
		buf_commit(&s->early, (size_t)n);
	return n;
}

ssize_t git_answer_read(void *session, char *out, size_t max)
{
	struct git_session *s = session;

	while (!ready(s) && !s->out_ended) {
		ssize_t n = s->tells ? read_aside(s) : read_pipe(s, out, max);

		if (n == 0 || (n > 0 && !s->tells))
			return n;
	}
	if (ready(s))
		return take_ready(s, out, max);
	if (!s->exited && !s->overdue)
		return 0; /* on_exit_seen or on_overdue resumes */
	if (!WIFEXITED(s->status))
		return HTTPD_ABORT;
	if (s->tells && !s->told)
		add_news(s);
	return ready(s) ? take_ready(s, out, max) : HTTPD_END;
}
