/* Looking at this machine: files, folders, kernel, limits. */
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
#include "hygiene/doctor_look.h"
#include "hygiene/root_owner.h"
#include "hygiene/workdir.h"
#include "state/state_dir.h"

static void look_errno(struct look *l, int errnum, const char *path)
{
	struct err e = { 0 };

	err_set_errno(&e, errnum, "%s", path);
	look_failed(l, e.text);
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

static void look_token(struct doctor_facts *f, const struct options *o)
{
	struct stat st;

	if (!f->token.path)
		find_token(f, o);
	if (!f->token.path)
		return;
	if (stat(f->token.path, &st) < 0) {
		look_errno(&f->token.look, errno, f->token.path);
		return;
	}
	look_done(&f->token.look);
	f->token.mode = st.st_mode;
	f->token.uid = st.st_uid;
}

/* ---- folders ---- */

static void look_folder(const char *path, struct folder_facts *d)
{
	struct stat st;
	struct statvfs v;
	struct err e = { 0 };

	if (disk_look(path, &d->space, &e) < 0)
		d->space = (struct disk_space){ 0 };
	d->dev = d->space.dev; /* of the folder above where there is none yet */
	if (lstat(path, &st) < 0 || statvfs(path, &v) < 0) {
		if (errno == ENOENT)
			look_not(&d->look, "does not exist yet, the runner makes it");
		else
			look_errno(&d->look, errno, path);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		look_errno(&d->look, S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR, path);
		return;
	}
	look_done(&d->look);
	d->uid = st.st_uid;
	d->gid = st.st_gid;
	d->mode = st.st_mode;
	d->noexec = v.f_flag & ST_NOEXEC;
	d->nosuid = v.f_flag & ST_NOSUID;
	d->read_only = v.f_flag & ST_RDONLY;
}

static void look_workspace(struct doctor_facts *f)
{
	const struct runner_config *c = f->config;
	struct err e = { 0 };

	look_folder(c->runner.workspace_root, &f->workspace);
	if (f->workspace.look.state == LOOK_DONE &&
		root_owner_check(c->runner.workspace_root, c->runner.state_dir, false, &e) < 0 &&
		err_is(&e, ERR_CONFLICT))
		look_failed(&f->root_owner, e.text);
}

/* ---- the state directory ---- */

/* Of "1: FLOCK  ADVISORY  WRITE 811 00:1f:4567 0 EOF": 811 when the inode is that one, else 0. */
static pid_t flock_holder(const char *line, uint64_t inode)
{
	CLEANUP(strv_release) struct strv words = { 0 };
	const char *colon;
	int64_t pid, found;

	strv_split(&words, line, ' ');
	if (words.n < 6 || !str_eq(words.v[1], "FLOCK") || !str_eq(words.v[3], "WRITE"))
		return 0;
	colon = strrchr(words.v[5], ':');
	if (!colon || !parse_i64(colon + 1, 0, INT64_MAX, &found) || (uint64_t)found != inode ||
		!parse_i64(words.v[4], 1, INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}

/* Who holds a flock on the file, by the kernel's list: trying the lock ourselves could make a
 * runner that starts at that moment give up. 0: nobody that can be seen. */
static pid_t lock_holder(const char *path)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4));
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct err none = { 0 };
	struct stat st;
	pid_t found = 0;

	if (stat(path, &st) < 0 || file_read("/proc/locks", &text, &none) < 0)
		return 0;
	strv_split(&lines, buf_cstr(&text), '\n');
	for (size_t i = 0; i < lines.n && !found; i++)
		found = flock_holder(lines.v[i], st.st_ino);
	return found;
}

static void look_sync(const char *dir, struct state_facts *s)
{
	CLEAN_STR char *path = xasprintf("%s/.doctor-%d", dir, (int)getpid());
	struct mono start = mono_now();
	struct err e = { 0 };

	if (file_replace(path, "doctor\n", 7, 0600, &e) < 0) {
		look_failed(&s->sync, e.text);
		return;
	}
	s->sync_us = mono_diff(mono_now(), start);
	look_done(&s->sync);
	if (unlink(path) < 0)
		look_errno(&s->sync, errno, path);
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

/* Ids of jobs that somebody is at. */
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

static void look_jobs(const char *dir, struct state_facts *s)
{
	struct state_dir state = { .path = (char *)dir, .lock_fd = -1 }; /* borrowed */
	CLEANUP(strv_release) struct strv jobs = { 0 }, held = { 0 };
	struct err e = { 0 };

	if (state_dir_jobs(&state, &jobs, &e) < 0 && e.errnum != ENOENT) {
		look_failed(&s->jobs, e.text);
		return;
	}
	look_done(&s->jobs);
	held_jobs(dir, &held);
	strv_each (job, &jobs)
		*(strv_contains(&held, job) ? &s->held : &s->left) += 1;
	s->damaged = count_entries(dir, "damaged");
}

static void look_state(struct doctor_facts *f)
{
	const char *dir = f->config->runner.state_dir;
	CLEAN_STR char *lock = path_join(dir, "lock");

	look_folder(dir, &f->state.folder);
	if (f->state.folder.look.state != LOOK_DONE) {
		look_done(&f->state.jobs);
		return;
	}
	f->state.holder = lock_holder(lock);
	look_sync(dir, &f->state);
	look_jobs(dir, &f->state);
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

static void look_limits(struct doctor_facts *f)
{
	struct rlimit files;

	f->host.pid = f->state.holder ? f->state.holder : getpid();
	if (prlimit(f->host.pid, RLIMIT_NOFILE, NULL, &files) < 0) {
		look_errno(&f->host.limits, errno, "limits of the runner's process");
		return;
	}
	look_done(&f->host.limits);
	f->host.nofile = limit_of(files.rlim_cur);
	f->host.nofile_hard = limit_of(files.rlim_max);
	f->host.pids_max = pids_max(f->host.pid);
}

void doctor_look_host(struct doctor_facts *f, const struct options *o)
{
	struct utsname names;

	f->euid = geteuid();
	if (uname(&names) == 0)
		snprintf(f->host.kernel, sizeof(f->host.kernel), "%s", names.release);
	if (f->config) {
		look_token(f, o);
		look_state(f);
		look_workspace(f);
		walls_look(f->config, &f->walls);
	}
	look_limits(f);
}
