/*
 * The network half of a checkout: one POST that asks for exactly the wanted commit, and what to do
 * when a server refuses that. Runs in the fetcher process only; pack bytes go to the sink as they
 * arrive. Never touches a repository.
 */
#ifndef CHECKOUT_FETCH_H
#define CHECKOUT_FETCH_H

#include "base/http/http.h"
#include "checkout/message.h"

struct fetch_sink {
	int (*pack)(void *data, const char *p, size_t n, struct err *e);
	/* the first pack byte is here: no other request follows, the token can go */
	void (*started)(void *data);
	void (*line)(void *data, const char *line);
	void *data;
};
struct fetch_result {
	struct end_message end;
	uint64_t pack_bytes;
	bool retryable; /* valid after an error: transport trouble or a server error */
};
/* *ret is released by the caller in any case (end_message_release). Waits on the loop. */
int fetch_pack(struct http *h, const struct checkout_request *r, const struct fetch_sink *sink,
	struct mono deadline, struct fetch_result *ret, struct err *e) CHECK_RESULT;

#endif
