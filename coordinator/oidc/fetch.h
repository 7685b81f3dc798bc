/* One request after another, each waited for: the HTTP client on a loop of its own, for a thread
 * that does nothing else meanwhile. */
#ifndef COORDINATOR_OIDC_FETCH_H
#define COORDINATOR_OIDC_FETCH_H

#include "base/http/http.h"

struct fetch {
	struct loop *loop;
	struct http *http;
	struct http_exchange *x; /* the last one */
	struct loop_source *stop;
	struct mono deadline; /* of all */
	bool stopped;
};
/* stop_fd: readable when everything shall end. */
int fetch_open(struct fetch *f, int stop_fd, const char *ca_file, struct err *e) CHECK_RESULT;
void fetch_close(struct fetch *f); /* harmless on a zeroed one */
#define CLEAN_FETCH CLEANUP(fetch_close)
/* Its times and size limit are set here. The result lives until the next one. NULL: none came,
 * ERR_NET. */
const struct http_result *fetch(
	struct fetch *f, struct http_request *r, struct err *e) CHECK_RESULT;
/* The body of an answer 200. ERR_NET: there was no whole answer; ERR_PROTO: another one. */
int fetch_text(struct fetch *f, const char *url, struct slice *ret, struct err *e) CHECK_RESULT;

#endif
