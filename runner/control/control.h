/*
 * The supervisor's control socket <state_dir>/control.sock (0600; only its own user and root may
 * connect) and the client that the verbs use. Messages: control/message.h. At most
 * CONTROL_PEERS connections at once; a request has five seconds, an answer to `wait` as long as it
 * takes.
 */
#ifndef RUNNER_CONTROL_CONTROL_H
#define RUNNER_CONTROL_CONTROL_H

#include "base/json.h"
#include "base/loop.h"
#include "runner/control/message.h"

enum { CONTROL_PEERS = 8 };

struct control_handler {
	void (*status)(void *data, struct json_writer *w); /* writes one object */
	int (*drain)(void *data, bool cancel, struct err *e);
	int (*undrain)(void *data, struct err *e);
	/* What `wait` waits for. undone: it will not come, the drain was undone. */
	bool (*drained)(void *data, bool *ret_undone);
	void *data;
};

struct control;
struct control *control_new(struct loop *l, const char *state_dir,
	const struct control_handler *handler, struct err *e) CHECK_RESULT;
void control_free(struct control *c); /* removes the socket; NULL fine */
/* Something changed: answers those whose wait is over. */
void control_answer_waiters(struct control *c);

/* Client, blocking: one request to the runner of that state directory, its answer as *ret_answer.
 * ERR_CONFLICT: the runner declined, with its reason. ERR_NOT_FOUND: no runner is running. */
int control_call(const char *state_dir, const struct control_request *r,
	struct json_doc **ret_answer, struct err *e) CHECK_RESULT;

#endif
