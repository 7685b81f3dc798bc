/*
 * Reading a log that may move while it is read. Chunks that end before the step's size was reached
 * were moved into the object meanwhile (retention.c): reading goes on there, at the same byte.
 */
#include "coordinator/object/stored_log.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/object/reader.h"
#include "coordinator/store/log.h"
#include "coordinator/store/step.h"

struct stored_log {
	struct objects *objects;
	int64_t run_id;
	struct job_steps steps;
	size_t at; /* step */
	struct stored_step step;
};

char *stored_log_key(int64_t run_id, int64_t job_id, int64_t step_id)
{
	return xasprintf("actions/runs/%" PRId64 "/jobs/%" PRId64 "/steps/%" PRId64 ".log", run_id,
		job_id, step_id);
}

/* ---- one step ---- */

void stored_step_init(struct stored_step *l, struct store *s, struct objects *o, int64_t run_id)
{
	*l = (struct stored_step){ .store = s, .objects = o, .run_id = run_id, .seq = LOG_START };
	buf_init(&l->chunk, LIMIT_LOG_CHUNK);
	buf_init(&l->times.packed, LOG_TIMES_MAX);
}

void stored_step_release(struct stored_step *l)
{
	buf_release(&l->chunk);
	buf_release(&l->times.packed);
	object_reader_freep(&l->object);
}

void stored_step_restart(struct stored_step *l)
{
	buf_clear(&l->chunk);
	object_reader_freep(&l->object);
	l->seq = LOG_START;
	l->sent = 0;
	l->skip = 0;
	l->jumped = false;
	l->given = 0;
}

struct stored_spot stored_step_spot(const struct stored_step *l, int64_t byte)
{
	if (l->object || l->seq == LOG_START)
		return (struct stored_spot){ byte, LOG_START, 0 };
	return (struct stored_spot){ byte, l->seq - 1, l->given - (int64_t)l->sent };
}

void stored_step_jump(struct stored_step *l, const struct stored_spot *to)
{
	l->seq = to->seq;
	l->skip = to->seq == LOG_START ? 0 : (size_t)(to->byte - to->chunk_at);
	l->given = to->byte;
	l->jumped = to->byte > 0;
}

/* The new log may be longer than what was read of the old one, so its size alone says nothing. */
bool stored_step_follow(struct stored_step *l, const struct step_row *step, int64_t returns)
{
	bool again = returns != l->returns || step->log_bytes < l->given;
	bool begun = l->given > 0;

	l->returns = returns;
	if (again)
		stored_step_restart(l);
	return again && begun;
}

/* Without its times a log is read all the same. */
static void times_load(struct stored_step *l, int64_t step_id)
{
	struct err e = { 0 };

	buf_clear(&l->times.packed);
	l->times = (struct log_times){ .packed = l->times.packed };
	if (l->timed && store_log_times_get(l->store, step_id, &l->times.packed, &e) < 0)
		log_warn("log", "times_unknown", F_INT("step", step_id), F_ERR(&e));
}

size_t stored_step_time(struct stored_step *l, int64_t byte, size_t n, struct wall *ret_at)
{
	int64_t until;

	*ret_at = l->at;
	if (l->at.us)
		return n;
	*ret_at = log_times_of(&l->times, byte, &until);
	return until - byte < (int64_t)n ? (size_t)(until - byte) : n;
}

static ssize_t read_object(
	struct stored_step *l, const struct step_row *step, char *out, size_t max, struct err *e)
{
	l->at = (struct wall){ 0 };
	if (!l->object) {
		times_load(l, step->id);
		CLEAN_STR char *key = stored_log_key(l->run_id, step->job_id, step->id);

		l->object =
			object_reader_open(l->objects, key, step->log_bytes, step->log_digest, e);
		if (!l->object || (l->jumped ? object_reader_jump(l->object, l->given, e)
					     : object_reader_skip(l->object, l->given, e)) < 0)
			return err_wrap(e, "log of step %" PRId64, step->id);
	}
	ssize_t n = object_reader_read(l->object, out, max, e);
	if (n == 0)
		object_reader_freep(&l->object);
	return n < 0 ? err_wrap(e, "log of step %" PRId64, step->id) : n;
}

static ssize_t read_chunks(
	struct stored_step *l, const struct step_row *step, char *out, size_t max, struct err *e)
{
	while (l->sent == l->chunk.len) {
		buf_clear(&l->chunk);
		l->sent = 0;
		int rc = store_log_next(l->store, step->id, l->seq, &l->chunk, &l->seq, &l->at, e);

		if (rc <= 0)
			return rc;
		l->sent = l->skip < l->chunk.len ? l->skip : l->chunk.len;
		l->skip = 0;
	}
	size_t left = l->chunk.len - l->sent, n = left < max ? left : max;
	memcpy(out, l->chunk.data + l->sent, n);
	l->sent += n;
	return (ssize_t)n;
}

/* Chunks that end too early went into the object while we read. One that is open is read to its
 * end, where its digest is checked. */
ssize_t stored_step_read(
	struct stored_step *l, const struct step_row *step, char *out, size_t max, struct err *e)
{
	ssize_t n = step->archived_at.us ? 0 : read_chunks(l, step, out, max, e);

	if (l->object || (n == 0 && l->given < step->log_bytes))
		n = read_object(l, step, out, max, e);
	if (n > 0)
		l->given += n;
	return n;
}

/* ---- the steps of a job ---- */

struct stored_log *stored_log_new(
	struct store *s, struct objects *o, int64_t run_id, struct job_steps *steps)
{
	struct stored_log *l = xcalloc(1, sizeof(*l));

	l->objects = o;
	l->run_id = run_id;
	l->steps = TAKE_VALUE(*steps, ((struct job_steps){ 0 }));
	stored_step_init(&l->step, s, o, run_id);
	return l;
}

void stored_log_free(struct stored_log *l)
{
	if (!l)
		return;
	job_steps_release(&l->steps);
	stored_step_release(&l->step);
	free(l);
}

/* The first bytes may come later, but what is known to be damaged is said now. */
int stored_log_check(struct stored_log *l, struct err *e)
{
	for (size_t i = 0; i < l->steps.n; i++) {
		const struct step_row *step = &l->steps.v[i];
		CLEAN_STR char *key = stored_log_key(l->run_id, step->job_id, step->id);
		CLEAN_OBJECT_READER struct object_reader *r = NULL;

		if (!step->archived_at.us)
			continue;
		r = object_reader_open(l->objects, key, step->log_bytes, step->log_digest, e);
		if (!r)
			return err_wrap(e, "log of step %" PRId64, step->id);
	}
	return 0;
}

ssize_t stored_log_read(struct stored_log *l, char *out, size_t max, struct err *e)
{
	for (; l->at < l->steps.n; l->at++, stored_step_restart(&l->step)) {
		ssize_t n = stored_step_read(&l->step, &l->steps.v[l->at], out, max, e);

		if (n)
			return n;
	}
	return 0;
}
