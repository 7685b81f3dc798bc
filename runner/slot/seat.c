/*
 * The seat of a slot: a number that no other slot has at the same time, for what each job gets of
 * its own out of a range. With a range in engine.user that is the step user, so what the kernel
 * counts per user (inotify instances, message queues, timers, pending signals) of one job is not
 * missing in another; with runner.project_ids the project whose quota bounds its workspace. The
 * seats taken are static: they are a fact of the process, whose slots have several owners.
 *
 * A slot keeps its seat until it is freed, also while its job is recovered. When recoveries have
 * taken all of a range, a job shares a user, because it is better late and slow than not run, and
 * has no project: a quota with somebody else in it would end the wrong job.
 */
#include "runner/slot/private.h"

#include <inttypes.h>

enum { SEATS_MAX = 64 };

static uint64_t taken;

void slot_seat_take(struct slot *s)
{
	s->seat = -1;
	for (int i = 0; i < SEATS_MAX && s->seat < 0; i++)
		if (!(taken >> i & 1))
			s->seat = i;
	if (s->seat >= 0)
		taken |= UINT64_C(1) << s->seat;
}

void slot_seat_give(struct slot *s)
{
	if (s->seat >= 0)
		taken &= ~(UINT64_C(1) << s->seat);
	s->seat = -1;
}

static int64_t offset_of(const struct slot *s)
{
	int64_t n = s->owner.config->engine.users;

	if (n <= 1)
		return 0;
	return s->seat >= 0 && s->seat < n ? s->seat : s->id.job_id % n;
}

int64_t slot_uid(const struct slot *s)
{
	return s->owner.config->engine.uid + offset_of(s);
}

int64_t slot_gid(const struct slot *s)
{
	return s->owner.config->engine.gid + offset_of(s);
}

int64_t slot_project(const struct slot *s)
{
	const struct runner_config *c = s->owner.config;

	return s->seat >= 0 && s->seat < c->runner.project_ids ? c->runner.project_first + s->seat
							       : 0;
}

void slot_job_env(const struct slot *s, struct strv *ret)
{
	static const char variable[] = RUNNER_ENV_PREFIX "ENGINE__USER=";

	strv_each (pair, s->owner.job_env)
		if (s->owner.config->engine.users <= 1 || !str_starts(pair, variable))
			strv_add(ret, pair);
	if (s->owner.config->engine.users > 1)
		strv_addf(ret, "%s%" PRId64 ":%" PRId64, variable, slot_uid(s), slot_gid(s));
}
