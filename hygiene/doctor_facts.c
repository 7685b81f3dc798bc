#include "hygiene/doctor_facts.h"

static void look_set(struct look *l, enum look_state state, const char *why)
{
	free(l->why);
	*l = (struct look){ .state = state, .why = xstrdup(why) };
}

void look_done(struct look *l)
{
	look_set(l, LOOK_DONE, NULL);
}

void look_failed(struct look *l, const char *why)
{
	look_set(l, LOOK_FAILED, why);
}

void look_not(struct look *l, const char *why)
{
	look_set(l, LOOK_NOT, why);
}

static void release_server(struct server_facts *s)
{
	free(s->look.why);
	free(s->words);
	free(s->name);
	strv_release(&s->labels);
	free(s->certificates.why);
}

static void release_engine(struct engine_fact_set *g)
{
	char *const owned[] = { g->look.why, g->server, g->api, g->socket, g->told.why, g->storage,
		g->cgroup_version, g->cgroup_driver, g->image_allowed.why, g->image.why,
		g->image_digest, g->network, g->bridge.why, g->containers.why };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&g->orphans);
}

static void release_box(struct box_facts *b)
{
	free(b->look.why);
	pairs_release(&b->status);
	pairs_release(&b->mounts);
	pairs_release(&b->limits);
	strv_release(&b->proc);
	strv_release(&b->sockets);
}

void doctor_facts_release(struct doctor_facts *f)
{
	char *const owned[] = { f->missing, f->token.look.why, f->token.path, f->runner.look.why,
		f->runner.state, f->runner.beat, f->runner.beat_error, f->runner.engine,
		f->gate.why, f->gate_path, f->wall.look.why, f->wall.worst, f->workspace.look.why,
		f->root_owner.why, f->state.folder.look.why, f->state.sync.why, f->state.jobs.why,
		f->host.limits.why, f->unit.look.why, f->unit.source };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&f->problems);
	strv_release(&f->warnings);
	release_server(&f->server);
	release_engine(&f->engine);
	release_box(&f->box);
	walls_release(&f->walls);
	pairs_release(&f->unit.value);
	*f = (struct doctor_facts){ 0 };
}
