/*
 * One run of the guard: measure, collect, examine, sort by age, delete until there is room. All
 * looking comes first and holds no lease; the lease is held for one rename at a time. A workspace
 * that changed between the two is kept: a job may have come.
 */
#include "hygiene/disk/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/fs.h"
#include "hygiene/disk/guard_item.h"
#include "hygiene/disk/guard_record.h"
#include "hygiene/workdir/trash.h"
#include "hygiene/workdir/root_owner.h"

const char *const guard_mode_words[] = { "pre-job", "nightly", NULL };

const char *guard_mode_name(enum guard_mode m)
{
	return guard_mode_words[m];
}

void guard_result_release(struct guard_result *r)
{
	free_charp(&r->unrecorded);
}

int guard_lock(const char *state_dir, struct err *e)
{
	CLEAN_FD int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "state directory %s", state_dir);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno != EWOULDBLOCK)
		return err_set_errno(e, errno, "lock %s", state_dir);
	return err_set(e, ERR_CONFLICT, "another disk guard is running for %s", state_dir);
}

struct guard {
	const struct guard_spec *spec;
	struct guard_result *r;
	struct guard_record record;
};

/* ---- file systems ---- */

static bool is_pressed(const struct guard_spec *spec, const struct disk_space *d)
{
	return spec->mode == GUARD_NIGHTLY || disk_percent(d) >= spec->high_water ||
	       disk_is_short(d, spec->min_free);
}

static bool has_room(const struct guard_spec *spec, const struct disk_space *d)
{
	return disk_percent(d) <= spec->low_water && !disk_is_short(d, spec->min_free);
}

/* Each once; the state directory's number. */
static int measure_all(struct guard *g, size_t *ret_state, struct err *e)
{
	const char *const roots[GUARD_FS_MAX] = { g->spec->root, g->spec->state_dir };

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		struct disk_space d;

		if (disk_measure(roots[i], &d, e) < 0)
			return -1;
		*ret_state = i && d.dev == g->r->fs[0].before.dev ? 0 : i;
		if (*ret_state == i)
			g->r->fs[g->r->n_fs++] =
				(struct guard_fs){ roots[i], d, d, is_pressed(g->spec, &d) };
	}
	return 0;
}

static void measure_again(struct guard *g, const struct guard_item *it, uint64_t freed)
{
	struct guard_fs *fs = &g->r->fs[it->fs];
	struct err ignored = { 0 };

	if (!g->spec->dry_run) {
		IGNORE_RESULT(
			disk_measure(fs->root, &fs->after, &ignored), "shown only; stays zero");
		return;
	}
	freed = freed < fs->after.used ? freed : fs->after.used;
	fs->after.used -= freed;
	fs->after.avail += freed;
}

/* ---- decisions ---- */

static void decide(struct guard *g, const struct guard_item *it, const char *what,
	const char *reason, const char *detail, uint64_t bytes)
{
	struct guard_decision d = { .path = it->path,
		.what = what,
		.reason = reason,
		.detail = detail,
		.bytes = bytes,
		.age_us = guard_item_age(it, g->spec),
		.free_bytes = g->r->fs[it->fs].after.avail };

	if (!g->spec->dry_run)
		guard_record_add(&g->record, g->spec->mode, &d);
	g->spec->tell(g->spec->data, &d);
}

static void keep_item(struct guard *g, const struct guard_item *it, const char *reason)
{
	g->r->kept++;
	decide(g, it, "keep", reason, it->detail, it->bytes);
}

static const char *reason_to_go(const struct guard *g)
{
	return g->spec->mode == GUARD_NIGHTLY ? "stale" : "high_water";
}

/* Gone or as much of it as could be. */
static void settle(
	struct guard *g, const struct guard_item *it, const char *trash, const struct err *failure)
{
	uint64_t left = failure ? guard_item_bytes(it, trash) : 0;
	uint64_t gone = left < it->bytes ? it->bytes - left : 0;

	g->r->freed += gone;
	g->r->removed += !failure;
	g->r->failed += failure != NULL;
	measure_again(g, it, gone);
	decide(g, it, failure ? "failed" : "removed", failure ? "not_deletable" : reason_to_go(g),
		failure ? failure->text : NULL, gone);
}

/* The last workspace of a run takes the run's folder with it; ENOTEMPTY is the ordinary answer. */
static void drop_run(const struct guard *g, const struct guard_item *it)
{
	CLEAN_STR char *path = it->run ? path_join(g->spec->root, it->run) : NULL;

	if (path)
		rmdir(path);
}

static void remove_item(struct guard *g, struct guard_item *it)
{
	struct lease lease = LEASE_INIT;
	CLEAN_STR char *trash = NULL;
	struct err e = { 0 };
	uint64_t left = 0;

	if (guard_item_claim(it, g->spec, &lease) < 0) {
		keep_item(g, it, it->keep);
		return;
	}
	decide(g, it, "remove", reason_to_go(g), NULL, it->bytes);
	trash = trash_move(it->parent, it->entry, &e);
	lease_end(&lease); /* the job's name is free again while the rest takes its time */
	if (trash && (tree_remove(it->parent, trash, &left, &e) == 0 || err_is(&e, ERR_NOT_FOUND)))
		settle(g, it, trash, NULL);
	else
		settle(g, it, trash ? trash : it->entry, &e);
	drop_run(g, it);
}

static void handle_item(struct guard *g, struct guard_item *it)
{
	const struct disk_space *now = &g->r->fs[it->fs].after;

	if (it->keep) {
		keep_item(g, it, it->keep);
	} else if (g->spec->mode == GUARD_PRE_JOB && has_room(g->spec, now)) {
		keep_item(g, it, "low_water");
	} else if (g->spec->dry_run) {
		decide(g, it, "remove", reason_to_go(g), NULL, it->bytes);
		g->r->removed++;
		g->r->freed += it->bytes;
		measure_again(g, it, it->bytes);
	} else {
		remove_item(g, it);
	}
}

/* ---- one run ---- */

/* A root that nobody has claimed may be claimed by us; a full disk has no room for the mark, and
 * then it is enough that no other one stands there. */
static int check_owner(const struct guard_spec *spec, struct err *e)
{
	if (root_owner_check(spec->root, spec->state_dir, !spec->dry_run, e) == 0)
		return 0;
	if (e->errnum != ENOSPC)
		return -1;
	err_clear(e);
	return 0;
}

/* host->fd -1: there is no root yet, so no workspaces. */
static int open_host(struct workdir_host *host, const struct guard_spec *spec, struct err *e)
{
	struct workdir_host_spec where = { .layout = WORKDIR_SHITHUB,
		.path = spec->root,
		.state_dir = spec->state_dir,
		.step_uid = -1 };
	CLEAN_STR char *leases = path_join(spec->state_dir, "leases");

	if (access(leases, R_OK | W_OK | X_OK) < 0)
		return err_set(e, ERR_CONFLICT, "no leases in %s: no workspace can be proved idle",
			spec->state_dir);
	if (workdir_host_open(host, &where, e) == 0)
		return check_owner(spec, e);
	if (!err_is(e, ERR_NOT_FOUND))
		return -1;
	err_clear(e);
	host->fd = -1;
	return 0;
}

static bool any_pressed(const struct guard_result *r)
{
	for (size_t i = 0; i < r->n_fs; i++)
		if (r->fs[i].pressed)
			return true;
	return false;
}

static int prune(struct guard *g, size_t state_fs, struct err *e)
{
	CLEANUP(workdir_host_release) struct workdir_host host = { .fd = -1 };
	CLEANUP(guard_items_release) struct guard_items items = { 0 };

	if (open_host(&host, g->spec, e) < 0 ||
		guard_items_collect(g->spec, &host, state_fs, &items, e) < 0)
		return -1;
	for (size_t i = 0; i < items.n; i++) {
		guard_item_examine(&items.v[i], g->spec, g->r->fs);
		if (g->spec->progress)
			g->spec->progress(g->spec->data, i + 1, items.n);
	}
	guard_items_sort(&items);
	if (!g->spec->dry_run)
		guard_record_open(&g->record, g->spec->state_dir);
	for (size_t i = 0; i < items.n; i++)
		handle_item(g, &items.v[i]);
	if (!g->spec->dry_run)
		g->r->unrecorded = guard_record_close(&g->record);
	return 0;
}

int guard_run(const struct guard_spec *spec, struct guard_result *ret, struct err *e)
{
	struct guard g = { .spec = spec, .r = ret };
	size_t state_fs = 0;

	*ret = (struct guard_result){ 0 };
	if (measure_all(&g, &state_fs, e) < 0)
		return -1;
	spec->measured(spec->data, ret->fs, ret->n_fs);
	if (any_pressed(ret) && prune(&g, state_fs, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->n_fs; i++)
		ret->full = ret->full || disk_is_short(&ret->fs[i].after, spec->min_free);
	return 0;
}
