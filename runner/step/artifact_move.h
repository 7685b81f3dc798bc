/*
 * One artifact on its way between workspace and coordinator, a movement at a time:
 *
 *   up:   move_pack (child → spool)  → move_ask (a place) → move_put (spool → URL)
 *   down: move_ask (what there is)   → move_get (URL → spool) → move_unpack (spool → child)
 *
 * The spool is one file in the job's folder, removed while it is open, at most
 * runner.artifact_limit bytes. It is there because the size must be known before the first byte is
 * sent, a repeat after a broken connection must send the same bytes, and nothing may be unpacked
 * before all of it was checked; packing twice instead would give two different archives of a
 * workspace that is in use. Only this process writes it: the packing child has a pipe, the
 * unpacking one reads.
 *
 * Each movement waits on the loop and returns -1 also when the step was interrupted (step_fails
 * knows). Signed URLs are never logged. Job process.
 */
#ifndef RUNNER_STEP_ARTIFACT_MOVE_H
#define RUNNER_STEP_ARTIFACT_MOVE_H

#include "artifact/artifact.h"
#include "runner/context/job.h"

enum { MOVE_DIGEST_MAX = 65 }; /* 64 hex digits */

struct artifact_move {
	struct job *job;
	int spool;
	uint64_t size; /* of the spool */
	char digest[MOVE_DIGEST_MAX];
	struct artifact_result result; /* of the last child */
	/* what runs */
	struct sha256_stream *hash;
	struct artifact *child;
	int pipe;
	struct loop_source *pipe_watch, *pause;
	uint64_t limit;
	bool child_over, asked_over;
	struct err error;
	int (*take)(void *data, const struct json_value *answer, struct err *e);
	void *take_data;
};
int move_open(struct artifact_move *m, struct job *j, struct err *e) CHECK_RESULT;
void move_release(struct artifact_move *m); /* ends what runs; fine on a zeroed one */

/* Fills the spool, size, digest and result. */
int move_pack(
	struct artifact_move *m, const struct artifact_request *r, struct err *e) CHECK_RESULT;
/* headers: that go along; NULL: none. */
int move_put(struct artifact_move *m, const char *url, const struct strv *headers,
	struct err *e) CHECK_RESULT;
/* digest: 64 hex digits. Whatever else comes than exactly these bytes is an error. */
int move_get(struct artifact_move *m, const char *url, uint64_t size, const char *digest,
	struct err *e) CHECK_RESULT;
/* The same without a coordinator, to and from an open file: all of it. */
int move_put_file(struct artifact_move *m, int fd, struct err *e) CHECK_RESULT;
int move_get_file(struct artifact_move *m, int fd, struct err *e) CHECK_RESULT;
int move_unpack(
	struct artifact_move *m, const struct artifact_request *r, struct err *e) CHECK_RESULT;
/* Asks the coordinator; take copies what it needs from the answer. headers NULL: none. */
int move_ask(struct artifact_move *m, const char *path, const char *body,
	const struct strv *headers,
	int (*take)(void *data, const struct json_value *answer, struct err *e), void *data,
	struct err *e) CHECK_RESULT;

#endif
