/*
 * Hosts and their workspaces. Everything below a root is reached by descriptor and never through a
 * link, as the content was written by somebody else's jobs.
 */
#include "hygiene/workdir/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "hygiene/workdir/lock_holder.h"

int workdir_uids_parse(const char *text, struct workdir_uids *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv parts = { 0 };
	struct workdir_uids u = { 0 };
	int64_t uid;

	strv_split(&parts, text, ',');
	strv_each (part, &parts) {
		if (u.n == WORKDIR_UIDS_MAX || !parse_i64(part, 0, UINT32_MAX - 1, &uid))
			return err_set(e, ERR_INPUT,
				"user ids \"%s\": expected 1 to %d numbers with commas between "
				"them",
				text, WORKDIR_UIDS_MAX);
		u.v[u.n++] = (uid_t)uid;
	}
	if (u.n == 0)
		return err_set(e, ERR_INPUT, "user ids \"%s\": expected a number", text);
	*ret = u;
	return 0;
}

bool workdir_uids_have(const struct workdir_uids *u, uid_t uid)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->v[i] == uid)
			return true;
	return uid >= u->first && (int64_t)(uid - u->first) < u->users;
}

/* ---- the host ---- */

int workdir_facts(int fd, struct walk_entry *ret, struct err *e)
{
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &sx) < 0)
		return err_set_errno(e, errno, "inspect a folder");
	*ret = (struct walk_entry){ .name = ".",
		.dirfd = -1,
		.fd = -1,
		.type = DT_DIR,
		.known = true,
		.fixed = sx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND),
		.mode = sx.stx_mode,
		.uid = sx.stx_uid,
		.gid = sx.stx_gid };
	return 0;
}

/* A root that is itself a link would let its owner point the verbs at anything. */
static int open_root(struct workdir_host *h, const char *path, struct err *e)
{
	char resolved[PATH_MAX];

	h->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (h->fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(
			e, ERR_CONFLICT, "%s: expected a folder, not a link or a file", path);
	if (h->fd < 0 || !realpath(path, resolved))
		return err_set_errno(e, errno, "open %s", path);
	h->root = xstrdup(resolved);
	return workdir_facts(h->fd, &h->self, e);
}

/* Has the runner the janitor's capabilities? We tell of ourselves, root of the runner that runs.
 * One that does not run is taken to be started by its unit, which gives them. */
static bool runner_is_capable(const struct workdir_host_spec *spec)
{
	CLEAN_STR char *lock = spec->state_dir ? path_join(spec->state_dir, "lock") : NULL;
	pid_t holder = geteuid() == 0 && lock ? lock_holder(lock) : getpid();

	return holder == 0 || process_may_delete(holder);
}

/* Who deletes here: the first expected owner, else who runs the host. That is not the owner of the
 * work root: a root made by mistake as somebody else is the very thing to be found. */
static void settle_owners(struct workdir_host *h, const struct workdir_host_spec *spec)
{
	if (spec->expected) {
		h->owners = *spec->expected;
	} else {
		h->owners.v[h->owners.n++] = h->home_uid;
		if (spec->step_uid >= 0 && spec->step_uid != (int64_t)h->home_uid)
			h->owners.v[h->owners.n++] = (uid_t)spec->step_uid;
		if (spec->step_uid >= 0) {
			h->owners.first = (uid_t)spec->step_uid;
			h->owners.users = spec->step_users;
		}
	}
	h->who.uid = h->owners.v[0];
	h->who.gid = h->who.uid == h->home_uid ? h->home_gid : (gid_t)-1;
	h->who.capable =
		h->who.uid == 0 || (!spec->expected && h->owners.n > 1 && runner_is_capable(spec));
	if (h->who.uid == 0 && geteuid() != 0) /* nobody here can act as root */
		h->who = (struct walk_who){ .uid = geteuid(), .gid = getegid() };
}

static int open_shithub(struct workdir_host *h, const struct workdir_host_spec *spec, struct err *e)
{
	CLEAN_STR char *leases = spec->state_dir ? path_join(spec->state_dir, "leases") : NULL;
	char name[HOST_NAME_MAX + 1] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return err_set_errno(e, errno, "read the name of this machine");
	h->name = xstrdup(name);
	if (leases && access(leases, R_OK | X_OK) == 0)
		h->leases = TAKE(leases);
	if (open_root(h, spec->path, e) < 0)
		return -1;
	h->home_uid = h->self.uid;
	h->home_gid = h->self.gid;
	return 0;
}

static int open_actions(struct workdir_host *h, const struct workdir_host_spec *spec, struct err *e)
{
	char instance[PATH_MAX];
	struct stat st;

	if (!realpath(spec->path, instance) || stat(instance, &st) < 0)
		return err_set_errno(e, errno, "instance %s", spec->path);
	CLEAN_STR char *work = path_join(instance, "_work");
	h->name = xstrdup(strrchr(instance, '/') + 1);
	h->home_uid = st.st_uid;
	h->home_gid = st.st_gid;
	if (open_root(h, work, e) < 0)
		return err_wrap(e, "instance %s", spec->path);
	return 0;
}

int workdir_host_open(struct workdir_host *h, const struct workdir_host_spec *spec, struct err *e)
{
	*h = (struct workdir_host){ .fd = -1, .layout = spec->layout };
	int rc = spec->layout == WORKDIR_SHITHUB ? open_shithub(h, spec, e)
						 : open_actions(h, spec, e);
	if (rc < 0)
		workdir_host_release(h);
	else
		settle_owners(h, spec);
	return rc;
}

void workdir_host_release(struct workdir_host *h)
{
	close_fdp(&h->fd);
	free_charp(&h->name);
	free_charp(&h->root);
	free_charp(&h->leases);
}

/* ---- its workspaces ---- */

static void add_workdir(
	struct workdirs *l, const struct workdir_host *h, const char *run, const char *entry)
{
	struct workdir w = { .host = h, .entry = xstrdup(entry) };

	w.run = xstrdup(run);
	w.name = run ? xasprintf("%s-%s", run, entry) : xstrdup(entry);
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = w;
}

static bool is_dir_or_link(int dir, const struct dirent *ent)
{
	struct stat st;

	if (str_eq(ent->d_name, ".") || str_eq(ent->d_name, ".."))
		return false;
	if (ent->d_type != DT_UNKNOWN)
		return ent->d_type == DT_DIR || ent->d_type == DT_LNK;
	return fstatat(dir, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode));
}

static bool is_run(int root, const char *name)
{
	struct stat st;

	return *name >= '1' && *name <= '9' && strspn(name, "0123456789") == strlen(name) &&
	       fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Names of folders and links in dir (not followed itself), sorted. */
static int list_names(int at, const char *dir, struct strv *ret, struct err *e)
{
	int fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		err_set_errno(e, errno, "list %s", dir);
		close_fdp(&fd);
		return -1;
	}
	for (struct dirent *ent; (ent = readdir(d));)
		if (is_dir_or_link(dirfd(d), ent))
			strv_add(ret, ent->d_name);
	closedir(d);
	strv_sort(ret);
	return 0;
}

static int add_run(struct workdirs *l, const struct workdir_host *h, const char *run, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };

	if (list_names(h->fd, run, &names, e) < 0)
		return err_is(e, ERR_NOT_FOUND) ? (err_clear(e), 0) : err_wrap(e, "%s", h->root);
	strv_each (name, &names)
		add_workdir(l, h, run, name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct workdir *)a)->name, ((const struct workdir *)b)->name);
}

int workdirs_list(const struct workdir_host *h, struct workdirs *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	bool actions = h->layout == WORKDIR_ACTIONS;

	if (list_names(h->fd, ".", &names, e) < 0)
		return err_wrap(e, "%s", h->root);
	strv_each (name, &names) {
		if (actions && *name == '_')
			continue;
		if (actions || !is_run(h->fd, name))
			add_workdir(ret, h, NULL, name);
		else if (add_run(ret, h, name, e) < 0)
			return -1;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

void workdirs_release(struct workdirs *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].name);
		free(w->v[i].run);
		free(w->v[i].entry);
	}
	free(w->v);
	*w = (struct workdirs){ 0 };
}

const struct workdir *workdirs_find(const struct workdirs *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->v[i].name, name))
			return &w->v[i];
	return NULL;
}

const char *workdir_name_problem(const char *name)
{
	if (!*name)
		return "is empty";
	if (str_eq(name, ".") || str_eq(name, ".."))
		return "names the work root itself or what is above it";
	if (strchr(name, '/'))
		return "is a path";
	if (*name == '_')
		return "is no workspace but a folder of the runner itself";
	return strlen(name) > WORKDIR_NAME_MAX ? "is too long" : NULL;
}

int workdir_open_parent(const struct workdir *w, struct err *e)
{
	int fd = openat(w->host->fd, w->run ? w->run : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "open %s/%s", w->host->root, w->run ? w->run : "");
	return fd;
}

char *workdir_path(const struct workdir *w)
{
	return w->run ? xasprintf("%s/%s/%s", w->host->root, w->run, w->entry)
		      : xasprintf("%s/%s", w->host->root, w->entry);
}

/* ---- in use ---- */

/* The lease of the job that made it; what was set aside (.stale-<job>-…) belongs to the same one:
 * its janitor may be deleting it. NULL: no job's. */
char *workdir_lease(const struct workdir *w)
{
	static const char aside[] = ".stale-";
	const char *job = w->entry;
	int64_t a, b;

	if (!w->run)
		return NULL;
	if (str_starts(job, aside))
		job += strlen(aside);
	char *name = xasprintf("%s-%.*s", w->run, (int)strcspn(job, "-"), job);
	if (!lease_parse_name(name, &a, &b))
		free_charp(&name);
	return name;
}

/* What changed hands just now is left to whoever has it. */
enum { YOUNG_SECONDS = 5 };

bool workdir_lease_held(const char *folder, const char *name)
{
	return lease_is_held(folder, name, YOUNG_SECONDS);
}

enum workdir_use workdir_in_use(
	const struct workdir *w, const struct in_use *u, bool claimed, pid_t user, char **ret_why)
{
	CLEAN_STR char *path = workdir_path(w), *lease = workdir_lease(w);
	bool provable = w->host->leases && lease;
	const char *how = "has a file of it open";
	/* leases speak for our own root: who has all of it mounted is the runner itself */
	const char *root = w->host->layout == WORKDIR_ACTIONS ? w->host->root : path;
	pid_t pid = user ? user : in_use_by(u, root, path, &how);

	if (provable && !claimed && workdir_lease_held(w->host->leases, lease)) {
		*ret_why = lease_is_held(w->host->leases, lease, -1)
				   ? xasprintf("lease %s is held", lease)
				   : xasprintf("lease %s changed hands a few seconds ago; try "
					       "again",
					     lease);
		return WORKDIR_BUSY;
	}
	if (pid) {
		*ret_why = pid == IN_USE_CONTAINER ? xstrdup(how)
						   : xasprintf("process %d %s", (int)pid, how);
		return WORKDIR_BUSY;
	}
	return provable ? WORKDIR_IDLE : WORKDIR_UNKNOWN;
}

int workdir_claim(const struct workdir *w, struct lease *ret, struct err *e)
{
	CLEAN_STR char *lease = workdir_lease(w);

	if (!w->host->leases || !lease)
		return 0;
	return lease_take(w->host->leases, lease, ret, e);
}
