/*
 * One push is closed in one transaction: its runs are made and its row goes. It is a group of the
 * store, so that the write lock is taken after the workflow files were read, not before. A push
 * whose runs cannot be made is tried again at the next starts and given up after a few, so that one
 * bad push does not delay serve for ever.
 */
#include "coordinator/trigger/push_journal.h"

#include <inttypes.h>

#include "base/log.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/trigger.h"

enum { ATTEMPTS_MAX = 5 };

int push_journal_open(struct app *a, struct push_row *p, struct err *e)
{
	if (store_push_add(a->store, p, wall_now(), &p->id, e) < 0)
		return -1;
	return store_group_flush(a->store, e); /* git moves the refs next */
}

static int runs_make(struct app *a, const struct repo_row *repo, const struct push_row *p,
	size_t *ret_refs, struct push_made *ret, struct err *e)
{
	struct trigger t = { .store = a->store,
		.data_dir = a->data_dir,
		.public_url = a->public_url,
		.now = wall_now() };
	CLEAN_PUSH struct push push = { 0 };

	if (push_parse(p->commands, p->commands_len, &push, e) < 0)
		return -1;
	store_group_begin(a->store);
	int rc = trigger_push(&t, repo, &push, p->pusher, ret, e);
	if (rc == 0)
		rc = store_push_done(a->store, p->id, e);
	if (rc < 0)
		store_group_drop(a->store);
	*ret_refs = push.n;
	if (store_group_end(a->store, rc < 0 ? NULL : e) < 0 || rc < 0) {
		push_made_release(ret);
		return -1;
	}
	return 0;
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

int push_journal_file(
	struct app *a, const struct repo_row *repo, const struct push_row *p, struct push_made *ret)
{
	struct err e = { 0 };
	size_t refs = 0;

	if (runs_make(a, repo, p, &refs, ret, &e) == 0) {
		log_info("git", "push", F_INT("repo", repo->id), F_STR("pusher", p->pusher),
			F_INT("refs", (int64_t)refs), F_INT("runs", (int64_t)ret->runs));
	} else if (err_is(&e, ERR_TIMEOUT)) { /* no fault of the push, so it counts no attempt */
		log_warn("git", "push_waits", F_INT("push", p->id), F_ERR(&e));
		return 1;
	} else {
		push_failed(a, p, &e);
		push_note(&ret->notes, "the runs of this push could not be made: %s", e.text);
	}
	return 0;
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

int push_journal_sweep(struct app *a, struct err *e)
{
	CLEANUP(push_rows_release) struct push_rows left = { 0 };

	if (store_push_list(a->store, &left, e) < 0)
		return -1;
	for (size_t i = 0; i < left.n; i++) {
		CLEANUP(repo_row_release) struct repo_row repo = { 0 };

		if (store_repo_get(a->store, left.v[i].repo_id, &repo, e) < 0)
			return -1;
		log_warn("git", "push_unfinished", F_INT("push", left.v[i].id),
			F_INT("repo", repo.id));
		CLEANUP(push_made_release) struct push_made made = { 0 };

		if (push_journal_file(a, &repo, &left.v[i], &made) > 0)
			return err_set(e, ERR_TIMEOUT, "push %" PRId64 ": the store is locked",
				left.v[i].id);
		push_journal_made(a, made.runs);
	}
	return 0;
}
