/*
 * A container is an orphan if it carries our instance label and its job's lease is free. Containers
 * are listed before leases are checked, never after: a job that starts in between has its lease
 * before it has a container, so it is never mistaken for an orphan.
 */
#include "runner/helper/orphans.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "engine/step_box.h"
#include "runner/ipc/role.h"
#include "state/lease.h"

/* ---- removing ---- */

/* Podman keeps a container whose network namespace others share until they have gone. */
enum { ROUNDS = 3 };

static int remove_once(struct engine *g, const struct strv *ids, struct strv *ret_left,
	uint64_t *ret_removed, struct err *e)
{
	int rc = 0;

	strv_each (id, ids) {
		struct err one = { 0 };

		if (engine_container_remove(g, id, &one) == 0) {
			++*ret_removed;
			log_info("supervisor", "orphan_removed", F_STR("container", id));
			continue;
		}
		strv_add(ret_left, id);
		*e = one;
		rc = -1;
	}
	return rc;
}

static int remove_all(
	struct engine *g, const struct strv *ids, uint64_t *ret_removed, struct err *e)
{
	CLEANUP(strv_release) struct strv left = { 0 };
	int rc = 0;

	strv_each (id, ids)
		strv_add(&left, id);
	for (int i = 0; i < ROUNDS && left.n; i++) {
		struct strv again = { 0 };

		err_clear(e);
		rc = remove_once(g, &left, &again, ret_removed, e);
		strv_release(&left);
		left = again;
	}
	return rc < 0 ? err_wrap(e, "%zu containers kept", left.n) : 0;
}

/* ---- whose they are ---- */

static void keep_only(struct strv *ids, const struct strv *others, bool in_others)
{
	struct strv kept = { 0 };

	strv_each (id, ids)
		if (strv_contains(others, id) == in_others)
			strv_add(&kept, id);
	strv_release(ids);
	*ids = kept;
}

static int list_job(struct engine *g, int64_t job, struct strv *ret, struct err *e)
{
	CLEAN_STR char *id = xasprintf("%" PRId64, job);

	return engine_container_list(g, BOX_LABEL_JOB, id, ret, e);
}

/* Containers of jobs whose lease is held. */
static int list_live(
	struct engine *g, const struct state_dir *state, struct strv *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	CLEAN_STR char *folder = lease_folder(state->path, e);
	int64_t run, job;

	if (!folder || lease_list(folder, &names, e) < 0)
		return -1;
	strv_each (name, &names)
		if (lease_is_held(folder, name, 0) && lease_parse_name(name, &run, &job) &&
			list_job(g, job, ret, e) < 0)
			return -1;
	return 0;
}

int orphans_sweep(
	struct engine *g, const struct state_dir *state, uint64_t *ret_removed, struct err *e)
{
	CLEANUP(strv_release) struct strv ours = { 0 }, live = { 0 };

	*ret_removed = 0;
	if (engine_container_list(g, BOX_LABEL_RUNNER, state->instance_id, &ours, e) < 0)
		return -1;
	if (ours.n == 0)
		return 0;
	if (list_live(g, state, &live, e) < 0)
		return -1;
	keep_only(&ours, &live, false);
	return remove_all(g, &ours, ret_removed, e);
}

int orphans_remove_job(
	struct engine *g, const char *instance, int64_t job, uint64_t *ret_removed, struct err *e)
{
	CLEANUP(strv_release) struct strv ours = { 0 }, of_job = { 0 };

	*ret_removed = 0;
	if (engine_container_list(g, BOX_LABEL_RUNNER, instance, &ours, e) < 0 ||
		list_job(g, job, &of_job, e) < 0)
		return -1;
	keep_only(&ours, &of_job, true);
	return remove_all(g, &ours, ret_removed, e);
}

/* ---- a local run ---- */

void orphans_remove(struct loop *l, struct http *h, const struct runner_config *c,
	const struct state_dir *state)
{
	struct err e = { 0 };
	uint64_t removed = 0;
	struct engine *g = engine_open(l, h, c->engine.kind, c->engine.socket, &e);

	if (!g || orphans_sweep(g, state, &removed, &e) < 0)
		log_warn("supervisor", "orphans_kept", F_ERR(&e));
	engine_free(g);
	err_clear(&e);
	removed = 0;
	if (state_dir_sweep(state, &removed, &e) < 0)
		log_warn("supervisor", "job_folders_kept", F_ERR(&e));
	else if (removed)
		log_info("supervisor", "job_folders_removed", F_INT("folders", (int64_t)removed));
}

/* ---- the role ---- */

static int sweep(const struct runner_config *c, uint64_t *ret_removed, struct err *e)
{
	struct http_config http_config = { .user_agent = "shithubd-runner/" PROJECT_VERSION };
	struct state_dir state = STATE_DIR_INIT;
	struct loop *loop = loop_new(e);
	struct http *http = loop ? http_new(loop, &http_config, e) : NULL;
	struct engine *g = NULL;
	int rc = -1;

	if (http && state_dir_join(&state, c->runner.state_dir, e) == 0)
		g = engine_open(loop, http, c->engine.kind, c->engine.socket, e);
	if (g) {
		log_info("supervisor", "engine", F_STR("server", engine_info(g)->server),
			F_STR("api", engine_info(g)->api_version),
			F_STR("socket", engine_socket(g)));
		if (engine_info(g)->rootless)
			log_info("supervisor", "rootless",
				F_STR("network", engine_network(g, c->engine.network)),
				F_STR("text", "a rootless engine has no host bridge to guard and "
					      "enforces only the limits delegated to its user"));
		rc = orphans_sweep(g, &state, ret_removed, e);
	}
	engine_free(g);
	state_dir_release(&state);
	if (http)
		http_free(http);
	loop_free(loop);
	return rc;
}

static int report(const struct runner_config *c, bool quiet, bool again)
{
	uint64_t removed = 0;
	char text[32];
	struct err e = { 0 }, ignored = { 0 };
	int rc;

	log_setup(quiet && c->runner.log_level < LOG_WARN ? LOG_WARN : c->runner.log_level,
		c->runner.log_format, STDERR_FILENO);
	rc = sweep(c, &removed, &e);
	snprintf(text, sizeof(text), "%" PRIu64, removed);
	IGNORE_RESULT(fd_write_all(ROLE_FD_CHANNEL, text, strlen(text), &ignored),
		"the supervisor may be gone");
	if (rc == 0)
		return EXIT_OK;
	if (!again)
		log_warn("supervisor", "orphans_kept", F_ERR(&e),
			F_STR("effect", "retried until it works"));
	return EXIT_FINDINGS;
}

int orphans_role_main(int argc, char **argv)
{
	bool quiet = false, again = false;
	const struct cli_flag flags[] = {
		{ "quiet", CLI_BOOL, &quiet, .help = "nothing but warnings" },
		{ "again", CLI_BOOL, &again, .help = "the failure was already reported" },
	};
	struct runner_config config = { 0 };
	int rc = role_begin(argc, argv, flags, ARRAY_LEN(flags), &config);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : -rc;
	rc = report(&config, quiet, again);
	runner_config_release(&config);
	return rc;
}
