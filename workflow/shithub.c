/*
 * One table for all who render a text of a workflow: the coordinator for a push, `exec` for a local
 * run, the job process for a step. They must agree, or one and the same expression would say one
 * thing in a job's name and another in its steps.
 *
 * What an event's payload says better than a claim (who sent it, a pull request's branches) is read
 * out of it here, so a claim of the hosted service, which has no field for it, is filled alike. Its
 * author is whoever made the event: such a value is tainted.
 */
#include "workflow/shithub.h"

#include <inttypes.h>

enum place { VARIABLE, FILE_VARIABLE, CONTEXT_ONLY, VARIABLE_ONLY };

/* What a member came to. text NULL: null. */
struct fact {
	char *text;
	unsigned flags;
};

struct member {
	const char *name; /* in capitals the variable's, behind its prefix */
	enum { TEXT, NUMBER, MADE, NEVER } kind;
	enum place place;
	size_t offset; /* TEXT: const char *, NUMBER: int64_t */
	struct fact (*make)(const struct shithub_facts *f);
	unsigned flags;
};

/* ---- values that are made of others ---- */

static struct fact known(const char *text)
{
	return (struct fact){ .text = text ? xstrdup(text) : NULL };
}

static struct fact made(char *text)
{
	return (struct fact){ .text = text };
}

static bool is_pull_request(const struct shithub_facts *f)
{
	return f->event_name && str_starts(f->event_name, "pull_request");
}

/* Names of branches and tags come from whoever opened a pull request. */
static unsigned ref_flags(const struct shithub_facts *f)
{
	return is_pull_request(f) ? EXPR_TAINTED : 0;
}

static struct fact ref(const struct shithub_facts *f)
{
	struct fact v = known(f->ref);

	v.flags = ref_flags(f);
	return v;
}

/* refs/heads/trunk → trunk, refs/tags/v1 → v1, refs/pull/3/merge → 3/merge */
static struct fact ref_name(const struct shithub_facts *f)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/", "refs/pull/" };
	struct fact v = ref(f);

	for (size_t i = 0; v.text && i < ARRAY_LEN(prefixes); i++)
		if (str_starts(v.text, prefixes[i])) {
			size_t n = strlen(prefixes[i]);

			memmove(v.text, v.text + n, strlen(v.text + n) + 1);
			break;
		}
	return v;
}

static struct fact ref_type(const struct shithub_facts *f)
{
	if (!f->ref)
		return known(NULL);
	return known(str_starts(f->ref, "refs/tags/") ? "tag" : "branch");
}

/* "" where there is no pull request, as scripts test it. */
static struct fact branch_of(const struct shithub_facts *f, const char *side)
{
	const struct json_value *pull = json_get(f->event, "pull_request");
	const char *name = json_get_string(json_get(pull, side), "ref");
	struct fact v = known(is_pull_request(f) && name ? name : "");

	v.flags = ref_flags(f);
	return v;
}

static struct fact head_ref(const struct shithub_facts *f)
{
	return branch_of(f, "head");
}

static struct fact base_ref(const struct shithub_facts *f)
{
	return branch_of(f, "base");
}

static struct fact actor(const struct shithub_facts *f)
{
	const char *sender = json_get_string(json_get(f->event, "sender"), "login");
	const char *pusher = json_get_string(json_get(f->event, "pusher"), "name");

	if (!str_empty(f->actor)) {
		struct fact told = known(f->actor);

		told.flags = ref_flags(f); /* of a pull request its host says who */
		return told;
	}
	struct fact v = known(sender ? sender : pusher ? pusher : "");
	v.flags = EXPR_TAINTED;
	return v;
}

static struct fact triggering_actor(const struct shithub_facts *f)
{
	if (str_empty(f->triggering_actor))
		return actor(f);
	struct fact v = known(f->triggering_actor);
	v.flags = ref_flags(f);
	return v;
}

/* The id that the payload gives. */
static struct fact id_in(const struct json_value *of)
{
	int64_t id = json_get_int(of, "id", 0);
	struct fact v = made(id > 0 ? xasprintf("%" PRId64, id) : NULL);

	v.flags = EXPR_TAINTED;
	return v;
}

static struct fact actor_id(const struct shithub_facts *f)
{
	return id_in(json_get(f->event, "sender"));
}

static struct fact owner_id(const struct shithub_facts *f)
{
	return id_in(json_get(json_get(f->event, "repository"), "owner"));
}

static struct fact owner(const struct shithub_facts *f)
{
	return made(f->repository ? xmemdup0(f->repository, strcspn(f->repository, "/")) : NULL);
}

static struct fact repository_url(const struct shithub_facts *f)
{
	if (str_empty(f->server_url) || str_empty(f->repository))
		return known(NULL);
	return made(xasprintf("%s/%s.git", f->server_url, f->repository));
}

static struct fact api_url(const struct shithub_facts *f)
{
	return made(str_empty(f->server_url) ? NULL : xasprintf("%s/api/v1", f->server_url));
}

static struct fact workflow(const struct shithub_facts *f)
{
	return known(str_empty(f->workflow) ? f->workflow_file : f->workflow);
}

static struct fact workflow_ref(const struct shithub_facts *f)
{
	if (str_empty(f->repository) || str_empty(f->workflow_file) || str_empty(f->ref))
		return known(NULL);
	struct fact v = made(xasprintf("%s/%s@%s", f->repository, f->workflow_file, f->ref));
	v.flags = ref_flags(f);
	return v;
}

/* A pull request gets no secrets unless the coordinator says that it may have them: its code is not
 * the repository's. */
static struct fact secret_source(const struct shithub_facts *f)
{
	bool given = str_eq(f->trust, "trusted") || str_eq(f->trust, "approved");

	return known(is_pull_request(f) && !given ? "None" : "Actions");
}

static struct fact action_repository(const struct shithub_facts *f)
{
	if (!f->action)
		return known(NULL);
	return made(xmemdup0(f->uses ? f->uses : "", f->uses ? strcspn(f->uses, "@") : 0));
}

static struct fact action_ref(const struct shithub_facts *f)
{
	const char *at = f->uses ? strchr(f->uses, '@') : NULL;

	return known(!f->action ? NULL : at ? at + 1 : "");
}

static struct fact in_files(const struct shithub_facts *f, const char *name)
{
	return made(f->files ? xasprintf("%s/%s", f->files, name) : NULL);
}

#define COMMAND_FILE(name_)                                            \
	static struct fact file_##name_(const struct shithub_facts *f) \
	{                                                              \
		return in_files(f, #name_);                            \
	}
COMMAND_FILE(env)
COMMAND_FILE(output)
COMMAND_FILE(path)
COMMAND_FILE(state)
COMMAND_FILE(step_summary)

static struct fact always_true(const struct shithub_facts *f)
{
	(void)f;
	return known("true");
}

static struct fact debug(const struct shithub_facts *f)
{
	return known(f->runner.debug ? "1" : NULL);
}

/* ---- the table ---- */

#define FACT(name_) #name_, TEXT, VARIABLE, offsetof(struct shithub_facts, name_)
#define MACHINE(name_) #name_, TEXT, VARIABLE, offsetof(struct shithub_facts, runner.name_)

static const struct member shithub_members[] = {
	{ FACT(action) },
	{ "action_ref", MADE, CONTEXT_ONLY, .make = action_ref },
	{ "action_repository", MADE, VARIABLE, .make = action_repository },
	{ "actions", MADE, VARIABLE_ONLY, .make = always_true },
	{ "actor", MADE, VARIABLE, .make = actor },
	{ "actor_id", MADE, VARIABLE, .make = actor_id },
	{ "api_url", MADE, VARIABLE, .make = api_url },
	{ "base_ref", MADE, VARIABLE, .make = base_ref },
	{ "env", MADE, FILE_VARIABLE, .make = file_env },
	{ FACT(event_name) },
	{ "event_path", TEXT, FILE_VARIABLE, offsetof(struct shithub_facts, event_path) },
	{ "head_ref", MADE, VARIABLE, .make = head_ref },
	{ FACT(job) },
	{ "output", MADE, FILE_VARIABLE, .make = file_output },
	{ "path", MADE, FILE_VARIABLE, .make = file_path },
	{ "ref", MADE, VARIABLE, .make = ref },
	{ "ref_name", MADE, VARIABLE, .make = ref_name },
	{ "ref_protected", NEVER, VARIABLE },
	{ "ref_type", MADE, VARIABLE, .make = ref_type },
	{ FACT(repository) },
	{ "repository_id", NUMBER, VARIABLE, offsetof(struct shithub_facts, repository_id) },
	{ "repository_owner", MADE, VARIABLE, .make = owner },
	{ "repository_owner_id", MADE, VARIABLE, .make = owner_id },
	{ "repositoryUrl", MADE, CONTEXT_ONLY, .make = repository_url },
	{ "run_attempt", NUMBER, VARIABLE, offsetof(struct shithub_facts, run_attempt) },
	{ "run_id", NUMBER, VARIABLE, offsetof(struct shithub_facts, run_id) },
	{ "run_number", NUMBER, VARIABLE, offsetof(struct shithub_facts, run_number) },
	{ "secret_source", MADE, CONTEXT_ONLY, .make = secret_source },
	{ FACT(server_url) },
	{ FACT(sha) },
	{ "state", MADE, FILE_VARIABLE, .make = file_state },
	{ "step_summary", MADE, FILE_VARIABLE, .make = file_step_summary },
	{ "token", TEXT, CONTEXT_ONLY, offsetof(struct shithub_facts, token),
		.flags = EXPR_SECRET },
	{ "triggering_actor", MADE, VARIABLE, .make = triggering_actor },
	{ "workflow", MADE, VARIABLE, .make = workflow },
	{ "workflow_ref", MADE, VARIABLE, .make = workflow_ref },
	{ "workflow_sha", TEXT, VARIABLE, offsetof(struct shithub_facts, sha) },
	{ FACT(workspace) },
};

static const struct member runner_members[] = {
	{ MACHINE(arch) },
	{ "debug", MADE, VARIABLE, .make = debug },
	{ MACHINE(environment) },
	{ MACHINE(name) },
	{ MACHINE(os) },
	{ MACHINE(temp) },
	{ MACHINE(tool_cache) },
	{ MACHINE(workspace) },
};

/* ---- reading it ---- */

static struct fact text_of(const struct member *m, const struct shithub_facts *f)
{
	const char *at = (const char *)f + m->offset;
	struct fact v = { 0 };

	switch (m->kind) {
	case TEXT:
		v = known(*(const char *const *)at);
		break;
	case NUMBER:
		if (*(const int64_t *)at > 0)
			v = made(xasprintf("%" PRId64, *(const int64_t *)at));
		break;
	case NEVER:
		v = known("false");
		break;
	case MADE:
		v = m->make(f);
		break;
	}
	v.flags |= m->flags;
	return v;
}

static struct expr_value value_of(
	const struct member *m, const struct shithub_facts *f, struct expr_arena *a)
{
	struct fact v = text_of(m, f);
	struct expr_value value = m->kind == NEVER ? expr_boolean(false)
				  : v.text         ? expr_string(a, v.text, v.flags)
						   : expr_null();

	wipe_free(v.text);
	return value;
}

static void set_members(struct expr_value *o, const struct member *members, size_t n,
	const struct shithub_facts *f, struct expr_arena *a)
{
	for (size_t i = 0; i < n; i++)
		if (members[i].place != VARIABLE_ONLY)
			expr_set(a, o, members[i].name, value_of(&members[i], f, a));
}

struct expr_value shithub_context_with(
	const struct shithub_facts *f, const struct expr_value *event, struct expr_arena *a)
{
	struct expr_value o = expr_object(a);

	set_members(&o, shithub_members, ARRAY_LEN(shithub_members), f, a);
	if (event)
		expr_set(a, &o, "event", *event);
	return o;
}

struct expr_value shithub_context(const struct shithub_facts *f, struct expr_arena *a)
{
	struct expr_value event = { 0 };

	if (f->event)
		event = expr_from_json(a, f->event, EXPR_TAINTED);
	return shithub_context_with(f, f->event ? &event : NULL, a);
}

struct expr_value runner_context(const struct shithub_facts *f, struct expr_arena *a)
{
	struct expr_value o = expr_object(a);

	set_members(&o, runner_members, ARRAY_LEN(runner_members), f, a);
	return o;
}

/* ---- variables ---- */

/* "ref_name" → "SHITHUB_REF_NAME" */
static void set_variable(struct pairs *p, const char *prefix, const char *name, const char *value)
{
	CLEAN_STR char *key = xasprintf("%s%s", prefix, name);

	for (char *c = key; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	pairs_set(p, key, value);
}

static void add_variables(struct pairs *p, const struct shithub_facts *f, enum place place)
{
	for (size_t i = 0; i < ARRAY_LEN(shithub_members); i++) {
		const struct member *m = &shithub_members[i];
		CLEAN_STR char *text = m->place == place ? text_of(m, f).text : NULL;

		if (!text)
			continue;
		set_variable(p, "SHITHUB_", m->name, text);
		set_variable(p, "GITHUB_", m->name, text);
	}
}

void shithub_variables(const struct shithub_facts *f, struct pairs *ret)
{
	add_variables(ret, f, VARIABLE);
	add_variables(ret, f, VARIABLE_ONLY);
	for (size_t i = 0; i < ARRAY_LEN(runner_members); i++) {
		CLEAN_STR char *text = text_of(&runner_members[i], f).text;

		if (text)
			set_variable(ret, "RUNNER_", runner_members[i].name, text);
	}
}

void shithub_file_variables(const struct shithub_facts *f, struct pairs *ret)
{
	add_variables(ret, f, FILE_VARIABLE);
}

/* ---- facts of an address ---- */

/* The slash behind host and port. */
static const char *path_of(const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;

	return host ? strchr(host + 3, '/') : NULL;
}

char *shithub_repository_of(const char *url)
{
	const char *path = path_of(url);

	if (!path)
		return xstrdup("");
	size_t n = strlen(path + 1);
	if (str_ends(path, ".git"))
		n -= strlen(".git");
	return xmemdup0(path + 1, n);
}

char *shithub_server_of(const char *url)
{
	const char *path = path_of(url);

	return path ? xmemdup0(url, (size_t)(path - url)) : xstrdup("");
}
