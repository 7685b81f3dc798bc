/* See local_run.h. */
#include "runner/local_run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/exits.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/image.h"
#include "runner/local_artifacts.h"
#include "runner/local_claim.h"
#include "runner/local_report.h"
#include "runner/orphans.h"
#include "runner/slot.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

struct local_run {
	struct local_run_spec spec;
	struct http *http;
	struct loop_source *signals[ARRAY_LEN(stop_signals)];
	struct slot *slot; /* of the job that runs */
	bool over;         /* its slot said so */
	int stops;         /* signals so far */
};

/* ---- signals ---- */

static void on_stop(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	static const char *const says[] = { "cancelling; once more ends the step at once",
		"ending the step at once", "giving up on the job" };
	struct local_run *r = data;
	int n = r->stops < 2 ? r->stops : 2;

	(void)src, (void)si;
	r->stops++;
	fprintf(stderr, "\n%s\n", says[n]);
	if (r->slot && n < 2)
		slot_cancel(r->slot);
	else if (r->slot)
		slot_kill(r->slot);
}

/* ---- before the first job ---- */

/* Says behind the reason what the user can do about it here. */
static int with_remedy(struct err *e, const char *remedy)
{
	CLEAN_STR char *reason = xstrdup(e->text);

	return err_set(e, e->class, "%s; or %s", reason, remedy);
}

/* What would fail every job fails here, once and in front of everything. */
static int check_engine(struct local_run *r, struct err *e)
{
	const struct runner_config *c = r->spec.config;
	CLEANUP(image_release) struct image image = { 0 };
	struct engine *g = engine_open(r->spec.loop, r->http, c->engine.kind, c->engine.socket, e);
	int rc = g ? engine_image_inspect(g, c->engine.default_image, &image, e) : -1;

	if (g && rc < 0 && err_is(e, ERR_NOT_FOUND) && c->engine.pull != PULL_NEVER) {
		err_clear(e); /* the first job pulls it */
		rc = 0;
	}
	if (g && rc < 0 && err_is(e, ERR_NOT_FOUND))
		with_remedy(e, "name another with --image");
	else if (rc == 0 && (rc = engine_network_check(g, c->engine.network, e)) < 0)
		with_remedy(e, "name another with --network, which may be none");
	else if (rc == 0 && !str_eq(engine_network(g, c->engine.network), c->engine.network))
		log_warn("exec", "no_network",
			F_STR("text",
				"a rootless engine has no bridge that could be guarded, steps "
				"run without a network; --network slirp4netns gives them one"));
	engine_free(g);
	return rc;
}

static int setup(struct local_run *r, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION };

	r->http = http_new(r->spec.loop, &http, e);
	if (!r->http)
		return -1;
	if (check_engine(r, e) < 0 || local_artifacts_begin(r->spec.state->path, e) < 0)
		return -1;
	/* what an earlier local run with this state folder left when it was killed */
	orphans_remove(r->spec.loop, r->http, r->spec.config, r->spec.state);
	for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++)
		r->signals[i] = loop_signal(r->spec.loop, stop_signals[i], on_stop, r);
	return 0;
}

static void teardown(struct local_run *r)
{
	for (size_t i = 0; i < ARRAY_LEN(stop_signals); i++)
		loop_source_free(r->signals[i]);
	http_free(r->http);
}

/* ---- jobs ---- */

static void on_over(void *data)
{
	struct local_run *r = data;

	r->over = true;
}

/* What the job process said; NULL when it ended without a word and its boxes are still there. */
static const char *result_of(const char *conclusion)
{
	static const char *const known[] = { "success", "failure", "cancelled", "skipped",
		"timed_out" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(conclusion, known[i]))
			return known[i];
	return NULL;
}

static int start_job(struct local_run *r, size_t i, const struct slot_local *local, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT_SECRET(LIMIT_CLAIM_BYTES);
	struct slot_owner owner = { .loop = r->spec.loop,
		.config = r->spec.config,
		.job_env = r->spec.job_env,
		.state = r->spec.state,
		.local = local,
		.on_over = on_over,
		.data = r };
	struct claim_identity id = { 0 };

	if (local_claim_write(r->spec.plan, i, &claim, e) < 0)
		return -1;
	id.job_id = r->spec.plan->v[i].id;
	id.run_id = r->spec.plan->event->run_id;
	r->over = false;
	r->slot = slot_start(&owner, &id, buf_slice(&claim), false, e);
	return r->slot ? 0 : -1;
}

static void mark(const struct local_run *r, const struct local_job *j, const char *why)
{
	struct local_mark m = local_mark(j->result);

	printf("%s%s %s  %s%s%s%s\n", r->spec.color ? m.color : "", m.sign, j->name, j->result,
		why ? ": " : "", why ? why : "", r->spec.color ? LOCAL_COLOR_OFF : "");
	fflush(stdout);
}

/* The job process reports; what kept it from that is told here. */
static void run_job(struct local_run *r, size_t i)
{
	struct slot_local local = { .source = r->spec.repo->dir,
		.files = r->spec.repo->files,
		.label = r->spec.repo->label };
	struct local_job *j = &r->spec.plan->v[i];
	struct mono start = mono_now();
	struct err e = { 0 };

	fflush(stdout);
	if (start_job(r, i, &local, &e) < 0) {
		j->result = "failure";
		mark(r, j, e.text);
		return;
	}
	if (loop_wait(r->spec.loop, &r->over, MONO_NEVER, &e) < 0)
		BUG("waiting for a job: %s", e.text);
	j->result = result_of(slot_conclusion(r->slot));
	slot_free(TAKE(r->slot));
	if (!j->result) {
		j->result = r->stops > 0 ? "cancelled" : "failure";
		mark(r, j, "its process ended before it could report");
		orphans_remove(r->spec.loop, r->http, r->spec.config, r->spec.state);
	}
	j->took_us = mono_diff(mono_now(), start);
}

static void run_or_skip(struct local_run *r, size_t i)
{
	struct local_job *j = &r->spec.plan->v[i];
	const char *why = NULL;
	struct err e = { 0 };
	int rc = local_plan_decide(r->spec.plan, i, r->stops > 0, &j->result, &why, &e);

	if (rc == 1) {
		run_job(r, i);
		return;
	}
	if (rc < 0) {
		j->result = "failure";
		why = e.text;
	}
	mark(r, j, why);
	printf("\n");
}

/* ---- after the last job ---- */

static void sum_up(const struct local_run *r)
{
	const struct local_plan *p = r->spec.plan;

	for (size_t i = 0; p->n > 1 && i < p->n; i++) {
		const struct local_job *j = &p->v[i];
		struct local_mark m = local_mark(j->result);
		CLEAN_STR char *took =
			j->took_us ? xasprintf("  %.1f s", (double)j->took_us / USEC_PER_SEC)
				   : xstrdup("");

		printf("%s%s %s  %s%s%s\n", r->spec.color ? m.color : "", m.sign, j->name,
			j->result, r->spec.color ? LOCAL_COLOR_OFF : "", took);
	}
	fflush(stdout);
}

static bool all_good(const struct local_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!str_eq(p->v[i].result, "success") && !str_eq(p->v[i].result, "skipped"))
			return false;
	return true;
}

static int deliver_artifacts(const struct local_run *r, struct err *e)
{
	if (!r->spec.artifact_dir)
		return 0;
	return local_artifacts_deliver(r->spec.state->path, r->spec.artifact_dir, e);
}

int local_run(const struct local_run_spec *spec, struct err *e)
{
	struct local_run r = { .spec = *spec };
	int code = EXIT_FINDINGS;

	if (setup(&r, e) == 0) {
		for (size_t i = 0; i < spec->plan->n; i++)
			run_or_skip(&r, i);
		sum_up(&r);
		if (deliver_artifacts(&r, e) == 0 && all_good(spec->plan))
			code = EXIT_OK;
		local_artifacts_end(spec->state->path);
	}
	teardown(&r);
	return code;
}
