/*
 * Inspects this machine: files, folders, kernel, limits. No lock is taken that a starting runner
 * could trip over, and the one file that is written is gone a moment later.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hygiene/disk/project.h"
#include "hygiene/doctor/inspect.h"
#include "hygiene/workdir/lock_holder.h"
#include "hygiene/workdir/root_owner.h"
#include "hygiene/workdir/root_reach.h"
#include "hygiene/workdir/workdir.h"
#include "state/state_dir.h"

static void inspection_errno(struct inspection *l, int errnum, const char *path)
{
	struct err e = { 0 };

	err_set_errno(&e, errnum, "%s", path);
	inspection_failed(l, e.text);
}

/* ---- the token ---- */

/* "path:line" of a value from a file. */
static char *path_of(const char *source)
{
	const char *colon = source ? strrchr(source, ':') : NULL;

	return colon ? xstrndup(source, (size_t)(colon - source)) : xstrdup(source);
}

/* A token from runner.token_file carries the source of that option. */
static bool from_own_file(const struct options *o, const struct option_value *token)
{
	int i = options_find(o, "runner", "token_file");

	return i >= 0 && o->values[i].text && str_eq(o->values[i].source, token->source);
}

static void find_token(struct doctor_facts *f, const struct options *o)
{
	int i = options_find(o, "runner", "token");
	const struct option_value *v = i < 0 ? NULL : &o->values[i];

	if (!f->config->runner.token || !v)
		return;
	if (from_own_file(o, v)) {
		f->token.from = TOKEN_OWN_FILE;
		f->token.path = xstrdup(f->config->runner.token_file);
	} else if (v->origin == ORIGIN_FILE) {
		f->token.from = TOKEN_CONFIG_FILE;
		f->token.path = path_of(v->source);
	} else {
		f->token.from = v->origin == ORIGIN_ENV ? TOKEN_ENV : TOKEN_FLAG;
	}
}

static void inspect_token(struct doctor_facts *f, const struct options *o)
{
	struct stat st;

	if (!f->token.path)
		find_token(f, o);
	if (!f->token.path)
		return;
	if (stat(f->token.path, &st) < 0) {
		inspection_errno(&f->token.inspection, errno, f->token.path);
		return;
	}
	inspection_done(&f->token.inspection);
	f->token.mode = st.st_mode;
	f->token.uid = st.st_uid;
}

/* ---- folders ---- */

static void inspect_folder(const char *path, struct folder_facts *d)
{
	struct stat st;
	struct statvfs v;
	struct err e = { 0 };

	if (disk_measure(path, &d->space, &e) < 0)
		d->space = (struct disk_space){ 0 };
	d->dev = d->space.dev; /* of the folder above where there is none yet */
	if (lstat(path, &st) < 0 || statvfs(path, &v) < 0) {
		if (errno == ENOENT)
			inspection_skipped(
				&d->inspection, "does not exist yet, the runner makes it");
		else
			inspection_errno(&d->inspection, errno, path);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		inspection_errno(&d->inspection, S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR, path);
		return;
	}
	inspection_done(&d->inspection);
	d->uid = st.st_uid;
	d->gid = st.st_gid;
	d->mode = st.st_mode;
	d->noexec = v.f_flag & ST_NOEXEC;
	d->nosuid = v.f_flag & ST_NOSUID;
	d->read_only = v.f_flag & ST_RDONLY;
}

static void inspect_quota(struct doctor_facts *f)
{
	const struct runner_config *c = f->config;
	struct err e = { 0 };

	if (!c->runner.project_ids)
		return;
	if (f->workspace.inspection.state != INSPECTION_DONE)
		inspection_skipped(&f->project_quota, "there is no workspace root yet");
	else if (project_check(c->runner.workspace_root, c->runner.project_first,
			 c->runner.project_ids, c->runner.workspace_limit, &e) < 0)
		inspection_failed(&f->project_quota, e.text);
	else
		inspection_done(&f->project_quota);
}

static void inspect_workspace(struct doctor_facts *f)
{
	const struct runner_config *c = f->config;
	struct err e = { 0 };

	inspect_folder(c->runner.workspace_root, &f->workspace);
	if (f->workspace.inspection.state == INSPECTION_DONE &&
		root_owner_check(c->runner.workspace_root, c->runner.state_dir, false, &e) < 0 &&
		err_is(&e, ERR_CONFLICT))
		inspection_failed(&f->root_owner, e.text);
	err_clear(&e);
	inspect_quota(f);
	if (root_reach_check(
		    c->runner.workspace_root, (uid_t)c->engine.uid, (gid_t)c->engine.gid, &e) < 0 &&
		err_is(&e, ERR_CONFLICT))
		inspection_failed(&f->root_reach, e.text);
}

/* ---- the state directory ---- */

static void inspect_sync(const char *dir, struct state_facts *s)
{
	CLEAN_STR char *path = xasprintf("%s/.doctor-%d", dir, (int)getpid());
	struct mono start = mono_now();
	struct err e = { 0 };

	if (file_replace(path, "doctor\n", 7, 0600, &e) < 0) {
		inspection_failed(&s->sync, e.text);
		return;
	}
	s->sync_us = mono_diff(mono_now(), start);
	inspection_done(&s->sync);
	if (unlink(path) < 0)
		inspection_errno(&s->sync, errno, path);
}

static size_t count_entries(const char *dir, const char *name)
{
	CLEAN_STR char *path = path_join(dir, name);
	DIR *d = opendir(path);
	size_t n = 0;

	if (!d)
		return 0;
	for (struct dirent *ent; (ent = readdir(d));)
		n += ent->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Ids of jobs whose lease is held. */
static void held_jobs(const char *state_dir, struct strv *ret)
{
	CLEAN_STR char *folder = path_join(state_dir, "leases");
	CLEANUP(strv_release) struct strv names = { 0 };
	struct err none = { 0 };
	int64_t run, job;

	if (lease_list(folder, &names, &none) < 0)
		return;
	strv_each (name, &names)
		if (lease_parse_name(name, &run, &job) && workdir_lease_held(folder, name))
			strv_addf(ret, "%" PRId64, job);
}

static void inspect_jobs(const char *dir, struct state_facts *s)
{
	struct state_dir state = { .path = (char *)dir, .lock_fd = -1 }; /* borrowed */
	CLEANUP(strv_release) struct strv jobs = { 0 }, held = { 0 };
	struct err e = { 0 };

	if (state_dir_jobs(&state, &jobs, &e) < 0 && e.errnum != ENOENT) {
		inspection_failed(&s->jobs, e.text);
		return;
	}
	inspection_done(&s->jobs);
	held_jobs(dir, &held);
	strv_each (job, &jobs)
		*(strv_contains(&held, job) ? &s->held : &s->left) += 1;
	s->damaged = count_entries(dir, "damaged");
}

static void inspect_state(struct doctor_facts *f)
{
	const char *dir = f->config->runner.state_dir;
	CLEAN_STR char *lock = path_join(dir, "lock");

	inspect_folder(dir, &f->state.folder);
	if (f->state.folder.inspection.state != INSPECTION_DONE) {
		inspection_done(&f->state.jobs);
		return;
	}
	f->state.holder = lock_holder(lock);
	inspect_sync(dir, &f->state);
	inspect_jobs(dir, &f->state);
}

/* ---- kernel and limits ---- */

static int64_t limit_of(rlim_t v)
{
	return v == RLIM_INFINITY || v > INT64_MAX ? -1 : (int64_t)v;
}

/* pids.max of a process's control group: version 2 "0::/path", version 1 "9:pids:/path". */
static int64_t pids_max(pid_t pid)
{
	CLEAN_STR char *groups = xasprintf("/proc/%d/cgroup", (int)pid);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(16));
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct err none = { 0 };

	if (file_read(groups, &text, &none) < 0)
		return -1;
	strv_split(&lines, buf_cstr(&text), '\n');
	strv_each (line, &lines) {
		const char *path = strstr(line, ":pids:"), *v2 = strstr(line, "::");
		CLEAN_STR char *file = xasprintf("/sys/fs/cgroup%s%s/pids.max", path ? "/pids" : "",
			path ? path + 6 : (v2 ? v2 + 2 : ""));
		CLEAN_BUF struct buf value = BUF_INIT(64);
		int64_t n;

		if ((!path && !v2) || file_read(file, &value, &none) < 0)
			continue;
		CLEAN_STR char *word = xstrndup(buf_cstr(&value), strcspn(buf_cstr(&value), "\n"));
		if (parse_i64(word, 0, INT64_MAX, &n))
			return n;
	}
	return -1;
}

/* The next of the line's numbers, "unlimited" among them; NULL: there is none. */
static const char *take_limit(const char *s, rlim_t *ret)
{
	static const char none[] = "unlimited";
	char *end;

	s += strspn(s, " ");
	*ret = RLIM_INFINITY;
	if (str_starts(s, none))
		return s + strlen(none);
	*ret = strtoull(s, &end, 10);
	return end == s ? NULL : end;
}

/* "Max open files            1024                 524288               files" */
static int read_limits(pid_t pid, struct rlimit *ret)
{
	static const char key[] = "Max open files";
	CLEAN_STR char *path = xasprintf("/proc/%d/limits", (int)pid);
	CLEAN_BUF struct buf text = BUF_INIT(KIB(16));
	struct err none = { 0 };
	const char *line = file_read(path, &text, &none) == 0 ? strstr(buf_cstr(&text), key) : NULL;

	line = line ? take_limit(line + strlen(key), &ret->rlim_cur) : NULL;
	if (line && take_limit(line, &ret->rlim_max))
		return 0;
	errno = EPERM;
	return -1;
}

static void inspect_limits(struct doctor_facts *f)
{
	struct rlimit files;

	f->host.pid = f->state.holder ? f->state.holder : getpid();
	/* of another user's process prlimit tells only those with CAP_SYS_RESOURCE, /proc everybody
	 */
	if (prlimit(f->host.pid, RLIMIT_NOFILE, NULL, &files) < 0 &&
		(errno != EPERM || read_limits(f->host.pid, &files) < 0)) {
		inspection_errno(&f->host.limits, errno, "limits of the runner's process");
		return;
	}
	inspection_done(&f->host.limits);
	f->host.nofile = limit_of(files.rlim_cur);
	f->host.nofile_hard = limit_of(files.rlim_max);
	f->host.pids_max = pids_max(f->host.pid);
}

void doctor_inspect_host(struct doctor_facts *f, const struct options *o)
{
	struct utsname names;

	f->euid = geteuid();
	if (uname(&names) == 0)
		snprintf(f->host.kernel, sizeof(f->host.kernel), "%s", names.release);
	if (f->config) {
		inspect_token(f, o);
		inspect_state(f);
		inspect_workspace(f);
		confinement_inspect(f->config, &f->confinement);
	}
	inspect_limits(f);
}
