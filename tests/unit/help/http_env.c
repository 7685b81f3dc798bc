/* One environment a test: its own loop, client and servers, torn down with every thread joined. */
#include "tests/unit/help/http_env.h"

#include <stdio.h>

int http_env_setup(void **state)
{
	struct env *v = xcalloc(1, sizeof(*v));
	struct http_config config = { .user_agent = "test/1" };
	struct err e = { 0 };

	snprintf(v->dir, sizeof(v->dir), "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(v->dir));
	snprintf(v->socket, sizeof(v->socket), "%s/s", v->dir);
	v->tcp = http_server_start(NULL);
	v->local = http_server_start(v->socket);
	v->loop = loop_new(&e);
	assert_non_null(v->loop);
	v->http = http_new(v->loop, &config, &e);
	assert_non_null(v->http);
	*state = v;
	return 0;
}

int http_env_teardown(void **state)
{
	struct env *v = *state;

	http_free(v->http);
	loop_free(v->loop);
	http_server_stop(v->tcp);
	http_server_stop(v->local);
	rmdir(v->dir);
	free(v);
	return 0;
}

char *http_env_url(struct env *v, const char *path)
{
	return xasprintf("http://127.0.0.1:%d%s", http_server_port(v->tcp), path);
}

struct http_exchange *http_env_start(
	struct env *v, const char *method, const char *path, struct http_request *r)
{
	char *url CLEAN_STR = http_env_url(v, path);
	struct err e = { 0 };

	r->method = method;
	if (!r->url)
		r->url = url;
	struct http_exchange *x = http_start(v->http, r, NULL, NULL, &e);
	assert_string_equal(e.text, "");
	assert_non_null(x);
	if (r->url == url)
		r->url = NULL;
	return x;
}

struct http_exchange *http_env_run(struct env *v, const char *method, const char *path)
{
	struct http_request r = { .timeout_us = 20 * USEC_PER_SEC };

	if (strcmp(method, "POST") == 0) {
		r.body = "{}";
		r.body_len = 2;
	}
	struct http_exchange *x = http_env_start(v, method, path, &r);
	http_wait(x);
	return x;
}
