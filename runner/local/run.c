/*
 * The supervisor's part of a local run over the same slots: jobs side by side as far as their needs
 * allow, signals that first cancel and then kill, and the removal of what a killed run left in the
 * engine.
 */
#include "runner/local/run.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/exits.h"
#include "base/http/http.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/image.h"
#include "runner/step/local_artifacts.h"
#include "runner/local/claim.h"
#include "runner/local/output.h"
#include "runner/report/local_outputs.h"
#include "runner/report/terminal.h"
#include "runner/helper/orphans.h"
#include "runner/slot/slot.h"

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* A job that runs. */
struct running {
	struct local_run *run;
	size_t job; /* of the plan */
	struct slot *slot;
	struct slot_local local;
	int output; /* what the job says, until it is over; -1: it goes out at once */
	struct mono began;
};

struct local_run {
	struct local_run_spec spec;
	struct http *http;
	struct loop_source *signals[ARRAY_LEN(stop_signals)];
	struct running *running; /* spec.jobs places, those without a slot are free */
	bool changed;            /* some slot is over */
	bool shared;             /* jobs run side by side and share the output */
	bool grouped;            /* they run side by side, and each one's output stands together */
	int stops;               /* signals so far */
};

/* ---- signals ---- */

static void on_stop(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	static const char *const says[] = { "cancelling; press Ctrl-C again to kill what runs",
		"killing what runs", "giving up" };
	struct local_run *r = data;
	int n = r->stops < 2 ? r->stops : 2;

	(void)src, (void)si;
	r->stops++;
	fprintf(stderr, "\n%s\n", says[n]);
	for (size_t i = 0; i < r->spec.jobs; i++) {
		struct slot *slot = r->running[i].slot;

		if (slot && n < 2)
			slot_cancel(slot);
		else if (slot)
			slot_kill(slot);
	}
}

/* ---- before the first job ---- */

/* Adds to the reason what the user can do about it here. */
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
		with_remedy(e, "choose another network with --network (it may be \"none\")");
	else if (rc == 0 && !str_eq(engine_network(g, c->engine.network), c->engine.network))
		log_warn("exec", "no_network",
			F_STR("text",
				"a rootless engine has no host bridge to guard, so steps "
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
		loop_source_unref(&r->signals[i]);
	http_free(r->http);
	free(r->running);
}

/* ---- jobs ---- */

static void on_over(void *data)
{
	struct running *o = data;

	o->run->changed = true;
}

/* What the job process said; NULL when it ended without a result and its boxes are still there. */
static const char *result_of(const char *conclusion)
{
	static const char *const known[] = { "success", "failure", "cancelled", "skipped",
		"timed_out" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(conclusion, known[i]))
			return known[i];
	return NULL;
}

static int start_slot(struct running *o, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT_SECRET(LIMIT_CLAIM_BYTES);
	const struct local_run_spec *spec = &o->run->spec;
	struct slot_owner owner = { .loop = spec->loop,
		.config = spec->config,
		.job_env = spec->job_env,
		.state = spec->state,
		.local = &o->local,
		.on_over = on_over,
		.data = o };
	struct claim_identity id = { .job_id = spec->plan->v[o->job].id,
		.run_id = spec->plan->event->run_id };

	if (local_claim_write(spec->plan, o->job, &claim, e) < 0)
		return -1;
	o->slot = slot_start(&owner, &id, buf_slice(&claim), false, e);
	return o->slot ? 0 : -1;
}

static void mark(const struct local_run *r, const struct local_job *j, const char *why)
{
	struct terminal_mark m = terminal_mark(j->result);
	CLEAN_STR char *line = xasprintf(
		"%s %s  %s%s%s", m.sign, j->name, j->result, why ? ": " : "", why ? why : "");
	CLEAN_STR char *safe = text_printable(line);

	printf("%s%s%s\n%s", r->spec.color ? m.color : "", safe,
		r->spec.color ? TERMINAL_COLOR_OFF : "", r->shared ? "" : "\n");
	fflush(stdout);
}

static void start_job(struct local_run *r, struct running *o, size_t i)
{
	struct local_job *j = &r->spec.plan->v[i];
	struct err e = { 0 };

	*o = (struct running){ .run = r,
		.job = i,
		.local = { .source = r->spec.repo->dir,
			.files = r->spec.repo->files,
			.history = r->spec.repo->history,
			.history_files = r->spec.repo->history_files,
			.label = r->spec.repo->label,
			.output = STDOUT_FILENO,
			.shared_output = r->shared },
		.output = -1,
		.began = mono_now() };
	fflush(stdout);
	if (r->grouped)
		o->output = o->local.output = local_output_open(r->spec.state->path, &e);
	if ((r->grouped && o->output < 0) || start_slot(o, &e) < 0) {
		close_fdp(&o->output);
		j->result = "failure";
		mark(r, j, e.text);
		return;
	}
	j->running = true;
}

static void cancel_siblings(struct local_run *r, size_t i)
{
	for (size_t k = 0; k < r->spec.jobs; k++)
		if (r->running[k].slot &&
			local_plan_takes_along(r->spec.plan, i, r->running[k].job))
			slot_cancel(r->running[k].slot);
}

static void take_outputs(struct local_run *r, struct local_job *j)
{
	struct err e = { 0 };

	if (local_outputs_take(r->spec.state->path, j->id, &j->outputs, &e) == 0)
		return;
	log_error("exec", "outputs", F_STR("job", j->name), F_ERR(&e));
	j->result = "failure";
}

/* The job process reported; what kept it from that is reported here. */
static void end_job(struct local_run *r, struct running *o)
{
	struct local_job *j = &r->spec.plan->v[o->job];

	j->running = false;
	j->result = result_of(slot_conclusion(o->slot));
	slot_free(TAKE(o->slot));
	local_output_show(&o->output);
	j->took_us = mono_diff(mono_now(), o->began);
	if (!j->result) {
		j->result = r->stops > 0 ? "cancelled" : "failure";
		mark(r, j, "its process ended before it could report");
		orphans_remove(r->spec.loop, r->http, r->spec.config, r->spec.state);
	}
	take_outputs(r, j);
	cancel_siblings(r, o->job);
}

/* ---- which of them ---- */

/* The legs of a job that waited for its needs: they are decided about one by one. */
static int unfold(struct local_run *r, size_t i, struct err *e)
{
	size_t n = 0;

	if (local_plan_unfold(r->spec.plan, i, &n, e) < 0)
		return -1;
	for (size_t k = 0; k < r->spec.jobs; k++)
		if (r->running[k].slot && r->running[k].job > i)
			r->running[k].job += n - 1;
	return 0;
}

/* False: it was decided that it does not run. */
static bool may_run(struct local_run *r, size_t i)
{
	struct local_job *j = &r->spec.plan->v[i];
	const char *why = NULL;
	struct err e = { 0 };
	enum local_decision d =
		local_plan_decide(r->spec.plan, i, r->stops > 0, &j->result, &why, &e);

	if (d == LOCAL_RUN && r->stops < 2 && !j->waits)
		return true;
	if (d == LOCAL_RUN && r->stops < 2) {
		if (unfold(r, i, &e) == 0)
			return false;
		d = LOCAL_UNDECIDED;
	}
	if (d == LOCAL_RUN) {
		j->result = "cancelled";
		why = "the run was killed";
	}
	if (d == LOCAL_UNDECIDED) {
		j->result = "failure";
		why = e.text;
	}
	mark(r, j, why);
	return false;
}

static struct running *free_place(struct local_run *r)
{
	for (size_t i = 0; i < r->spec.jobs; i++)
		if (!r->running[i].slot)
			return &r->running[i];
	return NULL;
}

/* Starts what can start. A job that stays out may let others begin that stand before it. */
static void start_ready(struct local_run *r)
{
	struct running *place = free_place(r);

	for (size_t i = 0; place && i < r->spec.plan->n;) {
		if (!local_plan_is_ready(r->spec.plan, i)) {
			i++;
			continue;
		}
		if (may_run(r, i))
			start_job(r, place, i);
		place = free_place(r);
		i = 0;
	}
}

static bool some_run(const struct local_run *r)
{
	for (size_t i = 0; i < r->spec.jobs; i++)
		if (r->running[i].slot)
			return true;
	return false;
}

static void run_jobs(struct local_run *r)
{
	struct err e = { 0 };

	for (start_ready(r); some_run(r); start_ready(r)) {
		r->changed = false;
		for (size_t i = 0; i < r->spec.jobs; i++)
			if (r->running[i].slot && slot_over(r->running[i].slot))
				r->changed = true;
		if (loop_wait(r->spec.loop, &r->changed, MONO_NEVER, &e) < 0)
			BUG("waiting for a job: %s", e.text);
		for (size_t i = 0; i < r->spec.jobs; i++)
			if (r->running[i].slot && slot_over(r->running[i].slot))
				end_job(r, &r->running[i]);
	}
}

/* ---- after the last job ---- */

static void sum_up(const struct local_run *r)
{
	const struct local_plan *p = r->spec.plan;

	if (r->shared)
		printf("\n");
	for (size_t i = 0; p->n > 1 && i < p->n; i++) {
		const struct local_job *j = &p->v[i];
		struct terminal_mark m = terminal_mark(j->result);
		CLEAN_STR char *took =
			j->took_us ? xasprintf("  %.1f s", (double)j->took_us / USEC_PER_SEC)
				   : xstrdup("");

		CLEAN_STR char *name = text_printable(j->name);

		printf("%s%s %s  %s%s%s\n", r->spec.color ? m.color : "", m.sign, name, j->result,
			r->spec.color ? TERMINAL_COLOR_OFF : "", took);
	}
	fflush(stdout);
}

static bool all_good(const struct local_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (local_job_failed(&p->v[i]))
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
	bool parallel = spec->jobs > 1 && local_plan_is_parallel(spec->plan);
	struct local_run r = { .spec = *spec,
		.running = xcalloc(spec->jobs, sizeof(*r.running)),
		.shared = parallel && spec->live,
		.grouped = parallel && !spec->live };
	int code = EXIT_FINDINGS;

	if (setup(&r, e) == 0) {
		run_jobs(&r);
		sum_up(&r);
		if (deliver_artifacts(&r, e) == 0 && all_good(spec->plan))
			code = EXIT_OK;
		local_artifacts_end(spec->state->path);
	}
	teardown(&r);
	return code;
}
