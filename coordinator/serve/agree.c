/* What is compared is what a caller could tell apart who reaches now this serve, now that one. */
#include "coordinator/serve/agree.h"

#include <inttypes.h>

#include "base/log.h"
#include "coordinator/instance/instance.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/pool/fact.h"

#define OWN "its own"

struct setting {
	const char *name;
	char *(*text)(const struct serve_config *c);
	const char *effect;
};

static char *public_url(const struct serve_config *c)
{
	return xstrdup(c->public_url ? c->public_url : OWN);
}

static char *pages(const struct serve_config *c)
{
	return xstrdup(c->pages == PAGES_ON ? "on" : "off");
}

static char *objects(const struct serve_config *c)
{
	return c->objects ? xstrdup(c->objects) : xasprintf("%s/objects", c->data_dir);
}

static char *issuer(const struct serve_config *c)
{
	return xstrdup(c->oidc.issuer ? c->oidc.issuer : "none");
}

static char *job_expiry(const struct serve_config *c)
{
	return xasprintf("%" PRId64 " s", c->job_expiry / USEC_PER_SEC);
}

static char *log_limits(const struct serve_config *c)
{
	return xasprintf("%" PRIu64 ", %" PRIu64 ", %" PRIu64, c->log_max_step_size,
		c->log_max_job_size, c->log_max_run_size);
}

static char *artifact_limits(const struct serve_config *c)
{
	return xasprintf("%" PRIu64 ", %" PRIu64 ", %" PRId64 " days", c->artifact_max_size,
		c->artifact_max_run_size, c->artifact_days);
}

static const struct setting settings[] = {
	{ "server.public_url", public_url, "links and clone addresses depend on who makes them" },
	{ "server.pages", pages, "some requests of browsers find no pages" },
	{ "server.objects", objects,
		"what one has stored, another does not find, unless it is one folder" },
	{ "oidc.issuer", issuer, "some sign-ins are refused" },
	{ "jobs.expiry", job_expiry, "the one that leads decides" },
	{ "logs", log_limits, "limits depend on who takes the log" },
	{ "artifacts", artifact_limits, "limits depend on who takes the artifact" },
};

static int others_live(struct app *a, bool *ret, struct err *e)
{
	CLEANUP(instance_list_release) struct instance_list l = { 0 };

	*ret = false;
	if (store_instance_list(a->store, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		*ret |= l.v[i].live && l.v[i].id != instance_id(a->instance);
	return 0;
}

static int setting_agree(struct app *a, const struct serve_config *c, const struct setting *s,
	bool others, struct err *e)
{
	CLEAN_STR char *own = s->text(c);
	CLEAN_STR char *said = NULL;

	if (store_fact_change(a->store, s->name, own, wall_now(), &said, e) < 0)
		return -1;
	if (others && said && !str_eq(said, own))
		log_warn("serve", "setting_differs", F_STR("setting", s->name), F_STR("here", own),
			F_STR("last_started", said), F_STR("effect", s->effect));
	return 0;
}

int settings_agree(struct app *a, const struct serve_config *c, struct err *e)
{
	bool others;

	if (instance_is_alone(a->instance))
		return 0;
	if (others_live(a, &others, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (setting_agree(a, c, &settings[i], others, e) < 0)
			return -1;
	return 0;
}
