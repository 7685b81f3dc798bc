/*
 * The job's side of one checkout: request out, lines and a result in, one callback at the end.
 * The child has read a hostile pack, so submodules that it reports are checked again here as if
 * they came from the server.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/message/frame.h"
#include "checkout/message.h"
#include "checkout/submodule.h"

#define DEFAULT_TIMEOUT_US (3600 * USEC_PER_SEC)
/* The child has the same deadline and a better message; this one only catches a stuck child. */
#define GRACE_US (10 * USEC_PER_SEC)

struct checkout {
	int fd;
	struct loop_source *io, *timer;
	struct frame_reader in;
	char *url;
	struct submodule_list submodules;
	checkout_line_fn on_line;
	checkout_done_fn on_done;
	void *data;
	bool done;
};

static void finish(struct checkout *c, const struct checkout_result *r)
{
	if (c->done)
		return;
	c->done = true;
	loop_io_events(c->io, 0);
	loop_timer_set(c->timer, MONO_NEVER);
	c->on_done(c->data, r); /* may free c: last */
}

static void fail(struct checkout *c, const struct err *cause)
{
	struct checkout_result r = { .error = *cause };

	finish(c, &r);
}

/* The child reads hostile trees: what it says is checked as if it came from there. */
static int take_submodule(struct checkout *c, struct submodule *m, struct err *e)
{
	struct submodule_list *l = &c->submodules;

	if (l->n >= SUBMODULES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d submodules", SUBMODULES_MAX);
	if (submodule_check(c->url, m, e) < 0)
		return -1;
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = TAKE_VALUE(*m, (struct submodule){ 0 });
	return 0;
}

/* One report; false when the checkout ended with it. */
static bool take_report(struct checkout *c, struct slice text)
{
	CLEANUP(report_message_release) struct report_message m = { 0 };
	struct err e = { 0 };
	int rc = report_decode(text, &m, &e);

	frame_drop(&c->in);
	if (rc == 0 && m.kind == REPORT_SUBMODULE)
		rc = take_submodule(c, &m.submodule, &e);
	if (rc < 0) {
		fail(c, &e);
		return false;
	}
	if (m.kind == REPORT_LINE)
		c->on_line(c->data, m.line);
	if (m.kind == REPORT_RESULT)
		finish(c, &m.result);
	return m.kind != REPORT_RESULT;
}

static void on_readable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct checkout *c = data;
	struct err e = { 0 };
	struct slice text;
	int more = frame_fill(&c->in, fd, MSG_DONTWAIT, &e), rc = 0;

	(void)s, (void)events;
	while (more >= 0 && (rc = frame_peek(&c->in, &text, &e)) == 1)
		if (!take_report(c, text))
			return;
	if (more < 0 || rc < 0) {
		fail(c, &e);
	} else if (more == 0) {
		err_set(&e, ERR_INTERNAL, "the checkout process died without a result");
		fail(c, &e);
	}
}

static void on_deadline(struct loop_source *s, void *data)
{
	struct err e = { 0 };

	(void)s;
	err_set(&e, ERR_TIMEOUT, "the checkout took too long");
	fail(data, &e);
}

static int send_request(int fd, const struct checkout_request *r, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT(FRAME_SMALL);

	if (checkout_request_check(r, e) < 0 || request_encode(r, true, &text, e) < 0)
		return -1;
	/* smaller than any socket buffer: this does not block */
	return frame_send(fd, buf_slice(&text), e);
}

struct checkout *checkout_start(struct loop *l, int fd, const struct checkout_request *r,
	checkout_line_fn on_line, checkout_done_fn on_done, void *data, struct err *e)
{
	CLEAN_FD int mine = fd;
	struct checkout *c;

	if (send_request(mine, r, e) < 0) {
		err_wrap(e, "checkout");
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	*c = (struct checkout){
		.fd = TAKE_FD(mine), .on_line = on_line, .on_done = on_done, .data = data
	};
	c->url = xstrdup(r->url);
	frame_reader_init(&c->in, FRAME_SMALL);
	c->io = loop_io(l, c->fd, EPOLLIN, on_readable, c);
	int64_t timeout = r->timeout_us ? r->timeout_us : DEFAULT_TIMEOUT_US;
	c->timer = loop_timer(l, mono_add(mono_now(), timeout + GRACE_US), on_deadline, c);
	return c;
}

const struct submodule_list *checkout_submodules(const struct checkout *c)
{
	return &c->submodules;
}

void checkout_free(struct checkout *c)
{
	if (!c)
		return;
	loop_source_unref(&c->io);
	loop_source_unref(&c->timer);
	frame_reader_release(&c->in);
	close_fdp(&c->fd);
	submodule_list_release(&c->submodules);
	free(c->url);
	free(c);
}
