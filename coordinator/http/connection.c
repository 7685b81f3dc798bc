/*
 * One list in order of age, walked whenever somebody has to go: a few thousand entries take some
 * microseconds, less than the accept that causes the walk. A connection is ended by shutting its
 * socket down; libmicrohttpd then closes it like one whose peer has gone.
 */
#include "coordinator/http/connection.h"

#include <stdatomic.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"

enum phase { WAITS_FIRST, WAITS_NEXT, SENDS_BODY, WORKS, DROPPED };

struct connection {
	struct connections *of;
	struct connection *next, **link;
	struct MHD_Connection *c;
	struct address own, address, peer; /* of the socket; who calls; whom the caps count */
	enum phase phase;
	struct mono since; /* in this phase */
	bool trusted, proxy;
	size_t body;                /* bytes of its request that are kept */
	struct peer_bodies *bodies; /* of its peer; NULL: nothing of it was kept yet */
};
/* What is kept of one peer's bodies, so that a piece of a body costs the same however many
 * connections there are: the list is searched once for each body. */
struct peer_bodies {
	struct peer_bodies *next, **link;
	struct address peer;
	size_t bytes, users;
};
struct connections {
	struct connections_config config;
	struct loop *loop;
	struct loop_source *tick;
	struct connection *first, **last;
	struct peer_bodies *bodies;
	atomic_size_t n; /* any thread may ask */
};

static void connection_drop(struct connection *k, const char *why)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(k->c, MHD_CONNECTION_INFO_CONNECTION_FD);

	trace("http", "connection dropped: %s", why);
	k->phase = DROPPED;
	if (i)
		shutdown(i->connect_fd, SHUT_RDWR);
}

/* For a request of its peer, or for the body of one that nobody vouched for. */
static bool waits(const struct connection *k)
{
	return k->phase == WAITS_FIRST || k->phase == WAITS_NEXT ||
	       (k->phase == SENDS_BODY && !k->trusted);
}

static bool same_peer(const struct connection *a, const struct connection *b)
{
	return memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0;
}

/* ---- deadlines ---- */

static int64_t phase_limit_us(const struct connection *k)
{
	switch (k->phase) {
	case WAITS_FIRST:
		return k->of->config.headers_us;
	case WAITS_NEXT:
		return CONNECTION_IDLE_US;
	case SENDS_BODY:
		return CONNECTION_BODY_US;
	default:
		return INT64_MAX;
	}
}

static void on_tick(struct loop_source *s, void *data)
{
	struct connections *all = data;
	struct mono now = loop_now(all->loop);

	for (struct connection *k = all->first; k; k = k->next)
		if (mono_diff(now, k->since) > phase_limit_us(k))
			connection_drop(k, "too slow");
	loop_timer_set(s, all->n ? mono_add(now, USEC_PER_SEC) : MONO_NEVER);
}

/* ---- making room ---- */

/* Waits, and costs its peer a place. */
static bool counts(const struct connection *k)
{
	return waits(k) && !k->trusted && !k->proxy;
}

/* The one that has waited longest, but k: of k's peer or of all, trusted ones only if asked. */
static struct connection *oldest_waiting(const struct connection *k, bool of_peer, bool trusted)
{
	struct connection *oldest = NULL;

	for (struct connection *i = k->of->first; i; i = i->next)
		if (i != k && waits(i) && (trusted || !i->trusted) &&
			(!of_peer || (counts(i) && same_peer(i, k))) &&
			(!oldest || mono_diff(i->since, oldest->since) < 0))
			oldest = i;
	return oldest;
}

static size_t waiting_of_peer(const struct connection *peer)
{
	size_t n = 0;

	for (const struct connection *k = peer->of->first; k; k = k->next)
		n += counts(k) && same_peer(k, peer);
	return n;
}

bool connections_crowded(const struct connections *s)
{
	return s->n > s->config.max / 4 * 3;
}

/* For a new connection. It goes itself when nobody waits and no place is left. */
static void make_room(struct connection *k)
{
	struct connection *other;

	if (counts(k) && waiting_of_peer(k) > k->of->config.max_per_peer) {
		connection_drop(oldest_waiting(k, true, false), "too many of its peer");
		return;
	}
	if (!connections_crowded(k->of))
		return;
	other = oldest_waiting(k, false, false);
	if (!other)
		other = oldest_waiting(k, false, true);
	if (!other && k->of->n > k->of->config.max)
		other = k;
	if (other)
		connection_drop(other, "too many");
}

/* ---- one connection ---- */

static void set_caller(struct connection *k, struct address a)
{
	k->address = a;
	k->peer = address_peer(&a);
}

static void set_phase(struct connection *k, enum phase p)
{
	if (k->phase == DROPPED)
		return;
	k->phase = p;
	k->since = loop_now(k->of->loop);
}

static struct connection *connection_opened(struct connections *s, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct connection *k = xcalloc(1, sizeof(*k));

	k->of = s;
	k->c = c;
	k->own = address_of(i->client_addr);
	k->proxy = networks_hold(&s->config.trusted, &k->own);
	set_caller(k, k->own);
	set_phase(k, WAITS_FIRST);
	k->link = s->last;
	*s->last = k;
	s->last = &k->next;
	if (s->n++ == 0)
		loop_timer_set(s->tick, mono_add(loop_now(s->loop), USEC_PER_SEC));
	make_room(k);
	return k;
}

/* ---- bodies ---- */

void connection_sends_body(struct connection *k)
{
	if (k->phase == WORKS)
		set_phase(k, SENDS_BODY);
}

static struct peer_bodies *bodies_join(struct connections *s, const struct address *peer)
{
	struct peer_bodies *b = s->bodies;

	while (b && memcmp(&b->peer, peer, sizeof(*peer)) != 0)
		b = b->next;
	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->peer = *peer;
		b->next = s->bodies;
		b->link = &s->bodies;
		if (b->next)
			b->next->link = &b->next;
		s->bodies = b;
	}
	b->users++;
	return b;
}

/* What was kept of its request is gone. */
static void bodies_leave(struct connection *k)
{
	struct peer_bodies *b = k->bodies;

	if (!b)
		return;
	b->bytes -= k->body;
	k->body = 0;
	k->bodies = NULL;
	if (--b->users)
		return;
	*b->link = b->next;
	if (b->next)
		b->next->link = b->link;
	free(b);
}

bool connection_body(struct connection *k, size_t n)
{
	connection_sends_body(k);
	if (!n) /* drained: it takes no room */
		return true;
	if (!k->bodies)
		k->bodies = bodies_join(k->of, &k->peer);
	if (k->bodies->bytes + n > CONNECTION_PEER_BODIES)
		return false;
	k->bodies->bytes += n;
	k->body += n;
	return true;
}

/* ---- its life ---- */

static void connection_closed(struct connection *k)
{
	bodies_leave(k);
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	else
		k->of->last = k->link;
	k->of->n--;
	free(k);
}

void connection_notify(void *connections, struct MHD_Connection *c, void **slot,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*slot = connection_opened(connections, c);
	else
		connection_closed(*slot);
}

struct connection *connection_of(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

bool connection_of_proxy(const struct connection *k)
{
	return k->proxy;
}

void connection_forwarded(struct connection *k, const char *text)
{
	struct address a = k->own;

	address_forwarded(&k->of->config.trusted, text, &a);
	set_caller(k, a);
}

void connection_request(struct connection *k)
{
	set_phase(k, WORKS);
}

void connection_whole(struct connection *k)
{
	if (k->phase == SENDS_BODY)
		set_phase(k, WORKS);
}

void connection_idle(struct connection *k)
{
	bodies_leave(k);
	if (k->proxy) { /* the next request is another caller's */
		k->trusted = false;
		set_caller(k, k->own);
	}
	set_phase(k, WAITS_NEXT);
}

void connection_trust(struct connection *k)
{
	k->trusted = true;
}

/* ---- all of them ---- */

struct connections *connections_new(struct loop *l, const struct connections_config *c)
{
	struct connections *s = xcalloc(1, sizeof(*s));

	s->config = *c;
	s->loop = l;
	s->last = &s->first;
	s->tick = loop_timer(l, MONO_NEVER, on_tick, s);
	return s;
}

void connections_free(struct connections *s)
{
	if (!s)
		return;
	loop_source_unref(&s->tick);
	free(s);
}

struct address connection_address(const struct connection *k)
{
	return k->address;
}

uint64_t connection_peer(const struct connection *k)
{
	uint64_t n = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < sizeof(k->peer.bytes); i++)
		n = (n ^ k->peer.bytes[i]) * UINT64_C(1099511628211);
	return n;
}
