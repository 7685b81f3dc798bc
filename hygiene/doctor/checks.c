/*
 * Checks of this machine: configuration, files, kernel, confinement, limits, the systemd unit.
 * What this machine lacks is WARN when jobs still run and FAIL when they do not, so that doctor can
 * watch any host without crying wolf.
 */
#include "hygiene/doctor/doctor.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/limits.h"

#define SYNC_SLOW_US USEC_PER_SEC
enum { NOFILE_LEAST = 1024, PIDS_LEAST = 256 };

void doctor_configuration(const struct doctor_facts *f, struct doctor_row *r)
{
	strv_each (problem, &f->problems)
		doctor_say(r, DOCTOR_FAIL, "%s", problem);
	if (f->missing)
		doctor_say(r, DOCTOR_FAIL, "%s", f->missing);
	strv_each (warning, &f->warnings)
		doctor_say(r, DOCTOR_WARN, "%s", warning);
	if (r->verdict == DOCTOR_PASS)
		doctor_say(r, DOCTOR_PASS, "complete");
}

static void judge_token_file(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct token_facts *t = &f->token;
	const struct folder_facts *state = &f->state.folder;
	unsigned mode = t->mode & 07777;

	if (t->inspection.state != INSPECTION_DONE) {
		doctor_unproved(r, "%s", t->inspection.why);
		return;
	}
	if (mode & 077)
		doctor_say(r, DOCTOR_FAIL, "%s has mode %04o: others than its owner may use it",
			t->path, mode);
	else if (mode & 0100)
		doctor_say(r, DOCTOR_WARN, "%s has mode %04o, expected 0600", t->path, mode);
	else
		doctor_say(r, DOCTOR_PASS, "%s, mode %04o", t->path, mode);
	if (t->uid != f->euid && t->uid != 0 &&
		!(state->inspection.state == INSPECTION_DONE && state->uid == t->uid))
		doctor_say(r, DOCTOR_WARN, "it belongs to user %u, not to the runner's user",
			(unsigned)t->uid);
}

void doctor_token_kept(const struct doctor_facts *f, struct doctor_row *r)
{
	switch (f->token.from) {
	case TOKEN_NONE:
		doctor_say(r, DOCTOR_FAIL, "there is no token");
		break;
	case TOKEN_FLAG:
		doctor_say(r, DOCTOR_WARN, "it is on the command line, which every user can see");
		break;
	case TOKEN_ENV:
		doctor_say(r, DOCTOR_WARN,
			"it is in the environment, which children inherit and crash dumps show");
		break;
	case TOKEN_CONFIG_FILE:
	case TOKEN_OWN_FILE:
		judge_token_file(f, r);
		break;
	}
}

/* ---- confinement ---- */

static void say_confinement(const struct doctor_facts *f, const char *name, struct doctor_row *r)
{
	static const enum doctor_verdict verdicts[] = { [CONFINEMENT_STANDS] = DOCTOR_PASS,
		[CONFINEMENT_LOWER] = DOCTOR_WARN,
		[CONFINEMENT_MISSING] = DOCTOR_WARN,
		[CONFINEMENT_REFUSED] = DOCTOR_FAIL };

	for (size_t i = 0; i < f->confinement.n; i++)
		if (str_eq(f->confinement.v[i].name, name)) {
			doctor_say(r, verdicts[f->confinement.v[i].state], "%s",
				f->confinement.v[i].detail);
			return;
		}
	doctor_unproved(r, "not checked");
}

void doctor_seccomp(const struct doctor_facts *f, struct doctor_row *r)
{
	say_confinement(f, "seccomp", r);
}

void doctor_landlock(const struct doctor_facts *f, struct doctor_row *r)
{
	say_confinement(f, "landlock", r);
}

void doctor_capabilities(const struct doctor_facts *f, struct doctor_row *r)
{
	say_confinement(f, "capabilities", r);
	if (f->state.holder && f->state.folder.uid != f->euid)
		doctor_say(r, DOCTOR_PASS,
			"limits of this process; the runner belongs to another user");
}

void doctor_step_user(const struct doctor_facts *f, struct doctor_row *r)
{
	say_confinement(f, "user", r);
}

void doctor_cgroup(const struct doctor_facts *f, struct doctor_row *r)
{
	say_confinement(f, "cgroup", r);
}

/* ---- kernel and limits ---- */

/* "6.1.0-18-amd64": 6001; -1 when it is not a version. */
static int kernel_version(const char *release)
{
	char *end;
	long major = strtol(release, &end, 10), minor;

	if (end == release || *end != '.')
		return -1;
	release = end + 1;
	minor = strtol(release, &end, 10);
	return end == release || major < 0 || major > 999 || minor < 0 || minor > 999
		       ? -1
		       : (int)(major * 1000 + minor);
}

void doctor_kernel(const struct doctor_facts *f, struct doctor_row *r)
{
	int version = kernel_version(f->host.kernel);

	if (version < 0)
		doctor_unproved(r, "release \"%s\" is not a version", f->host.kernel);
	else if (version < 5006)
		doctor_say(r, DOCTOR_FAIL, "%s: openat2 and pidfd_open need 5.6", f->host.kernel);
	else if (version < 5013)
		doctor_say(r, DOCTOR_WARN, "%s: Landlock needs 5.13", f->host.kernel);
	else
		doctor_say(r, DOCTOR_PASS, "%s", f->host.kernel);
}

static void say_limit(struct doctor_row *r, const char *what, int64_t value, int64_t least)
{
	if (value < 0)
		doctor_say(r, DOCTOR_PASS, "%s unlimited", what);
	else
		doctor_say(
			r, value < least ? DOCTOR_WARN : DOCTOR_PASS, "%s %" PRId64, what, value);
}

void doctor_limits(const struct doctor_facts *f, struct doctor_row *r)
{
	int64_t slots = f->config ? f->config->runner.capacity : 1;

	if (f->host.limits.state != INSPECTION_DONE) {
		doctor_unproved(r, "%s", f->host.limits.why);
		r->remedy = "run doctor as root or as the runner's user";
		return;
	}
	doctor_say(r, DOCTOR_PASS, "of process %d", (int)f->host.pid);
	/* a job holds some forty descriptors and five processes */
	say_limit(r, "open files", f->host.nofile, NOFILE_LEAST);
	say_limit(r, "processes of its control group", f->host.pids_max, PIDS_LEAST + 16 * slots);
}

/* ---- folders ---- */

static void say_folder(const char *path, const struct folder_facts *d, struct doctor_row *r)
{
	doctor_say(r, DOCTOR_PASS, "%s, owner %u, mode %04o", path, (unsigned)d->uid,
		(unsigned)(d->mode & 07777));
	if (d->read_only)
		doctor_say(r, DOCTOR_FAIL, "its file system is mounted read-only");
}

/* The runner's user: the owner of the state directory. */
static uid_t runner_user(const struct doctor_facts *f)
{
	return f->state.folder.inspection.state == INSPECTION_DONE ? f->state.folder.uid : f->euid;
}

void doctor_workspace(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct folder_facts *d = &f->workspace;
	const char *path = f->config->runner.workspace_root;

	if (d->inspection.state == INSPECTION_FAILED) {
		doctor_say(r, DOCTOR_FAIL, "%s", d->inspection.why);
		return;
	}
	if (d->inspection.state == INSPECTION_SKIPPED) {
		doctor_say(r, DOCTOR_PASS, "%s: %s", path, d->inspection.why);
		if (f->root_reach.state == INSPECTION_FAILED)
			doctor_say(r, DOCTOR_FAIL, "%s", f->root_reach.why);
		return;
	}
	say_folder(path, d, r);
	if (d->uid != runner_user(f))
		doctor_say(r, DOCTOR_WARN, "the runner is user %u", (unsigned)runner_user(f));
	if (d->mode & 022)
		doctor_say(r, DOCTOR_FAIL, "others may write in it");
	if (d->noexec)
		doctor_say(r, DOCTOR_WARN,
			"mounted noexec: no program that a job builds or checks out can run");
	if (f->root_owner.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "%s", f->root_owner.why);
	if (f->root_reach.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "%s", f->root_reach.why);
	doctor_say(r, DOCTOR_PASS, "on %s file system as the state directory",
		d->dev == f->state.folder.dev ? "the same" : "not the same");
}

void doctor_workspace_limit(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct inspection *quota = &f->project_quota;
	char limit[SIZE_TEXT_MAX];

	size_format(f->config->runner.workspace_limit, limit);
	if (!f->config->runner.project_ids)
		doctor_say(r, DOCTOR_PASS,
			"%s, measured by a watcher; it does not see files that were deleted while "
			"open (runner.project_ids: a quota does)",
			limit);
	else if (quota->state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_WARN, "%s, measured by a watcher, as no quota holds: %s",
			limit, quota->why);
	else if (quota->state == INSPECTION_SKIPPED)
		doctor_unproved(r, "%s", quota->why);
	else
		doctor_say(r, DOCTOR_PASS,
			"%s, enforced by quotas of the projects %" PRId64 "-%" PRId64, limit,
			f->config->runner.project_first,
			f->config->runner.project_first + f->config->runner.project_ids - 1);
}

static void judge_disk(const struct doctor_facts *f, const char *path, const struct disk_space *d,
	struct doctor_row *r)
{
	unsigned percent = disk_percent(d);

	if (!d->dev) {
		doctor_unproved(r, "cannot read the state of %s's file system", path);
		return;
	}
	doctor_say(r, DOCTOR_PASS, "%s: %u percent used, %" PRIu64 " MiB free", path, percent,
		d->avail >> 20);
	if (disk_is_short(d, f->config->disk.min_free))
		doctor_say(r, DOCTOR_FAIL,
			"less than disk.min_free = %" PRId64 " percent is left: no job is claimed",
			f->config->disk.min_free);
	else if (percent >= f->config->disk.high_water)
		doctor_say(r, DOCTOR_WARN,
			"above disk.high_water = %" PRId64 ": the guard deletes what it may",
			f->config->disk.high_water);
}

/* Either disk keeps the runner from claiming. */
void doctor_disk(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct disk_space *work = &f->workspace.space, *state = &f->state.folder.space;

	judge_disk(f, f->config->runner.workspace_root, work, r);
	if (state->dev != work->dev)
		judge_disk(f, f->config->runner.state_dir, state, r);
}

void doctor_state(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct state_facts *s = &f->state;
	const char *path = f->config->runner.state_dir;

	if (s->folder.inspection.state == INSPECTION_FAILED) {
		doctor_say(r, DOCTOR_FAIL, "%s", s->folder.inspection.why);
		return;
	}
	if (s->folder.inspection.state == INSPECTION_SKIPPED) {
		doctor_say(r, DOCTOR_PASS, "%s: %s", path, s->folder.inspection.why);
		return;
	}
	say_folder(path, &s->folder, r);
	if (s->folder.mode & 066)
		doctor_say(r, DOCTOR_FAIL, "expected mode 0711: tokens of jobs are kept in it");
	if (s->folder.uid != f->euid && f->euid != 0)
		doctor_say(r, DOCTOR_FAIL, "this is user %u", (unsigned)f->euid);
	if (s->sync.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "a file cannot be written and synced: %s", s->sync.why);
	else if (s->sync.state == INSPECTION_DONE)
		doctor_say(r, s->sync_us > SYNC_SLOW_US ? DOCTOR_WARN : DOCTOR_PASS,
			"a synced write takes %" PRId64 " ms", s->sync_us / USEC_PER_MSEC);
	if (s->holder)
		doctor_say(r, DOCTOR_PASS, "held by process %d", (int)s->holder);
	else
		doctor_say(r, DOCTOR_PASS, "held by nobody");
}

void doctor_leftovers(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct state_facts *s = &f->state;

	if (s->jobs.state == INSPECTION_FAILED) {
		doctor_unproved(r, "%s", s->jobs.why);
		return;
	}
	doctor_say(r, DOCTOR_PASS, "%zu jobs run", s->held);
	if (s->left)
		doctor_say(r, DOCTOR_WARN, "%zu jobs ended and were not reported", s->left);
	if (s->damaged)
		doctor_say(
			r, DOCTOR_WARN, "%zu journals in damaged/ could not be read", s->damaged);
}

/* ---- the unit ---- */

static bool is_yes(const char *v)
{
	static const char *const words[] = { "yes", "true", "on", "1" };

	for (size_t i = 0; v && i < ARRAY_LEN(words); i++)
		if (str_eq(v, words[i]))
			return true;
	return false;
}

static bool is_strict(const char *v)
{
	return str_eq(v, "strict");
}

static bool hides_home(const char *v)
{
	return is_yes(v) || str_eq(v, "read-only") || str_eq(v, "tmpfs");
}

static bool is_other_user(const char *v)
{
	return !str_empty(v) && !str_eq(v, "root") && !str_eq(v, "0");
}

static bool is_set(const char *v)
{
	return !str_empty(v);
}

/* At most what the runner hands on to its children: sandbox/confinement.c, and the check of the
 * egress firewall. */
static bool are_handed_on(const char *v)
{
	static const char *const names[] = { "cap_chown", "cap_fowner", "cap_dac_override",
		"cap_setuid", "cap_setgid", "cap_net_admin" };
	CLEANUP(strv_release) struct strv words = { 0 };
	size_t known = 0;

	if (!v)
		return false;
	strv_split(&words, v, ' ');
	strv_each (word, &words)
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			known += strcasecmp(word, names[i]) == 0;
	return known == words.n;
}

static bool are_no_others(const char *v)
{
	return !v || are_handed_on(v);
}

static const struct {
	const char *key;
	bool (*good)(const char *v); /* NULL when it is not set */
} hardening[] = {
	{ "User", is_other_user },
	{ "NoNewPrivileges", is_yes },
	{ "AmbientCapabilities", are_no_others },
	{ "CapabilityBoundingSet", are_handed_on },
	{ "ProtectSystem", is_strict },
	{ "ProtectHome", hides_home },
	{ "PrivateTmp", is_yes },
	{ "PrivateDevices", is_yes },
	{ "ProtectControlGroups", is_yes },
	{ "ProtectKernelLogs", is_yes },
	{ "ProtectKernelModules", is_yes },
	{ "ProtectKernelTunables", is_yes },
	{ "RestrictNamespaces", is_yes },
	{ "LockPersonality", is_yes },
	{ "MemoryDenyWriteExecute", is_yes },
	{ "RestrictAddressFamilies", is_set },
	{ "SystemCallFilter", is_set },
};

void doctor_unit(const struct doctor_facts *f, struct doctor_row *r)
{
	if (f->unit.inspection.state == INSPECTION_SKIPPED) {
		doctor_say(r, DOCTOR_SKIP, "%s", f->unit.inspection.why);
		return;
	}
	if (f->unit.inspection.state == INSPECTION_FAILED) {
		doctor_unproved(r, "%s", f->unit.inspection.why);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(hardening); i++) {
		const char *v = pairs_get(&f->unit.value, hardening[i].key);

		if (!hardening[i].good(v))
			doctor_say(r, DOCTOR_WARN, "%s%s%.100s", hardening[i].key,
				v ? "=" : " is not set", v ? v : "");
	}
	if (is_yes(pairs_get(&f->unit.value, "RestrictSUIDSGID")))
		doctor_say(r, DOCTOR_FAIL,
			"RestrictSUIDSGID=yes makes openat2 fail: no job gets a workspace");
	doctor_say(
		r, DOCTOR_PASS, "%zu settings of %s checked", ARRAY_LEN(hardening), f->unit.source);
}
