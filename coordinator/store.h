/*
 * The coordinator's store: everything that outlives a request, in one SQLite file (WAL mode).
 *
 * All SQL stands in store_*.c; everybody else sees typed rows and functions, so that another
 * database can take SQLite's place behind this header. One struct store per process and thread;
 * several processes (serve and the admin verbs) may have the same file open at a time.
 *
 * Errors: ERR_NOT_FOUND, ERR_CONFLICT (exists already), ERR_AUTH, ERR_INPUT, else ERR_INTERNAL with
 * the database's words. Rows own their strings: release them. Times are struct wall, us 0 = not
 * yet. No secret is stored in clear: tokens as SHA-256, secrets and stored answers sealed
 * (coordinator/keys.h).
 *
 * Transactions: every function is atomic by itself. To join several, hold a struct store_tx:
 *   CLEAN_TX struct store_tx tx = { 0 };
 *   if (store_begin(s, &tx, e)) return -1;  ...  return store_commit(&tx, e);
 * It takes the write lock at once (BEGIN IMMEDIATE), joins an open one, and rolls back unless
 * committed.
 */
#ifndef COORDINATOR_STORE_H
#define COORDINATOR_STORE_H

#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "coordinator/state.h"

struct store;

/* Opens or creates the file (0600) and brings its schema to this program's version. */
struct store *store_open(const char *path, struct err *e) CHECK_RESULT;
void store_free(struct store *s); /* NULL fine */
static inline void store_freep(struct store **s)
{
	store_free(*s);
	*s = NULL;
}
#define CLEAN_STORE CLEANUP(store_freep)
int64_t store_schema_version(struct store *s);

struct store_tx {
	struct store *store; /* NULL: not begun, committed or rolled back */
	bool joined;
};
int store_begin(struct store *s, struct store_tx *tx, struct err *e) CHECK_RESULT;
int store_commit(struct store_tx *tx, struct err *e) CHECK_RESULT;
void store_rollback(struct store_tx *tx); /* no-op when committed */
#define CLEAN_TX CLEANUP(store_rollback)

/* ---- repositories (store_repo.c) ---- */
struct repo_row {
	int64_t id;
	char *owner, *name;
	bool private;
	char *default_branch;
	struct wall created_at;
};
struct repo_list {
	struct repo_row *v;
	size_t n;
};
void repo_row_release(struct repo_row *r);
void repo_list_release(struct repo_list *l);
/* Names compare without case. ERR_CONFLICT if there is one. */
int store_repo_add(struct store *s, const char *owner, const char *name, bool private,
	const char *default_branch, struct wall now, int64_t *ret_id, struct err *e) CHECK_RESULT;
int store_repo_find(struct store *s, const char *owner, const char *name, struct repo_row *ret,
	struct err *e) CHECK_RESULT;
int store_repo_get(struct store *s, int64_t id, struct repo_row *ret, struct err *e) CHECK_RESULT;
int store_repo_list(struct store *s, struct repo_list *ret, struct err *e) CHECK_RESULT;

struct secret_row {
	char *name;
	unsigned char *sealed;
	size_t sealed_len;
};
struct secret_list {
	struct secret_row *v;
	size_t n;
};
void secret_list_release(struct secret_list *l);
/* Replaces one that exists. The value is sealed by the caller. */
int store_secret_set(struct store *s, int64_t repo_id, const char *name, const void *sealed,
	size_t n, struct wall now, struct err *e) CHECK_RESULT;
int store_secret_delete(
	struct store *s, int64_t repo_id, const char *name, struct err *e) CHECK_RESULT;
int store_secret_list(
	struct store *s, int64_t repo_id, struct secret_list *ret, struct err *e) CHECK_RESULT;
int store_variable_set(struct store *s, int64_t repo_id, const char *name, const char *value,
	struct err *e) CHECK_RESULT;
int store_variable_list(
	struct store *s, int64_t repo_id, struct pairs *ret, struct err *e) CHECK_RESULT;

/* ---- personal access tokens (store_pat.c) ---- */
enum scope { SCOPE_REPO_READ = 1, SCOPE_REPO_WRITE = 2 }; /* write includes read */
struct pat_row {
	int64_t id;
	char *name;      /* the user it stands for in events */
	unsigned scopes; /* enum scope bits */
	struct wall created_at, expires_at, revoked_at;
};
void pat_row_release(struct pat_row *r);
int store_pat_add(struct store *s, const char *name, const unsigned char sha[SHA256_LEN],
	unsigned scopes, struct wall now, struct wall expires_at, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
/* ERR_AUTH when unknown, expired or revoked. */
int store_pat_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct pat_row *ret, struct err *e) CHECK_RESULT;

/* ---- runners (store_runner.c) ---- */
struct runner_row {
	int64_t id;
	char *name;
	struct strv labels;
	int64_t capacity;
	int64_t active_jobs; /* jobs that run on it now */
	char *host_name, *version;
	struct wall created_at, last_heartbeat_at, offline_at;
	struct wall drained_at, revoked_at;
	char *drain_reason, *revoke_reason;
};
struct runner_list {
	struct runner_row *v;
	size_t n;
};
void runner_row_release(struct runner_row *r);
void runner_list_release(struct runner_list *l);
int store_runner_register(struct store *s, const char *name, const struct strv *labels,
	int64_t capacity, const unsigned char token_sha[SHA256_LEN], struct wall now,
	struct wall expires_at, int64_t *ret_id, struct err *e) CHECK_RESULT;
/* ERR_AUTH when the token is unknown, expired or revoked, or the runner is. */
int store_runner_by_token(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct runner_row *ret, struct err *e) CHECK_RESULT;
int store_runner_get(
	struct store *s, int64_t id, struct runner_row *ret, struct err *e) CHECK_RESULT;
int store_runner_list(struct store *s, struct runner_list *ret, struct err *e) CHECK_RESULT;
struct heartbeat {
	const struct strv *labels; /* NULL: not said, keeps what is known; so for the others */
	int64_t capacity;          /* 0: not said */
	const char *host_name, *version;
};
int store_runner_heartbeat(struct store *s, int64_t id, const struct heartbeat *h, struct wall now,
	struct err *e) CHECK_RESULT;
/* The runner verbs; ERR_NOT_FOUND without such a runner, ERR_CONFLICT on a revoked one. */
int store_runner_drain(struct store *s, int64_t id, const char *reason, struct wall now,
	struct err *e) CHECK_RESULT;
int store_runner_undrain(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
/* Revokes every older registration token of the runner. */
int store_runner_rotate(struct store *s, int64_t id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e) CHECK_RESULT;
int store_runner_revoke(struct store *s, int64_t id, const char *reason, struct wall now,
	struct err *e) CHECK_RESULT;
/* Marks runners offline whose last heartbeat is older than `before`; *ret_count of them. */
int store_runner_cleanup_stale(struct store *s, struct wall before, struct wall now,
	int64_t *ret_count, struct err *e) CHECK_RESULT;

/* ---- runs (store_run.c): everything borrowed, nothing NULL unless it says so ---- */
struct run_step_spec {
	const char *step_id;           /* the workflow's `id`, NULL: none */
	const char *name;              /* NULL: none */
	const char *cond;              /* `if`, NULL: none */
	const char *run, *uses;        /* exactly one */
	const char *working_directory; /* NULL: none */
	const char *shell;             /* NULL: default */
	int64_t timeout_minutes;       /* 0: none */
	bool continue_on_error;
	const struct pairs *env, *with; /* NULL: empty */
};
struct run_job_spec {
	const char *key;
	const char *name;             /* NULL: the key */
	const struct strv *runs_on;   /* labels, all of them needed; at least one */
	const struct strv *needs;     /* keys of other jobs of the run; NULL: none */
	const char *cond;             /* NULL: none */
	int64_t timeout_minutes;      /* 0: the default, 360 */
	const char *permissions_json; /* NULL: {} */
	const struct pairs *env;      /* workflow's and job's, merged; NULL: empty */
	const struct run_step_spec *steps;
	size_t n_steps;
	/* A leg of a matrix: jobs of the same key, one after the other; legs 0: no matrix. */
	int64_t leg, legs;
	const char *matrix_json; /* NULL: {} */
	bool fail_fast;
	int64_t max_parallel;        /* 0: no limit */
	bool asks_status;            /* cond calls a status function */
	const struct pairs *outputs; /* name → text with expressions; NULL: none */
};
struct run_spec {
	int64_t repo_id;
	const char *workflow_file; /* .shithub/workflows/smoke.yml */
	const char *workflow_name; /* NULL: the file's path */
	const char *event;         /* push, pull_request, schedule, workflow_dispatch */
	const char *event_payload; /* JSON text */
	const char *head_sha, *head_ref;
	const char *actor;     /* who caused it, NULL: unknown */
	int64_t parent_run_id; /* 0: no re-run */
	/* Not NULL: the workflow file is broken. The run is stored as completed/failure with this
	 * text (lines) and has no jobs. */
	const char *problems;
	const struct run_job_spec *jobs;
	size_t n_jobs;
};
struct run_created {
	int64_t run_id, run_index;
};
int store_run_create(struct store *s, const struct run_spec *spec, struct wall now,
	struct run_created *ret, struct err *e) CHECK_RESULT;
/* A new run of the same jobs, commit and event; ERR_CONFLICT unless the source is terminal. */
int store_run_rerun(struct store *s, int64_t run_id, const char *actor, struct wall now,
	struct run_created *ret, struct err *e) CHECK_RESULT;

struct run_row {
	int64_t id, repo_id, run_index, parent_run_id;
	char *workflow_file, *workflow_name, *event, *event_payload, *head_sha, *head_ref, *actor;
	char *problems; /* NULL: none */
	struct state state;
	struct wall created_at, started_at, completed_at;
};
struct run_list {
	struct run_row *v;
	size_t n;
};
struct job_row {
	int64_t id, run_id, repo_id, position, timeout_minutes;
	char *key, *name, *cond /* NULL: none */, *permissions_json;
	struct strv runs_on, needs;
	struct pairs env;
	struct state state;
	bool ready; /* all needs succeeded */
	bool cancel_requested;
	int64_t runner_id; /* 0: never claimed */
	struct wall created_at, claimed_at, started_at, completed_at;
	struct wall last_seen_at; /* of the last call with its token; 0: none yet */
	int64_t leg, legs;        /* which one of how many of its matrix; 0 of 1 without */
	char *matrix_json;        /* the leg's values, an object */
	bool fail_fast;
	int64_t max_parallel;               /* 0: no limit */
	struct pairs outputs_spec, outputs; /* as written; what they came to */
};
struct job_list {
	struct job_row *v;
	size_t n;
};
struct step_row {
	int64_t id, job_id, index, timeout_minutes, log_bytes;
	char *step_id, *name, *cond, *run, *uses, *working_directory, *shell; /* NULL: none */
	bool continue_on_error;
	struct pairs env, with;
	struct state state;
	struct wall started_at, completed_at;
	struct wall archived_at; /* its log is an object (step_log.h), 0: its chunks are here */
};
struct step_list {
	struct step_row *v;
	size_t n;
};
void run_row_release(struct run_row *r);
void run_list_release(struct run_list *l);
void job_row_release(struct job_row *r);
void job_list_release(struct job_list *l);
void step_row_release(struct step_row *r);
void step_list_release(struct step_list *l);
int store_run_get(struct store *s, int64_t id, struct run_row *ret, struct err *e) CHECK_RESULT;
/* Newest first; repo_id 0: of all repositories. */
int store_run_list(struct store *s, int64_t repo_id, int64_t limit, struct run_list *ret,
	struct err *e) CHECK_RESULT;
int store_job_get(struct store *s, int64_t id, struct job_row *ret, struct err *e) CHECK_RESULT;
int store_job_list(
	struct store *s, int64_t run_id, struct job_list *ret, struct err *e) CHECK_RESULT;
int store_step_list(
	struct store *s, int64_t job_id, struct step_list *ret, struct err *e) CHECK_RESULT;

/* ---- pushes under way (store_push.c) ---- */
struct push_row {
	int64_t id, repo_id, attempts;
	char *pusher;   /* NULL: unknown */
	char *commands; /* packets up to the flush, as sent */
	size_t commands_len;
};
struct push_rows {
	struct push_row *v;
	size_t n;
};
void push_rows_release(struct push_rows *l);
int store_push_add(struct store *s, const struct push_row *p, struct wall now, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
int store_push_done(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
int store_push_tried(struct store *s, int64_t id, struct err *e) CHECK_RESULT; /* in vain */
int store_push_list(struct store *s, struct push_rows *ret, struct err *e) CHECK_RESULT;

/* ---- jobs (store_job.c) ---- */
/* Is there a job for these labels? A cheap look without the write lock: 1, 0, -1. */
int store_job_claimable(struct store *s, const struct strv *labels, struct err *e) CHECK_RESULT;
/* Hands the oldest claimable job to the runner: queued, needs succeeded, all its labels among
 * `labels`, and the runner neither revoked, drained nor at capacity; checked and taken in one
 * transaction. 1 and *ret filled, 0 nothing to claim, -1. */
int store_job_claim(struct store *s, int64_t runner_id, const struct strv *labels, struct wall now,
	struct job_row *ret, struct err *e) CHECK_RESULT;
/* What becomes of the answer to a claim. The jti of its job token is kept until the answer is known
 * to have reached the runner or the token was used. */
int store_claim_made(struct store *s, int64_t job_id, const char *jti, struct err *e) CHECK_RESULT;
int store_claim_delivered(
	struct store *s, int64_t job_id, const char *jti, struct err *e) CHECK_RESULT;
/* It did not reach the runner: the job is queued again (or cancelled, when that was asked
 * meanwhile) and the token is good no more. 1, or 0 when the token was used or the job moved on. */
int store_claim_return(struct store *s, int64_t job_id, const char *jti, struct wall now,
	struct err *e) CHECK_RESULT;
/* Returns every claim of which nobody knows whether it arrived: before serve listens. */
int store_claims_return(
	struct store *s, struct wall now, int64_t *ret_count, struct err *e) CHECK_RESULT;
/* A call with the job's token came. */
int store_job_seen(struct store *s, int64_t job_id, struct wall now, struct err *e) CHECK_RESULT;
/* What the job's outputs came to; names that its workflow does not have are ERR_INPUT. */
int store_job_outputs(struct store *s, const struct job_row *job, const struct pairs *outputs,
	struct err *e) CHECK_RESULT;
struct lost_spec {
	struct wall silent_since;     /* no call of the job since then, and … */
	struct wall token_dead_since; /* … none since then either, or no heartbeat of its runner */
};
/* Running jobs that nobody can be expected to report on (store_row.c). */
int store_lost_list(struct store *s, const struct lost_spec *l, struct job_list *ret,
	struct err *e) CHECK_RESULT;
struct report {
	struct state state;
	struct wall started_at, completed_at; /* 0: not said, now is taken where it fits */
};
/* Applies a report by state_apply, closes open steps, skips jobs whose needs failed, makes those
 * ready whose needs succeeded, rolls the run up. */
int store_job_report(struct store *s, int64_t job_id, const struct report *r, struct wall now,
	struct state *ret_job, struct state *ret_run, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND when the step is not of this job. */
int store_step_report(struct store *s, int64_t job_id, int64_t step_id, const struct report *r,
	struct wall now, struct state *ret, bool *ret_changed, struct err *e) CHECK_RESULT;
/* Queued: cancelled at once. Running: cancel_requested. Terminal: ERR_CONFLICT. */
int store_job_cancel(struct store *s, int64_t job_id, struct wall now, struct job_row *ret,
	struct err *e) CHECK_RESULT;
/* Every open job of the run; ERR_CONFLICT when it is terminal already. */
int store_run_cancel(struct store *s, int64_t run_id, struct wall now, struct err *e) CHECK_RESULT;

struct queue_row {
	struct strv labels; /* runs_on of the jobs */
	int64_t jobs;       /* queued */
	int64_t runners;    /* that could take them: not revoked, not drained, all labels */
	struct wall oldest_at;
};
struct queue_list {
	struct queue_row *v;
	size_t n;
};
void queue_list_release(struct queue_list *l);
int store_queue(struct store *s, struct queue_list *ret, struct err *e) CHECK_RESULT;

/* What waits for a runner with these labels: jobs it could take now. */
struct matching {
	int64_t jobs;
	struct wall oldest_at; /* since when the oldest could be claimed */
};
int store_matching(struct store *s, const struct strv *labels, struct matching *ret,
	struct err *e) CHECK_RESULT;
struct waiting_row {
	int64_t job_id;
	struct wall since;
};
struct waiting_list {
	struct waiting_row *v;
	size_t n;
};
void waiting_list_release(struct waiting_list *l);
/* The oldest of them. */
int store_matching_list(struct store *s, const struct strv *labels, int64_t limit,
	struct waiting_list *ret, struct err *e) CHECK_RESULT;

/* ---- evidence of host hygiene (store_hygiene.c) ---- */
struct hygiene_row {
	int64_t id, runner_id; /* runner_id 0: it is gone */
	char *runner;          /* its name, NULL likewise */
	char *key;             /* of the audit: one undertaking */
	char *host, *action;
	char *status;    /* planned, action_started, completed, failed */
	char *documents; /* JSON object */
	struct wall created_at;
};
struct hygiene_list {
	struct hygiene_row *v;
	size_t n;
};
void hygiene_list_release(struct hygiene_list *l);
/* 1 and *ret_id stored; 0 and *ret_id it was there already, the same idempotency key and bytes; -1,
 * ERR_CONFLICT: the idempotency key with other bytes, the audit key with another host or action, a
 * status of it told twice, a second end. */
int store_hygiene_add(struct store *s, const struct hygiene_row *r, const char *idempotency_key,
	const unsigned char body_sha[SHA256_LEN], struct wall now, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
/* Newest first; host NULL: of all. */
int store_hygiene_list(struct store *s, const char *host, int64_t limit, struct hygiene_list *ret,
	struct err *e) CHECK_RESULT;

/* ---- logs (store_log.c) ---- */
enum { LOG_STEP_MAX = 256 << 20 }; /* bytes kept of one step's log; more is ERR_LIMIT */
/* step_id 0: the job's first step. The same (step, seq) again changes nothing. ERR_NOT_FOUND when
 * the step is not of this job. */
int store_log_append(struct store *s, int64_t job_id, int64_t step_id, int64_t seq, const void *p,
	size_t n, struct wall now, struct err *e) CHECK_RESULT;
/* Adds a line of the coordinator's own behind the last chunk of the job's open step, else of its
 * last one. A full log takes no more; that is no error. */
int store_log_note(struct store *s, int64_t job_id, const char *line, struct wall now,
	struct err *e) CHECK_RESULT;
/* Calls fn with each chunk in order of seq; fn's -1 ends the walk and is returned. */
int store_log_each(struct store *s, int64_t step_id, int (*fn)(void *data, const char *p, size_t n),
	void *data, struct err *e) CHECK_RESULT;

/* The first chunk with a seq above `after` (-1: from the start) appended to out: 1 and *ret_seq, 0
 * there is none, -1. */
int store_log_next(struct store *s, int64_t step_id, int64_t after, struct buf *out,
	int64_t *ret_seq, struct err *e) CHECK_RESULT;

/* ---- artifacts (store_artifact.c): rows; their bytes are objects (object.h) ---- */
struct artifact_row {
	int64_t id, run_id, job_id;
	char *name;
	int64_t size_bytes; /* of the object */
	char *digest;       /* "sha256:…" of it; NULL: not uploaded yet */
	struct wall created_at;
	struct wall upload_until; /* until then its upload URL is good */
	struct wall expires_at;
};
struct artifact_list {
	struct artifact_row *v;
	size_t n;
};
void artifact_row_release(struct artifact_row *r);
void artifact_list_release(struct artifact_list *l);
struct artifact_spec {
	int64_t run_id, job_id;
	const char *name;
	int64_t size_bytes;
	bool overwrite;
	int64_t run_bytes_max; /* of all artifacts of the run together */
	struct wall upload_until, expires_at;
};
/* ERR_CONFLICT when the run has one of that name, unless overwrite is set, or the one there never
 * came to its upload and belongs to the same job or is too late for it. ERR_LIMIT past
 * run_bytes_max. */
int store_artifact_add(struct store *s, const struct artifact_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e) CHECK_RESULT;
int store_artifact_get(
	struct store *s, int64_t id, struct artifact_row *ret, struct err *e) CHECK_RESULT;
/* Says that the object is in place. ERR_CONFLICT when another digest was recorded before. */
int store_artifact_uploaded(
	struct store *s, int64_t id, const char *digest, struct err *e) CHECK_RESULT;
/* Uploaded and not expired ones of a run with id > after, by id; name NULL: all. */
int store_artifact_list(struct store *s, int64_t run_id, const char *name, int64_t after,
	int64_t limit, struct wall now, struct artifact_list *ret, struct err *e) CHECK_RESULT;
/* Expired ones, and those whose upload never came. */
int store_artifact_expired(struct store *s, struct wall now, int64_t limit,
	struct artifact_list *ret, struct err *e) CHECK_RESULT;
int store_artifact_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;

/* ---- retention (store_retention.c) ---- */
struct old_step {
	int64_t id, job_id, run_id, log_bytes;
};
struct old_steps {
	struct old_step *v;
	size_t n;
};
void old_steps_release(struct old_steps *l);
/* Ended before then, with a log whose chunks are still here. */
int store_steps_old(struct store *s, struct wall before, int64_t limit, struct old_steps *ret,
	struct err *e) CHECK_RESULT;
/* Its log is an object now: drops the chunks; *ret_count of them. */
int store_step_archived(struct store *s, int64_t step_id, struct wall now, int64_t *ret_count,
	struct err *e) CHECK_RESULT;
/* The oldest run that ended before then and is not pinned: 1, 0 there is none, -1. */
int store_run_old(struct store *s, struct wall before, int64_t *ret_id, struct err *e) CHECK_RESULT;
/* With its jobs, steps and rows of artifacts; their objects must be gone already. */
int store_run_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
int store_run_pin(struct store *s, int64_t id, bool pinned, struct err *e) CHECK_RESULT;
int store_jwt_prune(
	struct store *s, struct wall before, int64_t *ret_count, struct err *e) CHECK_RESULT;

/* ---- used job tokens and stored answers (store_jwt.c) ---- */
/* Records the jti; ERR_AUTH when it was used before. */
int store_jwt_use(struct store *s, const char *jti, int64_t job_id, struct wall now,
	struct err *e) CHECK_RESULT;
/* 1 used, 0 not, -1. */
int store_jwt_used(struct store *s, const char *jti, struct err *e) CHECK_RESULT;
struct answer {
	const char *key, *path;
	const unsigned char *body_sha; /* SHA256_LEN */
};
int store_answer_put(struct store *s, const char *jti, const struct answer *a, int status,
	const void *sealed, size_t n, struct wall expires_at, struct err *e) CHECK_RESULT;
/* 1 and the answer when jti, key, path and body all match and it has not expired; 0; -1. */
int store_answer_get(struct store *s, const char *jti, const struct answer *a, struct wall now,
	int *ret_status, struct buf *sealed, struct err *e) CHECK_RESULT;
/* Drops stored answers that expired. */
int store_answer_prune(struct store *s, struct wall now, struct err *e) CHECK_RESULT;

/* ---- counters that outlive a restart (store_metric.c) ---- */
int store_counter_add(struct store *s, const char *name, int64_t n, struct err *e) CHECK_RESULT;
int store_counter_each(struct store *s, void (*fn)(void *data, const char *name, int64_t value),
	void *data, struct err *e) CHECK_RESULT;

#endif
