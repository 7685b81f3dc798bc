/*
 * Facts own every text in them, so that inspectors may work on answers and files that are gone by
 * the time a check reads the fact. Only the configuration is borrowed.
 */
#include "hygiene/doctor/facts.h"

static void inspection_set(struct inspection *l, enum inspection_state state, const char *why)
{
	free(l->why);
	*l = (struct inspection){ .state = state, .why = xstrdup(why) };
}

void inspection_done(struct inspection *l)
{
	inspection_set(l, INSPECTION_DONE, NULL);
}

void inspection_failed(struct inspection *l, const char *why)
{
	inspection_set(l, INSPECTION_FAILED, why);
}

void inspection_skipped(struct inspection *l, const char *why)
{
	inspection_set(l, INSPECTION_SKIPPED, why);
}

static void release_server(struct server_facts *s)
{
	free(s->inspection.why);
	free(s->words);
	free(s->name);
	strv_release(&s->labels);
	free(s->certificates.why);
}

static void release_engine(struct engine_fact_set *g)
{
	char *const owned[] = { g->inspection.why, g->server, g->api, g->socket, g->told.why,
		g->storage, g->cgroup_version, g->cgroup_driver, g->image_allowed.why, g->image.why,
		g->image_digest, g->network, g->bridge.why, g->containers.why };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&g->orphans);
}

static void release_box(struct box_facts *b)
{
	free(b->inspection.why);
	pairs_release(&b->status);
	pairs_release(&b->mounts);
	pairs_release(&b->limits);
	strv_release(&b->proc);
	strv_release(&b->sockets);
}

void doctor_facts_release(struct doctor_facts *f)
{
	char *const owned[] = { f->missing, f->token.inspection.why, f->token.path,
		f->runner.inspection.why, f->runner.state, f->runner.broken,
		f->runner.heartbeat_result, f->runner.heartbeat_error, f->runner.engine,
		f->runner.disk, f->runner.platform, f->gate.why, f->gate_path,
		f->egress.inspection.why, f->egress.worst, f->workspace.inspection.why,
		f->root_owner.why, f->root_reach.why, f->project_quota.why,
		f->state.folder.inspection.why, f->state.sync.why, f->state.jobs.why,
		f->host.limits.why, f->unit.inspection.why, f->unit.source };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&f->problems);
	strv_release(&f->warnings);
	release_server(&f->server);
	release_engine(&f->engine);
	release_box(&f->box);
	confinement_release(&f->confinement);
	pairs_release(&f->unit.value);
	*f = (struct doctor_facts){ 0 };
}
