/*
 * Draining, undraining and revoking, of one runner or of all. With --all everything is one
 * transaction: in an emergency nobody wants to know which half of the pool is drained.
 */
#include "coordinator/admin/runner_end.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/app/metrics.h"
#include "coordinator/queue/revoke.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/runner.h"

enum { REASON_MAX = 1000 };

struct end_options {
	int64_t id;
	bool all;
	const char *reason;
	/* which verb */
	const char *verb, *done;
	int (*change)(struct admin *a, const struct end_options *o, int64_t id, struct wall now,
		struct err *e);
};

static int check_end(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct end_options *o = options;

	if (!o->id == !o->all)
		return err_set(e, ERR_INPUT, "ID and --all: expected one of them");
	if (o->reason && strlen(o->reason) > REASON_MAX)
		return err_set(e, ERR_INPUT, "--reason: longer than %d bytes", REASON_MAX);
	return 0;
}

int admin_runner_show(struct admin *a, int64_t id, const char *done, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row r = { 0 };

	if (store_runner_get(a->store, id, &r, e) < 0)
		return -1;
	if (!a->json) {
		printf("runner %" PRId64 " (%s) %s\n", id, r.name, done);
		return 0;
	}
	json_begin_object(&a->w);
	runner_write(&a->w, &r, wall_now());
	json_end_object(&a->w);
	return 0;
}

static int change_one(
	struct admin *a, const struct end_options *o, int64_t id, struct wall now, struct err *e)
{
	if (o->change(a, o, id, now, e) < 0)
		return -1;
	return admin_audit_id(a, o->verb, "runner", id, o->reason, e);
}

/* All that are not revoked. */
static int change_all(struct admin *a, const struct end_options *o, struct wall now,
	struct runner_list *ret, struct err *e)
{
	if (store_runner_list(a->store, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		if (!ret->v[i].revoked_at.us && change_one(a, o, ret->v[i].id, now, e) < 0)
			return -1;
	return 0;
}

static int show_all(
	struct admin *a, const struct end_options *o, const struct runner_list *l, struct err *e)
{
	int rc = 0;

	if (a->json)
		json_begin_array(&a->w);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		if (!l->v[i].revoked_at.us)
			rc = admin_runner_show(a, l->v[i].id, o->done, e);
	if (a->json)
		json_end_array(&a->w);
	return rc;
}

static int end_runners(struct admin *a, void *options, struct err *e)
{
	const struct end_options *o = options;
	CLEANUP(runner_list_release) struct runner_list all = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	struct wall now = wall_now();

	if (store_begin(a->store, &tx, e) < 0 ||
		(o->all ? change_all(a, o, now, &all, e) : change_one(a, o, o->id, now, e)) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	admin_wake(a);
	return o->all ? show_all(a, o, &all, e) : admin_runner_show(a, o->id, o->done, e);
}

/* With --all of no one repository. */
static int repo_of_ended(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct end_options *o = options;

	return o->all ? 0 : admin_repo_of_runner(a, o->id, ret_repo, e);
}

static int end_verb(int argc, char **argv, struct end_options *o)
{
	const struct cli_flag flags[] = {
		{ "id", CLI_INT, &o->id, "ID", "the runner", .min = 1, .max = INT64_MAX,
			.positional = true },
		{ "all", CLI_BOOL, &o->all, NULL, "every runner that is not revoked" },
		{ "reason", CLI_STRING, &o->reason, "TEXT", "why" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = o,
			.check = check_end,
			.work = end_runners,
			.repo_of = repo_of_ended });
}

/* ---- what the verbs change ---- */

static int change_drain(
	struct admin *a, const struct end_options *o, int64_t id, struct wall now, struct err *e)
{
	return store_runner_drain(a->store, id, o->reason, now, e);
}

int admin_runner_drain(int argc, char **argv)
{
	struct end_options o = {
		.verb = "runner.drain", .done = "is draining", .change = change_drain
	};

	return end_verb(argc, argv, &o);
}

static int change_undrain(struct admin *a, const struct end_options *o UNUSED, int64_t id,
	struct wall now, struct err *e)
{
	return store_runner_undrain(a->store, id, now, e);
}

int admin_runner_undrain(int argc, char **argv)
{
	struct end_options o = {
		.verb = "runner.undrain", .done = "takes jobs again", .change = change_undrain
	};

	return end_verb(argc, argv, &o);
}

static int change_revoke(
	struct admin *a, const struct end_options *o, int64_t id, struct wall now, struct err *e)
{
	int64_t jobs = 0;

	if (runner_revoke(a->store, id, o->reason, now, &jobs, e) < 0)
		return -1;
	return metric_count_now(a->store, METRIC_REVOCATIONS, e);
}

int admin_runner_revoke(int argc, char **argv)
{
	struct end_options o = {
		.verb = "runner.revoke", .done = "is revoked", .change = change_revoke
	};

	return end_verb(argc, argv, &o);
}
