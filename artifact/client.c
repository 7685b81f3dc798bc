/*
 * The job's side of one child: request out, lines and a result in, one callback at the end. The
 * archive's descriptor goes ahead of the request; a child that dies without a result is an
 * internal error.
 */
#include <sys/socket.h>

#include "artifact/message.h"
#include "base/message/frame.h"

struct artifact {
	int fd;
	struct loop_source *io;
	struct frame_reader in;
	artifact_line_fn on_line;
	artifact_done_fn on_done;
	void *data;
	bool done;
};

static void finish(struct artifact *a, const struct artifact_result *r)
{
	if (a->done)
		return;
	a->done = true;
	loop_io_events(a->io, 0);
	a->on_done(a->data, r); /* may free a: last */
}

static void fail(struct artifact *a, const struct err *cause)
{
	struct artifact_result r = { .error = *cause };

	finish(a, &r);
}

/* One report; false when it was the last. */
static bool take_report(struct artifact *a, struct slice text)
{
	struct artifact_result result = { 0 };
	CLEAN_STR char *line = NULL;
	struct err e = { 0 };
	int kind = artifact_report_decode(text, &line, &result, &e);

	frame_drop(&a->in);
	if (kind < 0) {
		fail(a, &e);
		return false;
	}
	if (kind == 0) {
		finish(a, &result);
		return false;
	}
	a->on_line(a->data, line);
	return true;
}

static void on_readable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct artifact *a = data;
	struct err e = { 0 };
	struct slice text;
	int more = frame_fill(&a->in, fd, MSG_DONTWAIT, &e), rc = 0;

	(void)s, (void)events;
	while (more >= 0 && (rc = frame_peek(&a->in, &text, &e)) == 1)
		if (!take_report(a, text))
			return;
	if (more < 0 || rc < 0) {
		fail(a, &e);
	} else if (more == 0) {
		err_set(&e, ERR_INTERNAL, "the artifact process died without a result");
		fail(a, &e);
	}
}

static int send_request(int sock, int archive, const struct artifact_request *r, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);

	if (artifact_request_check(r, e) < 0 || artifact_request_encode(r, &text, e) < 0 ||
		frame_send_fd(sock, archive, e) < 0)
		return -1;
	/* smaller than any socket buffer: this does not block */
	return frame_send(sock, buf_slice(&text), e);
}

struct artifact *artifact_start(struct loop *l, int sock, int archive,
	const struct artifact_request *r, artifact_line_fn on_line, artifact_done_fn on_done,
	void *data, struct err *e)
{
	CLEAN_FD int mine = sock;
	struct artifact *a;

	if (send_request(mine, archive, r, e) < 0)
		return NULL;
	a = xcalloc(1, sizeof(*a));
	*a = (struct artifact){
		.fd = TAKE_FD(mine), .on_line = on_line, .on_done = on_done, .data = data
	};
	frame_reader_init(&a->in, FRAME_SMALL);
	a->io = loop_io(l, a->fd, EPOLLIN, on_readable, a);
	return a;
}

void artifact_free(struct artifact *a)
{
	if (!a)
		return;
	loop_source_unref(&a->io);
	frame_reader_release(&a->in);
	close_fdp(&a->fd);
	free(a);
}
