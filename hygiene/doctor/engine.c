/*
 * Inspects the engine: itself, image, network, containers. Each question is asked on its own, so
 * that one failing answer hides nothing else.
 */
#include <errno.h>

#include "base/codec.h"
#include "base/fs.h"
#include "engine/engine_facts.h"
#include "engine/image.h"
#include "hygiene/doctor/inspect.h"
#include "hygiene/workdir/workdir.h"
#include "state/state_dir.h"

static void inspect_image(struct doctor_facts *f, struct engine *g)
{
	const struct runner_config *c = f->config;
	CLEANUP(image_release) struct image image = { 0 };
	struct err e = { 0 };

	inspection_done(&f->engine.image_allowed);
	if (image_allowed(&c->engine.allowed_images, c->engine.default_image, &e) < 0)
		inspection_failed(&f->engine.image_allowed, e.text);
	err_clear(&e);
	if (engine_image_inspect(g, c->engine.default_image, &image, &e) < 0) {
		inspection_failed(&f->engine.image, e.text);
		return;
	}
	inspection_done(&f->engine.image);
	f->engine.image_digest = xstrdup(image_digest(&image));
}

static void inspect_network(struct doctor_facts *f, struct engine *g)
{
	struct err e = { 0 };

	f->engine.network = xstrdup(engine_network(g, f->config->engine.network));
	inspection_done(&f->engine.bridge);
	if (engine_network_check(g, f->config->engine.network, &e) < 0)
		inspection_failed(&f->engine.bridge, e.text);
}

static void inspect_facts(struct doctor_facts *f, struct engine *g)
{
	CLEANUP(engine_facts_release) struct engine_facts told = { 0 };
	struct engine_fact_set *s = &f->engine;
	struct err e = { 0 };

	if (engine_facts_read(g, &told, &e) < 0) {
		inspection_failed(&s->told, e.text);
		return;
	}
	inspection_done(&s->told);
	s->storage = TAKE(told.storage);
	s->cgroup_version = TAKE(told.cgroup_version);
	s->cgroup_driver = TAKE(told.cgroup_driver);
	s->seccomp = told.seccomp;
	s->userns = told.userns;
	s->memory_limit = told.memory_limit;
	s->pids_limit = told.pids_limit;
}

/* ---- containers ---- */

/* Leases are looked at after the containers were listed: a job that begins meanwhile is not
 * among them. */
static bool job_is_live(const char *folder, const struct strv *leases, const char *job)
{
	int64_t id, run, of;

	if (!parse_i64(job, 1, INT64_MAX, &id))
		return false;
	strv_each (name, leases)
		if (lease_parse_name(name, &run, &of) && of == id &&
			workdir_lease_held(folder, name))
			return true;
	return false;
}

static void sort_boxes(struct doctor_facts *f, const struct engine_boxes *boxes, const char *ours)
{
	CLEAN_STR char *folder = path_join(f->config->runner.state_dir, "leases");
	CLEANUP(strv_release) struct strv leases = { 0 }, others = { 0 };
	struct err none = { 0 };

	if (lease_list(folder, &leases, &none) < 0)
		err_clear(&none);
	for (size_t i = 0; i < boxes->n; i++) {
		const struct engine_box *b = &boxes->v[i];

		/* checks label their containers too, but not with an instance's id */
		if (strlen(b->runner) != UUID_TEXT_MAX - 1)
			continue;
		if (!str_eq(b->runner, ours)) {
			if (!strv_contains(&others, b->runner))
				strv_add(&others, b->runner);
		} else if (job_is_live(folder, &leases, b->job)) {
			f->engine.live++;
		} else {
			strv_add(&f->engine.orphans, b->id);
		}
	}
	f->engine.others = others.n;
}

static void inspect_containers(struct doctor_facts *f, struct engine *g)
{
	CLEANUP(engine_boxes_release) struct engine_boxes boxes = { 0 };
	CLEANUP(state_dir_release) struct state_dir state = STATE_DIR_INIT;
	struct err e = { 0 };

	if (engine_boxes_list(g, &boxes, &e) < 0) {
		inspection_failed(&f->engine.containers, e.text);
		return;
	}
	inspection_done(&f->engine.containers);
	if (state_dir_join(&state, f->config->runner.state_dir, &e) < 0) {
		if (err_is(&e, ERR_NOT_FOUND))
			inspection_skipped(&f->engine.containers,
				"this runner never ran: it has no "
				"instance id");
		else
			inspection_failed(&f->engine.containers, e.text);
	}
	sort_boxes(f, &boxes, state.instance_id);
}

void doctor_inspect_engine(
	struct doctor_facts *f, const struct doctor_tools *t, struct engine **ret_engine)
{
	struct err e = { 0 };
	struct engine *g;

	*ret_engine = NULL;
	if (t->gate_path)
		inspection_done(&f->gate);
	else
		inspection_failed(&f->gate, t->gate_error);
	f->gate_path = xstrdup(t->gate_path);
	if (t->gate_path && access(t->gate_path, X_OK) < 0) {
		err_set_errno(&e, errno, "%s", t->gate_path);
		inspection_failed(&f->gate, e.text);
		err_clear(&e);
	}
	if (!f->config)
		return;
	g = engine_open(t->loop, t->http, f->config->engine.kind, f->config->engine.socket, &e);
	if (!g) {
		inspection_failed(&f->engine.inspection, e.text);
		return;
	}
	inspection_done(&f->engine.inspection);
	f->engine.server = xstrdup(engine_info(g)->server);
	f->engine.api = xstrdup(engine_info(g)->api_version);
	f->engine.socket = xstrdup(engine_socket(g));
	f->engine.rootless = engine_info(g)->rootless;
	inspect_facts(f, g);
	inspect_image(f, g);
	inspect_network(f, g);
	inspect_containers(f, g);
	*ret_engine = g;
}
