/*
 * What is a candidate, and why it stays. The reasons are words that operators grep for
 * (OPERATIONS.md); each has one place here. A candidate remembers inode and ctime of its folder, so
 * that what is deleted is what was examined.
 */
#include "hygiene/disk/guard_item.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "hygiene/workdir/trash.h"

void guard_items_release(struct guard_items *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct guard_item *it = &l->v[i];

		free(it->path);
		free(it->run);
		free(it->entry);
		free(it->lease);
		free(it->detail);
		close_fdp(&it->parent);
	}
	free(l->v);
	*l = (struct guard_items){ 0 };
}

static struct guard_item *add_item(struct guard_items *l, const char *entry, int parent)
{
	struct guard_item *it;

	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	it = &l->v[l->n++];
	*it = (struct guard_item){ .entry = xstrdup(entry), .parent = parent };
	return it;
}

/* ---- collecting ---- */

static int add_workspaces(struct guard_items *l, const struct workdir_host *host, struct err *e)
{
	CLEANUP(workdirs_release) struct workdirs dirs = { 0 };

	if (workdirs_list(host, &dirs, e) < 0)
		return -1;
	for (size_t i = 0; i < dirs.n; i++) {
		const struct workdir *w = &dirs.v[i];
		int parent = w->run ? workdir_open_parent(w, NULL) : -1;

		if (parent < 0)
			continue; /* no workspace, or its run's folder is gone already */
		struct guard_item *it = add_item(l, w->entry, parent);
		it->path = workdir_path(w);
		it->run = xstrdup(w->run);
		it->lease = workdir_lease(w);
	}
	return 0;
}

/* The job whose folder it is or was: "41", ".stale-41-0a0b0c0d". */
static bool is_of_job(const char *entry, const char *job)
{
	const char *at = trash_is(entry) ? strchr(entry + 1, '-') + 1 : entry;
	size_t n = strcspn(at, "-");

	return n == strlen(job) && memcmp(at, job, n) == 0;
}

/* Its job's run is not known, so the lease is found by its second number. Two of them cannot be:
 * a job belongs to one run. */
static char *lease_of_job(const struct strv *leases, const char *entry)
{
	strv_each (lease, leases)
		if (is_of_job(entry, strchr(lease, '-') + 1))
			return xstrdup(lease);
	return NULL;
}

static int add_state(struct guard_items *l, const struct guard_spec *spec, size_t fs, struct err *e)
{
	CLEAN_STR char *jobs = path_join(spec->state_dir, "jobs"),
		       *folder = path_join(spec->state_dir, "leases");
	CLEANUP(strv_release) struct strv names = { 0 }, leases = { 0 };
	DIR *d = opendir(jobs);

	if (!d)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "list %s", jobs);
	for (struct dirent *ent; (ent = readdir(d));)
		if (ent->d_type == DT_DIR && !str_eq(ent->d_name, ".") &&
			!str_eq(ent->d_name, ".."))
			strv_add(&names, ent->d_name);
	/* after the jobs: a job takes its lease before it makes its folder */
	int rc = lease_list(folder, &leases, e);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		struct guard_item *it = add_item(l, names.v[i], dup(dirfd(d)));

		it->path = path_join(jobs, names.v[i]);
		it->fs = fs;
		it->lease = lease_of_job(&leases, names.v[i]);
	}
	closedir(d);
	return rc;
}

int guard_items_collect(const struct guard_spec *spec, const struct workdir_host *host,
	size_t state_fs, struct guard_items *ret, struct err *e)
{
	if (host->fd >= 0 && add_workspaces(ret, host, e) < 0)
		return -1;
	return add_state(ret, spec, state_fs, e);
}

/* ---- examining ---- */

struct measure {
	struct walk_links *links;
	struct walk_usage usage;
	bool mount;
};

static enum walk_verdict measure_entry(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct measure *m = data;

	(void)w;
	walk_usage_add(&m->usage, m->links, ent);
	m->mount = m->mount || ent->mount || (ent->event == WALK_BLIND && ent->errnum == EXDEV);
	return WALK_ON;
}

static int measure_tree(int parent, const char *name, struct measure *m)
{
	int rc;

	m->links = walk_links_new();
	rc = walk_tree(parent, name, measure_entry, m, NULL);
	walk_links_free(TAKE(m->links));
	return rc;
}

uint64_t guard_item_bytes(const struct guard_item *it, const char *name)
{
	struct measure m = { 0 };

	return measure_tree(it->parent, name, &m) < 0 ? 0 : m.usage.allocated;
}

int64_t guard_item_age(const struct guard_item *it, const struct guard_spec *spec)
{
	int64_t age = spec->now.us - it->newest_us;

	return !it->known ? -1 : age < 0 ? 0 : age;
}

static bool is_protected(const struct guard_item *it, const struct guard_spec *spec)
{
	CLEAN_STR char *both = it->run ? xasprintf("%s/%s", it->run, it->entry) : NULL;

	return strv_contains(spec->protected, it->entry) ||
	       (it->run && (strv_contains(spec->protected, it->run) ||
				   strv_contains(spec->protected, both)));
}

/* A folder in jobs/ means that its job runs or is still to be recovered; one without a journal
 * cannot be recovered. */
static bool is_recoverys(const struct guard_item *it, const struct guard_spec *spec)
{
	CLEAN_STR char *path =
		xasprintf("%s/jobs/%s%s", spec->state_dir, it->entry, it->run ? "" : "/journal");

	return access(path, F_OK) == 0;
}

static int take_lease(struct guard_item *it, const struct guard_spec *spec, struct lease *ret)
{
	CLEAN_STR char *folder = path_join(spec->state_dir, "leases");
	struct err e = { 0 };

	if (lease_take(folder, it->lease, ret, &e) == 0)
		return 0;
	free(it->detail);
	it->keep = err_is(&e, ERR_CONFLICT) ? "leased" : "lease_unreadable";
	it->detail = xstrdup(err_is(&e, ERR_CONFLICT) ? it->lease : e.text);
	return -1;
}

/* What was deleted half-way is nobody's any more: it needs no lease where there is none. */
static const char *reason_before_lease(const struct guard_item *it, const struct guard_spec *spec)
{
	struct stat st;

	if (is_protected(it, spec))
		return "protected";
	if (fstatat(it->parent, it->entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "gone";
	if (!S_ISDIR(st.st_mode))
		return "not_a_folder";
	if (is_recoverys(it, spec))
		return "job_folder";
	return it->lease || (!it->run && trash_is(it->entry)) ? NULL : "no_lease";
}

static const char *reason_of_tree(const struct guard_item *it, const struct guard_spec *spec,
	const struct guard_fs *fs, const struct measure *m)
{
	if (m->mount)
		return "mount_inside";
	if (!fs[it->fs].pressed)
		return "other_filesystem";
	if (spec->mode != GUARD_NIGHTLY)
		return NULL;
	if (m->usage.blind)
		return "unreadable";
	return spec->now.us - it->newest_us < spec->stale_us ? "recent" : NULL;
}

/* What tells this folder from another one that takes its place. */
static void remember_facts(struct guard_item *it)
{
	struct stat st;

	if (fstatat(it->parent, it->entry, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		it->keep = "gone";
		return;
	}
	it->ino = st.st_ino;
	it->ctime_us = st.st_ctim.tv_sec * USEC_PER_SEC + st.st_ctim.tv_nsec / 1000;
}

/* Held by somebody else, seen without taking it: a job that begins now must find its lease free. */
static bool is_leased(struct guard_item *it, const struct guard_spec *spec)
{
	CLEAN_STR char *folder = path_join(spec->state_dir, "leases");

	if (!it->lease || !lease_is_held(folder, it->lease, -1))
		return false;
	it->keep = "leased";
	free(it->detail);
	it->detail = xstrdup(it->lease);
	return true;
}

void guard_item_examine(
	struct guard_item *it, const struct guard_spec *spec, const struct guard_fs *fs)
{
	struct measure m = { 0 };

	it->keep = reason_before_lease(it, spec);
	if (it->keep || is_leased(it, spec))
		return;
	/* before the walk: what changes while it is walked is then another one to the claim */
	remember_facts(it);
	if (!it->keep && measure_tree(it->parent, it->entry, &m) < 0)
		it->keep = "gone";
	if (it->keep)
		return;
	it->known = true;
	it->bytes = m.usage.allocated;
	it->newest_us = m.usage.newest_us;
	it->keep = reason_of_tree(it, spec, fs, &m);
}

/* Between the examination and now a job may have run here: then it is another folder, or a younger
 * one. */
int guard_item_claim(struct guard_item *it, const struct guard_spec *spec, struct lease *ret)
{
	struct guard_item now = { .entry = it->entry, .parent = it->parent };

	if (it->lease && take_lease(it, spec, ret) < 0)
		return -1;
	it->keep = reason_before_lease(it, spec);
	remember_facts(&now);
	if (!it->keep && (now.keep || now.ino != it->ino || now.ctime_us != it->ctime_us))
		it->keep = "changed";
	if (!it->keep)
		return 0;
	lease_end(ret);
	return -1;
}

static int by_age(const void *a, const void *b)
{
	const struct guard_item *x = a, *y = b;

	if (x->newest_us != y->newest_us)
		return x->newest_us < y->newest_us ? -1 : 1;
	return strcmp(x->path, y->path);
}

void guard_items_sort(struct guard_items *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_age);
}
