/*
 * For a rollout that has to know when it may go on. Each runner counts once, for the first thing
 * that keeps it from being ready. One that is away is no reason against the rest as long as enough
 * are ready; one that runs another version is, as the rollout is then not over.
 */
#include "coordinator/admin/preflight.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "coordinator/admin/admin.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/runner.h"

enum { COMMIT_MIN = 7, COMMIT_MAX = 100 };

enum standing {
	READY,
	STALE,
	OFFLINE,
	DRAINING,
	TROUBLED,
	MISSING_VERSION,
	VERSION_DRIFT,
	STANDINGS
};

static const struct {
	const char *key, *why; /* why NULL: nothing is wrong */
} standings[STANDINGS] = {
	[READY] = { "ready_count", NULL },
	[STALE] = { "stale_count", "its last heartbeat is too old" },
	[TROUBLED] = { "troubled_count", "it says that it cannot work" },
	[OFFLINE] = { "offline_count", "it is offline" },
	[DRAINING] = { "draining_count", "it is draining" },
	[MISSING_VERSION] = { "missing_version_count", "it reports no version" },
	[VERSION_DRIFT] = { "version_drift_count", "it runs another version" },
};

struct preflight_options {
	const char *commit, *labels, *max_age;
	int64_t min_runners, max_age_us;
	struct strv wanted;
};

struct preflight {
	int64_t checked, counts[STANDINGS];
	struct strv reasons;
};

static int check_preflight(struct admin *a UNUSED, void *options, struct err *e)
{
	struct preflight_options *o = options;
	size_t n = o->commit ? strlen(o->commit) : COMMIT_MIN;

	strv_split(&o->wanted, o->labels, ',');
	strv_each (label, &o->wanted)
		if (!label_valid(label))
			return err_set(e, ERR_INPUT, "--labels: \"%.120s\" is no label", label);
	if (n < COMMIT_MIN || n > COMMIT_MAX)
		return err_set(e, ERR_INPUT, "--expected-commit: expected %d to %d characters",
			COMMIT_MIN, COMMIT_MAX);
	if (duration_parse(o->max_age, &o->max_age_us, e) < 0 || o->max_age_us <= 0)
		return err_set(e, ERR_INPUT,
			"--max-heartbeat-age %.40s: expected a duration such as 2m", o->max_age);
	return 0;
}

static bool has_labels(const struct runner_row *r, const struct strv *wanted)
{
	strv_each (label, wanted)
		if (!strv_contains(&r->labels, label))
			return false;
	return true;
}

/* A version holds a commit, whole or shortened; so may the question. */
static bool is_of_commit(const char *version, const char *commit)
{
	const char *plus = strrchr(version, '+'), *own = plus ? plus + 1 : version;

	return strstr(version, commit) || (strlen(own) >= COMMIT_MIN && str_starts(commit, own));
}

static enum standing standing_of(
	const struct runner_row *r, const struct preflight_options *o, struct wall now)
{
	if (r->drained_at.us)
		return DRAINING;
	if (r->trouble && now.us - r->trouble_at.us <= o->max_age_us)
		return TROUBLED;
	if (!r->last_heartbeat_at.us || r->offline_at.us)
		return OFFLINE;
	if (now.us - r->last_heartbeat_at.us > o->max_age_us)
		return STALE;
	if (!o->commit)
		return READY;
	if (str_empty(r->version))
		return MISSING_VERSION;
	return is_of_commit(r->version, o->commit) ? READY : VERSION_DRIFT;
}

static void inspect(struct preflight *p, const struct preflight_options *o,
	const struct runner_list *runners, struct wall now)
{
	for (size_t i = 0; i < runners->n; i++) {
		const struct runner_row *r = &runners->v[i];

		if (r->revoked_at.us || !has_labels(r, &o->wanted))
			continue;
		enum standing s = standing_of(r, o, now);
		const char *detail = s == VERSION_DRIFT ? r->version
				     : s == TROUBLED    ? r->trouble_text
							: NULL;
		p->checked++;
		p->counts[s]++;
		if (standings[s].why)
			strv_addf(&p->reasons, "runner %" PRId64 " (%s): %s%s%s", r->id, r->name,
				standings[s].why, detail ? ", " : "", detail ? detail : "");
	}
	if (p->counts[READY] < o->min_runners)
		strv_addf(&p->reasons,
			"%" PRId64 " runners with labels %s are ready, expected %" PRId64,
			p->counts[READY], o->labels, o->min_runners);
}

static void preflight_show(struct admin *a, const struct preflight *p, bool ok)
{
	if (!a->json) {
		printf("%s: %" PRId64 " of %" PRId64 " runners are ready\n",
			ok ? "ok" : "not ready", p->counts[READY], p->checked);
		strv_each (reason, &p->reasons)
			printf("%s\n", reason);
		return;
	}
	json_begin_object(&a->w);
	json_kv_bool(&a->w, "ok", ok);
	json_kv_int(&a->w, "checked_count", p->checked);
	for (size_t i = 0; i < STANDINGS; i++)
		json_kv_int(&a->w, standings[i].key, p->counts[i]);
	json_kv_strv(&a->w, "reasons", &p->reasons);
	json_end_object(&a->w);
}

static int preflight(struct admin *a, void *options, struct err *e)
{
	const struct preflight_options *o = options;
	CLEANUP(runner_list_release) struct runner_list runners = { 0 };
	struct preflight p = { 0 };

	if (store_runner_list(a->store, &runners, e) < 0)
		return -1;
	inspect(&p, o, &runners, wall_now());
	bool ok = p.counts[READY] >= o->min_runners && !p.counts[MISSING_VERSION] &&
		  !p.counts[VERSION_DRIFT];
	preflight_show(a, &p, ok);
	a->code = ok ? EXIT_OK : EXIT_FINDINGS;
	strv_release(&p.reasons);
	return 0;
}

int admin_runner_preflight(int argc, char **argv)
{
	struct preflight_options o = {
		.labels = "ubuntu-latest", .max_age = "2m", .min_runners = 1
	};
	const struct cli_flag flags[] = {
		{ "expected-commit", CLI_STRING, &o.commit, "COMMIT",
			"what all of them must run (default: anything)" },
		{ "labels", CLI_STRING, &o.labels, "A,B",
			"runners with all of these (default ubuntu-latest)" },
		{ "min-runners", CLI_INT, &o.min_runners, "N", "ready ones (default 1)", 0, 10000 },
		{ "max-heartbeat-age", CLI_STRING, &o.max_age, "2m", "older is stale" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.help = "Exit codes: 0 enough runners are ready and none runs another "
				"version, 1 not so, 2 usage.",
			.check = check_preflight,
			.work = preflight });

	strv_release(&o.wanted);
	return code;
}
