/*
 * A step's log wherever it is: in chunks of the store while it is young, later one object,
 * actions/runs/<run>/jobs/<job>/steps/<step>.log (retention.h moves it). Reads the steps of a job
 * one after the other.
 */
#ifndef COORDINATOR_OBJECT_STORED_LOG_H
#define COORDINATOR_OBJECT_STORED_LOG_H

#include <sys/types.h>

#include "base/buf.h"
#include "coordinator/object/log_times.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/step.h"

char *stored_log_key(int64_t run_id, int64_t job_id, int64_t step_id) CHECK_RESULT;

/* The log of one step, also while it grows: a read that finds nothing more may be repeated with the
 * step as it is then. */
struct stored_step {
	struct store *store;
	struct objects *objects;
	int64_t run_id;
	int64_t seq; /* last chunk read, LOG_START: none */
	struct buf chunk;
	size_t sent;                  /* of chunk */
	size_t skip;                  /* bytes of the next chunk that are known already */
	bool jumped;                  /* reading did not begin with the first byte */
	int64_t given;                /* bytes so far */
	struct wall at;               /* when the last bytes came, while they are not archived */
	int64_t returns;              /* of its job (store/job.h), when they were written */
	struct object_reader *object; /* NULL: not open */
	bool timed;                   /* the caller asks for times */
	struct log_times times;       /* of an archived one */
};
/* The objects and the store must outlive it. */
void stored_step_init(struct stored_step *l, struct store *s, struct objects *o, int64_t run_id);
void stored_step_release(struct stored_step *l);
void stored_step_restart(struct stored_step *l); /* from the first byte, or for another step */
/* Where a byte stands that was read before; for stored_step_jump, also of another reader. */
struct stored_spot {
	int64_t byte, seq,
		chunk_at; /* of the log; the chunk before its chunk; that one's first byte */
};
/* byte: of what the last read gave, or the one behind it. */
struct stored_spot stored_step_spot(const struct stored_step *l, int64_t byte);
/* Before the first read: begin there. What is archived is then read unchecked but for its size. */
void stored_step_jump(struct stored_step *l, const struct stored_spot *to);
/* Before more is read of a step that is followed. True: its job came back to the queue (returns: of
 * the job), its old log is gone, and reading starts with the first byte of the new one. */
bool stored_step_follow(struct stored_step *l, const struct step_row *step, int64_t returns);
/* Bytes put into out, 0: none for now, -1. Always with the same step. */
ssize_t stored_step_read(struct stored_step *l, const struct step_row *step, char *out, size_t max,
	struct err *e) CHECK_RESULT;

/* Of the bytes that the last read gave, with timed set before the first: how many from `byte` (of
 * the log) on, at most n, came at *ret_at; us 0: not known. */
size_t stored_step_time(struct stored_step *l, int64_t byte, size_t n, struct wall *ret_at);

struct stored_log;
/* Takes the list over (and empties it). The objects and the store must outlive it. */
struct stored_log *stored_log_new(
	struct store *s, struct objects *o, int64_t run_id, struct job_steps *steps) CHECK_RESULT;
void stored_log_free(struct stored_log *l); /* NULL fine */
static inline void stored_log_freep(struct stored_log **l)
{
	stored_log_free(*l);
	*l = NULL;
}
#define CLEAN_STORED_LOG CLEANUP(stored_log_freep)
/* What can be said beforehand of archived logs: objects that are missing, of another size, or small
 * and damaged. */
int stored_log_check(struct stored_log *l, struct err *e) CHECK_RESULT;
/* Bytes put into out, 0 at the end, -1: also where a damaged object ends. */
ssize_t stored_log_read(struct stored_log *l, char *out, size_t max, struct err *e) CHECK_RESULT;

#endif
