/*
 * The disk guard: makes room by deleting what one runner's jobs left behind, oldest first, and
 * nothing else. Candidates are
 *
 *   <root>/<run>/<job>               workspaces, and what was moved aside beside them
 *   <state_dir>/jobs/<job>           folders without a journal (with one they are recovery's)
 *
 * A candidate goes only while the guard holds its job's lease: what is claimed, runs or is being
 * cleaned up is never touched, whatever a clock or a process list says. Under the lease it is
 * renamed aside in its own folder, then deleted; a crash leaves only what every later sweep takes.
 * No link is followed, no mount is crossed, a tree with a mount in it stays.
 *
 *   pre-job   a file system at high water (or short of min_free): any age, until low water
 *   nightly   everything untouched for stale_us, however full it is; age is the latest mtime
 *             anywhere in the tree, one in the future counts as just now
 *
 * Each decision is told to the caller and appended to <state_dir>/hygiene/disk_guard.jsonl (a full
 * disk may take the line only after something was deleted). One guard of an instance at a time: a
 * lock on its state directory itself, which needs no room. In the janitor role.
 */
#ifndef HYGIENE_DISK_GUARD_H
#define HYGIENE_DISK_GUARD_H

#include "base/clock.h"
#include "hygiene/disk/disk.h"

enum guard_mode { GUARD_PRE_JOB, GUARD_NIGHTLY };
const char *guard_mode_name(enum guard_mode m); /* "pre-job", "nightly" */
extern const char *const guard_mode_words[];    /* the same, ended by NULL */

struct guard_fs {
	const char *root; /* borrowed; a folder of ours on it */
	struct disk_space before, after;
	bool pressed; /* to be pruned */
};
struct guard_decision {
	const char *path;
	const char *what;   /* "keep", "remove" (before it), "removed", "failed" */
	const char *reason; /* one word of guard.c's and guard_item.c's */
	const char *detail; /* the lease, the error; NULL: none */
	uint64_t bytes;     /* allocated; in "removed" and "failed" those that are gone */
	int64_t age_us;     /* -1: not known */
	uint64_t free_bytes;
};
struct guard_spec {
	const char *root, *state_dir; /* workspace_root, runner.state_dir */
	enum guard_mode mode;
	int64_t high_water, low_water, min_free; /* percent */
	int64_t stale_us;
	const struct strv *protected; /* names of entries, of runs, or <run>/<job> */
	bool dry_run;                 /* decides the same, changes and records nothing */
	struct wall now;
	void (*tell)(void *data, const struct guard_decision *d);
	void (*measured)(void *data, const struct guard_fs *fs, size_t n); /* before all else */
	/* NULL: nobody waits. Examined so many of all, before the first decision */
	void (*progress)(void *data, size_t done, size_t all);
	void *data;
};
enum { GUARD_FS_MAX = 2 };
struct guard_result {
	struct guard_fs fs[GUARD_FS_MAX];
	size_t n_fs;
	uint64_t freed; /* bytes: allocated blocks of what was deleted, in a dry run would be */
	uint64_t removed, failed, kept;
	bool full;        /* a file system is still short of min_free */
	char *unrecorded; /* why not all decisions are on disk; NULL: they are. Owned */
};
void guard_result_release(struct guard_result *r);

/* The instance's lock, a descriptor; -1 with ERR_CONFLICT: another guard is at work. */
int guard_lock(const char *state_dir, struct err *e) CHECK_RESULT;
/* The caller holds the lock. -1: nothing was touched (ERR_CONFLICT: another runner's root, or no
 * leases that would prove anything). */
int guard_run(const struct guard_spec *spec, struct guard_result *ret, struct err *e) CHECK_RESULT;

#endif
