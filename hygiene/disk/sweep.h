/*
 * What jobs left behind although nobody uses it any more: workspaces without a held lease and
 * without a job folder (that is recovery's), however young: a job that runs holds its lease before
 * it has a workspace. They are deleted, empty folders of runs too; what resists is renamed in place
 * to .stale-<job>-<random>, where it can fail no job, and tried again by every later sweep. In the
 * janitor role (runner/helper/janitor.h), with its capabilities or with none.
 *
 * <root>/.owner names the runner (instance id) whose leases speak for the root; another one's sweep
 * is refused, as its leases would prove nothing.
 *
 * The lease is held only while a
 * workspace is renamed aside, never while it is inspected or deleted.
 */
#ifndef HYGIENE_DISK_SWEEP_H
#define HYGIENE_DISK_SWEEP_H

#include "base/clock.h"
#include "base/err.h"

struct sweep_spec {
	const char *root;      /* workspace_root */
	const char *state_dir; /* leases/, jobs/ and instance_id */
	struct wall now;
};
struct sweep_result {
	uint64_t removed, kept; /* workspaces; kept: could not be deleted, set aside */
	uint64_t in_use;        /* left alone */
	char *reason;           /* owned; of the first that was kept */
};
void sweep_result_release(struct sweep_result *r);
/* -1: the root or the leases cannot be read (ERR_CONFLICT: another runner's root), and then
 * nothing was touched. A root that does not exist yet is empty. */
int sweep_workspaces(
	const struct sweep_spec *spec, struct sweep_result *ret, struct err *e) CHECK_RESULT;

#endif
