/*
 * Shared by httpd.c (server, libmicrohttpd callbacks), http/request.c (what handlers read) and
 * http/reply.c (what they answer). Nobody else includes it.
 */
#ifndef COORDINATOR_HTTP_PRIVATE_H
#define COORDINATOR_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "coordinator/http/httpd.h"

struct connections; /* connection.h */

enum { HTTPD_PARAMS_MAX = 6 };

struct httpd {
	struct loop *loop;
	struct httpd_config config;
	const struct httpd_route **tables; /* config's, copied */
	size_t *table_sizes;
	struct MHD_Daemon *daemon;
	struct loop_source *io, *timer, *kick;
	struct connections *connections;
	char address[64];
	size_t buffered;                /* bytes of all collected bodies together */
	struct httpd_request *requests; /* all that are open */
	bool stopping;
};

struct httpd_request {
	struct httpd *h;
	struct MHD_Connection *c;
	struct httpd_request *next, **link;
	const struct httpd_route *route; /* NULL: none matched, `refused` is set */
	char *method, *path;
	struct pairs params;
	struct pairs query; /* decoded */
	bool bad_query;     /* it cannot be */
	struct buf body;
	size_t body_seen;
	bool begun;   /* the headers were handled */
	bool handled; /* `handle` ran */
	bool held;    /* httpd_hold and no answer yet */
	bool asleep;  /* suspended in libmicrohttpd */
	bool in_call; /* inside one of libmicrohttpd's callbacks for this request */
	bool gone;    /* the peer closed: end without an answer */
	bool too_large, cut;
	bool deliver;              /* httpd_watch_delivery */
	bool delivered;            /* known when the request ends */
	struct loop_source *watch; /* on the socket while asleep: notices a peer that goes */

	unsigned status; /* of the answer; 0: none yet */
	struct MHD_Response *response;
	bool queued;
	struct pairs headers; /* added before the reply */

	ssize_t (*sink)(void *data, const char *p, size_t n);
	void *sink_data;
	ssize_t (*reader)(void *data, char *out, size_t max);
	void *reader_data;
	void (*on_close)(struct httpd_request *r, void *data);
	void *close_data;
};

/* Makes libmicrohttpd run again in the next tick. */
void httpd_kick(struct httpd *h);
void request_sleep(struct httpd_request *r);
void request_wake(struct httpd_request *r);
/* Route and parameters of method + path; sets the 404/405 answer when there is none. */
void request_route(struct httpd_request *r);
/* Decodes the query; answers 400 when it cannot. */
void request_query(struct httpd_request *r);

#endif
