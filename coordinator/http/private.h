/*
 * Shared by the files of the server; nobody else includes it.
 *
 * Two threads: the connections' (exchange.c, connection.c: libmicrohttpd, TLS, deadlines, bodies)
 * and the application's, on whose loop the server was made (call.c, turn.c, request.c, reply.c:
 * handlers and what they read and answer). crossing.h is all that is between them.
 */
#ifndef COORDINATOR_HTTP_PRIVATE_H
#define COORDINATOR_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "coordinator/http/crossing.h"
#include "coordinator/http/httpd.h"

struct connections; /* connection.h */

enum { HTTPD_PARAMS_MAX = 6 };

struct httpd {
	struct httpd_config config;
	const struct httpd_route **tables; /* config's, copied */
	size_t *table_sizes;
	char address[64];
	struct crossing to_app, to_io;
	pthread_t thread;
	bool stop; /* under to_io.lock */

	/* of the connections' thread; of both when it has ended */
	struct loop *io_loop;
	struct MHD_Daemon *daemon;
	struct loop_source *io, *timer, *kick, *words;
	struct connections *connections;
	size_t buffered;                /* bytes of all collected bodies together */
	struct httpd_request *requests; /* all that are open */
	bool stopping;

	/* of the application's thread */
	struct loop_source *events;
	struct httpd_request *kept; /* whose answers wait for the end of the turn */
	bool in_turn;
};

struct httpd_request {
	/* the same for both from the headers on */
	struct httpd *h;
	const struct httpd_route *route; /* NULL: none matched */
	char *method, *path;
	struct pairs params;
	struct strv fields; /* name, value, name, value … */
	struct pairs query; /* decoded */
	bool bad_query;     /* it cannot be */
	struct address address;
	uint64_t peer;
	int socket;
	struct ticket tickets[SIDES];

	/* Written by one thread and left alone once it told the other. */
	struct mono arrived; /* since then it waits for the application, a body's time left out */
	struct buf body;
	struct buf chunk;           /* for the sink */
	bool cut;                   /* the sink wants no more: end without an answer */
	char *data;                 /* of the reader, STREAM_BLOCK */
	ssize_t n_data;             /* as the reader returns */
	bool trusted, body_limited; /* httpd_trust, httpd_limit_body */
	bool deliver, delivered;    /* httpd_watch_delivery, and how it ended */
	unsigned status;            /* of the answer; 0: none yet */
	struct MHD_Response *response;
	ssize_t (*sink)(void *data, const char *p, size_t n);
	void *sink_data;

	struct request_io {
		struct MHD_Connection *c;
		struct httpd_request *next, **link;
		enum { REQUEST_NEW, REQUEST_BEGINS, REQUEST_BODY, REQUEST_HANDLED } phase;
		size_t body_seen, data_at;
		int64_t waited_us;         /* for begin */
		bool crossed;              /* the application knows of it */
		bool answered;             /* status and response are there */
		bool queued;               /* and libmicrohttpd has them */
		bool asleep;               /* suspended in libmicrohttpd */
		bool has_data;             /* IO_DATA came */
		bool gone;                 /* the peer closed: end without an answer */
		bool closed;               /* libmicrohttpd knows it no more */
		struct loop_source *watch; /* notices a peer that goes */
	} io;

	struct pairs headers; /* added before the reply */
	bool at_once;         /* answered on the connections' thread: route's, or refused there */
	bool held;            /* httpd_hold and no answer yet */
	bool gone;            /* the peer closed: no answer is wanted */
	bool kept;            /* the answer waits for the end of the turn */
	unsigned pending;     /* APP_CHUNK or APP_WANT: wanted again by httpd_resume */
	struct httpd_request *kept_next, **kept_link;
	ssize_t (*reader)(void *data, char *out, size_t max);
	void *reader_data;
	void (*on_close)(struct httpd_request *r, void *data);
	void *close_data;
};

#define STREAM_BLOCK KIB(64)

/* ---- connections' thread ---- */

/* Makes libmicrohttpd run again in the next tick. */
void httpd_kick(struct httpd *h);
/* exchange.c */
int exchange_daemon(struct httpd *h, int fd, struct err *e) CHECK_RESULT;
void exchange_hear(struct httpd_request *r, unsigned what); /* IO_… */
void exchange_wake(struct httpd_request *r);
void exchange_free(struct httpd_request *r);
ssize_t exchange_read(void *request, uint64_t at, char *out, size_t max);
/* request.c: route and parameters of method + path; sets the 404/405 answer when there is none. */
void request_route(struct httpd_request *r);
/* Who calls, if a trusted proxy brings the request. */
void request_forwarded(struct MHD_Connection *c);
/* Decodes the query; answers 400 when it cannot. */
void request_query(struct httpd_request *r);
void request_check(struct httpd_request *r); /* its headers */
/* Copies what else handlers may ask for. */
void request_read(struct httpd_request *r);

/* ---- application's thread ---- */

enum peer { PEER_OPEN, PEER_CLOSED, PEER_RESET };
enum peer peer_state(int socket);
/* call.c: APP_… happened. */
void call_hear(struct httpd_request *r, unsigned what);
void call_gone(struct httpd_request *r); /* the peer, or the server ends */
/* turn.c: an answer was just given; it stays until the end of the turn when the turn has changed
 * something. */
void turn_keep(struct httpd_request *r);
void turn_forget(struct httpd_request *r);
/* reply.c: the answer may leave. */
void answer_send(struct httpd_request *r);

#endif
