/*
 * libpq keeps what the server says in between until PQnotifies asks for it, whatever else the
 * connection is at, so words are looked for after each wait and each question.
 */
#include "coordinator/sql/listen.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>

#include "coordinator/sql/link.h"

struct listen {
	struct link link;
	unsigned generation; /* of the connection that listens */
};

struct listen *listen_new(const char *place, struct err *e)
{
	struct listen *l = xcalloc(1, sizeof(*l));

	if (dsn_parse(place, &l->link.dsn, e) == 0)
		return l;
	listen_free(l);
	return NULL;
}

void listen_free(struct listen *l)
{
	if (!l)
		return;
	link_release(&l->link);
	free(l);
}

int listen_up(struct listen *l, struct err *e)
{
	if (link_up(&l->link, e) < 0)
		return -1;
	if (l->generation == l->link.generation)
		return 0;
	/* instance/lease.c tells there */
	CLEAN_STR char *text = xasprintf("LISTEN \"shithubd_%" PRId64 "\"", l->link.lock_key);
	link_text(&l->link, text);
	if (link_flush(&l->link, e) < 0)
		return -1;
	l->generation = l->link.generation;
	return 1;
}

int listen_wait(struct listen *l, int stop_fd, int64_t us, struct err *e)
{
	struct pollfd p[] = { { .fd = PQsocket(l->link.conn), .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN } };
	const struct timespec span = { us / USEC_PER_SEC, us % USEC_PER_SEC * 1000 };

	if (ppoll(p, ARRAY_LEN(p), &span, NULL) < 0 && errno != EINTR)
		return err_set_errno(e, errno, "store: poll");
	if (p[0].revents && !PQconsumeInput(l->link.conn))
		return err_set(e, ERR_NET, "store: the connection that listens is lost");
	return 0;
}

int listen_ask(struct listen *l, struct err *e)
{
	link_text(&l->link, "SELECT 1");
	return link_flush(&l->link, e);
}

bool listen_word(struct listen *l, char *word, size_t size)
{
	PGnotify *n = link_lost(&l->link) ? NULL : PQnotifies(l->link.conn);

	if (!n)
		return false;
	snprintf(word, size, "%s", n->extra);
	PQfreemem(n);
	return true;
}
