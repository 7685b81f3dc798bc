/*
 * What a running job tells its supervisor for status and metrics: which step runs, how much waits
 * to be uploaded, and counters that only grow. Never content: of a job's texts only the step's
 * name, made printable and cut.
 *
 * Each message is the whole state, so one that is lost or left out costs nothing; at most
 * PROGRESS_PER_SECOND leave in a second. The job process has a sender, the supervisor a view, which
 * checks what it takes: what a job process of ours cannot have said is an error.
 */
#ifndef RUNNER_IPC_PROGRESS_H
#define RUNNER_IPC_PROGRESS_H

#include "base/loop.h"
#include "runner/ipc/histogram.h"

enum { PROGRESS_NAME = 96, PROGRESS_PER_SECOND = 4 };

/* Travels as it is: both ends are the same program. */
struct progress {
	int64_t step;           /* index of the step that runs, -1: none */
	int64_t steps;          /* of the job; 0: not known yet */
	struct wall step_since; /* when it began; us 0: none */
	char name[PROGRESS_NAME];
	uint64_t queued; /* log bytes that the coordinator has not acknowledged */
	/* since the job began */
	uint64_t masked, engine_errors;
	struct histogram step_seconds;
};
#define PROGRESS_INIT      \
	{                  \
		.step = -1 \
	}

/* ---- supervisor ---- */

struct progress_view {
	struct progress last;
	struct mono first_step; /* when the first step was seen to run; us 0: not yet */
};
/* -1: malformed, or a counter went backwards. */
int progress_take(struct progress_view *v, const struct progress *p, struct mono now,
	struct err *e) CHECK_RESULT;

/* ---- job process ---- */

struct progress_sender;
struct progress_sender_spec {
	struct loop *loop;
	int channel;
	/* Brings queued and masked up to date; called before a message leaves. */
	void (*fill)(void *data, struct progress *p);
	void *data;
};
struct progress_sender *progress_sender_new(const struct progress_sender_spec *spec);
/* Sends the last state; NULL fine. */
void progress_sender_free(struct progress_sender *s);
void progress_step_begin(struct progress_sender *s, size_t step, size_t steps, const char *name);
void progress_step_end(struct progress_sender *s);
/* Counts e if it is the engine's. alone: nobody but the engine was asked, so a lost connection is
 * its too. */
void progress_error(struct progress_sender *s, const struct err *e, bool alone);

#endif
