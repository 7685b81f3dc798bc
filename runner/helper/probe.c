/*
 * The same functions that a job's setup calls, so that the probe cannot pass what a job would fail
 * on. It starts no container: an engine that answers but cannot start one shows in the first job,
 * and the runner then waits longer and longer between jobs.
 */
#include "runner/helper/probe.h"

#include "base/fs.h"
#include "config/image_ref.h"
#include "engine/engine.h"
#include "engine/image.h"
#include "runner/helper/program.h"
#include "runner/ipc/role.h"
#include "sandbox/step_profile.h"

static int check_files(const struct runner_config *c, struct err *e)
{
	CLEANUP(step_profile_release) struct step_profile profile = { 0 };
	CLEAN_STR char *gate = helper_program(c->engine.gate_path, "shithub-gate", e);

	return gate ? step_profile_load(c, &profile, e) : -1;
}

/* An image that may be pulled need not be here yet. */
static int check_image(struct engine *g, const struct runner_config *c, struct err *e)
{
	CLEANUP(image_release) struct image image = { 0 };

	if (image_allowed(&c->engine.allowed_images, c->engine.default_image, e) < 0)
		return -1;
	if (engine_image_inspect(g, c->engine.default_image, &image, e) == 0)
		return 0;
	if (c->engine.pull == PULL_NEVER || !err_is(e, ERR_NOT_FOUND))
		return -1;
	err_clear(e);
	return 0;
}

static int check_engine(const struct runner_config *c, struct err *e)
{
	struct http_config config = { .user_agent = "shithubd-runner/" PROJECT_VERSION };
	struct loop *loop = loop_new(e);
	struct http *http = loop ? http_new(loop, &config, e) : NULL;
	struct engine *g =
		http ? engine_open(loop, http, c->engine.kind, c->engine.socket, e) : NULL;
	int rc = g ? engine_network_check(g, c->engine.network, e) : -1;

	if (rc == 0)
		rc = check_image(g, c, e);
	engine_free(g);
	http_free(http);
	loop_free(loop);
	return rc;
}

int probe_role_main(int argc, char **argv)
{
	CLEANUP(runner_config_release) struct runner_config config = { 0 };
	struct err e = { 0 }, ignored = { 0 };
	int rc = role_begin(argc, argv, NULL, 0, &config);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : -rc;
	if (check_files(&config, &e) == 0 && check_engine(&config, &e) == 0)
		return EXIT_OK;
	IGNORE_RESULT(fd_write_all(ROLE_FD_CHANNEL, e.text, strlen(e.text), &ignored),
		"the supervisor may be gone");
	return EXIT_FINDINGS;
}
