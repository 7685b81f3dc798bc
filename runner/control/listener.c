/*
 * Each peer is a small state machine: asking, then held or answered, then ending. A held peer has
 * no timer, because its answer may take hours. The trap is the end: closing a socket with unread
 * bytes sends a reset that destroys the answer, so the write side is shut down and the rest of the
 * request is read until the peer hangs up.
 */
#include "runner/control/listener.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/log.h"

#define PAUSE_US USEC_PER_SEC

enum peer_state { PEER_ASKING, PEER_HELD, PEER_ANSWERED, PEER_ENDING };

struct listener_peer {
	struct listener *owner;
	struct listener_peer *next, **link;
	enum peer_state state;
	int fd;
	struct loop_source *io, *timer;
	struct buf in, out; /* out: what is left to be sent */
};

struct listener {
	struct listener_spec spec;
	struct loop_source *accept;
	struct loop_source *pause; /* until accepting is tried again */
	struct listener_peer *peers;
	size_t n_peers;
};

static void peer_free(struct listener_peer *p)
{
	struct listener *l = p->owner;

	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	loop_source_unref(&p->io);
	loop_source_unref(&p->timer);
	close_fdp(&p->fd);
	buf_release(&p->in);
	buf_release(&p->out);
	free(p);
	if (l->n_peers-- == l->spec.most_peers && l->accept)
		loop_io_events(l->accept, EPOLLIN);
}

static void on_patience(struct loop_source *src, void *data)
{
	(void)src;
	peer_free(data);
}

static void patience(struct listener_peer *p, bool any)
{
	loop_timer_set(
		p->timer, any ? mono_add(loop_now(p->owner->spec.loop), p->owner->spec.patience_us)
			      : MONO_NEVER);
}

/* Nothing more to say. What the peer still sends is read until it hangs up: closing a socket with
 * unread bytes would take the answer away from it. */
static void end(struct listener_peer *p)
{
	p->state = PEER_ENDING;
	shutdown(p->fd, SHUT_WR);
	loop_io_events(p->io, EPOLLIN);
}

static void push(struct listener_peer *p)
{
	while (p->out.len > 0) {
		ssize_t n = send(p->fd, p->out.data, p->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			loop_io_events(p->io, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;
		buf_consume(&p->out, (size_t)n);
	}
	end(p);
}

void listener_reply(struct listener_peer *p, struct buf *answer)
{
	if (p->state != PEER_ASKING && p->state != PEER_HELD)
		BUG("a second answer");
	p->state = PEER_ANSWERED;
	buf_release(&p->out);
	p->out = *answer;
	buf_init(answer, answer->max);
	patience(p, true);
	push(p);
}

static void serve(struct listener_peer *p, bool cut)
{
	const struct listener_spec *spec = &p->owner->spec;

	loop_io_events(p->io, 0); /* until it is answered or held */
	spec->serve(spec->data, p, buf_slice(&p->in), cut);
	if (p->state != PEER_ASKING)
		return;
	p->state = PEER_HELD;
	patience(p, false);
	loop_io_events(p->io, EPOLLIN);
}

static void add_request_bytes(struct listener_peer *p, const char *bytes, size_t n)
{
	size_t room = p->owner->spec.most_bytes - p->in.len;

	buf_add(&p->in, bytes, n < room ? n : room);
	if (p->owner->spec.whole(buf_slice(&p->in)))
		serve(p, false);
	else if (n >= room)
		serve(p, true);
}

static void on_peer(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct listener_peer *p = data;
	char bytes[4096];
	ssize_t n;

	(void)src;
	if (p->state == PEER_ANSWERED && (events & EPOLLOUT)) {
		push(p);
		return;
	}
	n = recv(fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		peer_free(p);
	else if (p->state == PEER_ASKING)
		add_request_bytes(p, bytes, (size_t)n);
}

static void welcome(struct listener *l, int fd)
{
	struct listener_peer *p = xcalloc(1, sizeof(*p));

	p->owner = l;
	p->fd = fd;
	buf_init(&p->in, l->spec.most_bytes);
	p->io = loop_io(l->spec.loop, fd, EPOLLIN, on_peer, p);
	p->timer = loop_timer(l->spec.loop, MONO_NEVER, on_patience, p);
	patience(p, true);
	p->link = &l->peers;
	p->next = l->peers;
	if (p->next)
		p->next->link = &p->next;
	l->peers = p;
	if (++l->n_peers == l->spec.most_peers)
		loop_io_events(l->accept, 0);
}

static void on_pause_over(struct loop_source *src, void *data)
{
	struct listener *l = data;

	(void)src;
	if (l->n_peers < l->spec.most_peers)
		loop_io_events(l->accept, EPOLLIN);
}

/* Without descriptors or memory the peer stays in the queue, and asking again at once would
 * keep the loop busy with nothing else. */
static void not_accepted(struct listener *l, int errnum)
{
	if (errnum == EAGAIN || errnum == EINTR || errnum == ECONNABORTED)
		return;
	trace("loop", "accept: errno %d", errnum);
	loop_io_events(l->accept, 0);
	loop_timer_set(l->pause, mono_add(loop_now(l->spec.loop), PAUSE_US));
}

static void on_accept(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct listener *l = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)src, (void)events;
	if (peer < 0) {
		not_accepted(l, errno);
		return;
	}
	if (l->spec.admit && !l->spec.admit(l->spec.data, peer))
		close(peer);
	else
		welcome(l, peer);
}

struct listener *listener_new(const struct listener_spec *spec)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->spec = *spec;
	l->pause = loop_timer(spec->loop, MONO_NEVER, on_pause_over, l);
	l->accept = loop_io(spec->loop, spec->fd, EPOLLIN, on_accept, l);
	return l;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	loop_source_unref(&l->accept);
	loop_source_unref(&l->pause);
	for (struct listener_peer *p = l->peers, *next; p; p = next) {
		next = p->next;
		peer_free(p);
	}
	close(l->spec.fd);
	free(l);
}

void listener_each_held(
	struct listener *l, void (*fn)(void *data, struct listener_peer *p), void *data)
{
	for (struct listener_peer *p = l->peers, *next; p; p = next) {
		next = p->next;
		if (p->state == PEER_HELD)
			fn(data, p);
	}
}
