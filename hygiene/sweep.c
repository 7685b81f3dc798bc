/* See sweep.h. */
#include "hygiene/sweep.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hygiene/root_owner.h"
#include "hygiene/trash.h"
#include "hygiene/workdir.h"

void sweep_result_release(struct sweep_result *r)
{
	free_charp(&r->reason);
}

/* Ends at the first entry that is too young. */
struct age {
	int64_t limit_us;
	bool young;
};

static enum walk_verdict look_age(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct age *a = data;

	(void)w;
	a->young = a->young || ent->ctime_us > a->limit_us;
	return a->young ? WALK_STOP : WALK_ON;
}

static bool is_young(int parent, const struct workdir *w, const struct sweep_spec *spec)
{
	struct age a = { .limit_us = spec->now.us - spec->ttl_us };

	return walk_tree(parent, w->entry, look_age, &a, NULL) < 0 || a.young;
}

/* A job folder means that its job runs or is still to be recovered. */
static bool has_job_folder(const struct workdir *w, const char *state_dir)
{
	CLEAN_STR char *path = xasprintf("%s/jobs/%s", state_dir, w->entry);

	return access(path, F_OK) == 0 || errno != ENOENT;
}

static void clear(int parent, const struct workdir *w, struct sweep_result *ret)
{
	uint64_t left = 0;
	struct err e = { 0 };

	if (tree_remove(parent, w->entry, &left, &e) == 0 || err_is(&e, ERR_NOT_FOUND)) {
		ret->removed++;
		/* the last workspace of a run takes the run's folder with it */
		unlinkat(w->host->fd, w->run, AT_REMOVEDIR);
		return;
	}
	ret->kept++;
	if (!ret->reason)
		ret->reason = xasprintf("%s/%s: %s", w->run, w->entry, e.text);
	free(trash_move(parent, w->entry, NULL)); /* where it fails too, the name stays taken */
}

static void sweep_one(
	const struct workdir *w, const struct sweep_spec *spec, struct sweep_result *ret)
{
	int parent CLEAN_FD = workdir_open_parent(w, NULL);
	struct lease lease = LEASE_INIT;

	if (parent < 0)
		return;
	/* looked at before, so that recovery never meets our lock, and again behind it: a job may
	 * have come and died in between */
	if (has_job_folder(w, spec->state_dir) || workdir_claim(w, &lease, NULL) < 0 ||
		lease.fd < 0) {
		ret->in_use++;
		return;
	}
	if (has_job_folder(w, spec->state_dir))
		ret->in_use++;
	else if (!trash_is(w->entry) && is_young(parent, w, spec))
		ret->young++;
	else
		clear(parent, w, ret);
	lease_end(&lease);
}

int sweep_workspaces(const struct sweep_spec *spec, struct sweep_result *ret, struct err *e)
{
	struct workdir_host_spec where = { .layout = WORKDIR_SHITHUB,
		.path = spec->root,
		.state_dir = spec->state_dir,
		.step_uid = -1 };
	CLEANUP(workdirs_release) struct workdirs dirs = { 0 };
	CLEANUP(workdir_host_release) struct workdir_host host = { .fd = -1 };

	*ret = (struct sweep_result){ 0 };
	if (workdir_host_open(&host, &where, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		return 0;
	}
	if (!host.leases)
		return err_set(e, ERR_CONFLICT, "no leases in %s: nothing can be proved idle",
			spec->state_dir);
	if (root_owner_check(spec->root, spec->state_dir, true, e) < 0 ||
		workdirs_list(&host, &dirs, e) < 0)
		return -1;
	for (size_t i = 0; i < dirs.n; i++)
		if (dirs.v[i].run) /* what else stands in the root is not ours to judge */
			sweep_one(&dirs.v[i], spec, ret);
	return 0;
}
