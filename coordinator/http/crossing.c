/*
 * A mutex for each way: it is held for a few instructions, and sending under it orders what one
 * thread wrote into the request before what the other one reads. The other side is woken only when
 * its queue was empty; whoever takes empties it or signals itself.
 */
#include "coordinator/http/crossing.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "coordinator/http/private.h"

int crossing_open(struct crossing *c, enum side to, struct err *e)
{
	*c = (struct crossing){ .to = to, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	c->last = &c->first;
	pthread_mutex_init(&c->lock, NULL);
	return c->fd < 0 ? err_set_errno(e, errno, "eventfd") : 0;
}

void crossing_close(struct crossing *c)
{
	close_fdp(&c->fd);
	pthread_mutex_destroy(&c->lock);
}

void crossing_signal(struct crossing *c)
{
	const uint64_t one = 1;

	IGNORE_RESULT(write(c->fd, &one, sizeof(one)), "it is readable already");
}

void crossing_acknowledge(struct crossing *c)
{
	uint64_t n;

	IGNORE_RESULT(read(c->fd, &n, sizeof(n)), "it was not readable any more");
}

void crossing_send(struct crossing *c, struct httpd_request *r, unsigned what)
{
	struct ticket *t = &r->tickets[c->to];

	pthread_mutex_lock(&c->lock);
	bool first = !c->first;
	t->what |= what;
	if (!t->queued) {
		t->queued = true;
		t->next = NULL;
		*c->last = r;
		c->last = &t->next;
	}
	pthread_mutex_unlock(&c->lock);
	if (first)
		crossing_signal(c);
}

struct httpd_request *crossing_take(struct crossing *c, unsigned *ret_what)
{
	pthread_mutex_lock(&c->lock);
	struct httpd_request *r = c->first;
	if (r) {
		struct ticket *t = &r->tickets[c->to];

		c->first = t->next;
		if (!c->first)
			c->last = &c->first;
		*ret_what = t->what;
		t->what = 0;
		t->queued = false;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}
