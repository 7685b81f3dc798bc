/*
 * The disk-guard role: one run of the disk guard (hygiene/disk/guard.h) for one instance, with the
 * rights of a janitor (runner/helper/janitor.h) as the owner of the state directory. Started by the
 * supervisor before it claims (--output log) and by `disk guard` (text, json).
 *
 * Exit codes: 0 done, 1 something could not be deleted, 3 another guard is running, or it is
 * another runner's root, 4 still short of min_free, 5 not all decisions could be recorded.
 */
#ifndef RUNNER_HELPER_DISK_GUARD_H
#define RUNNER_HELPER_DISK_GUARD_H

#include "config/runner_config.h"
#include "hygiene/disk/guard.h"

/* The lock of the instance (guard_lock), where the starter holds it for us. */
enum { DISK_GUARD_FD_LOCK = 3 };

int disk_guard_role_main(int argc, char **argv);

/* Words of its own: the verb's --output says "table" where this says "text". */
enum report_kind { REPORT_TEXT, REPORT_JSON, REPORT_LOG };

struct disk_guard_order {
	const struct runner_config *config;
	enum guard_mode mode;
	bool dry_run, locked;
	enum report_kind output;
};
/* The role's command line, verb first. */
void disk_guard_argv(const struct disk_guard_order *o, struct strv *argv);

#endif
