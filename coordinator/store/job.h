/* Jobs of a run: one a leg of a matrix. */
#ifndef COORDINATOR_STORE_JOB_H
#define COORDINATOR_STORE_JOB_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/page.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

struct job_row {
	int64_t id, run_id, repo_id, position, timeout_minutes;
	char *key, *name, *cond /* NULL: none */, *permissions_json;
	struct strv runs_on, needs;
	struct pairs env;
	struct state state;
	bool ready;               /* all needs succeeded */
	int64_t cancel_requested; /* how often; from the second time on no step of it may go on */
	bool asks_status;         /* its condition says what happens after a bad end */
	int64_t runner_id;        /* 0: never claimed */
	struct wall created_at, claimed_at, started_at, completed_at;
	struct wall last_seen_at; /* of the last call with its token; 0: none yet */
	int64_t leg, legs;        /* index and count within its matrix; 0 and 1 without one */
	char *matrix_json;        /* the leg's values, an object */
	bool fail_fast;
	int64_t max_parallel;                /* 0: no limit */
	struct pairs outputs_spec, outputs;  /* as written; what they came to */
	char *concurrency_group;             /* NULL: none */
	bool pending;                        /* waits for that group, and for nothing else */
	bool continue_on_error;              /* its failure is none for the run and other jobs */
	char *environment, *environment_url; /* NULL: none */
	int64_t gate;           /* queue/gate.h: 1 waits for the environment, `reason` says why */
	bool matrix_tainted;    /* it holds values that came from outside */
	char *reason;           /* of an end that its author did not write, or of its wait at the
				 * gate; NULL: none */
	bool unfolded;          /* its legs were made when its needs were over */
	int64_t handed_back_by; /* the last runner that gave it back or was lost; 0: none */
	struct wall handed_back_at;
	/* Another number each time it comes back to the queue: handed back, its runner lost, or
	 * with a store that was restored. */
	int64_t returns;
	/* Where its steps, logs and artifacts stand: the job itself, or the one of an earlier
	 * attempt whose result this row repeats. */
	int64_t source_id, source_run_id;
};
/* An earlier attempt gave its result. */
static inline bool job_kept(const struct job_row *j)
{
	return j->source_id != j->id;
}
struct job_list {
	struct job_row *v;
	size_t n;
};
void job_row_release(struct job_row *r);
void job_list_release(struct job_list *l);
int store_job_get(struct store *s, int64_t id, struct job_row *ret, struct err *e) CHECK_RESULT;
/* Of a run, in the order of the file. */
int store_job_list(
	struct store *s, int64_t run_id, struct job_list *ret, struct err *e) CHECK_RESULT;
/* Running jobs, oldest first. */
struct running_spec {
	int64_t runner_id;   /* 0: of all */
	const char *but_key; /* not what a heartbeat with this key brought; NULL: all */
	struct page page;
};
int store_running_list(struct store *s, const struct running_spec *spec, struct job_list *ret,
	struct err *e) CHECK_RESULT;
int store_running_count(
	struct store *s, int64_t runner_id, int64_t *ret, struct err *e) CHECK_RESULT;
struct lost_spec {
	struct wall silent_since;     /* no call of the job since then, and … */
	struct wall token_dead_since; /* … none since then either, or no heartbeat of its runner */
};
/* Running jobs on which nobody can be expected to report. */
int store_lost_list(struct store *s, const struct lost_spec *l, struct job_list *ret,
	struct err *e) CHECK_RESULT;

#endif
