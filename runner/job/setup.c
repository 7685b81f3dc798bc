/*
 * What would fail every step is found here, before a checkout is made for nothing. What may take
 * long is only begun: boxes start in the background, and an image that must be pulled waits for the
 * first step, whose log can show it.
 */
#include "runner/job/setup.h"

#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "runner/helper/program.h"
#include "runner/context/image.h"
#include "runner/helper/egress_firewall.h"
#include "runner/context/files.h"
#include "runner/helper/job_folder.h"
#include "runner/context/step_io.h"
#include "runner/step/boxes.h"
#include "runner/step/home.h"
#include "runner/step/uses.h"
#include "runner/helper/workspace_watch.h"
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
	CLEAN_STR char *control = path_join(j->place.dir, "ctl");
	struct box_job_spec spec = { .loop = j->loop,
		.engine = j->engine.client,
		.config = j->config,
		.instance_id = j->place.state.instance_id,
		.job_id = job_id,
		.image = j->engine.image.id,
		.volumes = &j->engine.image.volumes,
		.workspace = j->place.workspace,
		.own_dir = j->place.own,
		.home = image_home(&j->engine.image),
		.files_dir = j->place.files,
		.tools_dir = j->place.tools,
		.control_dir = control,
		.gate_path = j->engine.gate_path,
		.seccomp_json = j->engine.seccomp };

	/* the configuration says auto until the engine was asked */
	if (step_io_resolve(&spec, j->place.state.path, &j->config->engine.step_io, e) < 0)
		return -1;
	j->engine.boxes = box_job_open(&spec, e);
	j->engine.home_wanted = spec.home != NULL;
	return j->engine.boxes ? 0 : -1;
}

static int check_engine(struct job *j, struct err *e)
{
	const struct runner_config *c = j->config;

	j->engine.client = engine_open(j->loop, j->http, c->engine.kind, c->engine.socket, e);
	if (!j->engine.client)
		return -1;
	if (engine_network_check(j->engine.client, c->engine.network, e) < 0)
		return -1;
	return job_image_check(j, e);
}

/* Logged into the running step, which gets no grace period: it may only fill the disk further. */
static void on_workspace(void *data, uint64_t used)
{
	struct job *j = data;
	char limit[SIZE_TEXT_MAX];
	CLEAN_STR char *why =
		used ? xasprintf("workspace limit %s exceeded (%" PRIu64 " MiB used)",
			       size_format(j->config->runner.workspace_limit, limit), used >> 20)
		     : xstrdup("the process that enforces runner.workspace_limit exited");

	log_error("job", "workspace_limit", F_STR("error", why));
	if (j->step.log)
		step_log_line(j->step.log, "[shithub] error: %s", why);
	job_end(j, CAUSE_WORKSPACE);
}

static void on_paused(void *data, const struct err *e)
{
	struct workspace_watch *w = data;

	if (e)
		log_warn("job", "workspace_pause", F_ERR(e));
	workspace_watch_paused(w, !e);
}

static void on_resumed(void *data, const struct err *e)
{
	(void)data;
	if (e)
		log_warn("job", "workspace_resume", F_ERR(e));
}

/* For one walk of the workspace. Without a step that runs nobody can evade it for long: the watcher
 * tries again. */
static void pause_step(void *data, struct workspace_watch *w, bool on)
{
	struct job *j = data;
	struct step_box *box = j->step.launched ? j->step.box : NULL;

	if (!on && box)
		step_box_pause(box, false, on_resumed, NULL);
	else if (on && (!box || !step_box_pause(box, true, on_paused, w)))
		workspace_watch_paused(w, false);
}

static int watch_workspace(struct job *j, struct workspace_watch **ret, struct err *e)
{
	*ret = workspace_watch_new(&(struct workspace_watch_spec){ .loop = j->loop,
					   .channel = j->out.channel,
					   .on_exceeded = on_workspace,
					   .pause = pause_step,
					   .data = j },
		e);
	return *ret ? 0 : -1;
}

static char *folder_of(const struct job *j, const char *part)
{
	return job_folder_path(
		j->config->runner.workspace_root, j->spec->run_id, j->spec->id, part);
}

int job_setup(struct job *j, struct workspace_watch **ret_watch, struct err *e)
{
	if (j->place.no_workspace)
		return err_set(e, ERR_IO, "no workspace: %s", j->place.no_workspace);
	j->place.workspace = folder_of(j, JOB_FOLDER_WORKSPACE);
	j->place.own = folder_of(j, NULL);
	if (!boxes_needed(j->spec))
		return watch_workspace(j, ret_watch, e);
	if (step_files_setup(&j->place, j->spec->event_payload, e) < 0 ||
		watch_workspace(j, ret_watch, e) < 0)
		return -1;
	j->engine.seccomp = load_seccomp(j->config, e);
	if (!j->engine.seccomp)
		return -1;
	j->engine.gate_path = helper_program(j->config->engine.gate_path, "shithub-gate", e);
	if (!j->engine.gate_path || check_engine(j, e) < 0 ||
		egress_firewall_require(j->loop, j->engine.client, j->config, j->out.channel, e) <
			0)
		return -1;
	return j->engine.image_wanted ? 0 : open_boxes(j, e);
}

int job_setup_rest(struct job *j, struct err *e)
{
	bool waited = j->engine.image_wanted;

	if (job_image_ready(j, e) < 0 || (waited && open_boxes(j, e) < 0)) {
		j->state.no_more = true; /* nothing can run without an image */
		if (j->state.cause == CAUSE_NONE && !err_is(e, ERR_CANCELLED))
			job_reports_platform(&j->out, e);
		return -1;
	}
	if (waited)
		boxes_prepare(j, j->step.index);
	return step_wants_box(&j->spec->steps.v[j->step.index]) ? home_fill(j, e) : 0;
}
