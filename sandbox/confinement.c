/*
 * One function a part, so that doctor can show each with its cost. A part that cannot be checked
 * is reported as unknown and never as held.
 */
#include "sandbox/confinement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/landlock.h"
#include "sandbox/step_profile.h"

static void add(struct confinement *w, const char *name, enum confinement_state state,
	const char *fmt, ...) PRINTF_LIKE(4, 5);
static void add(
	struct confinement *w, const char *name, enum confinement_state state, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (w->n == CONFINEMENT_PARTS_MAX)
		BUG("more than %d parts", CONFINEMENT_PARTS_MAX);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->v[w->n++] = (struct confinement_part){ name, state, xstrdup(text) };
}

static void look_seccomp(struct confinement *w, const struct runner_config *c)
{
	CLEANUP(step_profile_release) struct step_profile p = { 0 };
	struct err e = { 0 };
	const char *whose = c->engine.seccomp_profile ? c->engine.seccomp_profile : "built in";

	if (step_profile_load(c, &p, &e) < 0)
		add(w, "seccomp", CONFINEMENT_REFUSED, "%s", e.text);
	else if (p.doubts)
		add(w, "seccomp", CONFINEMENT_MISSING,
			"%s is NOT verified: steps may make system calls that it should deny: %s",
			whose, p.doubts);
	else if (p.beyond)
		add(w, "seccomp", CONFINEMENT_LOWER,
			"%s lets steps make calls that the built-in profile denies: %s; leave out "
			"engine.seccomp_profile to use that one",
			whose, p.beyond);
	else
		add(w, "seccomp", CONFINEMENT_STANDS, "verified, %s", whose);
}

static void look_landlock(struct confinement *w)
{
	int abi = landlock_abi();

	if (abi == 0)
		add(w, "landlock", CONFINEMENT_MISSING,
			"the kernel has none: a compromised checkout or artifact process "
			"could read every file of its user");
	else if (abi < 4)
		add(w, "landlock", CONFINEMENT_LOWER,
			"abi %d: no rules for TCP, seccomp alone keeps those children off it", abi);
	else
		add(w, "landlock", CONFINEMENT_STANDS, "abi %d", abi);
}

/* What the supervisor needs to hand workspaces to another user, act as it and clean up after it. */
static const struct {
	cap_value_t cap;
	const char *name;
} needed[] = {
	{ CAP_CHOWN, "CAP_CHOWN" },
	{ CAP_FOWNER, "CAP_FOWNER" },
	{ CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE" },
	{ CAP_SETUID, "CAP_SETUID" },
	{ CAP_SETGID, "CAP_SETGID" },
};

/* Names of those that we lack; returns how many we have. */
static size_t count_caps(struct buf *lacking)
{
	cap_t now = cap_get_proc();
	size_t have = 0;

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		cap_flag_value_t set = CAP_CLEAR;

		if (now && cap_get_flag(now, needed[i].cap, CAP_PERMITTED, &set) == 0 &&
			set == CAP_SET)
			have++;
		else
			buf_addf(lacking, "%s%s", lacking->len ? ", " : "", needed[i].name);
	}
	if (now)
		cap_free(now);
	return have;
}

static void look_capabilities(struct confinement *w, const struct runner_config *c)
{
	CLEAN_BUF struct buf lacking = BUF_INIT(KIB(1));
	size_t have = count_caps(&lacking);
	bool own = c->engine.uid == (int64_t)geteuid() && c->engine.gid == (int64_t)getegid();

	if (have == ARRAY_LEN(needed))
		add(w, "capabilities", CONFINEMENT_STANDS,
			geteuid() == 0 ? "root; every child drops to what it needs"
				       : "the five it needs; every child drops to fewer");
	else if (own)
		add(w, "capabilities", CONFINEMENT_LOWER,
			"none for another user: checkout, artifacts and the janitor work as the "
			"runner's own user");
	else
		add(w, "capabilities", CONFINEMENT_REFUSED,
			"steps as user %" PRId64 ":%" PRId64
			" need %s of the runner; start it as root, give it "
			"those as ambient capabilities, or set engine.user = \"auto\"",
			c->engine.uid, c->engine.gid, buf_cstr(&lacking));
}

static void look_user(struct confinement *w, const struct runner_config *c)
{
	if (c->engine.uid == (int64_t)geteuid())
		add(w, "user", CONFINEMENT_LOWER,
			"steps run as the runner's own user %" PRId64
			": a process that escapes its "
			"container can read the runner's files",
			c->engine.uid);
	else if (c->engine.users > 1)
		add(w, "user", CONFINEMENT_STANDS,
			"each slot has a user of its own from %" PRId64 " on, the runner is %u",
			c->engine.uid, (unsigned)geteuid());
	else
		add(w, "user", CONFINEMENT_STANDS,
			"steps are %" PRId64 ":%" PRId64 ", the runner is %u%s", c->engine.uid,
			c->engine.gid, (unsigned)geteuid(),
			c->runner.capacity > 1
				? "; jobs that run at the same time share what the kernel counts "
				  "per user: inotify instances, message queues, timers, pending "
				  "signals (engine.user = \"FIRST-LAST\" gives each its own)"
				: "");
}

static bool is_there(const char *fmt, const char *name)
{
	CLEAN_STR char *path = xasprintf(fmt, name);

	return access(path, F_OK) == 0;
}

/* The limits of a step are the kernel's controllers; engines run without them and only warn. */
static void look_cgroup(struct confinement *w)
{
	static const char *const controllers[] = { "memory", "pids", "cpu" };
	CLEAN_BUF struct buf v2 = BUF_INIT(KIB(4)), lacking = BUF_INIT(KIB(1));
	struct err none = { 0 };
	bool unified = file_read("/sys/fs/cgroup/cgroup.controllers", &v2, &none) == 0;

	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		bool there = unified ? strstr(buf_cstr(&v2), controllers[i]) != NULL
				     : is_there("/sys/fs/cgroup/%s", controllers[i]);

		if (!there)
			buf_addf(&lacking, "%s%s", lacking.len ? ", " : "", controllers[i]);
	}
	if (lacking.len)
		add(w, "cgroup", CONFINEMENT_MISSING,
			"no controller for %s: one step can exhaust the machine",
			buf_cstr(&lacking));
	else if (!is_there("/proc/self/ns/%s", "cgroup"))
		add(w, "cgroup", CONFINEMENT_LOWER,
			"%s; the kernel has no cgroup namespaces: steps see the host's names",
			unified ? "version 2" : "version 1");
	else if (!unified && !is_there("/sys/fs/cgroup/memory/%s", "memory.memsw.limit_in_bytes"))
		add(w, "cgroup", CONFINEMENT_LOWER,
			"version 1 without swap accounting: a step may swap beyond its memory");
	else
		add(w, "cgroup", CONFINEMENT_STANDS, "%s", unified ? "version 2" : "version 1");
}

void confinement_inspect(const struct runner_config *c, struct confinement *ret)
{
	*ret = (struct confinement){ 0 };
	look_seccomp(ret, c);
	look_landlock(ret);
	look_capabilities(ret, c);
	look_user(ret, c);
	look_cgroup(ret);
}

void confinement_release(struct confinement *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].detail);
	*w = (struct confinement){ 0 };
}

const char *confinement_state_name(enum confinement_state s)
{
	static const char *const names[] = { [CONFINEMENT_STANDS] = "stands",
		[CONFINEMENT_LOWER] = "lower",
		[CONFINEMENT_MISSING] = "missing",
		[CONFINEMENT_REFUSED] = "refused" };

	return names[s];
}

int confinement_announce(const struct runner_config *c, struct err *e)
{
	CLEAN_BUF struct buf all = BUF_INIT(KIB(4));
	CLEANUP(confinement_release) struct confinement w = { 0 };

	confinement_inspect(c, &w);
	for (size_t i = 0; i < w.n; i++) {
		const struct confinement_part *one = &w.v[i];

		if (one->state == CONFINEMENT_REFUSED)
			return err_set(e, ERR_INPUT, "%s: %s", one->name, one->detail);
		buf_addf(&all, "%s%s %s", i ? ", " : "", one->name,
			confinement_state_name(one->state));
	}
	log_info("supervisor", "confinement", F_STR("state", buf_cstr(&all)));
	for (size_t i = 0; i < w.n; i++)
		if (w.v[i].state != CONFINEMENT_STANDS)
			log_warn("supervisor", "confinement_weak", F_STR("name", w.v[i].name),
				F_STR("state", confinement_state_name(w.v[i].state)),
				F_STR("detail", w.v[i].detail));
	return 0;
}
