/* See job_context.h. */
#include "runner/job_context.h"

#include "base/limits.h"
#include "runner/hash_files.h"
#include "runner/job.h"
#include "runner/step_env.h"

/* ---- flagged environment ---- */

void flagged_env_set(struct flagged_env *f, const char *key, const char *value, unsigned flags)
{
	size_t before = f->pairs.n;

	pairs_set(&f->pairs, key, value);
	if (f->pairs.n > before)
		f->flags = xrealloc(f->flags, f->pairs.n * sizeof(*f->flags));
	for (size_t i = 0; i < f->pairs.n; i++)
		if (str_eq(f->pairs.v[i].key, key))
			f->flags[i] = flags;
}

void flagged_env_release(struct flagged_env *f)
{
	pairs_release(&f->pairs);
	free(f->flags);
	*f = (struct flagged_env){ 0 };
}

int flagged_env_render(struct flagged_env *ret, const char *field, const struct pairs *from,
	const struct expr_context *c, struct err *e)
{
	for (size_t i = 0; i < from->n; i++) {
		CLEANUP(buf_release_wipe) struct buf text = BUF_INIT(LIMIT_ENV_BYTES);
		const struct pair *p = &from->v[i];
		unsigned flags = 0;

		if (render_text(p->value, strlen(p->value), c, &text, &flags, e) < 0)
			return err_wrap(e, "%s.%s", field, p->key);
		flagged_env_set(ret, p->key, buf_cstr(&text), flags);
	}
	return 0;
}

/* ---- contexts ---- */

void job_context_setup(struct job *j)
{
	const struct json_value *payload = j->spec->event_payload;

	j->kept = expr_arena_new();
	j->event = payload ? expr_from_json(j->kept, payload, EXPR_TAINTED) : expr_object(j->kept);
}

static void set_text(struct expr_arena *a, struct expr_value *o, const char *name, const char *text,
	unsigned flags)
{
	expr_set(a, o, name, text ? expr_string(a, text, flags) : expr_null());
}

/* Names of branches and tags come from whoever opened a pull request. */
static unsigned ref_flags(const struct job_spec *s)
{
	return s->event && str_starts(s->event, "pull_request") ? EXPR_TAINTED : 0;
}

static struct expr_value shithub_context(const struct job *j, struct expr_arena *a)
{
	const struct job_spec *s = j->spec;
	struct expr_value o = expr_object(a);
	CLEANUP(pairs_release) struct pairs defaults = { 0 };

	step_env_defaults(j, &defaults);
	for (size_t i = 0; i < defaults.n; i++) {
		const char *key = defaults.v[i].key;

		if (!str_starts(key, "SHITHUB_"))
			continue;
		CLEAN_STR char *name = xstrdup(key + strlen("SHITHUB_"));

		for (char *c = name; *c; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
		set_text(a, &o, name, defaults.v[i].value,
			str_starts(name, "ref") ? ref_flags(s) : 0);
	}
	expr_set(a, &o, "event", j->event);
	return o;
}

static void add_env(struct expr_arena *a, struct expr_value *o, const struct flagged_env *f)
{
	for (size_t i = 0; f && i < f->pairs.n; i++)
		set_text(a, o, f->pairs.v[i].key, f->pairs.v[i].value, f->flags[i]);
}

static struct expr_value env_context(
	const struct job *j, struct expr_arena *a, const struct flagged_env *step_env)
{
	struct expr_value o = expr_object(a);

	add_env(a, &o, &j->job_env);
	for (size_t i = 0; i < j->env.n; i++)
		set_text(a, &o, j->env.v[i].key, j->env.v[i].value, 0);
	add_env(a, &o, step_env);
	return o;
}

static struct expr_value steps_context(const struct job *j, struct expr_arena *a)
{
	struct expr_value all = expr_object(a);

	for (size_t i = 0; i < j->spec->steps.n; i++) {
		const struct step_run *r = &j->runs[i];
		struct expr_value one = expr_object(a);

		if (!r->ended || str_empty(j->spec->steps.v[i].step_id))
			continue;
		set_text(a, &one, "outcome", outcome_text(r->outcome), 0);
		set_text(a, &one, "conclusion", outcome_text(r->conclusion), 0);
		expr_set(a, &one, "outputs", expr_from_pairs(a, &r->outputs, 0));
		expr_set(a, &all, j->spec->steps.v[i].step_id, one);
	}
	return all;
}

static struct expr_value job_value(const struct job *j, struct expr_arena *a)
{
	static const char *const names[] = { [EXPR_SUCCESS] = "success",
		[EXPR_FAILURE] = "failure",
		[EXPR_CANCELLED] = "cancelled" };
	struct expr_value o = expr_object(a);

	set_text(a, &o, "status", names[job_status(j)], 0);
	return o;
}

static struct expr_value runner_context(struct expr_arena *a)
{
	static const char *const texts[][2] = {
		{ "os", "Linux" },
#if defined(__x86_64__)
		{ "arch", "X64" },
#else
		{ "arch", "ARM64" },
#endif
		{ "temp", "/tmp" },
		{ "tool_cache", "/opt/hostedtoolcache" },
		{ "workspace", BOX_WORKSPACE },
	};
	struct expr_value o = expr_object(a);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		set_text(a, &o, texts[i][0], texts[i][1], 0);
	return o;
}

static struct expr_value from_claim(
	struct expr_arena *a, const struct json_value *v, unsigned flags)
{
	return v && v->type == JSON_OBJECT ? expr_from_json(a, v, flags) : expr_object(a);
}

/* What a person typed into a dispatch form is as tainted as the event it also stands in. */
static struct expr_value inputs_context(const struct job_spec *s, struct expr_arena *a)
{
	const struct json_value *v = s->inputs;

	return from_claim(a, v ? v : json_get(s->event_payload, "inputs"), EXPR_TAINTED);
}

/* Outputs of other jobs may hold what an event brought. */
static struct expr_value needs_context(struct expr_arena *a, const struct json_value *needs)
{
	struct expr_value all = expr_object(a);

	if (!needs || needs->type != JSON_OBJECT)
		return all;
	json_array_each (need, needs) {
		struct expr_value one = expr_object(a);

		set_text(a, &one, "result", json_get_string(need, "result"), 0);
		expr_set(
			a, &one, "outputs", from_claim(a, json_get(need, "outputs"), EXPR_TAINTED));
		expr_set(a, &all, need->key, one);
	}
	return all;
}

enum expr_status job_status(const struct job *j)
{
	if (j->cause != CAUSE_NONE)
		return EXPR_CANCELLED;
	return j->failed ? EXPR_FAILURE : EXPR_SUCCESS;
}

struct expr_context job_context(const struct job *j, struct expr_arena *a,
	const struct flagged_env *step_env, enum expr_status status)
{
	const struct job_spec *s = j->spec;
	struct expr_context c = { .root = expr_object(a), .status = status };
	const struct {
		const char *name;
		struct expr_value value;
	} members[] = {
		{ "shithub", shithub_context(j, a) },
		{ "env", env_context(j, a, step_env) },
		{ "vars", from_claim(a, s->vars, 0) },
		{ "secrets", expr_from_pairs(a, &s->secrets, EXPR_SECRET) },
		{ "job", job_value(j, a) },
		{ "steps", steps_context(j, a) },
		{ "runner", runner_context(a) },
		{ "inputs", inputs_context(s, a) },
		{ "needs", needs_context(a, s->needs_context) },
		{ "matrix", from_claim(a, s->matrix, 0) },
		{ "strategy", from_claim(a, s->strategy, 0) },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		expr_set(a, &c.root, members[i].name, members[i].value);
	expr_root_finish(a, &c.root);
	if (!j->in_callback) {
		c.hash_files = hash_files;
		c.data = (struct job *)j; /* it only starts a child and waits */
	}
	return c;
}
