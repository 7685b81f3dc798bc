/*
 * What is due is asked from the store each time, so what failed, or waited for the lock of another
 * process in vain, is done the next time.
 */
#include "coordinator/serve/housekeeping.h"

#include "base/log.h"
#include "coordinator/app/tries.h"
#include "coordinator/claim/claim.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/instance/instance.h"
#include "coordinator/instance/lease.h"
#include "coordinator/object/artifact.h"
#include "coordinator/queue/gate.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/counter.h"
#include "coordinator/store/pool/spent.h"
#include "coordinator/store/jwt.h"
#include "coordinator/trigger/push_journal.h"
#include "coordinator/trigger/schedule.h"
#include "coordinator/trigger/trigger.h"
#include "coordinator/trigger/unfold.h"

#define INSTANCE_KEPT_US (3600 * USEC_PER_SEC) /* rows of serves that are gone */
enum { TOKENS_AT_ONCE = 5000 }; /* of a store that held millions: a few milliseconds each time */

static int jobs_start(struct app *a, struct err *e)
{
	const struct trigger t = trigger_of(a);
	bool passed;       /* jobs that waited for their time */
	size_t runs, legs; /* jobs that got their legs although nobody waits for one */

	if (trigger_schedules(&t, &runs, e) < 0)
		return -1;
	metric_add(&a->metrics, METRIC_RUNS, (int64_t)runs);
	if (trigger_unfold(&t, &legs, e) < 0 || gate_tick(a->store, t.now, &passed, e) < 0)
		return -1;
	if (runs || legs || passed)
		app_wake(a);
	return 0;
}

/* A token that has expired is refused before anybody asks whether it was used. An hour more, for
 * clocks that are set back. */
static int tokens_forget(struct app *a, struct err *e)
{
	const struct wall before = { wall_now().us - TOKEN_LIFETIME_US - 3600 * USEC_PER_SEC };
	int64_t n;

	if (store_jwt_prune(a->store, before, TOKENS_AT_ONCE, &n, e) < 0)
		return -1;
	metric_add(&a->metrics, METRIC_PRUNED_JWT, n);
	return 0;
}

/* A store that could not write is well again when it can, whether or not somebody calls: who took
 * us out of a pool by /healthz waits for that. */
static void store_try(struct app *a)
{
	struct err e = { 0 };

	if (a->store_fails && store_counter_add(a->store, "store_tries", 1, &e) == 0) {
		a->store_fails = false;
		log_info("serve", "store_writes_again");
	}
}

/* A task that fails keeps none of the others from their turn. False: another process has the
 * store's lock, so they would only wait for nothing, too. */
static bool task_over(const char *task, int rc, struct err *e)
{
	bool locked = rc < 0 && err_is(e, ERR_TIMEOUT);

	if (rc < 0)
		log_warn("serve", "housekeeping_failed", F_STR("task", task), F_ERR(e));
	err_clear(e);
	return !locked;
}

/* What of all serves one does; two may think that they lead for a moment. */
static bool lead(struct app *a, int64_t job_expiry_us)
{
	struct err e = { 0 };
	size_t lost;

	return task_over("lost_jobs", lost_jobs_end(a, job_expiry_us, wall_now(), &lost, &e), &e) &&
	       task_over("new_jobs", jobs_start(a, &e), &e) &&
	       task_over("claims", claims_recover(a, &e), &e) &&
	       task_over("pushes", push_journal_adopt(a, wall_now(), &e), &e) &&
	       task_over("logs", scrub_sweep(a, wall_now(), &e), &e) &&
	       task_over("answers", store_answer_prune(a->store, wall_now(), &e), &e) &&
	       task_over("tokens", tokens_forget(a, &e), &e) &&
	       task_over("spent", store_spent_prune(a->store, wall_now(), &e), &e) &&
	       task_over("artifacts", artifact_prune_begin(a, wall_now(), &e), &e) &&
	       task_over("instances", store_instances_prune(a->store, INSTANCE_KEPT_US, &e), &e);
}

void housekeep(struct app *a, int64_t job_expiry_us)
{
	struct err e = { 0 };

	store_try(a);
	if (task_over("metrics", metrics_flush(&a->metrics, a->store, &e), &e) &&
		task_over("tries", tries_prune(a, wall_now(), &e), &e) &&
		instance_leads(a->instance))
		lead(a, job_expiry_us);
}
