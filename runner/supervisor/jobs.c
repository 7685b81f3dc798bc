/*
 * Claims and slots. A claim is ours the moment it arrives, whatever happens next: it gets a slot,
 * or waits for one. Slots are freed here and nowhere else, from decide(), because a slot's own
 * callback may still stand on it.
 */
#include "runner/supervisor/private.h"

#include "base/log.h"

static void note_platform(struct supervisor *s, const struct slot *slot)
{
	s->jobs.unfit = slot_platform_error(slot) != NULL;
	if (slot_platform_error(slot))
		platform_failed(s->gates.platform, slot_platform_error(slot));
	else
		platform_worked(s->gates.platform);
}

/* A claim whose journal stands needs its heartbeat no longer. */
static void settle_key(struct supervisor *s, struct busy_slot *b)
{
	if (!*b->key || !slot_is_secured(b->slot))
		return;
	claim_keys_settle(s->jobs.keys, b->key);
	*b->key = '\0';
}

void jobs_reap(struct supervisor *s)
{
	for (size_t i = 0; i < s->jobs.n; i++)
		settle_key(s, &s->jobs.slots[i]);
	for (size_t i = 0; i < s->jobs.n;) {
		struct busy_slot b = s->jobs.slots[i];

		if (!slot_over(b.slot)) {
			i++;
			continue;
		}
		log_info("supervisor", "job_over", F_INT("job", slot_job_id(b.slot)),
			F_STR("conclusion", slot_conclusion(b.slot)));
		s->jobs.slots[i] = s->jobs.slots[--s->jobs.n];
		s->heartbeats.pace.next = loop_now(s->loop); /* a slot is free: ask for work now */
		s->jobs.done++;
		view_count(s, b.slot);
		note_platform(s, b.slot);
		if (slot_workspace_kept(b.slot))
			sweeper_hurry(s->sweeper);
		if (s->jobs.recovery && str_eq(slot_conclusion(b.slot), "crashed"))
			recovery_sweep_soon(s->jobs.recovery);
		slot_free(b.slot);
		settings_unref(b.settings);
	}
}

static bool slot_has_job(const struct supervisor *s, int64_t job)
{
	for (size_t i = 0; i < s->jobs.n; i++)
		if (slot_job_id(s->jobs.slots[i].slot) == job)
			return true;
	return false;
}

/* The disk filled while the heartbeat was held: a job that another runner can have is not begun on
 * what is left for the running ones. */
static char *refusal_of(struct supervisor *s, const struct waiting_claim *w, int64_t job)
{
	struct disk_gate_view disk;
	char *why;

	if (!w->returnable || !disk_gate_is_short(s->gates.disk))
		return NULL;
	disk = disk_gate_state(s->gates.disk);
	why = xasprintf("disk pressure: %u%% used at %s", disk.percent, disk.root);
	log_warn("supervisor", "claim_returned", F_INT("job", job), F_STR("reason", why));
	return why;
}

static struct slot *new_slot(struct supervisor *s, const struct waiting_claim *w,
	struct claim_identity *id, struct err *e)
{
	CLEAN_STR char *refusal = refusal_of(s, w, id->job_id);
	struct slot_owner owner = { .refusal = refusal,
		.loop = s->loop,
		.config = &s->settings->config,
		.job_env = &s->settings->job_env,
		.state = &s->state,
		.on_over = supervisor_wake,
		.data = s };

	log_info("supervisor", "job_claimed", F_INT("job", id->job_id), F_INT("run", id->run_id));
	return slot_start(&owner, id, buf_slice(&w->bytes), w->cut, e);
}

static void start_slot(struct supervisor *s, const struct waiting_claim *w)
{
	struct claim_identity id;
	struct slot *slot = NULL;
	struct err e = { 0 };

	claim_identity_scan(buf_cstr(&w->bytes), w->bytes.len, &id);
	if (!id.token || id.job_id <= 0) {
		log_error("supervisor", "claim_unusable", F_INT("bytes", (int64_t)w->bytes.len),
			F_STR("error",
				"the claim names no job.id or token, so it cannot be reported"));
		pace_failed(&s->heartbeats.pace, loop_now(s->loop), -1);
	} else if (slot_has_job(s, id.job_id) || recovery_has_job(s->jobs.recovery, id.job_id)) {
		log_error("supervisor", "claim_twice", F_INT("job", id.job_id));
	} else {
		claim_keys_name_job(s->jobs.keys, w->key, id.job_id);
		slot = new_slot(s, w, &id, &e);
		if (!slot)
			log_error("supervisor", "job_start", F_ERR(&e));
	}
	claim_identity_release(&id);
	if (slot) {
		struct busy_slot *b = &s->jobs.slots[s->jobs.n++];

		*b = (struct busy_slot){ .slot = slot, .settings = settings_ref(s->settings) };
		memcpy(b->key, w->key, sizeof(b->key));
		s->jobs.claimed_once = true;
		if (s->stop.cancelling) /* too late for anything else */
			slot_cancel(slot);
	} else {
		claim_keys_settle(s->jobs.keys, w->key);
	}
}

/* None while more run than a smaller capacity allows now. A job that is lost and only reported
 * holds no place. */
static size_t free_slots(const struct supervisor *s)
{
	size_t capacity = (size_t)s->settings->config.runner.capacity, busy = 0;

	for (size_t i = 0; i < s->jobs.n; i++)
		busy += !slot_is_recovering(s->jobs.slots[i].slot);
	if (busy >= capacity || s->jobs.n >= SLOTS_MAX)
		return 0;
	return capacity - busy < SLOTS_MAX - s->jobs.n ? capacity - busy : SLOTS_MAX - s->jobs.n;
}

void jobs_start_waiting(struct supervisor *s)
{
	while (s->jobs.recovery && s->jobs.queue.first && free_slots(s) > 0) {
		struct waiting_claim *w = claim_queue_take(&s->jobs.queue);

		start_slot(s, w);
		waiting_claim_free(w);
	}
}

void jobs_keep_claim(struct supervisor *s, const struct heartbeat_answer *a)
{
	struct waiting_claim *w = claim_queue_put(&s->jobs.queue, a->claim, a->key);

	w->cut = a->cut;
	w->returnable = a->returnable;
	if (s->jobs.queue.n == WAITING_MAX)
		log_warn("supervisor", "claims_unasked", F_INT("waiting", (int64_t)s->jobs.queue.n),
			F_STR("effect", "heartbeats are paused until a claim gets a slot"));
}

bool jobs_active(const struct supervisor *s, struct ids *ret)
{
	if (!s->jobs.recovery || !claim_keys_settled(s->jobs.keys))
		return false;
	for (size_t i = 0; i < s->jobs.n; i++)
		ids_add(ret, slot_job_id(s->jobs.slots[i].slot));
	recovery_add_jobs(s->jobs.recovery, ret);
	return true;
}

bool jobs_wanted(const struct supervisor *s)
{
	return !supervisor_draining(s) && !s->jobs.queue.first && free_slots(s) > 0 &&
	       !(s->spec.once && s->jobs.claimed_once);
}

void jobs_teardown(struct supervisor *s)
{
	for (size_t i = 0; i < s->jobs.n; i++) {
		slot_free(s->jobs.slots[i].slot);
		settings_unref(s->jobs.slots[i].settings);
	}
	recovery_free(s->jobs.recovery);
	claim_queue_release(&s->jobs.queue);
	claim_keys_free(s->jobs.keys);
}
