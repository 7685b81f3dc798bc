/*
 * Contexts are built anew for each step from what is known by then: small, because the large and
 * unchanging part (the event) is parsed once and only referred to. Flags stay with values on their
 * way through env, so that a tainted text is still known as tainted three steps later.
 */
#include "runner/context/contexts.h"

#include "base/limits.h"
#include "runner/context/facts.h"
#include "runner/context/hash_files.h"
#include "runner/context/job.h"
#include "workflow/leg.h"

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

void job_values_init(struct job_values *v, const struct json_value *event_payload)
{
	v->kept = expr_arena_new();
	v->event = event_payload ? expr_from_json(v->kept, event_payload, EXPR_TAINTED)
				 : expr_object(v->kept);
}

void job_values_release(struct job_values *v)
{
	expr_arena_free(v->kept);
	flagged_env_release(&v->job_env);
	pairs_release(&v->env);
	strv_release(&v->path);
	*v = (struct job_values){ 0 };
}

static void set_text(struct expr_arena *a, struct expr_value *o, const char *name, const char *text,
	unsigned flags)
{
	expr_set(a, o, name, text ? expr_string(a, text, flags) : expr_null());
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

	add_env(a, &o, &j->values.job_env);
	for (size_t i = 0; i < j->values.env.n; i++)
		set_text(a, &o, j->values.env.v[i].key, j->values.env.v[i].value, 0);
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
		set_text(a, &one, "outcome", outcome_result(r->outcome), 0);
		set_text(a, &one, "conclusion", outcome_result(r->conclusion), 0);
		expr_set(a, &one, "outputs", expr_from_pairs(a, &r->outputs, 0));
		expr_set(a, &all, j->spec->steps.v[i].step_id, one);
	}
	return all;
}

static struct expr_value job_value(const struct job *j, struct expr_arena *a)
{
	struct expr_value o = expr_object(a);

	set_text(a, &o, "status", expr_status_word(job_status(j)), 0);
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

/* The job's token goes by this name, too, unless somebody gave a secret of that name. */
static struct expr_value secrets_context(const struct job_spec *s, struct expr_arena *a)
{
	static const char token[] = "GITHUB_TOKEN";
	struct expr_value o = expr_from_pairs(a, &s->secrets, EXPR_SECRET);

	for (size_t i = 0; i < s->secrets.n; i++)
		if (strcasecmp(s->secrets.v[i].key, token) == 0)
			return o;
	set_text(a, &o, token, s->checkout_token ? s->checkout_token : "", EXPR_SECRET);
	return o;
}

enum expr_status job_status(const struct job *j)
{
	if (j->state.cause != CAUSE_NONE)
		return EXPR_CANCELLED;
	return j->state.failed ? EXPR_FAILURE : EXPR_SUCCESS;
}

struct expr_context job_context(const struct job *j, struct expr_arena *a, size_t step,
	const struct flagged_env *step_env, enum expr_status status)
{
	CLEANUP(job_facts_release) struct job_facts facts = { 0 };
	const struct job_spec *s = j->spec;
	struct expr_context c = { .root = expr_object(a), .status = status };

	job_facts_make(s, step, &facts);
	const struct {
		const char *name;
		struct expr_value value;
	} members[] = {
		{ "shithub", shithub_context_with(&facts.of, &j->values.event, a) },
		{ "env", env_context(j, a, step_env) },
		{ "vars", from_claim(a, s->vars, 0) },
		{ "secrets", secrets_context(s, a) },
		{ "job", job_value(j, a) },
		{ "steps", steps_context(j, a) },
		{ "runner", runner_context(&facts.of, a) },
		{ "inputs", inputs_context(s, a) },
		{ "needs", leg_needs(s->needs_context, a) },
		{ "matrix", from_claim(a, s->matrix, s->matrix_tainted ? EXPR_TAINTED : 0) },
		{ "strategy", from_claim(a, s->strategy, 0) },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		expr_set(a, &c.root, members[i].name, members[i].value);
	expr_root_finish(a, &c.root);
	if (str_eq(s->trust, "untrusted"))
		expr_secrets_withheld(&c.root);
	if (!j->values.in_callback) {
		c.hash_files = hash_files;
		c.data = (struct job *)j; /* it only starts a child and waits */
	}
	return c;
}
