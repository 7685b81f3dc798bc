/*
 * Containers without an owner: they carry our instance id, and their job has no live lease
 * (state/lease.h). Never by name, never anyone else's. What is listed first is compared with the
 * leases that are held afterwards, so a container of a job that begins meanwhile is never among
 * them.
 *
 * Blocks on the loop: in the orphans and recover roles, and in local runs, never in the supervisor.
 */
#ifndef RUNNER_HELPER_ORPHANS_H
#define RUNNER_HELPER_ORPHANS_H

#include "config/runner_config.h"
#include "engine/engine.h"
#include "state/state_dir.h"

/* Removes them and counts; -1 when some could not be looked at or removed. */
int orphans_sweep(struct engine *g, const struct state_dir *state, uint64_t *ret_removed,
	struct err *e) CHECK_RESULT;
/* The containers of one job of this instance, whose lease the caller holds. */
int orphans_remove_job(struct engine *g, const char *instance, int64_t job, uint64_t *ret_removed,
	struct err *e) CHECK_RESULT;

/* A local run at its start, which owns the state directory alone: containers and job folders of
 * earlier ones. Failures are logged, never fatal. */
void orphans_remove(struct loop *l, struct http *h, const struct runner_config *c,
	const struct state_dir *state);

/* The role: one sweep; writes how many were removed to ROLE_FD_CHANNEL. EXIT_FINDINGS: not all. */
int orphans_role_main(int argc, char **argv);

#endif
