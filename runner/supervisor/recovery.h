/*
 * What an earlier supervisor of this state directory left when it died, and what anything leaves in
 * the engine: at the start each journal whose lease is free becomes a slot that recovers (slot.h),
 * as many at once as there is capacity, beside the slots of new jobs; then, and every few minutes,
 * the orphans role removes containers without a live lease (orphans.h), again and again while the
 * engine is down. A damaged journal is set aside; a journal whose lease is held is checked
 * again every second. Nothing here blocks.
 *
 * Supervisor only, whose lock on the state directory says that nobody else does this.
 */
#ifndef RUNNER_SUPERVISOR_RECOVERY_H
#define RUNNER_SUPERVISOR_RECOVERY_H

#include "runner/supervisor/settings.h"
#include "base/ids.h"
#include "runner/slot/slot.h"

struct recovery;

struct recovery_spec {
	struct loop *loop;
	struct settings *settings; /* a reference is kept */
	const struct state_dir *state;
	void (*on_idle)(void *data);                          /* the last job was recovered */
	void (*on_over)(void *data, const struct slot *slot); /* one was; gone afterwards */
	void (*on_orphans)(void *data, uint64_t number);      /* so many containers were removed */
	void *data;
};
struct recovery *recovery_new(const struct recovery_spec *spec);
/* A job process died. The engine may still have been making a container for it when its containers
 * were removed: orphans are swept again in a few seconds, and then ever more rarely. */
void recovery_sweep_soon(struct recovery *r);
/* Nothing to recover; orphans do not count, nor jobs whose lease another process holds. */
bool recovery_idle(const struct recovery *r);
size_t recovery_jobs(const struct recovery *r); /* how many there are still */
void recovery_add_jobs(const struct recovery *r, struct ids *ret);
bool recovery_has_job(const struct recovery *r, int64_t job);
/* Leaves the rest for the next start. */
void recovery_cancel(struct recovery *r);
void recovery_free(struct recovery *r); /* NULL fine; the same at once */

#endif
