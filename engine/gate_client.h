/*
 * The runner's end of one gate: listens in a box's control folder, takes exactly one connection,
 * then speaks engine/gate/gate_proto.h over it. Job process only.
 *
 * The folder is 0711 and the socket 0666, so that the step's uid can connect through its read-only
 * bind mount; on the host nobody gets there, because a 0700 folder stands above. Listener and
 * socket file are gone the moment the gate is connected.
 *
 * Callbacks come from the loop, one per dispatch, as the last touch of the client: they may free
 * it. Order: connected → [run → started or failed → exited → emptied, if something was left]* →
 * closed. After closed nothing follows.
 */
#ifndef ENGINE_GATE_CLIENT_H
#define ENGINE_GATE_CLIENT_H

#include "base/loop.h"
#include "engine/gate/gate_proto.h"

struct gate_client;

struct gate_events {
	void (*connected)(void *data);
	void (*started)(void *data); /* NULL: not of interest */
	void (*failed)(void *data,
		const struct err *e); /* the gate could not start it; it is idle again */
	void (*exited)(void *data, const struct gate_exit_status *s);
	void (*closed)(
		void *data, const struct err *e); /* e: why, class ERR_NONE for a plain end */
	void (*emptied)(void *data); /* what the step left has ended; NULL: not of interest */
};

struct gate_request {
	const struct strv *argv, *env;
	const char *cwd;
	const char *script_path; /* gate_script_path_ok, or NULL: no script */
	const char *script;
	size_t script_len;
};

struct gate_client *gate_client_listen(struct loop *l, const char *folder,
	const struct gate_events *events, void *data, struct err *e) CHECK_RESULT;
bool gate_client_connected(const struct gate_client *c);
/* Sends a RUN; output_fd is taken over, also on failure. ERR_LIMIT when it is too large. */
int gate_client_run(struct gate_client *c, const struct gate_request *r, int output_fd,
	struct err *e) CHECK_RESULT;
void gate_client_signal(struct gate_client *c, int sig); /* no answer; nothing when closed */
void gate_client_free(struct gate_client *c); /* hangs up: the container ends. NULL fine */

/* The bytes of a RUN message with its header. Pure. */
struct buf;
int gate_request_encode(const struct gate_request *r, struct buf *out, struct err *e) CHECK_RESULT;

#endif
