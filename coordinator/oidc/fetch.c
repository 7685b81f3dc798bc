/*
 * A stop is noticed by each loop that waits: the descriptor stays readable, and nobody reads it.
 */
#include "coordinator/oidc/fetch.h"

#include "coordinator/oidc/provider.h"

#define CONNECT_US (5 * USEC_PER_SEC)
#define REQUEST_US (10 * USEC_PER_SEC)
#define ALL_US (20 * USEC_PER_SEC)

static void on_stop(struct loop_source *s, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct fetch *f = data;

	f->stopped = true;
	loop_io_events(s, 0);
	if (f->x)
		http_exchange_cancel(f->x);
}

int fetch_open(struct fetch *f, int stop_fd, const char *ca_file, struct err *e)
{
	const struct http_config c = { .user_agent = "shithubd/" PROJECT_VERSION,
		.ca_file = ca_file };

	f->loop = loop_new(e);
	f->http = f->loop ? http_new(f->loop, &c, e) : NULL;
	if (!f->http)
		return -1;
	f->stop = loop_io(f->loop, stop_fd, EPOLLIN, on_stop, f);
	f->deadline = mono_add(mono_now(), ALL_US);
	return 0;
}

void fetch_close(struct fetch *f)
{
	http_exchange_free(TAKE(f->x));
	loop_source_unref(&f->stop);
	http_free(TAKE(f->http));
	loop_free(TAKE(f->loop));
}

const struct http_result *fetch(struct fetch *f, struct http_request *r, struct err *e)
{
	int64_t left = mono_diff(f->deadline, mono_now());

	if (f->stopped || left <= 0) {
		err_set(e, ERR_NET, f->stopped ? "serve ends" : "it took more than 20 s in all");
		return NULL;
	}
	http_exchange_free(TAKE(f->x));
	r->connect_timeout_us = CONNECT_US;
	r->timeout_us = left < REQUEST_US ? left : REQUEST_US;
	r->max_answer = OIDC_ANSWER_MAX;
	f->x = http_start(f->http, r, NULL, NULL, e);
	if (!f->x)
		return NULL;
	const struct http_result *res = http_wait(f->x);
	if (res->outcome != HTTP_DONE) {
		err_set(e, ERR_NET, "%s", res->error);
		return NULL;
	}
	return res;
}

int fetch_text(struct fetch *f, const char *url, struct slice *ret, struct err *e)
{
	struct http_request r = { .method = "GET", .url = url };
	const struct http_result *res = fetch(f, &r, e);

	if (!res)
		return err_wrap(e, "%s", url);
	if (res->status != 200)
		return err_set(e, res->status >= 500 ? ERR_NET : ERR_PROTO, "%s: HTTP %ld%s", url,
			res->status,
			res->status >= 300 && res->status < 400 ? ": redirects are not followed"
								: "");
	*ret = buf_slice(&res->body);
	return 0;
}
