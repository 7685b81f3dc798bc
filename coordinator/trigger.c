#include "coordinator/trigger.h"

#include "base/log.h"
#include "coordinator/trigger_payload.h"
#include "coordinator/trigger_plan.h"

int trigger_plan(const struct trigger *t, const struct repo_row *row, const struct workflow *w,
	const struct plan_event *ev, struct run_plan *ret, struct err *e)
{
	struct plan_event whole = *ev;
	CLEANUP(pairs_release) struct pairs vars = { 0 };
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);

	if (store_variable_list(t->store, row->id, &vars, e))
		return -1;
	whole.repository = full;
	whole.vars = &vars;
	return run_plan_make(ret, w, &whole, e);
}

/* One ref of a push while its workflow files are looked at. */
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
	size_t runs;
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

static int store_run(struct moved *m, struct run_spec *spec, struct err *e)
{
	struct run_created created;

	spec->repo_id = m->row->id;
	spec->event = "push";
	spec->event_payload = m->payload;
	spec->head_sha = m->head.oid;
	spec->head_ref = m->update->ref;
	spec->actor = m->pusher;
	if (store_run_create(m->t->store, spec, m->t->now, &created, e) < 0)
		return err_wrap(e, "%s", spec->workflow_file);
	m->runs++;
	return 0;
}

static char *join_lines(const struct strv *lines)
{
	struct buf out = BUF_INIT(KIB(128));

	strv_each (line, lines)
		buf_addf(&out, "%s\n", line);
	return buf_take(&out);
}

static int store_broken(
	struct moved *m, const struct repo_file *f, const struct strv *problems, struct err *e)
{
	CLEAN_STR char *text = join_lines(problems);
	struct run_spec spec = { .workflow_file = f->path, .problems = text };

	return store_run(m, &spec, e);
}

static int make_plan(
	struct moved *m, const struct workflow *w, struct run_plan *plan, struct err *e)
{
	struct plan_event ev = { .name = "push",
		.payload = m->payload,
		.sha = m->head.oid,
		.ref = m->update->ref,
		.actor = m->pusher };

	return trigger_plan(m->t, m->row, w, &ev, plan, e);
}

static int try_file(struct moved *m, const struct repo_file *f, struct err *e)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct err why = { 0 };
	bool wanted = false;

	if (workflow_parse(f->path, f->data, f->len, &w, &problems) < 0)
		return store_broken(m, f, &problems, e);
	const char *ref = m->update->ref;
	if (!trigger_ref_wanted(&w.on.push, is_tag(ref), short_name(ref)))
		return 0;
	if (paths_wanted(m, &w.on.push.paths, &wanted, e) < 0)
		return -1;
	if (!wanted)
		return 0;
	if (make_plan(m, &w, &plan, &why) < 0) {
		strv_addf(&problems, "%s: %s", f->path, why.text);
		return store_broken(m, f, &problems, e);
	}
	struct run_spec spec = { .workflow_file = f->path,
		.workflow_name = w.name,
		.jobs = plan.jobs,
		.n_jobs = plan.n_jobs };
	return store_run(m, &spec, e);
}

static int try_files(struct moved *m, struct err *e)
{
	CLEANUP(repo_files_release) struct repo_files files = { 0 };
	struct payload_push p = { .update = m->update, .head = &m->head, .pusher = m->pusher };

	if (trigger_skips(m->head.message))
		return 0;
	if (repo_workflows(m->repo, m->head.oid, &files, e) < 0)
		return -1;
	if (files.skipped > 0)
		log_warn("trigger", "workflow_files_skipped", F_INT("repo", m->row->id),
			F_STR("ref", m->update->ref), F_INT("count", (int64_t)files.skipped));
	if (files.n == 0)
		return 0;
	m->payload = payload_push(m->t, m->row, &p, e);
	if (!m->payload)
		return -1;
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
static bool happened(struct repo *repo, const struct ref_update *u)
{
	char now[OID_TEXT_MAX];

	if (oid_is_zero(u->after))
		return false;
	if (!str_starts(u->ref, "refs/heads/") && !is_tag(u->ref))
		return false;
	return repo_ref(repo, u->ref, now, NULL) == 0 && str_eq(now, u->after);
}

static int one_update(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	const struct ref_update *u, const char *pusher, size_t *runs, struct err *e)
{
	CLEANUP(moved_release)
	struct moved m = { .t = t, .row = row, .repo = repo, .update = u, .pusher = pusher };
	struct err why = { 0 };

	if (!happened(repo, u))
		return 0;
	if (!utf8_valid(u->ref, strlen(u->ref))) {
		log_warn("trigger", "ref_is_no_utf8", F_INT("repo", row->id));
		return 0;
	}
	if (repo_commit(repo, u->after, &m.head, &why) < 0) {
		/* a tag may name a tree or a blob: nothing to run */
		log_info("trigger", "ref_is_no_commit", F_INT("repo", row->id),
			F_STR("ref", u->ref), F_ERR(&why));
		return 0;
	}
	if (try_files(&m, e) < 0)
		return err_wrap(e, "%s", u->ref);
	*runs += m.runs;
	return 0;
}

int trigger_push(const struct trigger *t, const struct repo_row *row, const struct push *push,
	const char *pusher, size_t *ret_runs, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	CLEAN_TX struct store_tx tx = { 0 };
	size_t runs = 0;

	if (!repo || store_begin(t->store, &tx, e) < 0)
		return -1;
	for (size_t i = 0; i < push->n; i++)
		if (one_update(t, row, repo, &push->v[i], pusher, &runs, e) < 0)
			return -1;
	if (store_commit(&tx, e) < 0)
		return -1;
	*ret_runs = runs;
	return 0;
}
