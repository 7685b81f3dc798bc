/*
 * A push to runs. The request says what the client wanted; only what the repository says now is
 * believed, so a ref that a hook or a race refused starts nothing.
 */
#include "coordinator/trigger/trigger.h"

#include "base/log.h"
#include "base/utf8.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/schedule.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/file_run.h"
#include "coordinator/trigger/payload.h"
#include "coordinator/trigger/pull.h"
#include "coordinator/trigger/schedule.h"

/* One ref of a push while its workflow files are tried. */
struct moved {
	const struct trigger *t;
	const struct repo_row *row;
	struct repo *repo;
	const struct ref_update *update;
	struct commit_info head;
	const char *pusher;
	char *payload;
	struct strv changed; /* read when the first path filter asks */
	bool changed_known, changed_all;
	bool skips;                      /* its message says so */
	struct schedule_list *schedules; /* NULL: not the default branch */
	struct file_event event;
	struct file_runs *made; /* of all refs of the push */
};

bool trigger_ref_wanted(const struct workflow_push *p, bool tag, const char *name)
{
	const struct filter *mine = tag ? &p->tags : &p->branches;
	const struct filter *other = tag ? &p->branches : &p->tags;

	if (!p->given)
		return false;
	/* only the other kind is filtered: then only the other kind is meant */
	if (!filter_given(mine))
		return !filter_given(other);
	return filter_passes(mine, name);
}

bool trigger_skips(const char *message)
{
	static const char *const markers[] = { "[skip ci]", "[ci skip]", "[no ci]",
		"[skip actions]", "[actions skip]" };

	for (size_t i = 0; i < ARRAY_LEN(markers); i++)
		if (strstr(message, markers[i]))
			return true;
	return false;
}

static bool is_tag(const char *ref)
{
	return str_starts(ref, "refs/tags/");
}

static const char *short_name(const char *ref)
{
	return ref + strlen(is_tag(ref) ? "refs/tags/" : "refs/heads/");
}

/* Any file that differs passes the filter. Pushes of tags have no path filter, as users expect. */
static int paths_wanted(struct moved *m, const struct filter *paths, bool *ret, struct err *e)
{
	const struct ref_update *u = m->update;

	*ret = true;
	if (!filter_given(paths) || is_tag(u->ref))
		return 0;
	if (!m->changed_known) {
		CLEAN_STR char *branch = xasprintf("refs/heads/%s", m->row->default_branch);

		if (repo_changed(m->repo, oid_is_zero(u->before) ? NULL : u->before, u->after,
			    branch, &m->changed, &m->changed_all, e) < 0)
			return -1;
		m->changed_known = true;
	}
	if (m->changed_all)
		return 0;
	strv_each (path, &m->changed)
		if (filter_passes(paths, path))
			return 0;
	*ret = false;
	return 0;
}

static int try_file(struct moved *m, const struct repo_file *f, struct err *e)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	bool wanted = false;

	if (workflow_parse(f->path, f->data, f->len, &w, &problems) < 0)
		return m->skips ? 0
				: file_run_broken(&m->event, f->path, NULL, &problems, m->made, e);
	if (m->schedules)
		schedule_collect(m->schedules, f->path, &w.on, m->pusher, m->t->now);
	const char *ref = m->update->ref;
	if (m->skips || !trigger_ref_wanted(&w.on.push, is_tag(ref), short_name(ref)))
		return 0;
	if (paths_wanted(m, &w.on.push.paths, &wanted, e) < 0)
		return -1;
	return wanted ? file_run_make(&m->event, f->path, &w, m->made, e) : 0;
}

static void tell_skipped(struct moved *m, size_t n)
{
	log_warn("trigger", "workflow_files_skipped", F_INT("repo", m->row->id),
		F_STR("ref", m->update->ref), F_INT("count", (int64_t)n));
	push_note(&m->made->notes,
		"%s: %zu workflow files were ignored, expected at most %d with printable names",
		m->update->ref, n, REPO_WORKFLOWS_MAX);
}

static int try_files(struct moved *m, struct err *e)
{
	CLEANUP(repo_files_release) struct repo_files files = { 0 };
	CLEANUP(commit_list_release) struct commit_list commits = { 0 };
	const struct payload_push p = { m->update, &m->head, &commits, m->pusher };

	m->skips = trigger_skips(m->head.message);
	if (repo_workflows(m->repo, m->head.oid, &files, e) < 0)
		return -1;
	if (files.skipped > 0)
		tell_skipped(m, files.skipped);
	if (files.n == 0)
		return 0;
	if (repo_pushed(m->repo, m->update->ref, m->update->before, m->head.oid, &commits, e) < 0)
		return -1;
	m->payload = payload_push(m->t, m->row, &p, e);
	if (!m->payload)
		return -1;
	m->event = (struct file_event){ .t = m->t,
		.repo = m->row,
		.name = "push",
		.payload = m->payload,
		.sha = m->head.oid,
		.ref = m->update->ref,
		.actor = m->pusher };
	for (size_t i = 0; i < files.n; i++)
		if (try_file(m, &files.v[i], e) < 0)
			return -1;
	return 0;
}

static void moved_release(struct moved *m)
{
	commit_info_release(&m->head);
	strv_release(&m->changed);
	free(m->payload);
}

/* A refused update (hook, race, fsck) is in the request but not in the repository. */
static bool update_happened(struct repo *repo, const struct ref_update *u)
{
	char now[OID_TEXT_MAX];

	if (oid_is_zero(u->after))
		return false;
	if (!str_starts(u->ref, "refs/heads/") && !is_tag(u->ref) && !pull_ref_number(u->ref))
		return false;
	return repo_ref(repo, u->ref, now, NULL) == 0 && str_eq(now, u->after);
}

static bool is_default_branch(const struct repo_row *row, const char *ref)
{
	return str_starts(ref, "refs/heads/") && str_eq(short_name(ref), row->default_branch);
}

static int one_update(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	const struct ref_update *u, const char *pusher, struct file_runs *made, struct err *e)
{
	CLEANUP(moved_release)
	struct moved m = {
		.t = t, .row = row, .repo = repo, .update = u, .pusher = pusher, .made = made
	};
	CLEANUP(schedule_list_release) struct schedule_list schedules = { 0 };
	struct err why = { 0 };

	if (!utf8_valid(u->ref, strlen(u->ref))) {
		log_warn("trigger", "ref_is_no_utf8", F_INT("repo", row->id));
		push_note(&made->notes, "a ref starts no runs: its name is not UTF-8");
		return 0;
	}
	if (repo_commit(repo, u->after, &m.head, &why) < 0) {
		/* a tag may name a tree or a blob: nothing to run */
		log_info("trigger", "ref_is_no_commit", F_INT("repo", row->id),
			F_STR("ref", u->ref), F_ERR(&why));
		return 0;
	}
	if (is_default_branch(row, u->ref))
		m.schedules = &schedules;
	if (try_files(&m, e) < 0 ||
		(m.schedules && store_schedule_replace(t->store, row->id, &schedules, e) < 0))
		return err_wrap(e, "%s", u->ref);
	return 0;
}

static int push_one(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	const struct ref_update *u, const char *pusher, struct file_runs *made, struct err *e)
{
	int64_t number = pull_ref_number(u->ref);

	if (!update_happened(repo, u))
		return 0;
	return number ? trigger_pull_pushed(t, row, repo, number, u->after, pusher, made, e)
		      : one_update(t, row, repo, u, pusher, made, e);
}

void push_made_release(struct push_made *m)
{
	push_notes_release(&m->notes);
	m->runs = 0;
}

/* Its runs are made all the same, and go on by themselves. */
static int tell_disabled(
	const struct trigger *t, const struct repo_row *row, struct file_runs *made, struct err *e)
{
	CLEANUP(policy_release) struct policy p = { 0 };

	if (!made->jobs)
		return 0;
	if (store_policy_load(t->store, row->owner, row->id, &p, e) < 0)
		return -1;
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		const char *why = p.levels[i].disabled_reason;

		if (p.levels[i].disabled_at.us)
			push_note(&made->notes,
				"jobs wait until actions are enabled again for the %s%s%s",
				policy_level_text((enum policy_level)i), why ? ": " : "",
				why ? why : "");
	}
	return 0;
}

int trigger_push(const struct trigger *t, const struct repo_row *row, const struct push *push,
	const char *pusher, struct push_made *ret, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	CLEANUP(file_runs_release) struct file_runs made = { 0 };

	if (!repo)
		return -1;
	for (size_t i = 0; i < push->n; i++)
		if (push_one(t, row, repo, &push->v[i], pusher, &made, e) < 0)
			return -1;
	if (tell_disabled(t, row, &made, e) < 0)
		return -1;
	ret->runs = made.runs.n;
	ret->notes = made.notes;
	made.notes = (struct push_notes){ 0 };
	return 0;
}
