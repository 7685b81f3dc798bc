/*
 * A push to runs. The request says what the client wanted; only what the repository says now is
 * believed, so a ref that a hook or a race refused starts nothing. A branch that has moved on since
 * still shows that it was there; one that was forced away does not, and a ref that has started some
 * of its runs gets the others all the same.
 */
#include "coordinator/trigger/trigger.h"

#include "base/limits.h"
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

struct pushing {
	const struct trigger *t;
	const struct repo_row *row;
	struct repo *repo;
	struct push_runs *p;
	int64_t runs_before; /* this call */
	struct file_runs made;
	bool stopped;
};
/* One ref of a push while its workflow files are tried. */
struct moved {
	struct pushing *g;
	const struct ref_update *update;
	struct commit_info head;
	char *payload;
	struct strv changed; /* read when the first path filter asks */
	bool changed_known, changed_all;
	bool skips;                      /* its message says so */
	struct schedule_list *schedules; /* NULL: not the default branch */
	struct file_event event;
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

/* A trailer is the last line of the message and not its first. */
static bool skip_trailer(const char *message)
{
	static const char key[] = "skip-checks:";
	size_t n = strlen(message);

	while (n > 0 && strchr(" \t\r\n", message[n - 1]))
		n--;
	CLEAN_STR char *text = xmemdup0(message, n);
	const char *line = strrchr(text, '\n');
	if (!line || strncasecmp(line + 1, key, strlen(key)) != 0)
		return false;
	line += 1 + strlen(key);
	return str_eq(line + strspn(line, " "), "true");
}

bool trigger_skips(const char *message)
{
	static const char *const markers[] = { "[skip ci]", "[ci skip]", "[no ci]",
		"[skip actions]", "[actions skip]" };

	for (size_t i = 0; i < ARRAY_LEN(markers); i++)
		if (strstr(message, markers[i]))
			return true;
	return skip_trailer(message);
}

static bool is_tag(const char *ref)
{
	return str_starts(ref, "refs/tags/");
}

static const char *short_name(const char *ref)
{
	return ref + strlen(is_tag(ref) ? "refs/tags/" : "refs/heads/");
}

/* ---- progress ---- */

static struct push_progress progress_at(const struct pushing *g, int64_t ref, int64_t file)
{
	return (struct push_progress){ ref, file, g->runs_before + (int64_t)g->made.runs.n,
		(int64_t)g->made.jobs };
}

static int made_keep(struct pushing *g, const struct push_progress *at, struct err *e)
{
	return g->p->keep ? g->p->keep(g->p->data, at, e) : 0;
}

/* After the commit. */
static void made_kept(struct pushing *g, const struct push_progress *at)
{
	g->p->at = *at;
	store_give_way(g->t->store);
	g->stopped = g->p->stops && g->p->stops(g->p->data);
}

/* ---- one ref ---- */

/* Any file that differs passes the filter. Pushes of tags have no path filter, as users expect. */
static int paths_wanted(struct moved *m, const struct filter *paths, bool *ret, struct err *e)
{
	const struct ref_update *u = m->update;

	*ret = true;
	if (!filter_given(paths) || is_tag(u->ref))
		return 0;
	if (!m->changed_known) {
		CLEAN_STR char *branch = xasprintf("refs/heads/%s", m->g->row->default_branch);
		const char *against = str_eq(u->ref, branch) ? NULL : branch;

		if (repo_changed(m->g->repo, oid_is_zero(u->before) ? NULL : u->before, u->after,
			    against, &m->changed, &m->changed_all, e) < 0)
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

/* w NULL: the file is broken. */
static int run_make(struct moved *m, int64_t position, const char *path, const struct workflow *w,
	const struct strv *problems, struct err *e)
{
	struct pushing *g = m->g;
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(g->t->store, &tx, e) < 0 ||
		(w ? file_run_make(&m->event, path, w, &g->made, e)
		   : file_run_broken(&m->event, path, NULL, problems, &g->made, e)) < 0)
		return -1;
	struct push_progress at = progress_at(g, g->p->at.ref, position + 1);
	if (made_keep(g, &at, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	made_kept(g, &at);
	return 0;
}

static int try_file(struct moved *m, int64_t position, const struct repo_file *f, struct err *e)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	bool made = position < m->g->p->at.file, wanted = false;

	if (workflow_parse(f->path, f->data, f->len, &w, &problems) < 0)
		return m->skips || made ? 0 : run_make(m, position, f->path, NULL, &problems, e);
	if (m->schedules)
		schedule_collect(m->schedules, f->path, &w.on, m->g->p->pusher, m->g->t->now);
	const char *ref = m->update->ref;
	if (m->skips || made || !trigger_ref_wanted(&w.on.push, is_tag(ref), short_name(ref)))
		return 0;
	if (paths_wanted(m, &w.on.push.paths, &wanted, e) < 0)
		return -1;
	return wanted ? run_make(m, position, f->path, &w, NULL, e) : 0;
}

static void tell_skipped(struct moved *m, size_t n)
{
	log_warn("trigger", "workflow_files_skipped", F_INT("repo", m->g->row->id),
		F_STR("ref", m->update->ref), F_INT("count", (int64_t)n));
	push_note(&m->g->made.notes,
		"%s: %zu workflow files were ignored, expected at most %d with printable names",
		m->update->ref, n, REPO_WORKFLOWS_MAX);
}

static int try_files(struct moved *m, struct err *e)
{
	CLEANUP(repo_files_release) struct repo_files files = { 0 };
	CLEANUP(commit_list_release) struct commit_list commits = { 0 };
	const struct pushing *g = m->g;
	const struct payload_push p = { m->update, &m->head, &commits, g->p->pusher };

	m->skips = trigger_skips(m->head.message);
	if (repo_workflows(g->repo, m->head.oid, &files, e) < 0)
		return -1;
	if (files.skipped > 0)
		tell_skipped(m, files.skipped);
	if (files.n == 0)
		return 0;
	if (repo_pushed(g->repo, m->update->ref, m->update->before, m->head.oid, &commits, e) < 0)
		return -1;
	m->payload = payload_push(g->t, g->row, &p, e);
	if (!m->payload)
		return -1;
	m->event = (struct file_event){ .t = g->t,
		.repo = g->row,
		.name = "push",
		.payload = m->payload,
		.sha = m->head.oid,
		.ref = m->update->ref,
		.actor = g->p->pusher };
	for (size_t i = 0; i < files.n && !g->stopped; i++)
		if (try_file(m, (int64_t)i, &files.v[i], e) < 0)
			return -1;
	return 0;
}

static void moved_release(struct moved *m)
{
	commit_info_release(&m->head);
	strv_release(&m->changed);
	free(m->payload);
}

/* A later push may have moved the branch on before the runs of this one are made. */
static bool moved_on(struct repo *repo, const struct ref_update *u)
{
	return str_starts(u->ref, "refs/heads/") &&
	       (oid_is_zero(u->before) || repo_descends(repo, u->after, u->before)) &&
	       repo_branch_holds(repo, u->ref, u->after);
}

/* A refused update (hook, race, fsck) is in the request but not in the repository. */
static bool update_happened(struct repo *repo, const struct ref_update *u)
{
	char now[OID_TEXT_MAX];

	if (oid_is_zero(u->after))
		return false;
	if (!str_starts(u->ref, "refs/heads/") && !is_tag(u->ref) && !pull_ref_number(u->ref))
		return false;
	return repo_ref(repo, u->ref, now, NULL) == 0 &&
	       (str_eq(now, u->after) || moved_on(repo, u));
}

static bool is_default_branch(const struct repo_row *row, const char *ref)
{
	return str_starts(ref, "refs/heads/") && str_eq(short_name(ref), row->default_branch);
}

static bool ref_usable(struct pushing *g, const char *ref)
{
	size_t len = strlen(ref);

	if (!utf8_valid(ref, len)) {
		log_warn("trigger", "ref_is_no_utf8", F_INT("repo", g->row->id));
		push_note(&g->made.notes, "a ref starts no runs: its name is not UTF-8");
		return false;
	}
	if (len > LIMIT_REF) {
		log_warn("trigger", "ref_is_too_long", F_INT("repo", g->row->id));
		push_note(&g->made.notes,
			"a ref starts no runs: its name has %zu bytes, expected at most %d", len,
			LIMIT_REF);
		return false;
	}
	return true;
}

static int one_update(struct pushing *g, const struct ref_update *u, struct err *e)
{
	CLEANUP(moved_release) struct moved m = { .g = g, .update = u };
	CLEANUP(schedule_list_release) struct schedule_list schedules = { 0 };
	struct err why = { 0 };

	if (!ref_usable(g, u->ref))
		return 0;
	if (repo_commit(g->repo, u->after, &m.head, &why) < 0) {
		/* a tag may name a tree or a blob: nothing to run */
		log_info("trigger", "ref_is_no_commit", F_INT("repo", g->row->id),
			F_STR("ref", u->ref), F_ERR(&why));
		return 0;
	}
	if (is_default_branch(g->row, u->ref))
		m.schedules = &schedules;
	if (try_files(&m, e) < 0)
		return err_wrap(e, "%s", u->ref);
	if (m.schedules && !g->stopped &&
		store_schedule_replace(g->t->store, g->row->id, &schedules, e) < 0)
		return err_wrap(e, "%s", u->ref);
	return 0;
}

/* A group, as it takes the lock when there is something to store. */
static int pull_update(struct pushing *g, const struct ref_update *u, int64_t number, struct err *e)
{
	struct store *s = g->t->store;
	struct push_progress at;

	store_group_begin(s);
	int rc = trigger_pull_pushed(
		g->t, g->row, g->repo, number, u->after, g->p->pusher, &g->made, e);
	at = progress_at(g, g->p->at.ref + 1, 0);
	if (rc == 0)
		rc = made_keep(g, &at, e);
	if (rc < 0)
		store_group_drop(s);
	if (store_group_end(s, rc < 0 ? NULL : e) < 0 || rc < 0)
		return -1;
	made_kept(g, &at);
	return 0;
}

/* ---- all of them ---- */

static int push_one(struct pushing *g, const struct ref_update *u, struct err *e)
{
	int64_t number = pull_ref_number(u->ref), ref = g->p->at.ref;

	if (g->p->at.file || update_happened(g->repo, u))
		if ((number ? pull_update(g, u, number, e) : one_update(g, u, e)) < 0)
			return -1;
	if (!g->stopped && g->p->at.ref == ref)
		g->p->at = progress_at(g, ref + 1, 0);
	return 0;
}

/* Its runs are made all the same, and go on by themselves. */
static int tell_disabled(struct pushing *g, struct err *e)
{
	CLEANUP(policy_release) struct policy p = { 0 };

	if (!g->made.jobs)
		return 0;
	if (store_policy_load(g->t->store, g->row->owner, g->row->id, &p, e) < 0)
		return -1;
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		const char *why = p.levels[i].disabled_reason;

		if (p.levels[i].disabled_at.us)
			push_note(&g->made.notes,
				"jobs wait until actions are enabled again for the %s%s%s",
				policy_level_text((enum policy_level)i), why ? ": " : "",
				why ? why : "");
	}
	return 0;
}

/* What this call knows already goes on from there, and back. */
static void notes_swap(struct pushing *g)
{
	struct push_notes was = g->made.notes;

	if (!g->p->notes)
		return;
	g->made.notes = *g->p->notes;
	*g->p->notes = was;
}

int trigger_push(
	const struct trigger *t, const struct repo_row *row, struct push_runs *p, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	struct pushing g = { .t = t, .row = row, .repo = repo, .p = p, .runs_before = p->at.runs };
	int rc = repo ? 0 : -1;

	g.made.jobs = (size_t)p->at.jobs;
	notes_swap(&g);
	while (rc == 0 && !g.stopped && (size_t)p->at.ref < p->push->n)
		rc = push_one(&g, &p->push->v[p->at.ref], e);
	if (rc == 0 && !g.stopped)
		rc = tell_disabled(&g, e);
	notes_swap(&g);
	file_runs_release(&g.made);
	return rc;
}
