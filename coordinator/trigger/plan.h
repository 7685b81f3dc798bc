/*
 * A parsed workflow as what the store takes: the job and step rows of a run, with the workflow's
 * env, permissions and run defaults folded into each job and step, and each matrix expanded into
 * its legs, whose names and labels are rendered here. Borrows from the workflow.
 */
#ifndef COORDINATOR_TRIGGER_PLAN_H
#define COORDINATOR_TRIGGER_PLAN_H

#include "coordinator/store/repo.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/trigger/trigger.h"
#include "workflow/workflow.h"

/* What the expressions in names and labels may name. */
struct plan_event {
	const char *name, *payload; /* push, …; JSON text */
	const char *sha, *ref, *actor /* NULL: unknown */, *file /* of the workflow */;
	const char *inputs;     /* JSON object, each of its declared type; NULL: none */
	struct run_created run; /* reserved for it */
	bool untrusted;         /* code of others: it reads no variables */
	/* A pull request of others, or 0: its concurrency groups are its own, as
	 * refs/pull/<number>/<group>, so that it neither waits for nor ends what the repository
	 * runs. */
	int64_t group_pull;
	/* trigger_plan fills these in */
	const char *repository, *workflow, *server_url;
	int64_t repository_id;
	const struct pairs *vars;
	/* of the job that is unfolded: JSON object and status; NULL: no job is over yet */
	const char *needs, *needs_status;
};

struct plan_leg;
struct plan_shared;
struct run_plan {
	struct run_job_spec *jobs; /* the legs of a job stand together */
	size_t n_jobs;
	struct concurrency_spec concurrency; /* of the run */
	bool untrusted;                      /* as its event was */
	/* owned */
	char *group, *run_name;     /* of the run, rendered; NULL: none */
	struct plan_leg *legs;      /* one per entry of jobs */
	struct plan_shared *shared; /* one per job of the workflow */
	size_t n_shared;
};

/* ERR_INPUT and ERR_LIMIT are the author's: `jobs.build: runs-on: …`. */
int run_plan_make(struct run_plan *p, const struct workflow *w, const struct plan_event *ev,
	struct err *e) CHECK_RESULT;
/* The legs of one job whose needs are over (ev->needs); none when its condition is false. */
int run_plan_unfold(struct run_plan *p, const struct workflow *w, const char *job_key,
	const struct plan_event *ev, struct err *e) CHECK_RESULT;
/* run_plan_make, or with a job run_plan_unfold, with what the repository and the workflow say
 * filled in. */
int trigger_plan(const struct trigger *t, const struct repo_row *row, const struct workflow *w,
	const char *job_key, const struct plan_event *ev, struct run_plan *ret,
	struct err *e) CHECK_RESULT;
void run_plan_release(struct run_plan *p);
#define CLEAN_PLAN CLEANUP(run_plan_release)

#endif
