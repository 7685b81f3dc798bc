/*
 * A claim of our coordinator says who acts and which attempt this is; one of the hosted service has
 * no such fields, and the table takes them from the event.
 */
#include "runner/context/facts.h"

#include <unistd.h>

#include "base/utf8.h"
#include "engine/step_box.h"
#include "runner/claim/job_spec.h"

#if defined(__x86_64__)
#define ARCH "X64"
#else
#define ARCH "ARM64"
#endif

/* An author's switch, as a secret or a variable. */
static bool says_true(const struct job_spec *s, const char *name)
{
	const char *secret = pairs_get(&s->secrets, name);

	return str_eq(secret ? secret : json_get_string(s->vars, name), "true");
}

/* What this machine is called, unless the coordinator has a name for the runner. */
static const char *runner_name(const struct job_spec *s, struct job_facts *ret)
{
	if (!str_empty(s->runner_name))
		return s->runner_name;
	if (gethostname(ret->host, sizeof(ret->host) - 1) < 0 ||
		!utf8_valid(ret->host, strlen(ret->host)))
		ret->host[0] = '\0';
	return ret->host;
}

/* `__run` or `__owner_name`, what a step is called that has no id. */
static char *kind_of(const struct step_spec *s)
{
	char *name;

	if (str_empty(s->uses))
		return xstrdup("__run");
	name = xasprintf("__%.*s", (int)strcspn(s->uses, "@"), s->uses);
	for (char *c = name; *c; c++)
		*c = *c == '/' ? '_' : *c;
	return name;
}

/* The second of a kind is `__run_2`. */
static char *action_name(const struct job_spec *s, size_t step)
{
	const struct step_spec *own = &s->steps.v[step];
	CLEAN_STR char *kind = kind_of(own);
	size_t n = 1;

	if (!str_empty(own->step_id))
		return xstrdup(own->step_id);
	for (size_t i = 0; i < step; i++) {
		CLEAN_STR char *other = kind_of(&s->steps.v[i]);

		n += str_empty(s->steps.v[i].step_id) && str_eq(kind, other);
	}
	return n == 1 ? TAKE(kind) : xasprintf("%s_%zu", kind, n);
}

static void add_step(const struct job_spec *s, size_t step, struct job_facts *ret)
{
	const struct step_spec *own = &s->steps.v[step];

	ret->action = action_name(s, step);
	ret->of.action = ret->action;
	if (!str_empty(own->uses)) {
		ret->of.uses = own->uses;
		return;
	}
	ret->files = xasprintf("%s/%zu", BOX_FILES, step);
	ret->of.files = ret->files;
}

void job_facts_make(const struct job_spec *s, size_t step, struct job_facts *ret)
{
	*ret = (struct job_facts){ .repository = shithub_repository_of(s->checkout_url),
		.server = shithub_server_of(s->checkout_url) };
	ret->of = (struct shithub_facts){ .event_name = s->event,
		.sha = s->head_sha,
		.ref = s->head_ref,
		.repository = ret->repository,
		.server_url = ret->server,
		.actor = s->actor,
		.triggering_actor = s->triggering_actor,
		.trust = s->trust,
		.workflow = s->workflow_name,
		.workflow_file = s->workflow_file,
		.repository_id = s->repo_id,
		.run_id = s->run_id,
		.run_number = s->run_index,
		.run_attempt = s->run_attempt ? s->run_attempt : 1,
		.event = s->event_payload,
		.job = s->job_key,
		.runner = { .name = runner_name(s, ret),
			.os = "Linux",
			.arch = ARCH,
			.temp = BOX_TEMP,
			.tool_cache = BOX_TOOL_CACHE,
			.workspace = BOX_WORKSPACE,
			.environment = "self-hosted",
			.debug = says_true(s, "ACTIONS_STEP_DEBUG") ||
				 says_true(s, "ACTIONS_RUNNER_DEBUG") },
		.token = s->checkout_token ? s->checkout_token : "",
		.workspace = BOX_WORKSPACE,
		.event_path = BOX_FILES "/event.json" };
	if (step != NO_STEP)
		add_step(s, step, ret);
}

void job_facts_release(struct job_facts *f)
{
	free(f->repository);
	free(f->server);
	free(f->action);
	free(f->files);
	*f = (struct job_facts){ 0 };
}
