/*
 * The hourly sweep. It trusts nothing but a lease that it holds itself, and a job folder's absence
 * seen under that lease: a list of jobs made a moment before proves nothing about now.
 */
#include "hygiene/disk/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hygiene/workdir/trash.h"
#include "hygiene/workdir/root_owner.h"
#include "hygiene/workdir/workdir.h"

#define PROBE_US (60 * USEC_PER_SEC) /* a probe takes milliseconds */

void sweep_result_release(struct sweep_result *r)
{
	free_charp(&r->reason);
}

/* A job folder means that its job runs or is still to be recovered. */
static bool has_job_folder(const struct workdir *w, const char *state_dir)
{
	CLEAN_STR char *path = xasprintf("%s/jobs/%s", state_dir, w->entry);

	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* Set aside already: nobody waits for its name while this takes its time. */
static void remove_aside(int parent, const char *aside, const struct workdir *w,
	const struct err *not_moved, struct sweep_result *ret)
{
	struct err e = { 0 };

	if (aside && (tree_remove(parent, aside, NULL, &e) == 0 || err_is(&e, ERR_NOT_FOUND))) {
		ret->removed++;
		/* the last workspace of a run takes the run's folder with it */
		unlinkat(w->host->fd, w->run, AT_REMOVEDIR);
		return;
	}
	ret->kept++;
	if (!ret->reason)
		ret->reason =
			xasprintf("%s/%s: %s", w->run, w->entry, aside ? e.text : not_moved->text);
}

/* Is it still what was found idle? Asked under the lease. */
static bool is_unchanged(int parent, const struct workdir *w, const struct stat *before)
{
	struct stat now;

	return fstatat(parent, w->entry, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_ino == before->st_ino && now.st_dev == before->st_dev &&
	       now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/* The lease is held for the time of one rename. NULL with *ret counted or, in e, why not. */
static char *set_aside(int parent, const struct workdir *w, const struct sweep_spec *spec,
	const struct stat *before, struct sweep_result *ret, struct err *e)
{
	struct lease lease = LEASE_INIT;
	char *aside = NULL;

	if (workdir_claim(w, &lease, NULL) < 0 || lease.fd < 0 ||
		has_job_folder(w, spec->state_dir) || !is_unchanged(parent, w, before))
		ret->in_use++;
	else
		aside = trash_move(parent, w->entry, e);
	lease_end(&lease);
	return aside;
}

static bool is_leased(const struct workdir *w)
{
	CLEAN_STR char *lease = workdir_lease(w);

	return !lease || lease_is_held(w->host->leases, lease, -1);
}

/* All looking is done without the lease: a job that begins meanwhile finds it free. */
static void sweep_one(
	const struct workdir *w, const struct sweep_spec *spec, struct sweep_result *ret)
{
	CLEAN_FD int parent = workdir_open_parent(w, NULL);
	CLEAN_STR char *aside = NULL;
	struct err e = { 0 };
	struct stat before;

	if (parent < 0 || fstatat(parent, w->entry, &before, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (has_job_folder(w, spec->state_dir) || is_leased(w)) {
		ret->in_use++;
		return;
	}
	aside = set_aside(parent, w, spec, &before, ret, &e);
	if (aside || *e.text)
		remove_aside(parent, aside, w, &e, ret);
}

static bool is_old_probe(int root, const char *name, const struct sweep_spec *spec)
{
	struct stat st;

	return str_starts(name, ".probe-") && fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       spec->now.us - st.st_ctim.tv_sec * USEC_PER_SEC > PROBE_US;
}

/* Folders of runs without a job, and those of probes that were killed. A janitor that is just about
 * to use one makes it again. */
static int sweep_empty(const struct sweep_spec *spec, struct err *e)
{
	DIR *d = opendir(spec->root);
	int64_t run;

	if (!d)
		return err_set_errno(e, errno, "list %s", spec->root);
	for (struct dirent *ent; (ent = readdir(d));)
		if (parse_i64(ent->d_name, 1, INT64_MAX, &run) ||
			is_old_probe(dirfd(d), ent->d_name, spec))
			unlinkat(dirfd(d), ent->d_name, AT_REMOVEDIR);
	closedir(d);
	return 0;
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
		return err_set(e, ERR_CONFLICT, "no leases in %s: no workspace can be proved idle",
			spec->state_dir);
	if (root_owner_check(spec->root, spec->state_dir, true, e) < 0 ||
		workdirs_list(&host, &dirs, e) < 0)
		return -1;
	for (size_t i = 0; i < dirs.n; i++)
		if (dirs.v[i].run) /* what else stands in the root is not ours to judge */
			sweep_one(&dirs.v[i], spec, ret);
	return sweep_empty(spec, e);
}
