/*
 * Server and client of the control socket stand in one file because they agree on its name, its
 * timeouts and the meaning of a hang-up. Who may ask is checked twice: the socket's mode keeps
 * others from connecting, and SO_PEERCRED refuses a descriptor that was passed to somebody else.
 * `drain --wait` is a held peer: it is answered by control_answer_waiters when the supervisor's
 * state changed, not by polling.
 */
#include "runner/control/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/fs.h"
#include "base/log.h"
#include "runner/control/listener.h"

#define SOCKET_NAME "control.sock"
#define PATIENCE_US (5 * USEC_PER_SEC)
#define ANSWER_TIMEOUT_S 10

struct control {
	struct control_handler handler;
	struct listener *listener;
	char *path;
};

/* ---- answers ---- */

static void reply(struct listener_peer *p, struct control *c, bool status, const struct err *why)
{
	CLEAN_BUF struct buf out = BUF_INIT(CONTROL_ANSWER_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_bool(&w, "ok", !why);
	if (why)
		json_kv_str(&w, "error", why->text);
	if (status) {
		json_key(&w, "status");
		c->handler.status(c->handler.data, &w);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0 || buf_addc(&out, '\n') < 0) {
		log_error("control", "answer", F_ERR(&e));
		buf_clear(&out);
		buf_adds(&out, "{\"ok\":false,\"error\":\"the answer could not be written\"}\n");
	}
	listener_reply(p, &out);
}

static void reply_drained(void *data, struct listener_peer *p)
{
	struct control *c = data;
	bool undone = false;
	struct err e = { 0 };

	if (c->handler.drained(c->handler.data, &undone)) {
		reply(p, c, false, NULL);
	} else if (undone) {
		err_set(&e, ERR_CONFLICT, "the drain was undone");
		reply(p, c, false, &e);
	}
}

void control_answer_waiters(struct control *c)
{
	listener_each_held(c->listener, reply_drained, c);
}

static int handle(
	struct control *c, struct listener_peer *p, const struct control_request *r, struct err *e)
{
	void *data = c->handler.data;

	switch (r->verb) {
	case CONTROL_STATUS:
		reply(p, c, true, NULL);
		return 0;
	case CONTROL_DRAIN:
		if (c->handler.drain(data, r->cancel, e) < 0)
			return -1;
		if (r->wait)
			reply_drained(c, p);
		else
			reply(p, c, false, NULL);
		return 0;
	case CONTROL_UNDRAIN:
		if (c->handler.undrain(data, e) < 0)
			return -1;
		reply(p, c, false, NULL);
		return 0;
	case CONTROL_VERBS:
		break;
	}
	BUG("control verb %d", r->verb);
}

/* ---- requests ---- */

static bool whole(struct slice seen)
{
	return memchr(seen.ptr, '\n', seen.len) != NULL;
}

static void serve(void *data, struct listener_peer *p, struct slice request, bool cut)
{
	struct control *c = data;
	const char *end = memchr(request.ptr, '\n', request.len);
	struct control_request r = { 0 };
	struct err e = { 0 };
	int rc;

	if (cut)
		rc = err_set(&e, ERR_LIMIT, "request: longer than %d bytes", CONTROL_REQUEST_MAX);
	else
		rc = control_parse(request.ptr, (size_t)(end - request.ptr), &r, &e);
	if (rc < 0 || handle(c, p, &r, &e) < 0)
		reply(p, c, false, &e);
}

/* The file's mode says the same; this holds also for a descriptor that somebody passed on. */
static bool admit(void *data, int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	(void)data;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return false;
	if (peer.uid == geteuid() || peer.uid == 0)
		return true;
	log_warn("control", "stranger", F_INT("uid", peer.uid), F_INT("pid", peer.pid));
	return false;
}

struct control *control_new(
	struct loop *l, const char *state_dir, const struct control_handler *handler, struct err *e)
{
	int fd = listen_in(state_dir, SOCKET_NAME, e);
	struct control *c;

	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->handler = *handler;
	c->path = path_join(state_dir, SOCKET_NAME);
	c->listener = listener_new(&(struct listener_spec){ .loop = l,
		.fd = fd,
		.most_peers = CONTROL_PEERS,
		.most_bytes = CONTROL_REQUEST_MAX,
		.patience_us = PATIENCE_US,
		.admit = admit,
		.whole = whole,
		.serve = serve,
		.data = c });
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	listener_free(c->listener);
	unlink(c->path);
	free(c->path);
	free(c);
}

/* ---- client ---- */

static int set_timeouts(int fd, bool wait, struct err *e)
{
	const struct timeval some = { .tv_sec = ANSWER_TIMEOUT_S }, forever = { 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &some, sizeof(some)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, wait ? &forever : &some, sizeof(some)) < 0)
		return err_set_errno(e, errno, "control socket");
	return 0;
}

/* Until the runner hangs up. */
static int receive(int fd, struct buf *answer, struct err *e)
{
	for (;;) {
		char bytes[4096];
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return err_set(e, ERR_TIMEOUT, "the runner did not answer within %d s",
				ANSWER_TIMEOUT_S);
		if (n < 0)
			return err_set_errno(e, errno, "control socket");
		if (buf_add(answer, bytes, (size_t)n) < 0)
			return err_set(e, ERR_LIMIT, "the runner's answer is too large");
	}
}

static int ask(int fd, const struct control_request *r, struct buf *answer, struct err *e)
{
	CLEAN_BUF struct buf line = BUF_INIT(CONTROL_REQUEST_MAX);

	control_format(r, &line);
	if (send(fd, line.data, line.len, MSG_NOSIGNAL) != (ssize_t)line.len)
		return err_set_errno(e, errno, "the runner does not listen");
	return receive(fd, answer, e);
}

/* A runner that ends hangs up on whoever waits for it. */
static int understand(const struct buf *answer, struct json_doc **ret, struct err *e)
{
	const struct json_limits limits = { .bytes = CONTROL_ANSWER_MAX };
	CLEAN_JSON struct json_doc *doc = NULL;
	const char *why;

	if (answer->len == 0)
		return err_set(e, ERR_NET, "the runner ended before it answered");
	doc = json_parse(answer->data, answer->len, &limits, e);
	if (!doc)
		return err_wrap(e, "the runner's answer");
	why = json_get_string(json_root(doc), "error");
	if (!json_get_bool(json_root(doc), "ok", false))
		return err_set(e, ERR_CONFLICT, "%s", why ? why : "the runner declined");
	*ret = TAKE(doc);
	return 0;
}

int control_call(const char *state_dir, const struct control_request *r,
	struct json_doc **ret_answer, struct err *e)
{
	CLEAN_BUF struct buf answer = BUF_INIT(CONTROL_ANSWER_MAX);
	CLEAN_FD int fd = connect_in(state_dir, SOCKET_NAME, e);

	if (fd < 0)
		return err_is(e, ERR_NOT_FOUND)
			       ? err_set(e, ERR_NOT_FOUND,
					 "no runner runs with the state directory %s", state_dir)
			       : -1;
	if (set_timeouts(fd, r->wait, e) < 0 || ask(fd, r, &answer, e) < 0)
		return -1;
	return understand(&answer, ret_answer, e);
}
