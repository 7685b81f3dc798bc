/*
 * A line is stored with its next time, so due ones are found by one look-up in an index. The run
 * is made from the default branch as it is when the time comes; whether the file still has the
 * line need not be asked, as every push to that branch replaces the lines.
 */
#include "coordinator/trigger/schedule.h"

#include "base/log.h"
#include "coordinator/store/audit.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/branch_file.h"
#include "coordinator/trigger/payload.h"
#include "workflow/cron.h"

static struct wall next_time(const char *line, struct wall after)
{
	struct cron c;
	struct err e = { 0 };

	return cron_parse(line, &c, &e) < 0 ? (struct wall){ 0 } : cron_next(&c, after);
}

void schedule_collect(struct schedule_list *l, const char *file, const struct workflow_on *on,
	const char *actor, struct wall now)
{
	for (size_t i = 0; i < on->n_crons; i++) {
		const char *line = on->crons[i].fields;
		struct wall next = next_time(line, now);

		if (!next.us)
			continue;
		l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
		l->v[l->n++] = (struct schedule_row){ .workflow_file = xstrdup(file),
			.cron = xstrdup(line),
			.actor = actor ? xstrdup(actor) : NULL,
			.next_at = next };
	}
}

static int run_make(const struct trigger *t, const struct schedule_row *line,
	struct run_created *ret, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_BRANCH_FILE struct branch_file b = { 0 };
	CLEAN_STR char *payload = NULL;
	struct err why = { 0 };

	if (store_repo_get(t->store, line->repo_id, &repo, e) < 0 ||
		branch_file_load(&b, t, &repo, NULL, line->workflow_file, &problems, e) < 0)
		return -1;
	payload = payload_schedule(t, &repo, line, e);
	if (!payload)
		return -1;
	const struct branch_event ev = { "schedule", payload, line->actor, NULL };
	if (branch_file_run(&b, t, &repo, &ev, ret, &why) == 0)
		return 0;
	if (why.class == ERR_INPUT || why.class == ERR_LIMIT)
		return branch_file_fail(&b, t, &repo, &ev, why.text, ret, e);
	*e = why;
	return -1;
}

/* Nobody asked for it, so the audit table says it as well. */
static int line_drop(
	const struct trigger *t, const struct schedule_row *line, const char *why, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	if (store_repo_get(t->store, line->repo_id, &repo, e) < 0)
		return -1;
	CLEAN_STR char *name = xasprintf("%s/%s", repo.owner, repo.name);
	CLEAN_STR char *reason = xasprintf("%s, %s: %s", line->workflow_file, line->cron, why);
	const struct audit_entry entry = { .by = AUDIT_COORDINATOR,
		.verb = "schedule.drop",
		.target_kind = "repository",
		.target = name,
		.reason = reason };
	if (store_audit_record(t->store, &entry, t->now, e) < 0)
		return -1;
	return store_schedule_drop(t->store, line->id, why, t->now, e);
}

/* Without its branch or file a line goes, until a push brings it back. */
static int line_failed(const struct trigger *t, const struct schedule_row *line,
	const struct err *why, struct wall next, struct err *e)
{
	bool gone = why->class == ERR_NOT_FOUND;

	log_error("trigger", gone ? "schedule_dropped" : "schedule_failed",
		F_INT("repo", line->repo_id), F_STR("workflow", line->workflow_file),
		F_STR("cron", line->cron), F_ERR(why));
	return gone ? line_drop(t, line, why->text, e)
		    : store_schedule_set(t->store, line->id, next, e);
}

static int start_line(
	const struct trigger *t, const struct schedule_row *line, size_t *runs, struct err *e)
{
	struct wall next = next_time(line->cron, t->now);
	struct run_created run = { 0 };
	struct err why = { 0 };

	if (run_make(t, line, &run, &why) < 0)
		return line_failed(t, line, &why, next, e);
	log_info("trigger", "schedule", F_INT("repo", line->repo_id),
		F_STR("workflow", line->workflow_file), F_STR("cron", line->cron),
		F_INT("run", run.run_id));
	(*runs)++;
	return store_schedule_set(t->store, line->id, next, e);
}

int trigger_schedules(const struct trigger *t, size_t *ret_runs, struct err *e)
{
	CLEANUP(schedule_list_release) struct schedule_list due = { 0 };

	*ret_runs = 0;
	if (store_schedule_due(t->store, t->now, &due, e) < 0)
		return -1;
	for (size_t i = 0; i < due.n; i++) {
		CLEAN_TX struct store_tx tx = { 0 };

		if (store_begin(t->store, &tx, e) < 0)
			return -1;
		int rc = store_schedule_waits(t->store, &due.v[i], e);
		if (rc == 0) /* another serve was faster, or a push changed it */
			continue;
		if (rc < 0 || start_line(t, &due.v[i], ret_runs, e) < 0 || store_commit(&tx, e) < 0)
			return -1;
	}
	return 0;
}
