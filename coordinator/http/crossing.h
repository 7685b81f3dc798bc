/*
 * The two ways between the thread that serves connections and the application's thread. What
 * travels is a request with the set of things that happened to it. A request stands in each queue
 * once at most, so the queues are as bounded as the connections are and need no memory of their
 * own. Part of the server, like private.h.
 */
#ifndef COORDINATOR_HTTP_CROSSING_H
#define COORDINATOR_HTTP_CROSSING_H

#include <pthread.h>

#include "base/err.h"

struct httpd_request;

enum side { SIDE_APP, SIDE_IO, SIDES };

/* Towards the application. */
enum {
	APP_BEGIN = 1 << 0,  /* the headers are in */
	APP_CHUNK = 1 << 1,  /* bytes for the sink */
	APP_HANDLE = 1 << 2, /* the body is in */
	APP_WANT = 1 << 3,   /* the reader is wanted */
	APP_GONE = 1 << 4,   /* the peer has closed while the application had the request */
	APP_CLOSED = 1 << 5, /* it is over; the last word of that side */
};
/* Towards the connections. */
enum {
	IO_BEGUN = 1 << 0,
	IO_ANSWER = 1 << 1,
	IO_TAKEN = 1 << 2, /* the sink took bytes */
	IO_DATA = 1 << 3,  /* the reader said something */
	IO_WATCH = 1 << 4, /* nothing for now: say when the peer goes */
	IO_END = 1 << 5,   /* answers APP_GONE */
	IO_FREE = 1 << 6,  /* answers APP_CLOSED; the last word of that side */
};

/* A request's place in one queue. */
struct ticket {
	struct httpd_request *next;
	unsigned what;
	bool queued;
};

struct crossing {
	pthread_mutex_t lock;
	enum side to;
	int fd; /* readable: something was sent */
	struct httpd_request *first, **last;
};
int crossing_open(struct crossing *c, enum side to, struct err *e) CHECK_RESULT;
void crossing_close(struct crossing *c);
void crossing_send(struct crossing *c, struct httpd_request *r, unsigned what);
/* The oldest and what was sent of it; NULL: none. */
struct httpd_request *crossing_take(struct crossing *c, unsigned *ret_what);
void crossing_signal(struct crossing *c);      /* makes fd readable */
void crossing_acknowledge(struct crossing *c); /* before taking */

#endif
