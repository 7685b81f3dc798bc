/*
 * workflow_jobs.gate says where a job stands: 0 not asked (again) yet, 1 waits, 2 may pass. A
 * changed rule, an approval or a passed time sets it to 0, and settling the run asks again: what
 * the rules mean is decided in one place. What reviewers said stands in job_gates, and what the
 * job waits for: its own `reason` may tell of something else, such as a runner that was lost.
 */
#include "coordinator/queue/gate.h"

#include <inttypes.h>
#include <strings.h>

#include "base/buf.h"
#include "base/ids.h"
#include "base/limits.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/settle.h"
#include "coordinator/environment/environment.h"
#include "coordinator/store/log.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/run.h"
#include "workflow/filter.h"

#define MINUTE_US (60 * USEC_PER_SEC)

/* ---- what was said ---- */

struct said {
	char *state, *who, *comment;
	struct wall since;
};
static const struct column said_columns[] = {
	COLUMN("state", COLUMN_TEXT, said, state),
	COLUMN("decided_by", COLUMN_TEXT, said, who),
	COLUMN("comment", COLUMN_TEXT, said, comment),
	COLUMN("since", COLUMN_WALL, said, since),
};
static const struct row_type said_type = ROW_TYPE(said, said_columns);

static void said_release(struct said *r)
{
	row_release(&said_type, r);
}

/* The row is made when the job first comes to the gate: that is when its waiting time begins. */
static int said_get(
	struct store *s, int64_t job_id, struct wall now, struct said *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_run(s, e,
		    "INSERT INTO job_gates (job_id, state, since) VALUES (?, 'waiting', ?)"
		    " ON CONFLICT DO NOTHING",
		    "iw", job_id, now) < 0 ||
		row_select(s, &q, e, &said_type, "FROM job_gates WHERE job_id = ?", "i", job_id) <
			0)
		return -1;
	return row_next(&q, &said_type, ret, e) < 0 ? -1 : 0;
}

/* ---- the rules ---- */

/* A branch by its name, as in a trigger's filters; everything else by its full name, so that a tag
 * called as a protected branch does not pass for it. */
static const char *short_ref(const char *ref)
{
	return str_starts(ref, "refs/heads/") ? ref + strlen("refs/heads/") : ref;
}

static void list_add(struct buf *out, const struct strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		buf_addf(out, "%s\"%s\"", i ? ", " : "", list->v[i]);
}

static char *refused_ref(const struct environment_row *env, const char *ref)
{
	struct buf out = BUF_INIT(KIB(64));

	buf_addf(&out, "environment \"%s\" takes only the branches ", env->name);
	list_add(&out, &env->branches);
	buf_addf(&out, ", this run is of %s", ref);
	return buf_take(&out);
}

static char *missing_review(const struct environment_row *env)
{
	struct buf out = BUF_INIT(KIB(64));

	buf_addf(&out, "waits until the environment \"%s\" is approved by one of ", env->name);
	list_add(&out, &env->reviewers);
	return buf_take(&out);
}

/* What the rules come to for one job. */
struct answer {
	enum gate gate;
	char *why;        /* NULL: it may pass */
	struct wall open; /* when it may pass at the earliest */
	bool cancelled;   /* closed, as its run was cancelled */
};

static void answer_release(struct answer *a)
{
	free(a->why);
}

static enum gate rules_ask(const struct environment_row *env, const struct run_row *run,
	const struct said *said, struct wall now, struct answer *ret)
{
	char when[WALL_TEXT_MAX];

	if (env->branches.n && !filter_list_match(&env->branches, short_ref(run->head_ref))) {
		ret->why = refused_ref(env, run->head_ref);
		return GATE_CLOSED;
	}
	if (str_eq(said->state, "rejected")) {
		ret->why = xasprintf("environment \"%s\" was refused by %s%s%s", env->name,
			said->who, said->comment ? ": " : "", said->comment ? said->comment : "");
		return GATE_CLOSED;
	}
	if (env->reviewers.n && !str_eq(said->state, "approved")) {
		ret->why = missing_review(env);
		return GATE_WAITS;
	}
	if (ret->open.us > now.us) {
		ret->why = xasprintf("waits until %s, as the environment \"%s\" asks for %" PRId64
				     " minutes",
			wall_format(ret->open, when), env->name, env->wait_minutes);
		return GATE_WAITS;
	}
	return GATE_OPEN;
}

/* A cancelled run waits for nobody: its jobs that may run nevertheless are there to clean up. */
static void close_cancelled(
	const struct environment_row *env, const struct run_row *run, struct answer *ret)
{
	if (ret->gate != GATE_WAITS || !run->cancels)
		return;
	free(ret->why);
	ret->why = xasprintf("%s, and the environment \"%s\" would have made the job wait",
		run->reason ? run->reason : "its run was cancelled", env->name);
	ret->gate = GATE_CLOSED;
	ret->cancelled = true;
}

/* A bad name, or one environment too many, closes the gate. */
static int gate_ask(struct store *s, const struct job_row *job, struct wall now, struct answer *ret,
	struct err *e)
{
	CLEANUP(environment_row_release) struct environment_row env = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(said_release) struct said said = { 0 };
	struct err why = { 0 };

	if (store_run_get(s, job->run_id, &run, e) < 0 || said_get(s, job->id, now, &said, e) < 0)
		return -1;
	if (store_environment_use(s, run.repo_id, job->environment, now, &env, &why) < 0) {
		if (!err_is(&why, ERR_INPUT) && !err_is(&why, ERR_LIMIT))
			return err_set(e, why.class, "%s", why.text);
		ret->why = xstrdup(why.text);
		ret->gate = GATE_CLOSED;
		return 0;
	}
	ret->open.us = said.since.us + env.wait_minutes * MINUTE_US;
	ret->gate = rules_ask(&env, &run, &said, now, ret);
	close_cancelled(&env, &run, ret);
	return 0;
}

/* ---- what follows ---- */

static int gate_write(
	struct store *s, int64_t job_id, const struct answer *a, struct wall now, struct err *e)
{
	bool timed = a->gate != GATE_CLOSED && a->open.us > now.us;

	if (sql_run(s, e, "UPDATE workflow_jobs SET gate = ?2 WHERE id = ?1", "ii", job_id,
		    (int64_t)a->gate) < 0)
		return -1;
	return sql_run(s, e, "UPDATE job_gates SET why = ?2, wait_until = ?3 WHERE job_id = ?1",
		"itw", job_id, a->why, timed ? a->open : (struct wall){ 0 });
}

/* The reason stands in the log of the first step, too: that is where an author looks. */
static int job_fail(
	struct store *s, const struct job_row *job, const char *why, struct wall now, struct err *e)
{
	static const struct state ended = { STATUS_COMPLETED, CONCLUSION_FAILURE };
	CLEAN_STR char *line = xasprintf("The job was not started: %s.\n", why);

	if (store_log_note(s, job->id, line, now, e) < 0 ||
		job_state_write(s, job->id, ended, (struct wall){ 0 }, now, e) < 0)
		return -1;
	return job_steps_close(s, job->id, ended, now, e);
}

static int job_close(struct store *s, const struct job_row *job, const struct answer *a,
	struct wall now, struct err *e)
{
	if (sql_run(s, e, "UPDATE workflow_jobs SET reason = ?2 WHERE id = ?1", "it", job->id,
		    a->why) < 0)
		return -1;
	return a->cancelled ? job_cancel_queued(s, job->id, now, e)
			    : job_fail(s, job, a->why, now, e);
}

static int gate_pass(
	struct store *s, const struct job_row *job, struct wall now, enum gate *ret, struct err *e)
{
	CLEANUP(answer_release) struct answer a = { 0 };

	if (gate_ask(s, job, now, &a, e) < 0 || gate_write(s, job->id, &a, now, e) < 0)
		return -1;
	*ret = a.gate;
	return a.gate == GATE_CLOSED ? job_close(s, job, &a, now, e) : 0;
}

/* ---- when it is asked ---- */

static int jobs_at_gate(struct store *s, int64_t run_id, struct ids *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e,
		    "SELECT j.id FROM workflow_runs r CROSS JOIN " JOBS_DUE
		    " AND r.id = ?1 AND j.gate = 0 AND j.environment IS NOT NULL"
		    " AND r.pending = 0 AND r.awaits_approval = 0 ORDER BY j.id",
		    "i", run_id) < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0)
		ids_add(ret, col_int(&q, 0));
	return rc;
}

int gate_jobs_enter(
	struct store *s, int64_t run_id, struct wall now, bool *ret_failed, struct err *e)
{
	CLEANUP(ids_release) struct ids jobs = { 0 };

	if (jobs_at_gate(s, run_id, &jobs, e) < 0)
		return -1;
	for (size_t i = 0; i < jobs.n; i++) {
		CLEANUP(job_row_release) struct job_row job = { 0 };
		enum gate gate;

		if (store_job_get(s, jobs.v[i], &job, e) < 0 ||
			gate_pass(s, &job, now, &gate, e) < 0)
			return -1;
		*ret_failed = *ret_failed || gate == GATE_CLOSED;
	}
	return 0;
}

int gate_claim(struct store *s, const struct job_row *job, struct wall now, struct err *e)
{
	enum gate gate;
	struct state run;

	if (!job->environment)
		return 1;
	if (gate_pass(s, job, now, &gate, e) < 0)
		return -1;
	if (gate == GATE_OPEN)
		return 1;
	if (sql_run(s, e, "UPDATE workflow_jobs SET ready = 0, ready_at = NULL WHERE id = ?", "i",
		    job->id) < 0)
		return -1;
	return run_settle(s, job->run_id, now, &run, e);
}

/* Settling asks again. */
static int ask_again(struct store *s, const struct gate_rows *l, struct wall now, struct err *e)
{
	struct state run;

	for (size_t i = 0; i < l->n; i++)
		if (sql_run(s, e, "UPDATE workflow_jobs SET gate = 0 WHERE id = ?", "i",
			    l->v[i].job_id) < 0 ||
			run_settle(s, l->v[i].run_id, now, &run, e) < 0)
			return -1;
	return 0;
}

/* ---- who waits ---- */

static const struct column waiting_columns[] = {
	COLUMN("j.id", COLUMN_INT, gate_row, job_id),
	COLUMN("j.run_id", COLUMN_INT, gate_row, run_id),
	COLUMN("j.name", COLUMN_TEXT, gate_row, job),
	COLUMN("j.environment", COLUMN_TEXT, gate_row, environment),
	COLUMN("g.why", COLUMN_TEXT, gate_row, why),
	COLUMN("g.since", COLUMN_WALL, gate_row, since),
};
static const struct row_type gate_type = ROW_TYPE(gate_row, waiting_columns);

void gate_rows_release(struct gate_rows *l)
{
	LIST_RELEASE(&gate_type, l);
}

int gate_waiting(
	struct store *s, int64_t repo_id, int64_t run_id, struct gate_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &gate_type,
		    "FROM workflow_jobs j JOIN job_gates g ON g.job_id = j.id"
		    " JOIN workflow_runs r ON r.id = j.run_id WHERE j.gate = 1"
		    " AND j.status = 'queued' AND (?1 = 0 OR r.repo_id = ?1)"
		    " AND (?2 = 0 OR j.run_id = ?2) ORDER BY j.id",
		    "ii", repo_id, run_id) < 0)
		return -1;
	return LIST_READ(&q, &gate_type, ret, e);
}

/* Only those of the environment stay. */
static void rows_keep(struct gate_rows *l, const char *environment)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (strcasecmp(l->v[i].environment, environment) == 0)
			l->v[n++] = l->v[i];
		else
			row_release(&gate_type, &l->v[i]);
	}
	l->n = n;
}

/* ---- decisions ---- */

static int may_decide(struct store *s, const struct gate_decision *d, struct err *e)
{
	CLEANUP(environment_row_release) struct environment_row env = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (d->by_operator)
		return 0;
	if (store_run_get(s, d->run_id, &run, e) < 0 ||
		store_environment_get(s, run.repo_id, d->environment, &env, e) < 0)
		return -1;
	strv_each (login, &env.reviewers)
		if (strcasecmp(login, d->who) == 0)
			return 0;
	return err_set(
		e, ERR_DENIED, "%s is no reviewer of the environment \"%s\"", d->who, env.name);
}

int gate_decide(struct store *s, const struct gate_decision *d, struct wall now, int64_t *ret_jobs,
	struct err *e)
{
	CLEANUP(gate_rows_release) struct gate_rows l = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || may_decide(s, d, e) < 0 ||
		gate_waiting(s, 0, d->run_id, &l, e) < 0)
		return -1;
	rows_keep(&l, d->environment);
	if (!l.n)
		return err_set(e, ERR_NOT_FOUND,
			"no job of run %" PRId64 " waits for the environment \"%.100s\"", d->run_id,
			d->environment);
	for (size_t i = 0; i < l.n; i++)
		if (sql_run(s, e,
			    "UPDATE job_gates SET state = ?2, decided_by = ?3, comment = ?4,"
			    " decided_at = ?5 WHERE job_id = ?1",
			    "itttw", l.v[i].job_id, d->approve ? "approved" : "rejected", d->who,
			    d->comment, now) < 0)
			return -1;
	if (ask_again(s, &l, now, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret_jobs = (int64_t)l.n;
	return 0;
}

int gate_rules_changed(
	struct store *s, int64_t repo_id, const char *environment, struct wall now, struct err *e)
{
	CLEANUP(gate_rows_release) struct gate_rows l = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || gate_waiting(s, repo_id, 0, &l, e) < 0)
		return -1;
	rows_keep(&l, environment);
	return ask_again(s, &l, now, e) < 0 ? -1 : store_commit(&tx, e);
}

static int gates_due(struct store *s, struct wall now, struct gate_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &gate_type,
		    "FROM job_gates g JOIN workflow_jobs j ON j.id = g.job_id"
		    " WHERE g.wait_until <= ?1 AND j.gate = 1 AND j.status = 'queued'",
		    "w", now) < 0)
		return -1;
	return LIST_READ(&q, &gate_type, ret, e);
}

int gate_tick(struct store *s, struct wall now, bool *ret_any, struct err *e)
{
	CLEANUP(gate_rows_release) struct gate_rows l = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (gates_due(s, now, &l, e) < 0)
		return -1;
	*ret_any = l.n > 0;
	if (!l.n) /* mostly none: no lock for that */
		return 0;
	gate_rows_release(&l);
	if (store_begin(s, &tx, e) < 0 || gates_due(s, now, &l, e) < 0 ||
		ask_again(s, &l, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}
