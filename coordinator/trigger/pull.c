/*
 * Everything that git and the workflow files say is read first, then all is stored at once, so that
 * the store's lock is held for the rows alone. Everything that the event names is looked up in the
 * repository before anything is stored, so a refused event has changed nothing. Base files are read
 * at the base branch as it is now, not at the commit that the host names: what is required is the
 * repository's to say.
 */
#include "coordinator/trigger/pull.h"

#include <inttypes.h>

#include "base/codec.h"
#include "base/log.h"
#include "coordinator/queue/approve.h"
#include "coordinator/store/pull.h"
#include "coordinator/trigger/payload.h"
#include "coordinator/trigger/pull_filter.h"
#include "coordinator/trigger/pull_trust.h"
#include "coordinator/trigger/quota.h"
#include "coordinator/trigger/required.h"
#include "workflow/event.h"

/* One workflow file of the commit that runs. */
struct pull_file {
	struct workflow workflow;
	struct strv problems; /* it is broken */
	bool broken, wanted;
};
struct pulling {
	const struct trigger *t;
	const struct repo_row *row;
	struct repo *repo;
	const struct pull_event *ev;
	struct pull_row before; /* id 0: this is the first event */
	struct commit_info head;
	char base_tip[OID_TEXT_MAX];
	char *ref; /* of the runs */
	char *payload;
	struct pull_trust trust;
	struct pull_filter filter;
	struct repo_files files;  /* of the commit that runs */
	struct pull_file *parsed; /* one each */
	struct required_gaps gaps;
	struct file_event event;
};

static void pulling_release(struct pulling *p)
{
	pull_row_release(&p->before);
	commit_info_release(&p->head);
	free(p->ref);
	free(p->payload);
	pull_filter_release(&p->filter);
	for (size_t i = 0; p->parsed && i < p->files.n; i++) {
		workflow_release(&p->parsed[i].workflow);
		strv_release(&p->parsed[i].problems);
	}
	free(p->parsed);
	required_gaps_release(&p->gaps);
	repo_files_release(&p->files);
}

void pull_made_release(struct pull_made *m)
{
	file_runs_release(&m->files);
}

int64_t pull_ref_number(const char *ref)
{
	const size_t n = strlen("refs/pull/");
	int64_t number = 0;

	if (!str_starts(ref, "refs/pull/") || !str_ends(ref, "/head") || strlen(ref) < n + 6)
		return 0;
	CLEAN_STR char *digits = xstrndup(ref + n, strlen(ref) - n - strlen("/head"));
	return *digits != '0' && parse_i64(digits, 1, INT32_MAX, &number) ? number : 0;
}

static const char *run_sha(const struct pull_event *ev)
{
	return ev->merge_sha ? ev->merge_sha : ev->head_sha;
}

/* ---- what the event names ---- */

static int check_head(struct pulling *p, struct err *e)
{
	const struct pull_event *ev = p->ev;
	struct err why = { 0 };

	if (repo_branch_check(ev->head_ref, &why) < 0)
		return err_set(e, ERR_INPUT, "field \"head\": field \"ref\": %s", why.text);
	if (repo_commit(p->repo, ev->head_sha, &p->head, NULL) < 0 ||
		!str_eq(p->head.oid, ev->head_sha))
		return err_set(e, ERR_CONFLICT,
			"field \"head\": field \"sha\": no commit %s in the repository, expected "
			"it "
			"to be pushed to refs/pull/%" PRId64 "/head before the event",
			ev->head_sha, ev->number);
	if (ev->merge_sha && !repo_is_parent(p->repo, ev->merge_sha, ev->head_sha))
		return err_set(e, ERR_CONFLICT,
			"field \"merge_commit_sha\": no commit %s in the repository that has the "
			"head "
			"as a parent",
			ev->merge_sha);
	return 0;
}

static int check_base(struct pulling *p, struct err *e)
{
	CLEANUP(commit_info_release) struct commit_info base = { 0 };
	const struct pull_event *ev = p->ev;
	CLEAN_STR char *branch = xasprintf("refs/heads/%s", ev->base_ref);

	if (repo_branch_check(ev->base_ref, NULL) < 0 ||
		repo_ref(p->repo, branch, p->base_tip, NULL) < 0)
		return err_set(e, ERR_INPUT,
			"field \"base\": field \"ref\": no branch \"%.100s\", expected one of the "
			"repository",
			ev->base_ref);
	if (ev->base_sha && repo_commit(p->repo, ev->base_sha, &base, NULL) < 0)
		return err_set(e, ERR_INPUT,
			"field \"base\": field \"sha\": no commit %s in the repository",
			ev->base_sha);
	return 0;
}

/* Runs that wait and whose head is not the newest any more make room first. */
static int check_room(struct pulling *p, struct err *e)
{
	struct store *s = p->t->store;
	const struct pull_event *ev = p->ev;
	int64_t open = 0;

	if (store_pull_open_runs(s, p->row->id, ev->number, &open, e) < 0)
		return -1;
	if (open >= QUOTA_PULL_RUNS &&
		(store_pull_cancel_waiting(s, p->row->id, ev->number, ev->head_sha,
			 "cancelled: the pull request has a newer head", p->t->now, e) < 0 ||
			store_pull_open_runs(s, p->row->id, ev->number, &open, e) < 0))
		return -1;
	if (open >= QUOTA_PULL_RUNS)
		return err_set(e, ERR_CONFLICT,
			"%" PRId64 " runs of the pull request wait or run, at most %d: approve or "
			"cancel some",
			open, QUOTA_PULL_RUNS);
	return 0;
}

/* ---- what is stored of it ---- */

static int remember(struct pulling *p, struct err *e)
{
	const struct pull_event *ev = p->ev;
	bool closes = str_eq(ev->action, "closed");
	const struct pull_row row = { .repo_id = p->row->id,
		.number = ev->number,
		.reported = !ev->pushed,
		.author = (char *)ev->author,
		.head_sha = (char *)ev->head_sha,
		.base_ref = (char *)ev->base_ref,
		.closed = closes || (p->before.closed && !str_eq(ev->action, "reopened")),
		.merged = ev->merged || p->before.merged };

	/* the host's first event takes the place of those that its pushes made */
	if (p->before.id && !p->before.reported && !ev->pushed &&
		store_pull_cancel_waiting(p->t->store, p->row->id, ev->number, NULL,
			"cancelled: the host's event took its place", p->t->now, e) < 0)
		return -1;
	return store_pull_set(p->t->store, &row, p->t->now, e);
}

static int make_payload(struct pulling *p, struct err *e)
{
	const struct pull_event *ev = p->ev;
	CLEAN_STR char *own = xasprintf("%s/%s", p->row->owner, p->row->name);
	bool moved = str_eq(ev->action, "synchronize") && p->before.id;
	const struct event_pull told = { .number = ev->number,
		.action = ev->action,
		.title = ev->title,
		.body = ev->body,
		.author = ev->author,
		.association = ev->association,
		.head_sha = ev->head_sha,
		.head_ref = ev->head_ref,
		.head_repo = ev->head_repo ? ev->head_repo : own,
		.base_sha = ev->base_sha ? ev->base_sha : p->base_tip,
		.base_ref = ev->base_ref,
		.merge_sha = ev->merge_sha,
		.before = moved ? p->before.head_sha : NULL,
		.label = ev->label,
		.labels = ev->labels,
		.fork = !pull_is_own(p->row, ev),
		.draft = ev->draft,
		.closed = str_eq(ev->action, "closed"),
		.merged = ev->merged };

	p->payload = payload_pull(p->t, p->row, &told, p->event.actor, e);
	return p->payload ? 0 : -1;
}

/* ---- its files ---- */

static int file_read(struct pulling *p, size_t i, struct err *e)
{
	const struct repo_file *f = &p->files.v[i];
	struct pull_file *out = &p->parsed[i];

	out->broken = workflow_parse(f->path, f->data, f->len, &out->workflow, &out->problems) < 0;
	if (out->broken)
		return 0;
	return pull_filter_passes(&p->filter, &out->workflow.on.pull_request, &out->wanted, e);
}

static int files_read(struct pulling *p, struct err *e)
{
	CLEANUP(repo_files_release) struct repo_files base = { 0 };

	if (trigger_skips(p->head.message))
		return 0;
	if (repo_workflows(p->repo, run_sha(p->ev), &p->files, e) < 0)
		return -1;
	p->parsed = xcalloc(p->files.n + 1, sizeof(*p->parsed));
	for (size_t i = 0; i < p->files.n; i++)
		if (file_read(p, i, e) < 0)
			return -1;
	if (repo_workflows(p->repo, p->base_tip, &base, e) < 0)
		return -1;
	return required_gaps_find(&base, &p->files, &p->filter, &p->gaps, e);
}

/* ---- its runs ---- */

static int file_start(struct pulling *p, size_t i, struct file_runs *made, struct err *e)
{
	const char *path = p->files.v[i].path;
	const struct pull_file *f = &p->parsed[i];

	if (f->broken)
		return file_run_broken(&p->event, path, NULL, &f->problems, made, e);
	return f->wanted ? file_run_make(&p->event, path, &f->workflow, made, e) : 0;
}

static int files_start(struct pulling *p, struct file_runs *made, struct err *e)
{
	for (size_t i = 0; i < p->files.n; i++)
		if (file_start(p, i, made, e) < 0)
			return -1;
	for (size_t i = 0; i < p->gaps.n; i++) {
		const struct required_gap *g = &p->gaps.v[i];

		if (file_run_broken(&p->event, g->file, g->name, &g->lines, made, e) < 0)
			return -1;
	}
	return 0;
}

static void prepare(struct pulling *p)
{
	const struct pull_event *ev = p->ev;

	p->ref =
		xasprintf("refs/pull/%" PRId64 "/%s", ev->number, ev->merge_sha ? "merge" : "head");
	p->filter = (struct pull_filter){ .repo = p->repo,
		.action = ev->action,
		.base = ev->base_ref,
		.base_sha = ev->base_sha ? ev->base_sha : p->base_tip,
		.head_sha = ev->head_sha };
	p->event = (struct file_event){ .t = p->t,
		.repo = p->row,
		.name = "pull_request",
		.sha = run_sha(ev),
		.ref = p->ref,
		.actor = ev->sender ? ev->sender : ev->author,
		.pull_number = ev->number,
		.pull_head = ev->head_sha,
		.trust = p->trust.trust,
		.awaits_approval = p->trust.awaits };
}

/* In a transaction or a group. */
static int pull_run(struct pulling *p, struct pull_made *ret, struct err *e)
{
	const struct trigger *t = p->t;

	if (check_head(p, e) < 0 || check_base(p, e) < 0 || check_room(p, e) < 0 ||
		store_pull_find(t->store, p->row->id, p->ev->number, &p->before, e) < 0 ||
		pull_trust_judge(t, p->row, p->repo, p->ev, &p->trust, e) < 0)
		return -1;
	prepare(p);
	if (make_payload(p, e) < 0)
		return -1;
	p->event.payload = p->payload;
	if (files_read(p, e) < 0 || remember(p, e) < 0 || files_start(p, &ret->files, e) < 0)
		return -1;
	ret->trust = p->trust.trust;
	ret->awaits_approval = p->trust.awaits;
	return 0;
}

int trigger_pull(const struct trigger *t, const struct repo_row *row, const struct pull_event *ev,
	struct pull_made *ret, struct err *e)
{
	CLEAN_STR char *path = repo_path(t->data_dir, row);
	CLEAN_REPO struct repo *repo = repo_open(path, e);
	CLEANUP(pulling_release) struct pulling p = { .t = t, .row = row, .repo = repo, .ev = ev };
	CLEAN_TX struct store_tx tx = { 0 };

	if (!repo || store_begin(t->store, &tx, e) < 0 || pull_run(&p, ret, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* ---- a push alone ---- */

/* What can be wrong with it is in the repository; the push itself stands. */
static int pushed_run(struct pulling *p, struct file_runs *made, struct err *e)
{
	struct pull_made one = { .files = *made };
	struct err why = { 0 };
	int rc = pull_run(p, &one, &why);

	*made = one.files;
	if (rc == 0)
		return 0;
	if (!err_is(&why, ERR_INPUT) && !err_is(&why, ERR_CONFLICT))
		return err_set(e, why.class, "%s", why.text);
	log_info("trigger", "pull_starts_nothing", F_INT("repo", p->row->id),
		F_INT("pull", p->ev->number), F_ERR(&why));
	push_note(&made->notes, "pull request %" PRId64 " starts no runs: %s", p->ev->number,
		why.text);
	return 0;
}

int trigger_pull_pushed(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	int64_t number, const char *sha, const char *pusher, struct file_runs *made, struct err *e)
{
	CLEANUP(pull_row_release) struct pull_row known = { 0 };
	CLEAN_STR char *ref = xasprintf("refs/pull/%" PRId64 "/head", number);
	const struct strv none = { 0 };
	bool reported = false;

	if (store_pull_reported(t->store, row->id, &reported, e) < 0 ||
		store_pull_find(t->store, row->id, number, &known, e) < 0)
		return -1;
	if (reported || str_eq(known.head_sha, sha))
		return 0;
	const struct pull_event ev = { .number = number,
		.action = known.id ? "synchronize" : "opened",
		.title = "",
		.sender = pusher,
		.labels = &none,
		.head_sha = sha,
		.head_ref = ref,
		.base_ref = row->default_branch,
		.pushed = true };
	CLEANUP(pulling_release) struct pulling p = { .t = t, .row = row, .repo = repo, .ev = &ev };
	return pushed_run(&p, made, e);
}
