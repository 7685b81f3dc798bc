/*
 * A run, the word of how far its push has come, and nothing else are one transaction: the write
 * lock is free between two runs, and after a crash the next one is known. A push whose runs cannot
 * be made is tried again at the next starts and given up after a few, so that one bad push does not
 * delay serve for ever.
 */
#include "coordinator/trigger/push_journal.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "coordinator/app/turn.h"
#include "coordinator/instance/instance.h"
#include "coordinator/sql/place.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/planner.h"
#include "coordinator/trigger/trigger.h"

enum { ATTEMPTS_MAX = 5 };
#define FILED_KEPT_US (24 * 3600 * USEC_PER_SEC) /* longer than git may take */

int push_journal_open(struct app *a, struct push_row *p, struct err *e)
{
	if (store_push_add(a->store, p, wall_now(), e) < 0)
		return -1;
	return turn_flush(a, e); /* git moves the refs next */
}

/* One push under way. */
struct filing {
	const struct push_maker *m;
	struct push_row *row;
	struct push_notes *notes;
	int64_t runs, told; /* made; of those, how many `made` knows of */
	bool taken;         /* another serve makes them now */
};

static int on_made(void *data, const struct push_progress *at, struct err *e)
{
	struct filing *f = data;

	struct err why = { 0 };

	f->runs = at->runs;
	if (store_push_progress(f->m->app->store, f->row, at, &why) == 0)
		return 0;
	f->taken = err_is(&why, ERR_CANCELLED);
	return err_set(e, why.class, "%s", why.text);
}

/* What was made by now is committed. */
static bool on_between(void *data)
{
	struct filing *f = data;

	if (f->m->made)
		f->m->made(f->m->data, (size_t)(f->runs - f->told));
	f->told = f->runs;
	return f->m->stops && f->m->stops(f->m->data);
}

/* 0, 1: stopped, -1. */
static int runs_make(struct filing *f, const struct repo_row *repo, size_t *ret_refs, struct err *e)
{
	struct app *a = f->m->app;
	struct trigger t = trigger_of(a);
	CLEAN_PUSH struct push push = { 0 };
	struct push_row *p = f->row;

	if (push_parse(p->commands, p->commands_len, &push, e) < 0)
		return -1;
	struct push_runs runs = { &push, p->pusher, p->at, f->notes, on_made, on_between, f };
	int rc = trigger_push(&t, repo, &runs, e);
	p->at = runs.at;
	*ret_refs = push.n;
	if (rc == 0 && (size_t)p->at.ref < push.n)
		return 1;
	return rc == 0 ? store_push_done(a->store, p, wall_now(), e) : -1;
}

static void push_failed(struct app *a, const struct push_row *p, const struct err *why)
{
	bool last = p->attempts + 1 >= ATTEMPTS_MAX;
	struct err e = { 0 };

	log_error("git", last ? "trigger_given_up" : "trigger_failed", F_INT("repo", p->repo_id),
		F_INT("push", p->id), F_ERR(why));
	if ((last ? store_push_done(a->store, p, wall_now(), &e)
		  : store_push_tried(a->store, p, &e)) < 0)
		log_error("git", "push_journal_failed", F_INT("push", p->id), F_ERR(&e));
}

/* This serve seemed to be gone, so another one took the push over, maybe before git had moved a
 * ref: it is ours again, from where it stands. One that we took over is left to its owner. 1: to be
 * gone on with, 0: there is nothing to do. */
static int push_back(struct app *a, struct push_row *p)
{
	struct err e = { 0 };

	log_warn("git", "push_was_taken_over", F_INT("push", p->id),
		F_INT("goes_on_here", p->adopted ? 0 : 1));
	if (p->adopted)
		return 0;
	store_act_as(a->store, instance_id(a->instance));
	int rc = store_push_keep(a->store, p, &e);
	if (rc < 0)
		log_error("git", "push_journal_failed", F_INT("push", p->id), F_ERR(&e));
	return rc > 0;
}

int push_journal_file(const struct push_maker *m, const struct repo_row *repo, struct push_row *p,
	struct push_notes *notes)
{
	struct filing f = { m, p, notes, p->at.runs, p->at.runs };
	struct err e = { 0 };
	size_t refs = 0;
	int rc = runs_make(&f, repo, &refs, &e);

	if (rc < 0 && f.taken)
		return push_back(m->app, p);
	if (rc == 0) {
		log_info("git", "push", F_INT("repo", repo->id), F_STR("pusher", p->pusher),
			F_INT("refs", (int64_t)refs), F_INT("runs", p->at.runs));
	} else if (rc < 0 && err_is(&e, ERR_TIMEOUT)) {
		/* no fault of the push, so it counts no attempt */
		log_warn("git", "push_waits", F_INT("push", p->id), F_ERR(&e));
		return 1;
	} else if (rc < 0) {
		push_failed(m->app, p, &e);
		push_note(notes, "the runs of this push could not be made: %s", e.text);
	}
	return rc > 0;
}

void push_journal_made(struct app *a, size_t runs)
{
	if (!runs)
		return;
	metric_add(&a->metrics, METRIC_RUNS, (int64_t)runs);
	app_wake(a);
}

void push_journal_drop(struct app *a, const struct push_row *p)
{
	struct err e = { 0 };

	if (store_push_done(a->store, p, wall_now(), &e) < 0)
		log_error("git", "push_journal_failed", F_INT("push", p->id), F_ERR(&e));
}

struct store *push_journal_store(const struct app *a, struct err *e)
{
	CLEAN_STR char *place = store_place(a->data_dir, e);
	CLEAN_STORE struct store *s = place ? store_open(place, e) : NULL;

	if (!s || store_sync_later(s, e) < 0)
		return NULL;
	return TAKE(s);
}

/* ---- pushes of serves that are gone ---- */

/* The repository, if this host has it: 1, 0, -1. What another host has waits for the serve there.
 */
static int left_here(struct app *a, const struct push_row *p, struct repo_row *ret, struct err *e)
{
	if (store_repo_get(a->store, p->repo_id, ret, e) < 0)
		return -1;
	CLEAN_STR char *path = repo_path(a->data_dir, ret);
	if (access(path, F_OK) == 0)
		return 1;
	if (p->id > a->push_elsewhere)
		log_warn("git", "push_waits_for_its_host", F_INT("push", p->id),
			F_INT("repo", ret->id), F_STR("missing", path),
			F_STR("effect",
				"its runs are made when a serve starts that has the folder"));
	a->push_elsewhere = p->id > a->push_elsewhere ? p->id : a->push_elsewhere;
	return 0;
}

static int left_take(struct app *a, struct push_row *p, struct repo_row *ret, struct err *e)
{
	int rc = left_here(a, p, ret, e);

	if (rc > 0)
		rc = store_push_adopt(a->store, p, e);
	if (rc > 0)
		log_warn("git", "push_unfinished", F_INT("push", p->id), F_INT("repo", ret->id),
			F_INT("runs", p->at.runs));
	return rc;
}

static void sweep_made(void *data, size_t runs)
{
	push_journal_made(data, runs);
}

static int sweep_one(struct app *a, const struct push_maker *m, struct push_row *p, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(push_notes_release) struct push_notes notes = { 0 };
	int rc = left_take(a, p, &repo, e);

	if (rc > 0 && push_journal_file(m, &repo, p, &notes) > 0)
		return err_set(e, ERR_TIMEOUT, "push %" PRId64 ": the store is locked", p->id);
	return rc < 0 ? -1 : 0;
}

int push_journal_sweep(struct app *a, struct err *e)
{
	CLEANUP(push_rows_release) struct push_rows left = { 0 };
	struct app own = {
		.data_dir = a->data_dir, .public_url = a->public_url, .instance = a->instance
	};
	const struct push_maker m = { .app = &own, .made = sweep_made, .data = a };
	int rc = 0;

	if (store_push_left(a->store, &left, e) < 0)
		return -1;
	if (left.n == 0)
		return 0;
	own.store = push_journal_store(a, e);
	for (size_t i = 0; own.store && i < left.n && rc == 0; i++)
		rc = sweep_one(a, &m, &left.v[i], e);
	if (!own.store)
		rc = -1;
	store_free(own.store);
	return rc;
}

/* For the planner; it owns what the task borrows. */
struct adoption {
	struct plan_task task;
	struct repo_row repo;
	struct push_row push;
};

static void adoption_done(void *data)
{
	struct adoption *d = data;

	push_row_release(&d->push);
	repo_row_release(&d->repo);
	push_notes_release(&d->task.notes);
	free(d);
}

static int adopt_one(struct app *a, struct push_row *p, struct err *e)
{
	struct adoption *d = xcalloc(1, sizeof(*d));
	int rc = left_take(a, p, &d->repo, e);

	d->push = TAKE_VALUE(*p, (struct push_row){ 0 });
	if (rc <= 0) {
		adoption_done(d);
		return rc;
	}
	d->task = (struct plan_task){ .repo = &d->repo,
		.push = d->push,
		.done = adoption_done,
		.dropped = adoption_done,
		.data = d };
	planner_submit(a->planner, &d->task);
	return 0;
}

int push_journal_adopt(struct app *a, struct wall now, struct err *e)
{
	CLEANUP(push_rows_release) struct push_rows left = { 0 };
	const struct wall before = { now.us - FILED_KEPT_US };
	int rc = store_push_left(a->store, &left, e);

	for (size_t i = 0; rc == 0 && i < left.n; i++)
		rc = adopt_one(a, &left.v[i], e);
	return rc < 0 ? -1 : store_push_prune(a->store, before, e);
}
