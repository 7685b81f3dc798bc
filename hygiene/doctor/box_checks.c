/*
 * Checks of what a container with the full profile saw of itself. The engine's word for a setting
 * proves nothing: engines accept settings that they then do not apply, so the container is asked.
 */
#include <inttypes.h>
#include <stdio.h>

#include "hygiene/doctor/doctor.h"

/* The engine was not asked, so its log says nothing. */
static void not_tried(const struct doctor_facts *f, struct doctor_row *r)
{
	doctor_unproved(r, "%s", f->box.inspection.why ? f->box.inspection.why : "not tried");
	r->remedy = f->engine.image.state == INSPECTION_DONE
			    ? "mend what is named here, then run doctor again"
			    : "pull or build engine.default_image, then run doctor again";
}

void doctor_box(const struct doctor_facts *f, struct doctor_row *r)
{
	if (f->box.inspection.state == INSPECTION_FAILED)
		doctor_say(r, DOCTOR_FAIL, "%s", f->box.inspection.why);
	else if (f->box.inspection.state == INSPECTION_SKIPPED)
		not_tried(f, r);
	else if (!f->box.complete)
		doctor_unproved(r, "the container's answer is incomplete");
	else
		doctor_say(r, DOCTOR_PASS, "one ran with the profile and the limits of a step");
}

static void expect(struct doctor_row *r, const struct pairs *p, const char *key, const char *wanted)
{
	const char *v = pairs_get(p, key);

	if (!v)
		doctor_unproved(r, "the container did not report %s", key);
	else
		doctor_say(r, str_eq(v, wanted) ? DOCTOR_PASS : DOCTOR_FAIL, "%s %s%s%s", key, v,
			str_eq(v, wanted) ? "" : ", expected ", str_eq(v, wanted) ? "" : wanted);
}

void doctor_box_user(const struct doctor_facts *f, struct doctor_row *r)
{
	static const char *const none[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	const struct pairs *status = &f->box.status;
	char id[24];

	snprintf(id, sizeof(id), "%" PRId64, f->config->engine.uid);
	expect(r, status, "Uid", id);
	snprintf(id, sizeof(id), "%" PRId64, f->config->engine.gid);
	expect(r, status, "Gid", id);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		expect(r, status, none[i], "0000000000000000");
	expect(r, status, "NoNewPrivs", "1");
	expect(r, status, "Seccomp", "2");
}

/* Files of /proc that reveal or change the host are masked or read-only; engines differ in what
 * else they mask. */
static const char *const covered[] = { "/proc/kcore", "/proc/keys", "/proc/timer_list" };
static const char *const frozen[] = { "/proc/sys", "/proc/sysrq-trigger", "/proc/irq",
	"/proc/bus" };

static bool has_option(const char *mount, const char *option)
{
	const char *options = mount ? strchr(mount, ' ') : NULL;
	CLEANUP(strv_release) struct strv words = { 0 };

	if (options)
		strv_split(&words, options, ',');
	return strv_contains(&words, option);
}

static void judge_proc(const struct box_facts *b, struct doctor_row *r)
{
	for (size_t i = 0; i < ARRAY_LEN(covered); i++)
		if (strv_contains(&b->proc, covered[i]) && !pairs_get(&b->mounts, covered[i]))
			doctor_say(r, DOCTOR_FAIL, "%s is not masked", covered[i]);
	for (size_t i = 0; i < ARRAY_LEN(frozen); i++)
		if (strv_contains(&b->proc, frozen[i]) &&
			!has_option(pairs_get(&b->mounts, frozen[i]), "ro"))
			doctor_say(r, DOCTOR_FAIL, "%s is not read-only", frozen[i]);
}

void doctor_box_files(const struct doctor_facts *f, struct doctor_row *r)
{
	const struct box_facts *b = &f->box;
	const char *tmp = pairs_get(&b->mounts, "/tmp");

	if (!b->mounts.n || !b->proc.n || !b->complete) {
		doctor_unproved(r, "the container did not report its mounts");
		return;
	}
	if (b->root_writable || !has_option(pairs_get(&b->mounts, "/"), "ro"))
		doctor_say(r, DOCTOR_FAIL, "the root file system is writable");
	if (!tmp || !str_starts(tmp, "tmpfs ") || !has_option(tmp, "nosuid") || !b->tmp_writable)
		doctor_say(r, DOCTOR_FAIL, "/tmp is not a writable tmpfs with nosuid");
	strv_each (path, &b->sockets)
		doctor_say(r, DOCTOR_FAIL, "the container can see the engine's socket %s", path);
	judge_proc(b, r);
	if (r->verdict == DOCTOR_PASS)
		doctor_say(r, DOCTOR_PASS,
			"read-only root, bounded /tmp, masked /proc, no engine socket");
}

static void judge_limit(
	const struct doctor_facts *f, struct doctor_row *r, const char *key, int64_t wanted)
{
	const char *text = pairs_get(&f->box.limits, key);
	int64_t v = INT64_MAX; /* "max" */

	if (!text && f->engine.rootless) { /* without a delegated controller there is none */
		doctor_say(r, DOCTOR_WARN, "%s: the container sees no limit", key);
		return;
	}
	if (!text) {
		doctor_unproved(r, "%s: the container sees no limit", key);
		return;
	}
	if (!str_eq(text, "max") && !parse_i64(text, 0, INT64_MAX, &v)) {
		doctor_unproved(r, "%s is \"%.40s\"", key, text);
		return;
	}
	if (v <= wanted)
		doctor_say(r, DOCTOR_PASS, "%s %" PRId64, key, v);
	else /* the delegation of a rootless engine is the machine's, not the runner's */
		doctor_say(r, f->engine.rootless ? DOCTOR_WARN : DOCTOR_FAIL,
			"%s is %.40s, expected at most %" PRId64, key, text, wanted);
}

void doctor_box_limits(const struct doctor_facts *f, struct doctor_row *r)
{
	judge_limit(f, r, "memory", (int64_t)f->config->engine.memory);
	judge_limit(f, r, "pids", f->config->engine.pids_limit);
	judge_limit(f, r, "nofile", f->config->engine.nofile_limit);
}
