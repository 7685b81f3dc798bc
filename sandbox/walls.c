/* See walls.h. */
#include "sandbox/walls.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "sandbox/landlock.h"
#include "sandbox/step_profile.h"

static void add(struct walls *w, const char *name, enum wall_state state, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void add(struct walls *w, const char *name, enum wall_state state, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (w->n == WALLS_MAX)
		BUG("more than %d walls", WALLS_MAX);
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	w->v[w->n++] = (struct wall_fact){ name, state, xstrdup(text) };
}

static void look_seccomp(struct walls *w, const struct runner_config *c)
{
	CLEANUP(step_profile_release) struct step_profile p = { 0 };
	struct err e = { 0 };
	const char *whose = c->engine.seccomp_profile ? c->engine.seccomp_profile : "built in";

	if (step_profile_load(c, &p, &e) < 0)
		add(w, "seccomp", WALL_REFUSED, "%s", e.text);
	else if (p.doubts)
		add(w, "seccomp", WALL_MISSING,
			"%s is NOT verified: steps may reach the kernel past it: %s", whose,
			p.doubts);
	else
		add(w, "seccomp", WALL_STANDS, "verified, %s", whose);
}

static void look_landlock(struct walls *w)
{
	int abi = landlock_abi();

	if (abi == 0)
		add(w, "landlock", WALL_MISSING,
			"the kernel has none: a hijacked checkout or artifact child could read "
			"what its user may read");
	else if (abi < 4)
		add(w, "landlock", WALL_LOWER,
			"abi %d: no rules for TCP, seccomp alone keeps those children off it", abi);
	else
		add(w, "landlock", WALL_STANDS, "abi %d", abi);
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

static void look_capabilities(struct walls *w, const struct runner_config *c)
{
	CLEAN_BUF struct buf lacking = BUF_INIT(KIB(1));
	size_t have = count_caps(&lacking);
	bool own = c->engine.uid == (int64_t)geteuid() && c->engine.gid == (int64_t)getegid();

	if (have == ARRAY_LEN(needed))
		add(w, "capabilities", WALL_STANDS,
			geteuid() == 0 ? "root; every child drops to what it needs"
				       : "the five it needs; every child drops to fewer");
	else if (own)
		add(w, "capabilities", WALL_LOWER,
			"none for another user: checkout, artifacts and the janitor work as the "
			"runner's own user");
	else
		add(w, "capabilities", WALL_REFUSED,
			"steps as user %lld:%lld need %s of the runner; start it as root, give it "
			"those as ambient capabilities, or set engine.user = \"auto\"",
			(long long)c->engine.uid, (long long)c->engine.gid, buf_cstr(&lacking));
}

static void look_user(struct walls *w, const struct runner_config *c)
{
	if (c->engine.uid == (int64_t)geteuid())
		add(w, "user", WALL_LOWER,
			"steps run as the runner's own user %lld: who leaves a container reaches "
			"the runner's files",
			(long long)c->engine.uid);
	else
		add(w, "user", WALL_STANDS, "steps are %lld:%lld, the runner is %u",
			(long long)c->engine.uid, (long long)c->engine.gid, (unsigned)geteuid());
}

static bool is_there(const char *fmt, const char *name)
{
	CLEAN_STR char *path = xasprintf(fmt, name);

	return access(path, F_OK) == 0;
}

/* The limits of a step are the kernel's controllers; engines run without them and only warn. */
static void look_cgroup(struct walls *w)
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
		add(w, "cgroup", WALL_MISSING,
			"no controller for %s: one step can exhaust the machine",
			buf_cstr(&lacking));
	else if (!is_there("/proc/self/ns/%s", "cgroup"))
		add(w, "cgroup", WALL_LOWER,
			"%s; the kernel has no cgroup namespaces: steps see the host's names",
			unified ? "version 2" : "version 1");
	else if (!unified && !is_there("/sys/fs/cgroup/memory/%s", "memory.memsw.limit_in_bytes"))
		add(w, "cgroup", WALL_LOWER,
			"version 1 without swap accounting: a step may swap beyond its memory");
	else
		add(w, "cgroup", WALL_STANDS, "%s", unified ? "version 2" : "version 1");
}

void walls_look(const struct runner_config *c, struct walls *ret)
{
	*ret = (struct walls){ 0 };
	look_seccomp(ret, c);
	look_landlock(ret);
	look_capabilities(ret, c);
	look_user(ret, c);
	look_cgroup(ret);
}

void walls_release(struct walls *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].detail);
	*w = (struct walls){ 0 };
}

const char *wall_state_name(enum wall_state s)
{
	static const char *const names[] = { [WALL_STANDS] = "stands",
		[WALL_LOWER] = "lower",
		[WALL_MISSING] = "missing",
		[WALL_REFUSED] = "refused" };

	return names[s];
}

int walls_announce(const struct runner_config *c, struct err *e)
{
	CLEAN_BUF struct buf all = BUF_INIT(KIB(4));
	CLEANUP(walls_release) struct walls w = { 0 };

	walls_look(c, &w);
	for (size_t i = 0; i < w.n; i++) {
		const struct wall_fact *one = &w.v[i];

		if (one->state == WALL_REFUSED)
			return err_set(e, ERR_INPUT, "%s: %s", one->name, one->detail);
		buf_addf(&all, "%s%s %s", i ? ", " : "", one->name, wall_state_name(one->state));
	}
	log_info("supervisor", "walls", F_STR("state", buf_cstr(&all)));
	for (size_t i = 0; i < w.n; i++)
		if (w.v[i].state != WALL_STANDS)
			log_warn("supervisor", "wall", F_STR("name", w.v[i].name),
				F_STR("state", wall_state_name(w.v[i].state)),
				F_STR("detail", w.v[i].detail));
	return 0;
}
