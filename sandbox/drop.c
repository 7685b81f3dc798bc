/*
 * The order is the argument: no_new_privs first, so that nothing after it can gain; the bounding
 * set while CAP_SETPCAP is held; groups, gid, uid; then the capabilities that were kept across.
 * Each part reads back what the kernel now says, because a filtered call may claim success.
 */
#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "sandbox/drop.h"

static void free_capsp(cap_t *c)
{
	if (*c)
		cap_free(*c);
}
#define CLEAN_CAPS CLEANUP(free_capsp)

static bool have_effective(cap_value_t cap)
{
	CLEAN_CAPS cap_t now = cap_get_proc();

	cap_flag_value_t set = CAP_CLEAR;

	return now && cap_get_flag(now, cap, CAP_EFFECTIVE, &set) == 0 && set == CAP_SET;
}

static bool is_kept(const struct drop_spec *spec, int cap)
{
	for (size_t i = 0; i < spec->n_keep_caps; i++)
		if (spec->keep_caps[i] == cap)
			return true;
	return false;
}

/* From here on no exec can gain anything, whatever set-id files a job leaves lying about. */
static int drop_new_privs(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "no_new_privs");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return err_set(e, ERR_INTERNAL, "no_new_privs did not take");
	return 0;
}

/* Without CAP_SETPCAP the kernel refuses; the bounding set then only limits what an exec could
 * gain, and no_new_privs has closed that way already. */
static int drop_bounding(const struct drop_spec *spec, struct err *e)
{
	if (!have_effective(CAP_SETPCAP))
		return 0;
	for (int cap = 0; cap_get_bound(cap) >= 0; cap++) {
		if (is_kept(spec, cap))
			continue;
		if (cap_get_bound(cap) == 1 && cap_drop_bound(cap) < 0)
			return err_set_errno(
				e, errno, "drop capability %d from the bounding set", cap);
		if (cap_get_bound(cap) != 0)
			return err_set(
				e, ERR_INTERNAL, "capability %d stayed in the bounding set", cap);
	}
	return 0;
}

static int drop_groups(const struct drop_spec *spec, struct err *e)
{
	if (spec->gid == (gid_t)-1 || spec->keep_groups)
		return 0;
	if (!have_effective(CAP_SETGID) && getgid() == spec->gid)
		return 0;
	if (setgroups(0, NULL) < 0)
		return err_set_errno(e, errno, "clear supplementary groups");
	if (getgroups(0, NULL) != 0)
		return err_set(e, ERR_INTERNAL, "supplementary groups stayed");
	return 0;
}

static int drop_gid(const struct drop_spec *spec, struct err *e)
{
	gid_t real, effective, saved;

	if (spec->gid == (gid_t)-1)
		return 0;
	if (setresgid(spec->gid, spec->gid, spec->gid) < 0)
		return err_set_errno(e, errno, "become group %u", (unsigned)spec->gid);
	if (getresgid(&real, &effective, &saved) < 0 || real != spec->gid ||
		effective != spec->gid || saved != spec->gid)
		return err_set(e, ERR_INTERNAL, "group %u did not take", (unsigned)spec->gid);
	return 0;
}

/* KEEPCAPS lets the permitted set survive the change of uid; what is not wanted goes right after.
 */
static int drop_uid(const struct drop_spec *spec, struct err *e)
{
	uid_t real, effective, saved;

	if (spec->uid == (uid_t)-1)
		return 0;
	if (spec->n_keep_caps && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "keep capabilities");
	if (setresuid(spec->uid, spec->uid, spec->uid) < 0)
		return err_set_errno(e, errno, "become user %u", (unsigned)spec->uid);
	if (getresuid(&real, &effective, &saved) < 0 || real != spec->uid ||
		effective != spec->uid || saved != spec->uid)
		return err_set(e, ERR_INTERNAL, "user %u did not take", (unsigned)spec->uid);
	if (spec->n_keep_caps && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "stop keeping capabilities");
	return 0;
}

static int verify_caps(const struct drop_spec *spec, struct err *e)
{
	CLEAN_CAPS cap_t now = cap_get_proc();

	if (!now)
		return err_set_errno(e, errno, "read capabilities");
	for (int cap = 0; cap_get_bound(cap) >= 0; cap++) {
		cap_flag_value_t permitted, effective, inheritable;
		cap_flag_value_t want = is_kept(spec, cap) ? CAP_SET : CAP_CLEAR;

		if (cap_get_flag(now, cap, CAP_PERMITTED, &permitted) < 0 ||
			cap_get_flag(now, cap, CAP_EFFECTIVE, &effective) < 0 ||
			cap_get_flag(now, cap, CAP_INHERITABLE, &inheritable) < 0)
			return err_set_errno(e, errno, "read capability %d", cap);
		if (permitted != want || effective != want || inheritable != CAP_CLEAR ||
			cap_get_ambient(cap) == 1)
			return err_set(e, ERR_INTERNAL, "capability %d is not as asked", cap);
	}
	return 0;
}

static int drop_caps(const struct drop_spec *spec, struct err *e)
{
	CLEAN_CAPS cap_t want = cap_init();

	if (!want)
		return err_set_errno(e, errno, "capability set");
	for (size_t i = 0; i < spec->n_keep_caps; i++) {
		cap_value_t cap = spec->keep_caps[i];

		if (cap_set_flag(want, CAP_PERMITTED, 1, &cap, CAP_SET) < 0 ||
			cap_set_flag(want, CAP_EFFECTIVE, 1, &cap, CAP_SET) < 0)
			return err_set_errno(e, errno, "keep capability %d", cap);
	}
	if (cap_reset_ambient() < 0 && errno != EINVAL)
		return err_set_errno(e, errno, "clear ambient capabilities");
	if (cap_set_proc(want) < 0)
		return err_set_errno(e, errno, "reduce capabilities");
	return verify_caps(spec, e);
}

/* Nobody of the same uid may attach to us or read our memory through /proc. */
static int drop_dumpable(struct err *e)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "undumpable");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_set(e, ERR_INTERNAL, "still dumpable");
	return 0;
}

size_t drop_have(const int *wanted, size_t n, int *ret)
{
	CLEAN_CAPS cap_t now = cap_get_proc();
	size_t have = 0;

	for (size_t i = 0; now && i < n; i++) {
		cap_flag_value_t set = CAP_CLEAR;

		if (cap_get_flag(now, wanted[i], CAP_PERMITTED, &set) == 0 && set == CAP_SET)
			ret[have++] = wanted[i];
	}
	return have;
}

/* Ambient is what survives an exec of an ordinary program, and has to be inheritable first. */
int drop_pass_on(const int *caps, size_t n, struct err *e)
{
	CLEAN_CAPS cap_t now = cap_get_proc();

	if (!now || cap_set_flag(now, CAP_INHERITABLE, (int)n, caps, CAP_SET) < 0 ||
		cap_set_proc(now) < 0)
		return err_set_errno(e, errno, "inheritable capabilities");
	for (size_t i = 0; i < n; i++)
		if (cap_set_ambient(caps[i], CAP_SET) < 0)
			return err_set_errno(e, errno, "ambient capability %d", caps[i]);
	return 0;
}

int drop_privileges(const struct drop_spec *spec, struct err *e)
{
	if (drop_new_privs(e) < 0 || drop_bounding(spec, e) < 0 || drop_groups(spec, e) < 0 ||
		drop_gid(spec, e) < 0 || drop_uid(spec, e) < 0 || drop_caps(spec, e) < 0 ||
		drop_dumpable(e) < 0)
		return err_wrap(e, "drop privileges");
	/* the last proof: a way back to root would be a bug in everything above */
	if (geteuid() != 0 && !is_kept(spec, CAP_SETUID) && setresuid(0, 0, 0) == 0)
		return err_set(e, ERR_INTERNAL, "drop privileges: root could be regained");
	return 0;
}
