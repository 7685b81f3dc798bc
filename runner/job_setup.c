/* What a job needs before its first step: engine, seccomp profile, gate, boxes. */
#include "runner/job.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "runner/helper_program.h"
#include "runner/job_image.h"
#include "runner/network_wall.h"
#include "runner/step_files.h"
#include "runner/step_io.h"
#include "runner/step_kinds.h"
#include "runner/workspace_watch.h"
#include "sandbox/step_profile.h"

static char *load_seccomp(const struct runner_config *c, struct err *e)
{
	CLEANUP(step_profile_release) struct step_profile p = { 0 };

	if (step_profile_load(c, &p, e) < 0)
		return NULL;
	if (p.doubts)
		log_warn("job", "seccomp_unverified", F_STR("error", p.doubts));
	return TAKE(p.text);
}

static int open_boxes(struct job *j, struct err *e)
{
	CLEAN_STR char *job_id = xasprintf("%" PRId64, j->spec->id);
	CLEAN_STR char *control = path_join(j->dir, "ctl");
	struct box_job_spec spec = { .loop = j->loop,
		.engine = j->engine,
		.config = j->config,
		.instance_id = j->state.instance_id,
		.job_id = job_id,
		.image = j->image.id,
		.workspace = j->workspace,
		.files_dir = j->files_dir,
		.control_dir = control,
		.gate_path = j->gate_path,
		.seccomp_json = j->seccomp };

	/* the configuration says auto until the engine was asked */
	if (step_io_resolve(&spec, j->state.path, &j->config->engine.step_io, e) < 0)
		return -1;
	j->boxes = box_job_open(&spec, e);
	return j->boxes ? 0 : -1;
}

/* What would fail every step is found here, before a checkout is made for nothing. */
static int check_engine(struct job *j, struct err *e)
{
	const struct runner_config *c = j->config;

	j->engine = engine_open(j->loop, j->http, c->engine.kind, c->engine.socket, e);
	if (!j->engine)
		return -1;
	if (engine_network_check(j->engine, c->engine.network, e) < 0)
		return -1;
	return job_image_check(j, e);
}

static bool needs_boxes(const struct job_spec *s)
{
	for (size_t i = 0; i < s->steps.n; i++)
		if (step_wants_box(&s->steps.v[i]))
			return true;
	return false;
}

/* Said in the log of the step that runs; what it may still write is not worth a grace period. */
static void on_workspace(void *data, uint64_t used)
{
	struct job *j = data;
	char limit[SIZE_TEXT_MAX];
	CLEAN_STR char *why =
		used ? xasprintf("workspace limit %s exceeded (%llu MiB used)",
			       size_format(j->config->runner.workspace_limit, limit),
			       (unsigned long long)used >> 20)
		     : xstrdup("the watcher of the workspace's size ended, and nothing else keeps "
			       "it below runner.workspace_limit");

	log_error("job", "workspace_limit", F_STR("error", why));
	if (j->log)
		step_log_line(j->log, "[shithub] error: %s", why);
	job_end(j, CAUSE_WORKSPACE);
}

static int watch_workspace(struct job *j, struct err *e)
{
	j->watch = workspace_watch_new(&(struct workspace_watch_spec){ .loop = j->loop,
					       .channel = j->channel,
					       .on_exceeded = on_workspace,
					       .data = j },
		e);
	return j->watch ? 0 : -1;
}

int job_setup(struct job *j, struct err *e)
{
	if (j->no_workspace)
		return err_set(e, ERR_IO, "no workspace: %s", j->no_workspace);
	j->workspace = xasprintf("%s/%" PRId64 "/%" PRId64, j->config->runner.workspace_root,
		j->spec->run_id, j->spec->id);
	if (!needs_boxes(j->spec))
		return watch_workspace(j, e);
	if (step_files_setup(j, e) < 0 || watch_workspace(j, e) < 0)
		return -1;
	j->seccomp = load_seccomp(j->config, e);
	if (!j->seccomp)
		return -1;
	j->gate_path = helper_program(j->config->engine.gate_path, "shithub-gate", e);
	if (!j->gate_path || check_engine(j, e) < 0 ||
		network_wall_require(j->loop, j->engine, j->config, j->channel, e) < 0)
		return -1;
	return j->image_wanted ? 0 : open_boxes(j, e);
}

int job_setup_rest(struct job *j, struct err *e)
{
	bool waited = j->image_wanted;

	if (job_image_ready(j, e) < 0 || (waited && open_boxes(j, e) < 0)) {
		j->no_more = true; /* nothing can run without an image */
		return -1;
	}
	if (waited)
		job_prepare_boxes(j, j->index);
	return 0;
}

static void prepare_one(struct job *j, size_t step, size_t place)
{
	CLEAN_STR char *label = xasprintf("%" PRId64, j->spec->steps.v[step].id);

	if (!j->runs[place].box)
		j->runs[place].box = step_box_prepare(j->boxes, label);
}

void job_prepare_boxes(struct job *j, size_t index)
{
	size_t left = JOB_BOXES_AHEAD;

	if (!j->boxes)
		return;
	for (size_t i = index; i < j->spec->steps.n && left > 0; i++) {
		if (!step_wants_box(&j->spec->steps.v[i]))
			continue;
		if (j->config->engine.isolation == ISOLATION_JOB) {
			prepare_one(j, i, 0);
			return;
		}
		prepare_one(j, i, i);
		left--;
	}
}

void job_free_boxes(struct job *j)
{
	for (size_t i = 0; j->runs && i < j->spec->steps.n; i++)
		step_box_free(TAKE(j->runs[i].box));
}
