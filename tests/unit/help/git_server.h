/*
 * A smart HTTP server over real git repositories for tests: libmicrohttpd in a thread of the test,
 * `git upload-pack --stateless-rpc` behind it, Basic authentication checked. Misbehaves on request.
 */
#ifndef TESTS_UNIT_HELP_GIT_SERVER_H
#define TESTS_UNIT_HELP_GIT_SERVER_H

#include <stdint.h>

enum git_server_mode {
	GIT_SERVE,
	GIT_SERVE_V0,   /* as a server that knows no Git-Protocol header */
	GIT_REFUSE_IDS, /* v0, and only what a ref points at may be wanted */
	GIT_CUT,        /* the pack ends in the middle */
	GIT_FLIP,       /* one byte of the pack is wrong */
	GIT_GARBAGE,    /* 200 with a web page */
	GIT_REDIRECT,   /* 302 to the same repository */
	GIT_BROKEN,     /* 503 */
	GIT_HANG,       /* accepts the request and never answers */
};

struct git_server;
/* Serves root/NAME.git as http://127.0.0.1:PORT/NAME.git; NULL when it cannot start. */
struct git_server *git_server_start(const char *root, const char *password);
void git_server_stop(struct git_server *s);
uint16_t git_server_port(const struct git_server *s);
void git_server_mode(struct git_server *s, enum git_server_mode m);
unsigned git_server_requests(const struct git_server *s); /* since the last mode change */

#endif
