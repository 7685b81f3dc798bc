/*
 * The rules of a host, gravest first. A cleaner that quietly deletes what a sick host leaves hides
 * the sickness, so everything but the one plain case is a person's decision.
 */
#include "hygiene/workdir/reconcile.h"

#include <inttypes.h>

#include "base/codec.h"

/* What cannot even be opened is a row like the others, and hides none of them. */
static void note_unseen(struct workdir_audit *a, const struct workdir *w, const struct err *e)
{
	*a = (struct workdir_audit){
		.dir = w, .status = WORKDIR_NOT_KNOWN, .use = WORKDIR_UNKNOWN
	};
	findings_add(&a->findings, FINDING_UNREADABLE, FINDING_UNSEEN, 0, e->text);
	a->usage.blind = 1;
}

int host_audit(struct reconcile *ret, const struct workdir_host *h,
	const struct workdir_audit_spec *spec, struct err *e)
{
	CLEANUP(in_use_freep) struct in_use *now = in_use_snapshot(spec->engine);
	struct workdir_audit_spec fresh = *spec;

	fresh.in_use = now;
	*ret = (struct reconcile){ .host = h };
	if (workdirs_list(h, &ret->dirs, e) < 0)
		return -1;
	ret->audits = xcalloc(ret->dirs.n + 1, sizeof(*ret->audits));
	for (size_t i = 0; i < ret->dirs.n; i++) {
		struct err one = { 0 };
		struct workdir_audit *a = &ret->audits[ret->n];

		if (workdir_audit(a, &ret->dirs.v[i], &fresh, &one) < 0) {
			if (err_is(&one, ERR_NOT_FOUND))
				continue; /* a job that ended took it along */
			note_unseen(a, &ret->dirs.v[i], &one);
		}
		ret->count[a->status]++;
		ret->n++;
	}
	return 0;
}

static void conclude(struct reconcile *r, enum exit_code code, char *verdict)
{
	free(r->verdict);
	r->code = code;
	r->verdict = verdict;
}

static const struct workdir_audit *find_status(const struct reconcile *r, enum workdir_status s)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->audits[i].status == s)
			return &r->audits[i];
	return NULL;
}

/* The one contaminated workspace: may it be removed? False: concluded. */
static bool is_safe(
	struct reconcile *r, const struct workdir_audit *a, const struct reconcile_spec *spec)
{
	struct wall since = { spec->audit->now.us - spec->recurrence_us };
	CLEAN_STR char *name = text_escaped(a->dir->name);
	struct err e = { 0 };
	uint64_t before = 0;

	if (findings_worst(&a->findings) == FINDING_BLOCKING) {
		conclude(r, EXIT_ESCALATE,
			xasprintf("%s contains entries that its owner cannot change: replace the "
				  "runner or its host",
				name));
		return false;
	}
	if (remediation_count_since(spec->state_dir, a->dir, since, &before, &e) < 0) {
		conclude(r, EXIT_INCOMPLETE, xstrdup(e.text));
		return false;
	}
	if (before) {
		conclude(r, EXIT_ESCALATE,
			xasprintf("%s is contaminated again after %" PRIu64
				  " recent repairs: replace the runner or its host",
				name, before));
		return false;
	}
	return true;
}

/* Why the host is not drained, by its processes and mounts as they are now; NULL: it seems to be.
 */
static char *busy_now(const struct reconcile *r, const struct in_use_engine *engine)
{
	CLEANUP(in_use_freep) struct in_use *now = in_use_snapshot(engine);

	for (size_t i = 0; i < r->dirs.n; i++) {
		char *why = NULL;

		if (workdir_in_use(&r->dirs.v[i], now, false, 0, &why) == WORKDIR_BUSY)
			return why;
		free(why);
	}
	return NULL;
}

static void remove_candidate(struct reconcile *r, const struct reconcile_spec *spec)
{
	CLEAN_STR char *busy = busy_now(r, spec->audit->engine);
	struct remediate_spec one = { .mode = WORKDIR_REMOVE,
		.apply = true,
		.confirm_drained = true,
		.state_dir = spec->state_dir,
		.audit = spec->audit };

	if (busy) {
		conclude(r, EXIT_REFUSED, xasprintf("not drained: %s", busy));
		return;
	}
	remediate(&r->done, r->candidate, &one);
	r->has_done = true;
	conclude(r, r->done.code, xstrdup(r->done.verdict));
}

static void plan_candidate(
	struct reconcile *r, const struct workdir_audit *a, const struct reconcile_spec *spec)
{
	CLEAN_STR char *name = text_escaped(a->dir->name);

	r->candidate = a->dir;
	if (!spec->apply)
		conclude(r, EXIT_FINDINGS,
			xasprintf("plan: remove %s, %" PRIu64 " entries, %" PRIu64
				  " bytes; after a drain add --apply --confirm-drained",
				name, a->usage.entries, a->usage.allocated));
	else if (!spec->confirm_drained)
		conclude(r, EXIT_REFUSED,
			xstrdup("refused: --apply needs --confirm-drained after a drain"));
	else
		remove_candidate(r, spec);
}

void host_reconcile(struct reconcile *r, const struct reconcile_spec *spec)
{
	const struct workdir_audit *bad = find_status(r, WORKDIR_CONTAMINATED);
	const struct workdir_audit *busy = find_status(r, WORKDIR_IN_USE);

	if (r->count[WORKDIR_CONTAMINATED] > 1)
		conclude(r, EXIT_ESCALATE,
			xasprintf("%" PRIu64 " contaminated workspaces: replace the runner or its "
				  "host",
				r->count[WORKDIR_CONTAMINATED]));
	else if (r->count[WORKDIR_NOT_KNOWN])
		conclude(r, EXIT_INCOMPLETE,
			xasprintf("%" PRIu64 " workspaces could not be inspected completely",
				r->count[WORKDIR_NOT_KNOWN]));
	else if (!bad)
		conclude(r, EXIT_OK, xstrdup("nothing to do"));
	else if (busy)
		conclude(r, spec->apply ? EXIT_REFUSED : EXIT_FINDINGS,
			xasprintf("not drained: %s", busy->busy_why));
	else if (is_safe(r, bad, spec))
		plan_candidate(r, bad, spec);
}

void reconcile_release(struct reconcile *r)
{
	for (size_t i = 0; i < r->n; i++)
		workdir_audit_release(&r->audits[i]);
	free(r->audits);
	workdirs_release(&r->dirs);
	remediation_release(&r->done);
	free_charp(&r->verdict);
}
