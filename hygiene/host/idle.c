/*
 * Evidence that nobody uses this host, taken twice. Zero is a number that was counted; what could
 * not be counted is -1, and then nothing is changed.
 */
#include "hygiene/host/idle.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "state/lease.h"

const char *host_idle_name(enum host_idle_verdict v)
{
	static const char *const names[] = { "idle", "idle_evidence_active",
		"idle_evidence_conflicting", "idle_evidence_incomplete" };

	return names[v];
}

/* ---- programs that build ---- */

static const struct {
	const char *program, *word; /* NULL: whatever it does */
} builders[] = {
	{ "docker", "build" },
	{ "docker", "buildx" },
	{ "docker", "bake" },
	{ "docker-buildx", NULL },
	{ "docker-compose", "build" },
	{ "podman", "build" },
	{ "buildah", NULL },
	{ "buildctl", NULL },
};

static bool has_word(const char *argv, size_t n, const char *word)
{
	size_t len = strlen(word) + 1;

	for (size_t at = strlen(argv) + 1; at < n; at += strlen(argv + at) + 1)
		if (n - at >= len && memcmp(argv + at, word, len) == 0)
			return true;
	return false;
}

/* argv[n] is a NUL, too. */
bool is_build_command(const char *argv, size_t n)
{
	const char *slash = n ? strrchr(argv, '/') : NULL, *name = slash ? slash + 1 : argv;

	for (size_t i = 0; n && i < ARRAY_LEN(builders); i++)
		if (str_eq(name, builders[i].program) &&
			(!builders[i].word || has_word(argv, n, builders[i].word)))
			return true;
	return false;
}

static pid_t parent_of(int proc, const char *pid)
{
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	CLEAN_STR char *path = xasprintf("%s/stat", pid);

	int fd CLEAN_FD = openat(proc, path, O_RDONLY | O_CLOEXEC);
	struct err ignored = { 0 };
	const char
		*end; /* of the program's name, which may hold anything: " S <parent> …" follows */
	int64_t parent;

	if (fd < 0 || fd_read_all(fd, &text, &ignored) < 0)
		return 0;
	end = strrchr(buf_cstr(&text), ')');
	if (!end || strlen(end) < 5)
		return 0;
	CLEAN_STR char *number = xstrndup(end + 4, strcspn(end + 4, " "));
	return parse_i64(number, 1, INT32_MAX, &parent) ? (pid_t)parent : 0;
}

enum { ANCESTORS_MAX = 64 };

static size_t ancestors(int proc, pid_t *ret)
{
	size_t n = 0;

	for (pid_t pid = getpid(); pid > 0 && n < ANCESTORS_MAX;) {
		CLEAN_STR char *name = xasprintf("%d", (int)pid);

		ret[n++] = pid;
		pid = parent_of(proc, name);
	}
	return n;
}

/* A process that works for one job, of whichever runner on this machine: argv of its role. */
bool is_job_command(const char *argv, size_t n)
{
	static const char *const roles[] = { "job", "recover", "janitor", "checkout", "artifact",
		"local-copy" };
	const char *slash = n ? strrchr(argv, '/') : NULL, *name = slash ? slash + 1 : argv;
	size_t at = n ? strlen(argv) + 1 : 0;

	if (at >= n || !str_eq(name, "shithubd-runner"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(argv + at, roles[i]))
			return true;
	return false;
}

/* What a process does that keeps the host from being idle. */
struct work {
	int64_t builds, jobs;
};

static void count_work(int proc, const char *pid, struct work *ret, char **why)
{
	CLEAN_STR char *path = xasprintf("%s/cmdline", pid);

	int fd CLEAN_FD = openat(proc, path, O_RDONLY | O_CLOEXEC);
	char argv[4096];
	ssize_t n = fd < 0 ? 0 : read(fd, argv, sizeof(argv) - 1);

	if (n <= 0)
		return; /* ended, or a thread of the kernel */
	argv[n] = '\0';
	bool build = is_build_command(argv, (size_t)n), job = is_job_command(argv, (size_t)n);
	ret->builds += build;
	ret->jobs += job;
	if ((build || job) && !*why)
		*why = xasprintf("process %s (%.64s) %s", pid, argv,
			build ? "builds" : "works for a job of a runner");
}

/* -1 where processes of others are hidden. */
static struct work count_processes(char **why)
{
	DIR *d = access("/proc/1/cmdline", R_OK) == 0 ? opendir("/proc") : NULL;
	pid_t own[ANCESTORS_MAX];
	struct work count = { 0 };
	int64_t pid;
	size_t n;

	if (!d) {
		*why = *why ? *why : xstrdup("cannot see other users' processes");
		return (struct work){ -1, -1 };
	}
	n = ancestors(dirfd(d), own);
	for (struct dirent *ent; (ent = readdir(d));) {
		bool mine = false;

		if (!parse_i64(ent->d_name, 1, INT32_MAX, &pid))
			continue;
		for (size_t i = 0; i < n; i++)
			mine |= own[i] == pid;
		if (!mine)
			count_work(dirfd(d), ent->d_name, &count, why);
	}
	closedir(d);
	return count;
}

/* ---- leases and containers ---- */

static int64_t count_leases(const char *state_dir, char **why)
{
	struct err e = { 0 };
	CLEAN_STR char *folder = path_join(state_dir, "leases");
	CLEANUP(strv_release) struct strv names = { 0 };
	int64_t held = 0;

	if (lease_list(folder, &names, &e) < 0) {
		if (err_is(&e, ERR_NOT_FOUND))
			return 0; /* no job ever ran here */
		*why = *why ? *why : xstrdup("the leases cannot be listed");
		return -1;
	}
	strv_each (name, &names) {
		if (!lease_is_held(folder, name, -1))
			continue;
		held++;
		if (!*why)
			*why = xasprintf("lease %s is held", name);
	}
	return held;
}

static int64_t count_containers(const struct host_context *h, struct host_calls *calls, char **why)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = storage_ask(h->engine, STORAGE_CONTAINERS,
		h->config->hygiene.timeout_us, host_calls_add(calls), &e);
	int64_t n = 0;

	if (!doc || json_root(doc)->type != JSON_ARRAY) {
		*why = *why ? *why : xstrdup("the engine did not list its containers");
		return -1;
	}
	json_array_each (c, json_root(doc)) {
		if (!str_eq(json_get_string(c, "State"), "running") ||
			!json_get_string(json_get(c, "Labels"), "sh.shithub.runner"))
			continue;
		n++;
		if (!*why)
			*why = xasprintf(
				"a step's container runs (%.12s)", json_get_string(c, "Id"));
	}
	return n;
}

/* ---- the verdict ---- */

enum host_idle_verdict host_idle_judge(const struct idle_sample *s, size_t n)
{
	size_t busy = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i].leases < 0 || s[i].containers < 0 || s[i].builds < 0 || s[i].jobs < 0)
			return HOST_IDLE_INCOMPLETE;
		busy += s[i].leases > 0 || s[i].containers > 0 || s[i].builds > 0 || s[i].jobs > 0;
	}
	if (n < IDLE_SAMPLES || s[n - 1].at.us <= s[0].at.us)
		return HOST_IDLE_INCOMPLETE;
	return busy == 0 ? HOST_IDLE : busy == n ? HOST_ACTIVE : HOST_CONFLICTING;
}

static void sample(const struct host_context *h, uint64_t building, struct idle_sample *s,
	struct host_calls *calls)
{
	*s = (struct idle_sample){ .at = wall_now() };
	if (building)
		s->why = xstrdup("the engine's build cache is in use");
	s->leases = count_leases(h->config->runner.state_dir, &s->why);
	s->containers = count_containers(h, calls, &s->why);
	struct work work = count_processes(&s->why);
	s->builds = work.builds;
	s->jobs = work.jobs;
	if (s->builds >= 0)
		s->builds += (int64_t)building;
}

static void pause_for(struct loop *l, int64_t us)
{
	const bool never = false;
	struct err ignored = { 0 };

	if (loop_wait(l, &never, mono_add(mono_now(), us), &ignored) == 0)
		BUG("internal: woken without a wait");
}

void host_idle_check(const struct host_context *h, uint64_t building, struct host_idle *ret,
	struct host_calls *calls)
{
	*ret = (struct host_idle){ .verdict = HOST_IDLE };
	sample(h, building, &ret->samples[0], calls);
	pause_for(h->loop, h->config->hygiene.idle_window_us);
	sample(h, 0, &ret->samples[1], calls);
	ret->verdict = host_idle_judge(ret->samples, IDLE_SAMPLES);
}

void host_idle_write(const struct host_idle *idle, struct json_writer *w)
{
	char at[WALL_TEXT_MAX];

	json_begin_object(w);
	json_kv_str(w, "verdict", host_idle_name(idle->verdict));
	json_key(w, "samples");
	json_begin_array(w);
	for (size_t i = 0; i < IDLE_SAMPLES; i++) {
		const struct idle_sample *s = &idle->samples[i];

		json_begin_object(w);
		json_kv_str(w, "at", wall_format(s->at, at));
		kv_count(w, "held_leases", s->leases);
		kv_count(w, "running_containers", s->containers);
		kv_count(w, "builds", s->builds);
		kv_count(w, "job_processes", s->jobs);
		json_kv_str(w, "met", s->why);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

void host_idle_release(struct host_idle *idle)
{
	for (size_t i = 0; i < IDLE_SAMPLES; i++)
		free(idle->samples[i].why);
	*idle = (struct host_idle){ 0 };
}
