/*
 * One action from evidence to record. The order is the point: a record is on the disk before the
 * step that it announces, so a crash leaves a record that says how far things went, and nothing is
 * ever repeated by guesswork.
 */
#include "hygiene/host/apply.h"

#include <inttypes.h>

#include "hygiene/host/lock.h"

void host_outcome_release(struct host_outcome *o)
{
	audit_record_release(&o->record);
	strv_release(&o->blockers);
}

/* One run of host_apply. */
struct run {
	const struct host_apply *a;
	const struct hygiene_request *request;
	struct host_outcome *out;
	struct host_observation pre, post;
	struct host_report report;
	struct hygiene_plan plan;
	struct host_idle idle;
	struct host_calls calls;
	struct strv more; /* blockers known before the plan */
	struct host_lock lock;
};

static void run_release(struct run *r)
{
	host_report_release(&r->report);
	host_observation_release(&r->pre);
	host_observation_release(&r->post);
	hygiene_plan_release(&r->plan);
	host_idle_release(&r->idle);
	host_calls_release(&r->calls);
	strv_release(&r->more);
	host_lock_release(&r->lock);
}

#define WRITER(name, type, write)                                 \
	static void name(const void *what, struct json_writer *w) \
	{                                                         \
		write((const type *)what, w);                     \
	}
WRITER(write_request, struct hygiene_request, hygiene_request_write)
WRITER(write_policy, struct hygiene_policy, hygiene_policy_write)
WRITER(write_observation, struct host_observation, host_observation_write)
WRITER(write_report, struct host_report, host_report_write)
WRITER(write_plan, struct hygiene_plan, hygiene_plan_write)
WRITER(write_idle, struct host_idle, host_idle_write)
WRITER(write_calls, struct host_calls, host_calls_write)

/* ---- the record ---- */

static void record_begin(struct run *r)
{
	struct audit_record *rec = &r->out->record;
	enum hygiene_action known = hygiene_action_parse(r->request->action);

	*rec = (struct audit_record){ .key = xstrdup(r->request->key),
		.host = xstrdup(r->request->host),
		.action = xstrdup(
			known < HYGIENE_ACTIONS ? hygiene_action_name(known) : r->request->action),
		.volume = xstrdup(r->request->volume),
		.mutate = r->request->mutate };
}

static void set_message(struct run *r, char *message)
{
	free(r->out->record.message);
	r->out->record.message = message;
}

/* Durable, and queued for the coordinator. */
static int keep_record(struct run *r, enum audit_status status, struct err *e)
{
	struct audit_record *rec = &r->out->record;

	rec->status = status;
	audit_document(rec, "calls", write_calls, &r->calls);
	if (audit_put(&r->a->audit, rec, e) < 0 || audit_outbox_add(&r->a->audit, rec, e) < 0)
		return -1;
	return 0;
}

static int end_record(
	struct run *r, enum audit_status status, enum exit_code code, char *message, struct err *e)
{
	r->out->code = code;
	set_message(r, message);
	return keep_record(r, status, e);
}

/* ---- what came before ---- */

static enum exit_code code_of(const struct audit_record *r)
{
	if (r->status == AUDIT_COMPLETED)
		return EXIT_OK;
	if (r->status == AUDIT_FAILED)
		return EXIT_FINDINGS;
	return r->mutate ? EXIT_REFUSED : EXIT_OK;
}

/* 1: the key's record is the answer; 0: the key is new. */
static int replay(struct run *r, struct err *e)
{
	struct audit_record had, *wanted = &r->out->record;
	int rc = audit_get(&r->a->audit, r->request->key, &had, e);

	if (rc <= 0)
		return rc;
	if (!audit_same_intent(&had, wanted))
		rc = err_set(e, ERR_CONFLICT,
			"audit key %s was used for another host, action, volume or mode", had.key);
	else if (audit_unresolved(&had))
		rc = err_set(e, ERR_CONFLICT,
			"audit key %s is %s and unfinished: if its run is dead, close it with "
			"`hygiene apply --resolve`",
			had.key, audit_status_name(had.status));
	if (rc < 0) {
		audit_record_release(&had);
		return -1;
	}
	audit_record_release(wanted);
	*wanted = had;
	r->out->replayed = true;
	r->out->code = code_of(wanted);
	return 1;
}

static int deliver(struct run *r, struct err *e)
{
	return audit_deliver(&r->a->audit, &r->a->target, &r->out->outbox, e);
}

/* Changes wait for those that never ended, and for records that nobody has but us. */
static int review_records(struct run *r, struct err *e)
{
	CLEANUP(audit_list_release) struct audit_list l = { 0 };

	if (!r->request->mutate)
		return 0;
	if (audit_each(&r->a->audit, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) /* a crash may have come between record and message */
		if (audit_outbox_add(&r->a->audit, &l.v[i], e) < 0)
			return -1;
	if (deliver(r, e) < 0)
		return -1;
	if (audit_owes(&r->a->target, &r->out->outbox))
		strv_add(&r->more, "audit_undelivered");
	for (size_t i = 0; i < l.n; i++)
		if (audit_unresolved(&l.v[i]) && hygiene_same(l.v[i].host, r->request->host) &&
			str_eq(l.v[i].action, r->out->record.action))
			strv_add(&r->more, "audit_unresolved");
	return 0;
}

/* ---- the action ---- */

static int run_action(struct run *r, struct err *e)
{
	const struct host_context *h = &r->a->context;
	int64_t timeout = h->config->hygiene.timeout_us;
	struct storage_call *c = host_calls_add(&r->calls);

	switch (r->plan.action) {
	case HYGIENE_PRUNE_DOCKER_CACHE:
		return storage_prune_cache(h->engine, h->policy->cache_age_us,
			(uint64_t)h->policy->cache_keep, timeout, c, e);
	case HYGIENE_BOUND_DOCKER_CACHE:
		return storage_prune_cache(
			h->engine, 0, (uint64_t)h->policy->cache_keep, timeout, c, e);
	case HYGIENE_PRUNE_DANGLING_IMAGES:
		return storage_prune_dangling(h->engine, timeout, c, e);
	case HYGIENE_REMOVE_STATE_VOLUMES:
		return storage_remove_volume(h->engine, r->plan.volume, timeout, c, e);
	default:
		BUG("action %d passed the checks", (int)r->plan.action);
	}
}

static const char *lost_builder(const struct run *r)
{
	const struct inventory *pre = &r->pre.inventory, *post = &r->post.inventory;

	for (size_t i = 0; i < pre->n_builders; i++)
		if (pre->builders[i].present && !post->builders[i].present)
			return pre->builders[i].name;
	return NULL;
}

static char *success(const struct run *r)
{
	return xasprintf("free %" PRId64 " -> %" PRId64 " bytes, reclaimable %" PRId64
			 " -> %" PRId64 " bytes",
		r->pre.free, r->post.free, r->pre.reclaimable, r->post.reclaimable);
}

/* The action's error, then that of the inspection afterwards: both belong into the record. */
static int conclude(struct run *r, int acted, const struct err *why, struct err *e)
{
	struct audit_record *rec = &r->out->record;
	struct err looked = { 0 };
	int seen = host_collect(&r->a->context, &r->post, &r->calls, &looked);
	const char *lost = seen == 0 ? lost_builder(r) : NULL;

	if (seen == 0)
		audit_document(rec, "post", write_observation, &r->post);
	if (acted < 0 && seen < 0)
		return end_record(r, AUDIT_FAILED, EXIT_FINDINGS,
			xasprintf("%s; afterwards: %s", why->text, looked.text), e);
	if (acted < 0)
		return end_record(r, AUDIT_FAILED, EXIT_FINDINGS, xstrdup(why->text), e);
	if (seen < 0)
		return end_record(r, AUDIT_FAILED, EXIT_INCOMPLETE,
			xasprintf("done, but afterwards: %s", looked.text), e);
	if (lost)
		return end_record(r, AUDIT_FAILED, EXIT_FINDINGS,
			xasprintf("warm builder %s was there before and is missing now", lost), e);
	return end_record(r, AUDIT_COMPLETED, EXIT_OK, success(r), e);
}

static int perform(struct run *r, struct err *e)
{
	struct err why = { 0 };
	int acted;

	host_idle_check(&r->a->context, r->pre.inventory.cache_in_use, &r->idle, &r->calls);
	audit_document(&r->out->record, "idle", write_idle, &r->idle);
	if (r->idle.verdict != HOST_IDLE) {
		const char *met =
			r->idle.samples[0].why ? r->idle.samples[0].why : r->idle.samples[1].why;

		strv_add(&r->out->blockers, host_idle_name(r->idle.verdict));
		return end_record(r, AUDIT_FAILED, EXIT_REFUSED,
			xasprintf("%s: %s; nothing was done", host_idle_name(r->idle.verdict),
				met ? met : "the clock stood still"),
			e);
	}
	if (keep_record(r, AUDIT_STARTED, e) < 0)
		return -1;
	acted = run_action(r, &why);
	return conclude(r, acted, &why, e);
}

/* ---- the whole ---- */

static int write_locked(struct run *r, struct err *e)
{
	struct host_outcome *o = r->out;

	strv_add(&o->blockers, "host_lock_held");
	return end_record(r, AUDIT_PLANNED, EXIT_REFUSED,
		xstrdup("another hygiene run, perhaps of another runner, changes this host; "
			"nothing was done"),
		e);
}

static void document_plan(struct run *r)
{
	struct audit_record *rec = &r->out->record;

	audit_document(rec, "policy", write_policy, r->a->context.policy);
	audit_document(rec, "pre", write_observation, &r->pre);
	audit_document(rec, "report", write_report, &r->report);
	audit_document(rec, "plan", write_plan, &r->plan);
	rec->ready = hygiene_plan_ready(&r->plan);
	strv_each (code, &r->plan.blockers)
		strv_add(&r->out->blockers, code);
}

static int stop_blocked(struct run *r, struct err *e)
{
	bool dry = hygiene_plan_dry(&r->plan);
	CLEAN_BUF struct buf text = BUF_INIT(4096);

	strv_each (code, &r->plan.blockers)
		buf_addf(&text, "%s%s", text.len ? ", " : "", code);
	if (!r->out->record.key) {
		r->out->code = r->request->mutate ? EXIT_REFUSED : EXIT_FINDINGS;
		return 0;
	}
	return end_record(r, AUDIT_PLANNED,
		dry                  ? EXIT_OK
		: r->request->mutate ? EXIT_REFUSED
				     : EXIT_FINDINGS,
		xasprintf("blocked: %s", buf_cstr(&text)), e);
}

static int plan_and_perform(struct run *r, struct err *e)
{
	struct audit_record *rec = &r->out->record;
	struct err why = { 0 };

	if (review_records(r, e) < 0)
		return -1;
	if (host_collect(&r->a->context, &r->pre, &r->calls, &why) < 0) {
		if (rec->key)
			return end_record(r, AUDIT_FAILED, EXIT_INCOMPLETE, xstrdup(why.text), e);
		*e = why;
		return -1;
	}
	host_report_make(&r->report, &r->pre, r->a->context.policy);
	hygiene_plan_make(&r->plan, r->request, r->a->context.policy, &r->report, &r->more);
	document_plan(r);
	if (!rec->ready)
		return stop_blocked(r, e);
	if (keep_record(r, AUDIT_PLANNED, e) < 0)
		return -1;
	return perform(r, e);
}

static int apply_request(struct run *r, struct err *e)
{
	struct err why = { 0 };
	int rc = 0;

	if (r->request->key) {
		record_begin(r);
		rc = replay(r, e);
		if (rc)
			return rc < 0 ? -1 : deliver(r, e);
		audit_document(&r->out->record, "request", write_request, r->request);
	}
	if (r->request->mutate && r->request->key &&
		host_lock_take(&r->lock, &r->a->context, &r->calls, &why) < 0) {
		if (!err_is(&why, ERR_CONFLICT)) {
			*e = why;
			return -1;
		}
		rc = write_locked(r, e);
	} else {
		rc = plan_and_perform(r, e);
	}
	if (rc < 0 || !r->request->key)
		return rc;
	if (deliver(r, e) < 0)
		return -1;
	if (r->out->code == EXIT_OK && audit_owes(&r->a->target, &r->out->outbox))
		r->out->code = EXIT_INCOMPLETE;
	return 0;
}

int host_apply(const struct host_apply *a, const struct hygiene_request *request,
	struct host_outcome *ret, struct err *e)
{
	CLEANUP(run_release)
	struct run r = { .a = a, .request = request, .out = ret, .lock = HOST_LOCK_INIT };

	*ret = (struct host_outcome){ .code = EXIT_INCOMPLETE };
	return apply_request(&r, e);
}

/* ---- closing what died ---- */

static int close_record(const struct host_apply *a, struct audit_record *rec, struct err *e)
{
	CLEANUP(host_observation_release) struct host_observation now = { 0 };
	CLEANUP(host_calls_release) struct host_calls calls = { 0 };

	if (host_collect(&a->context, &now, &calls, e) < 0)
		return err_wrap(e, "%s stays unresolved", rec->key);
	audit_document(rec, "post", write_observation, &now);
	audit_document(rec, "resolve_calls", write_calls, &calls);
	free(rec->message);
	rec->message =
		xasprintf("closed by --resolve: its run ended while %s; nothing was repeated",
			audit_status_name(rec->status));
	rec->status = AUDIT_FAILED;
	if (audit_put(&a->audit, rec, e) < 0)
		return -1;
	return audit_outbox_add(&a->audit, rec, e);
}

int host_resolve(const struct host_apply *a, const char *key, size_t *ret_n,
	struct outbox_count *ret_outbox, struct err *e)
{
	CLEANUP(audit_list_release) struct audit_list l = { 0 };
	CLEANUP(host_lock_release) struct host_lock lock = HOST_LOCK_INIT;
	CLEANUP(host_calls_release) struct host_calls calls = { 0 };

	*ret_n = 0;
	if (host_lock_take(&lock, &a->context, &calls, e) < 0)
		return err_is(e, ERR_CONFLICT) ? err_wrap(e, "another hygiene run is at work") : -1;
	if (audit_each(&a->audit, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (!audit_unresolved(&l.v[i]) || (key && !str_eq(key, l.v[i].key)))
			continue;
		if (close_record(a, &l.v[i], e) < 0)
			return -1;
		*ret_n += 1;
	}
	if (!key && audit_abandon(&a->audit, e) < 0)
		return -1;
	return audit_deliver(&a->audit, &a->target, ret_outbox, e);
}
