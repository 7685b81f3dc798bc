/*
 * actions/checkout: a sandboxed child fetches and writes one repository (checkout/checkout.h); this
 * asks for as many of them as it takes: again after transport trouble, and once for each submodule.
 */
#include "runner/step/checkout.h"

#include "base/backoff.h"
#include "base/http/http.h"
#include "base/http/reach.h"
#include "checkout/submodule.h"
#include "runner/ipc/channel.h"
#include "runner/step/checkout_inputs.h"

enum {
	TRANSFERS = 3,      /* that may break off: each costs the server its pack */
	MODULES_MAX = 1000, /* in all levels together */
	MODULE_LEVELS = 10,
};
#define FIRST_PAUSE_US (1 * USEC_PER_SEC)
#define LONGEST_PAUSE_US (30 * USEC_PER_SEC) /* as the session's calls */
#define TICK_US (100 * USEC_PER_MSEC)
#define HOME_WAIT_US (60 * USEC_PER_SEC)

/* A submodule to fetch; path is relative to the workspace. */
struct module_job {
	char *url, *path, *sha;
	unsigned level;
};

struct checkout_run {
	struct job *job;
	struct checkout_inputs in;
	struct checkout_result result;
	struct module_job *modules; /* found so far; they are fetched in this order */
	size_t n_modules;
};

static void on_line(void *data, const char *line)
{
	struct checkout_run *run = data;

	step_log_line(run->job->step.log, "%s", line);
}

static void on_done(void *data, const struct checkout_result *r)
{
	struct checkout_run *run = data;

	run->result = *r;
	run->job->step.over = true;
}

/* ---- submodules that were found ---- */

static void run_release(struct checkout_run *run)
{
	for (size_t i = 0; i < run->n_modules; i++) {
		free(run->modules[i].url);
		free(run->modules[i].path);
		free(run->modules[i].sha);
	}
	free(run->modules);
	checkout_inputs_release(&run->in);
}

static int add_modules(struct checkout_run *run, const struct submodule_list *l, const char *below,
	unsigned level, struct err *e)
{
	if (run->n_modules + l->n > MODULES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d submodules", MODULES_MAX);
	if (l->n && level > MODULE_LEVELS)
		return err_set(e, ERR_LIMIT, "submodule \"%.200s\": nested deeper than %d levels",
			below, MODULE_LEVELS);
	run->modules = xrealloc(run->modules, (run->n_modules + l->n + 1) * sizeof(*run->modules));
	for (size_t i = 0; i < l->n; i++) {
		bool top = !below || str_eq(below, ".");

		run->modules[run->n_modules++] = (struct module_job){
			.url = xstrdup(l->v[i].url),
			.path = top ? xstrdup(l->v[i].path)
				    : xasprintf("%s/%s", below, l->v[i].path),
			.sha = xstrdup(l->v[i].sha),
			.level = level,
		};
	}
	return 0;
}

/* ---- one repository ---- */

/* One child to its end. What it found is taken over unless the step was interrupted. */
static int fetch_once(
	struct checkout_run *run, const struct checkout_request *r, unsigned level, struct err *e)
{
	struct job *j = run->job;
	int fd = channel_start_role(j->out.channel, "checkout", e), rc = 0;

	if (fd < 0)
		return -1;
	j->step.over = false;
	run->result = (struct checkout_result){ 0 };
	j->step.checkout = checkout_start(j->loop, fd, r, on_line, on_done, run, e);
	if (!j->step.checkout || loop_wait(j->loop, &j->step.over, MONO_NEVER, e) < 0)
		return -1;
	if (j->step.checkout && run->result.ok && r->submodules)
		rc = add_modules(run, checkout_submodules(j->step.checkout), r->path, level + 1, e);
	checkout_free(TAKE(j->step.checkout));
	return rc;
}

/* An interrupt ends what runs; here nothing does, so it is looked for. */
static int pause_for(struct job *j, int64_t us, struct err *e)
{
	const bool never = false;
	struct mono now = mono_now(), until = mono_add(now, us);

	for (; !current_step_interrupted(&j->step) && now.us < until.us; now = mono_now()) {
		struct mono tick = mono_add(now, TICK_US);
		struct err timeout = { 0 };

		if (loop_wait(j->loop, &never, tick.us < until.us ? tick : until, &timeout) < 0 &&
			!err_is(&timeout, ERR_TIMEOUT)) {
			*e = timeout;
			return -1;
		}
	}
	return 0;
}

/* Tries as long as the session's calls do while the server gives no pack: until the job's or the
 * step's time is over. -1 also when the step was interrupted; step_fails knows. */
static int fetch(
	struct checkout_run *run, const struct checkout_request *r, unsigned level, struct err *e)
{
	struct job *j = run->job;
	struct backoff pause;
	unsigned transfers = 0;

	backoff_init(&pause, FIRST_PAUSE_US, LONGEST_PAUSE_US);
	for (unsigned try = 1;; try++) {
		if (fetch_once(run, r, level, e) < 0)
			return -1;
		if (run->result.ok && !current_step_interrupted(&j->step))
			return 0;
		*e = run->result.error;
		transfers += run->result.pack_bytes > 0;
		if (!run->result.retryable || transfers == TRANSFERS ||
			current_step_interrupted(&j->step))
			return -1;
		int64_t us = backoff_next(&pause, mono_now(), -1);
		step_log_line(j->step.log, "[shithub] %s; try %u in %.1f s", e->text, try + 1,
			(double)us / USEC_PER_SEC);
		err_clear(e);
		if (pause_for(j, us, e) < 0)
			return -1;
		if (current_step_interrupted(&j->step))
			return -1;
	}
}

/* ---- the step ---- */

/* The token is good for the job's repository only and is shown to no other. */
static int explain_refusal(const struct job *j, const struct module_job *m, struct err *e)
{
	if (!repository_url_same(m->url, j->spec->checkout_url) &&
		(err_is(e, ERR_AUTH) || strstr(e->text, "HTTP 404")))
		err_wrap(e,
			"submodule \"%s\": %s needs a credential, and the job's token is valid "
			"only for its own repository",
			m->path, m->url);
	else
		err_wrap(e, "submodule \"%s\"", m->path);
	return -1;
}

static int fetch_module(
	struct checkout_run *run, const struct checkout_request *top, size_t i, struct err *e)
{
	struct job *j = run->job;
	const struct module_job m = run->modules[i]; /* the list may move meanwhile */
	struct checkout_request r = *top;

	r.url = m.url;
	r.sha = m.sha;
	r.ref = NULL;
	r.path = m.path;
	r.tags = false;
	r.submodules = run->in.modules == MODULES_RECURSIVE;
	if (!repository_url_same(m.url, j->spec->checkout_url))
		r.token = NULL;
	if (fetch(run, &r, m.level, e) < 0)
		return explain_refusal(j, &m, e);
	return 0;
}

/* The claim names the server, and who has the coordinator writes the claims: it must be the
 * coordinator's own, or one that the operator named. The latter may be reached where the
 * coordinator itself is (base/http/reach.h). A local run's repository is its user's choice. */
static int check_origin(struct job *j, struct checkout_request *r, struct err *e)
{
	const struct strv *origins = &j->config->server.checkout_origins;
	bool listed = false;

	r->any_address = j->place.local || http_same_origin(j->config->server.base_url, r->url);
	if (r->any_address)
		return 0;
	strv_each (origin, origins)
		listed = listed || http_same_origin(origin, r->url);
	if (!listed)
		return err_set(e, ERR_INPUT,
			"checkout URL: its server is neither that of server.base_url nor one of "
			"server.checkout_origins");
	/* the first reports of this job are on their way: their answers tell where home is */
	for (int64_t us = 0; us < HOME_WAIT_US && !http_home_known(j->http); us += TICK_US)
		if (current_step_interrupted(&j->step) || pause_for(j, TICK_US, e) < 0)
			return -1;
	r->reach = http_home_reach(j->http);
	return 0;
}

/* A local run has the work tree and nothing else: another ref would get that one's files. */
static int check_local_ref(const struct job *j, const struct checkout_inputs *in, struct err *e)
{
	const char *own = j->spec->head_ref ? j->spec->head_ref : "";
	const char *name = str_starts(own, "refs/heads/") ? own + strlen("refs/heads/") : own;

	if (!j->place.local || (!in->ref && !in->sha))
		return 0;
	if (in->sha ? str_eq(in->sha, j->spec->head_sha)
		    : str_eq(in->ref, own) || str_eq(in->ref, name))
		return 0;
	return err_set(e, ERR_INPUT,
		"actions/checkout: ref: \"%.100s\" cannot be checked out in a local run, which has "
		"the work tree alone; expected %.100s, its commit, or nothing",
		in->sha ? in->sha : in->ref, name);
}

static int check_out(struct checkout_run *run, const struct pairs *with, struct err *e)
{
	struct job *j = run->job;
	const char *url = j->spec->checkout_url;
	struct pairs *outputs = &j->runs[j->step.index].outputs;

	if (checkout_inputs_read(with, url ? url : "", &run->in, e) < 0 ||
		check_local_ref(j, &run->in, e) < 0)
		return -1;
	bool named = run->in.sha || run->in.ref;
	struct checkout_request r = { .url = url,
		.token = j->spec->checkout_token,
		.sha = named ? run->in.sha : j->spec->head_sha,
		.ref = named ? run->in.ref : j->spec->head_ref,
		.path = run->in.path,
		.depth = run->in.depth,
		.tags = run->in.tags,
		.keep = !run->in.clean,
		.submodules = run->in.modules != MODULES_NONE,
		.ca_file = j->config->server.ca_file };
	if (checkout_request_check(&r, e) < 0 || check_origin(j, &r, e) < 0 ||
		fetch(run, &r, 0, e) < 0)
		return -1;
	pairs_set(outputs, "ref", r.ref ? r.ref : "");
	pairs_set(outputs, "commit", *run->result.sha ? run->result.sha : r.sha ? r.sha : "");
	for (size_t i = 0; i < run->n_modules; i++)
		if (fetch_module(run, &r, i, e) < 0)
			return -1;
	return 0;
}

enum outcome use_checkout(struct job *j, const struct step_text *t)
{
	CLEANUP(run_release) struct checkout_run run = { .job = j };
	struct err e = { 0 };
	int rc = check_out(&run, &t->with, &e);

	if (current_step_interrupted(&j->step))
		return interrupt_outcome(j->step.interrupt);
	return rc == 0 ? OUTCOME_SUCCESS : step_fails(j, &e);
}
