/*
 * A run, the word of how far its push has come, and nothing else are one transaction: the write
 * lock is free between two runs, and after a crash the next one is known. A push whose runs cannot
 * be made is tried again at the next starts and given up after a few, so that one bad push does not
 * delay serve for ever.
 */
#include "coordinator/trigger/push_journal.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/log.h"
#include "coordinator/app/turn.h"
#include "coordinator/sql/place.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/trigger.h"

enum { ATTEMPTS_MAX = 5 };

int push_journal_open(struct app *a, struct push_row *p, struct err *e)
{
	if (store_push_add(a->store, p, wall_now(), &p->id, e) < 0)
		return -1;
	return turn_flush(a, e); /* git moves the refs next */
}

/* One push under way. */
struct filing {
	const struct push_maker *m;
	struct push_row *row;
	struct push_notes *notes;
	int64_t runs, told; /* made; of those, how many `made` knows of */
};

static int on_made(void *data, const struct push_progress *at, struct err *e)
{
	struct filing *f = data;

	f->runs = at->runs;
	return store_push_progress(f->m->app->store, f->row->id, at, e);
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
	return rc == 0 ? store_push_done(a->store, p->id, e) : -1;
}

static void push_failed(struct app *a, const struct push_row *p, const struct err *why)
{
	bool last = p->attempts + 1 >= ATTEMPTS_MAX;
	struct err e = { 0 };

	log_error("git", last ? "trigger_given_up" : "trigger_failed", F_INT("repo", p->repo_id),
		F_INT("push", p->id), F_ERR(why));
	if ((last ? store_push_done(a->store, p->id, &e) : store_push_tried(a->store, p->id, &e)) <
		0)
		log_error("git", "push_journal_failed", F_INT("push", p->id), F_ERR(&e));
}

int push_journal_file(const struct push_maker *m, const struct repo_row *repo, struct push_row *p,
	struct push_notes *notes)
{
	struct filing f = { m, p, notes, p->at.runs, p->at.runs };
	struct err e = { 0 };
	size_t refs = 0;
	int rc = runs_make(&f, repo, &refs, &e);

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

	if (store_push_done(a->store, p->id, &e) < 0)
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

static void sweep_made(void *data, size_t runs)
{
	push_journal_made(data, runs);
}

static int sweep_one(const struct push_maker *m, struct push_row *p, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(push_notes_release) struct push_notes notes = { 0 };

	if (store_repo_get(m->app->store, p->repo_id, &repo, e) < 0)
		return -1;
	log_warn("git", "push_unfinished", F_INT("push", p->id), F_INT("repo", repo.id),
		F_INT("runs", p->at.runs));
	if (push_journal_file(m, &repo, p, &notes) > 0)
		return err_set(e, ERR_TIMEOUT, "push %" PRId64 ": the store is locked", p->id);
	return 0;
}

int push_journal_sweep(struct app *a, struct err *e)
{
	CLEANUP(push_rows_release) struct push_rows left = { 0 };
	struct app own = { .data_dir = a->data_dir, .public_url = a->public_url };
	const struct push_maker m = { .app = &own, .made = sweep_made, .data = a };
	int rc = 0;

	if (store_push_list(a->store, &left, e) < 0)
		return -1;
	if (left.n == 0)
		return 0;
	own.store = push_journal_store(a, e);
	for (size_t i = 0; own.store && i < left.n && rc == 0; i++)
		rc = sweep_one(&m, &left.v[i], e);
	if (!own.store)
		rc = -1;
	store_free(own.store);
	return rc;
}
