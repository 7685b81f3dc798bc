/* Shared by engine.c (connection, networks), container.c and image.c. Nobody else includes this. */
#ifndef ENGINE_ENGINE_PRIVATE_H
#define ENGINE_ENGINE_PRIVATE_H

#include "engine/dialect.h"

struct engine {
	struct loop *loop;
	struct http *http;
	char *socket;
	struct engine_info info;
	const struct dialect *dialect; /* set with info */
};

enum { ENGINE_CALL_TIMEOUT_S = 60 };

struct engine_request {
	const char *method;
	const char *version;        /* of the API; NULL: the negotiated one */
	const char *path;           /* after the version: "/containers/…"; already escaped */
	const struct buf *body;     /* JSON, or NULL */
	const struct strv *headers; /* more of them, or NULL */
	int64_t timeout_us;         /* 0: ENGINE_CALL_TIMEOUT_S; -1: none */
	const struct engine_attach *stream; /* NULL: the answer is collected */
};
struct http_exchange *engine_begin(struct engine *g, const struct engine_request *r,
	http_done_fn done, void *data, struct err *e) CHECK_RESULT;
/* Waits (not from a callback). NULL and err when there is no answer at all or an error answer. */
struct http_exchange *engine_call(
	struct engine *g, const struct engine_request *r, struct err *e) CHECK_RESULT;
/* 0 when the exchange ended with an answer below 400, else the error. */
int engine_check(struct engine *g, struct http_exchange *x, struct err *e) CHECK_RESULT;
/* GET <prefix><name><suffix>, the name escaped. Waits. */
struct http_exchange *engine_get_named(struct engine *g, const char *prefix, const char *name,
	const char *suffix, struct err *e) CHECK_RESULT;
/* Percent-encodes everything but unreserved characters. */
void engine_escape(struct buf *out, const char *text);
struct json_doc *engine_json(struct http_exchange *x, struct err *e) CHECK_RESULT;
/* All containers, in any state, with that label; value NULL: whatever its value. An array. */
struct json_doc *engine_list_by_label(
	struct engine *g, const char *label, const char *value, struct err *e) CHECK_RESULT;

#endif
