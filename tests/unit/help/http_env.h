/*
 * What the tests of the HTTP client share: a client on a loop and two misbehaving servers, one over
 * TCP and one over a unix socket. Each test gets its own, so that no descriptor of another test
 * closes while this one counts.
 */
#ifndef TESTS_UNIT_HELP_HTTP_ENV_H
#define TESTS_UNIT_HELP_HTTP_ENV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/http/private.h"
#include "tests/unit/help/http_server.h"

struct env {
	struct loop *loop;
	struct http *http;
	struct http_server *tcp, *local;
	char dir[64], socket[96];
};
int http_env_setup(void **state);
int http_env_teardown(void **state);
#define HTTP_TEST(fn) cmocka_unit_test_setup_teardown(fn, http_env_setup, http_env_teardown)

char *http_env_url(struct env *v, const char *path); /* on the TCP server; the caller's */
/* Starts r; without r->url on that path of the TCP server. */
struct http_exchange *http_env_start(
	struct env *v, const char *method, const char *path, struct http_request *r);
/* A plain request, waited for. */
struct http_exchange *http_env_run(struct env *v, const char *method, const char *path);

#endif
