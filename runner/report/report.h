/*
 * Where a job tells what happens: the coordinator (runner/report/session.h) or this terminal
 * (runner/report/terminal.h). The job's path is the same for both.
 *
 * Statuses and conclusions are the protocol's words. Nothing here blocks but
 * report_flush; the order of calls is the order in which a reader sees them. Job process only.
 */
#ifndef RUNNER_REPORT_REPORT_H
#define RUNNER_REPORT_REPORT_H

#include "base/clock.h"
#include "base/json.h"
#include "runner/report/spool.h"

enum { REPORT_LOST_MAX = 200 };
struct report_status {
	const char *status, *conclusion;      /* conclusion NULL: none */
	struct wall started_at, completed_at; /* us 0: absent */
	/* Of the job's last one (COORDINATOR.md): another runner may try it; the platform lost it
	 * before its first step ended, and how (printable ASCII, at most REPORT_LOST_MAX bytes) */
	bool hand_back;
	const char *lost; /* NULL: it was not */
};

/* A question of the job to its coordinator, beside the reports: it overtakes them, as a step's log
 * is open while the step asks. Everything is copied. */
struct report_call {
	const char *path; /* below the job's own: "/artifacts/upload" */
	const char *body;
	const struct strv *headers; /* NULL: none */
	/* Once: the answer, which lives for the call, or NULL and why not. Not called after
	 * report_call_cancel. */
	void (*done)(void *data, const struct json_value *answer, const struct err *why);
	void *data;
};

struct report;

struct report_ops {
	void (*job_status)(struct report *r, const struct report_status *st);
	void (*step_status)(struct report *r, int64_t step_id, const struct report_status *st);
	void (*log)(struct report *r, int64_t step_id, struct spool *spool);
	void (*wake)(struct report *r);
	void (*poll_cancel)(struct report *r, bool on);
	int (*flush)(struct report *r, struct mono deadline, struct err *e);
	bool (*final_accepted)(const struct report *r);
	/* NULL: steps' logs are all there is */
	bool (*note)(struct report *r, const char *line);
	bool (*progress)(struct report *r, const char *text);
	/* NULL: nobody can be asked */
	void (*call)(struct report *r, const struct report_call *c);
	void (*call_cancel)(struct report *r, void *data);
	void (*free)(struct report *r);
};

/* First member of every implementation. */
struct report {
	const struct report_ops *ops;
};

static inline void report_job_status(struct report *r, const struct report_status *st)
{
	r->ops->job_status(r, st);
}
/* step_id <= 0: the step has no number and nothing is reported. */
static inline void report_step_status(
	struct report *r, int64_t step_id, const struct report_status *st)
{
	r->ops->step_status(r, step_id, st);
}
/* Starts streaming a spool as the step's log; step_id 0: the job's first step. The spool stays the
 * caller's and must outlive the stream (until report_flush). Call report_wake after each append
 * and after spool_close. */
static inline void report_log(struct report *r, int64_t step_id, struct spool *spool)
{
	r->ops->log(r, step_id, spool);
}
static inline void report_wake(struct report *r)
{
	r->ops->wake(r);
}
/* Begins or ends asking whether somebody wants the job cancelled. */
static inline void report_poll_cancel(struct report *r, bool on)
{
	r->ops->poll_cancel(r, on);
}
/* Waits until everything was delivered or given up. -1 with ERR_TIMEOUT at the deadline, ERR_AUTH
 * when it can never be. Not from a callback. */
static inline int report_flush(struct report *r, struct mono deadline, struct err *e)
{
	return r->ops->flush(r, deadline, e);
}
/* Whether the job's last status has arrived. */
static inline bool report_final_accepted(const struct report *r)
{
	return r->ops->final_accepted(r);
}
/* A line about the job as a whole, outside its steps' logs. False: there is no place for it. */
static inline bool report_note(struct report *r, const char *line)
{
	return r->ops->note && r->ops->note(r, line);
}
/* What goes on right now, each text in place of the last; NULL: over. False: nobody looks on. */
static inline bool report_progress(struct report *r, const char *text)
{
	return r->ops->progress && r->ops->progress(r, text);
}
static inline bool report_can_call(const struct report *r)
{
	return r->ops->call != NULL;
}
static inline void report_call(struct report *r, const struct report_call *c)
{
	r->ops->call(r, c);
}
/* Forgets the call that was made with this data. */
static inline void report_call_cancel(struct report *r, void *data)
{
	r->ops->call_cancel(r, data);
}
static inline void report_free(struct report *r)
{
	if (r)
		r->ops->free(r);
}

#endif
