/*
 * A small HTTP server for tests that misbehaves on request: one thread accepts, one thread serves
 * each connection, raw sockets throughout so that every byte and every close is the script's.
 * The path of the request picks the script, see SCRIPTS in http_server.c.
 */
#ifndef TESTS_UNIT_HELP_HTTP_SERVER_H
#define TESTS_UNIT_HELP_HTTP_SERVER_H

#include <stdbool.h>

struct http_server;

/* unix_path NULL: a free port on 127.0.0.1. Aborts when the system refuses. */
struct http_server *http_server_start(const char *unix_path);
/* Ends every connection, joins every thread, frees. */
void http_server_stop(struct http_server *s);
int http_server_port(const struct http_server *s);
int http_server_requests(struct http_server *s);    /* read completely so far */
char *http_server_last(struct http_server *s);      /* of those, its bytes; the caller's */
int http_server_connections(struct http_server *s); /* accepted so far */
/* Waits until at most n connections are open on the server's side. */
void http_server_await_open(struct http_server *s, int n);

#endif
