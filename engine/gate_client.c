/*
 * One connection, one frame in each direction at a time. The listener goes as soon as the gate is
 * connected: a step that finds the socket file must not be able to speak as the gate.
 */
#include "engine/gate_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message/pass_fd.h"

_Static_assert(GATE_MESSAGE_MAX == LIMIT_GATE_MESSAGE, "one cap on both sides");

struct gate_client {
	struct loop *loop;
	struct gate_events events;
	void *data;
	int folder;   /* until connected */
	int listener; /* until connected */
	int conn;     /* -1 before and after */
	struct loop_source *source;
	struct buf in;  /* one frame, never more */
	struct buf out; /* not yet sent; holds the step's env: wiped */
	int out_fd;     /* goes with the first byte of out; -1: none or gone */
};

/* ---- encoding ---- */

static void put32(struct buf *b, uint32_t v)
{
	unsigned char raw[4];

	gate_put32(raw, v);
	buf_add(b, raw, sizeof(raw));
}

static void put_texts(struct buf *b, const struct strv *list)
{
	strv_each (text, list)
		buf_add(b, text, strlen(text) + 1);
}

static size_t texts_len(const struct strv *list)
{
	size_t n = 0;

	strv_each (text, list)
		n += strlen(text) + 1;
	return n;
}

int gate_request_encode(const struct gate_request *r, struct buf *out, struct err *e)
{
	const char *path = r->script_path ? r->script_path : "";
	size_t len = GATE_RUN_HEAD_LEN + texts_len(r->argv) + texts_len(r->env) + strlen(r->cwd) +
		     strlen(path) + 2;

	if (!size_add(len, r->script_len, &len) || len > GATE_MESSAGE_MAX)
		return err_set(e, ERR_LIMIT,
			"step: script, environment and arguments are larger than %zu bytes "
			"together",
			GATE_MESSAGE_MAX);
	if (r->argv->n < 1 || r->argv->n > GATE_ARGV_MAX || r->env->n > GATE_ENV_MAX)
		return err_set(e, ERR_LIMIT,
			"step: %zu arguments and %zu variables: expected 1 to %d and at most %d",
			r->argv->n, r->env->n, GATE_ARGV_MAX, GATE_ENV_MAX);
	if (r->cwd[0] != '/' || !*r->argv->v[0] || (*path && !gate_script_path_ok(path)))
		return err_set(e, ERR_INPUT,
			"step: expected a command, an absolute working directory, a script "
			"below " GATE_SCRIPT_ROOT);
	if (!buf_reserve(
		    out, GATE_HEADER_LEN + len)) /* at once: growing would leave copies behind */
		return err_set(e, ERR_LIMIT, "step: message too large");
	put32(out, GATE_RUN);
	put32(out, (uint32_t)len);
	put32(out, (uint32_t)r->argv->n);
	put32(out, (uint32_t)r->env->n);
	put32(out, (uint32_t)r->script_len);
	put32(out, 0);
	put_texts(out, r->argv);
	put_texts(out, r->env);
	buf_add(out, r->cwd, strlen(r->cwd) + 1);
	buf_add(out, path, strlen(path) + 1);
	buf_add(out, r->script, r->script_len);
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "step: message too large");
}

/* ---- connection ---- */

/* Ends the conversation; the callback is the last touch. */
static void client_closed(struct gate_client *c, const struct err *e)
{
	loop_source_unref(&c->source);
	close_fdp(&c->conn);
	close_fdp(&c->out_fd);
	buf_release_wipe(&c->out);
	trace("gate", "closed: %s", e->class ? e->text : "end of stream");
	c->events.closed(c->data, e);
}

static void client_frame(struct gate_client *c)
{
	struct gate_header h = { 0 };
	const unsigned char *head = (const unsigned char *)c->in.data, *p = head + GATE_HEADER_LEN;
	struct gate_exit_status status;
	struct gate_failure failure;
	struct err e = { 0 };

	if (gate_header_decode(head, GATE_ANSWER_MAX, &h) < 0)
		BUG("gate: header was checked when it came");
	if (h.type == GATE_STARTED && h.length == 0) {
		buf_clear(&c->in);
		if (c->events.started)
			c->events.started(c->data);
	} else if (h.type == GATE_EXIT && gate_exit_decode(p, h.length, &status) == 0) {
		buf_clear(&c->in);
		c->events.exited(c->data, &status);
	} else if (h.type == GATE_EMPTY && h.length == 0) {
		buf_clear(&c->in);
		if (c->events.emptied)
			c->events.emptied(c->data);
	} else if (h.type == GATE_FAILED && gate_failed_decode(p, h.length, &failure) == 0) {
		err_set(&e, ERR_IO, "gate: %.*s", (int)failure.text_len, failure.text);
		e.errnum = failure.errnum;
		buf_clear(&c->in);
		c->events.failed(c->data, &e);
	} else {
		err_set(&e, ERR_PROTO, "gate: message of type %u with %u bytes is none", h.type,
			h.length);
		client_closed(c, &e);
	}
}

/* Bytes that complete the header or the frame; -1 when the header is none. */
static ssize_t frame_missing(const struct gate_client *c)
{
	struct gate_header h;

	if (c->in.len < GATE_HEADER_LEN)
		return (ssize_t)(GATE_HEADER_LEN - c->in.len);
	if (gate_header_decode((const unsigned char *)c->in.data, GATE_ANSWER_MAX, &h) < 0)
		return -1;
	return (ssize_t)(GATE_HEADER_LEN + h.length - c->in.len);
}

static void client_read(struct gate_client *c)
{
	ssize_t want, got;
	struct err e = { 0 };

	while ((want = frame_missing(c)) > 0) {
		char *room = buf_reserve(&c->in, (size_t)want);

		got = room ? recv(c->conn, room, (size_t)want, 0) : -1;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			if (got < 0 && errno != ECONNRESET)
				err_set_errno(&e, errno, "gate connection");
			client_closed(c, &e);
			return;
		}
		buf_commit(&c->in, (size_t)got);
	}
	if (want < 0) {
		err_set(&e, ERR_PROTO, "gate: message longer than %zu bytes", GATE_ANSWER_MAX);
		client_closed(c, &e);
		return;
	}
	client_frame(c);
}

/* Sends what goes; the rest follows when the socket takes more. A dead gate is told by client_read.
 */
static void client_flush(struct gate_client *c)
{
	while (c->out.len > 0) {
		ssize_t n = pass_fd_send(c->conn, c->out.data, c->out.len, c->out_fd, MSG_DONTWAIT);

		if (n < 0) {
			loop_io_events(c->source, errno == EAGAIN ? EPOLLIN | EPOLLOUT : EPOLLIN);
			return;
		}
		close_fdp(&c->out_fd);
		wipe(c->out.data, (size_t)n);
		buf_consume(&c->out, (size_t)n);
	}
	buf_release_wipe(&c->out);
	loop_io_events(c->source, EPOLLIN);
}

static void on_conn(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events, void *data)
{
	struct gate_client *c = data;

	if (events & EPOLLOUT)
		client_flush(c);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		client_read(c);
}

static void on_listener(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	struct gate_client *c = data;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn < 0)
		return; /* it hung up before we read; the box notices its end */
	loop_source_unref(&c->source);
	close_fdp(&c->listener);
	unlinkat(c->folder, GATE_SOCKET_NAME, 0);
	close_fdp(&c->folder);
	c->conn = conn;
	c->source = loop_io(c->loop, conn, EPOLLIN, on_conn, c);
	trace("gate", "connected");
	c->events.connected(c->data);
}

/* ---- interface ---- */

/* Bound through the folder's descriptor: a control folder may be deeper than sun_path is long. */
static int listen_in(struct gate_client *c, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(
		a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", c->folder, GATE_SOCKET_NAME);
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0)
		return err_set_errno(e, errno, "gate socket");
	if (bind(c->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		fchmodat(c->folder, GATE_SOCKET_NAME, 0666, 0) < 0 || listen(c->listener, 1) < 0)
		return err_set_errno(e, errno, "gate socket in the control folder");
	return 0;
}

struct gate_client *gate_client_listen(struct loop *l, const char *folder,
	const struct gate_events *events, void *data, struct err *e)
{
	struct gate_client *c = xcalloc(1, sizeof(*c));

	*c = (struct gate_client){ .loop = l,
		.events = *events,
		.data = data,
		.folder = -1,
		.listener = -1,
		.conn = -1,
		.out_fd = -1 };
	buf_init(&c->in, GATE_HEADER_LEN + GATE_ANSWER_MAX);
	buf_init(&c->out, GATE_HEADER_LEN + GATE_MESSAGE_MAX + KIB(64));
	c->folder = dir_open(folder, e);
	if (c->folder < 0 || listen_in(c, e) < 0) {
		gate_client_free(c);
		return NULL;
	}
	c->source = loop_io(l, c->listener, EPOLLIN, on_listener, c);
	return c;
}

bool gate_client_connected(const struct gate_client *c)
{
	return c->conn >= 0;
}

int gate_client_run(
	struct gate_client *c, const struct gate_request *r, int output_fd, struct err *e)
{
	CLEAN_FD int fd = output_fd;

	if (c->conn < 0)
		return err_set(e, ERR_ENGINE, "gate: the connection is closed");
	if (c->out.len || c->out_fd >= 0)
		BUG("gate: RUN while another message is being sent");
	if (gate_request_encode(r, &c->out, e) < 0)
		return -1;
	c->out_fd = TAKE_FD(fd);
	client_flush(c);
	return 0;
}

void gate_client_signal(struct gate_client *c, int sig)
{
	if (c->conn < 0)
		return;
	put32(&c->out, GATE_SIGNAL);
	put32(&c->out, GATE_SIGNAL_LEN);
	put32(&c->out, (uint32_t)sig);
	client_flush(c);
}

void gate_client_free(struct gate_client *c)
{
	if (!c)
		return;
	loop_source_unref(&c->source);
	if (c->listener >= 0)
		unlinkat(c->folder, GATE_SOCKET_NAME, 0);
	close_fdp(&c->listener);
	close_fdp(&c->folder);
	close_fdp(&c->conn);
	close_fdp(&c->out_fd);
	buf_release(&c->in);
	buf_release_wipe(&c->out);
	free(c);
}
