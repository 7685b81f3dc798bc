/*
 * The claim is the largest untrusted input of the runner. Tables say what each field may hold, so
 * that a field without a bound cannot be written down; checks that span fields follow after all
 * fields were read.
 */
#include "runner/claim/job_spec.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "runner/claim/identity.h"

#define ID_RANGE .min = 1, .max = INT64_MAX
#define STR(struct_, field, ...)                                                       \
	{                                                                              \
#field, JSON_TO_STRING, offsetof(struct struct_, field), ##__VA_ARGS__ \
	}

static const struct json_field step_fields[] = {
	{ "id", JSON_TO_INT, offsetof(struct step_spec, id), JSON_REQUIRED, ID_RANGE },
	{ "index", JSON_TO_INT, offsetof(struct step_spec, index), 0, 0, LIMIT_STEPS },
	STR(step_spec, step_id),
	STR(step_spec, name),
	{ "if", JSON_TO_STRING, offsetof(struct step_spec, condition), 0, 0, KIB(64) },
	STR(step_spec, run, 0, 0, LIMIT_SCRIPT),
	STR(step_spec, uses),
	STR(step_spec, working_directory),
	{ "env", JSON_TO_PAIRS, offsetof(struct step_spec, env), 0, 0, LIMIT_ENV_COUNT },
	{ "with", JSON_TO_PAIRS, offsetof(struct step_spec, with), 0, 0, LIMIT_ENV_COUNT },
	{ "continue_on_error", JSON_TO_BOOL, offsetof(struct step_spec, continue_on_error) },
	STR(step_spec, shell),
	{ "timeout_minutes", JSON_TO_INT, offsetof(struct step_spec, timeout_minutes), 0, 0,
		LIMIT_TIMEOUT_MINUTES },
	STR(step_spec, timeout_expression, 0, 0, LIMIT_NAME),
	STR(step_spec, continue_expression, 0, 0, LIMIT_NAME),
};

static int decode_steps(const struct json_value *v, void *target, struct err *e);

static const struct json_field job_fields[] = {
	{ "id", JSON_TO_INT, offsetof(struct job_spec, id), JSON_REQUIRED, ID_RANGE },
	{ "run_id", JSON_TO_INT, offsetof(struct job_spec, run_id), JSON_REQUIRED, ID_RANGE },
	{ "repo_id", JSON_TO_INT, offsetof(struct job_spec, repo_id), 0, 0, INT64_MAX },
	{ "run_index", JSON_TO_INT, offsetof(struct job_spec, run_index), 0, 0, INT64_MAX },
	STR(job_spec, workflow_file),
	STR(job_spec, workflow_name),
	STR(job_spec, checkout_url),
	STR(job_spec, checkout_token, 0, 0, LIMIT_TOKEN),
	STR(job_spec, head_sha),
	STR(job_spec, head_ref),
	STR(job_spec, event),
	STR(job_spec, job_key),
	STR(job_spec, job_name),
	{ "if", JSON_TO_STRING, offsetof(struct job_spec, condition), 0, 0, KIB(64) },
	{ "timeout_minutes", JSON_TO_INT, offsetof(struct job_spec, timeout_minutes), 0, 1,
		LIMIT_TIMEOUT_MINUTES },
	{ "secrets", JSON_TO_PAIRS, offsetof(struct job_spec, secrets), 0, 0, LIMIT_SECRETS },
	{ "mask_values", JSON_TO_STRV, offsetof(struct job_spec, mask_values), 0, 0,
		LIMIT_SECRETS },
	{ "env", JSON_TO_PAIRS, offsetof(struct job_spec, env), 0, 0, LIMIT_ENV_COUNT },
	{ "event_payload", JSON_TO_VALUE, offsetof(struct job_spec, event_payload) },
	{ "vars", JSON_TO_VALUE, offsetof(struct job_spec, vars) },
	{ "inputs", JSON_TO_VALUE, offsetof(struct job_spec, inputs) },
	{ "matrix_tainted", JSON_TO_BOOL, offsetof(struct job_spec, matrix_tainted) },
	{ "matrix", JSON_TO_VALUE, offsetof(struct job_spec, matrix) },
	{ "strategy", JSON_TO_VALUE, offsetof(struct job_spec, strategy) },
	{ "needs_context", JSON_TO_VALUE, offsetof(struct job_spec, needs_context) },
	STR(job_spec, needs_status),
	STR(job_spec, actor),
	STR(job_spec, triggering_actor),
	STR(job_spec, trust),
	{ "run_attempt", JSON_TO_INT, offsetof(struct job_spec, run_attempt), 0, 0, INT64_MAX },
	STR(job_spec, runner_name),
	{ "outputs", JSON_TO_PAIRS, offsetof(struct job_spec, outputs), 0, 0, LIMIT_ENV_COUNT },
	{ "steps", JSON_TO_CUSTOM, offsetof(struct job_spec, steps), JSON_REQUIRED,
		.fn = decode_steps },
};

static int check_working_directory(struct step_spec *s, struct err *e)
{
	if (str_empty(s->working_directory)) {
		free_charp(&s->working_directory);
		return 0;
	}
	/* one with an expression is checked when that is known */
	if (*s->working_directory == '/' || strstr(s->working_directory, "${{") ||
		path_is_inside(s->working_directory))
		return 0;
	return err_set(e, ERR_INPUT,
		"working_directory \"%s\" leaves the workspace, expected a path inside it or "
		"an absolute one",
		s->working_directory);
}

static int check_env_names(const struct pairs *env, const char *what, struct err *e)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *k = env->v[i].key;

		if (!*k || strchr(k, '='))
			return err_set(e, ERR_INPUT, "%s: \"%s\" is not a variable name", what, k);
	}
	return 0;
}

static int check_step(struct step_spec *s, struct err *e)
{
	bool run = !str_empty(s->run), uses = !str_empty(s->uses);

	if (run == uses)
		return err_set(e, ERR_INPUT, "expected exactly one of run and uses, found %s",
			run ? "both" : "neither");
	if (check_env_names(&s->env, "env", e) < 0)
		return -1;
	return check_working_directory(s, e);
}

static int decode_steps(const struct json_value *v, void *target, struct err *e)
{
	struct step_list *list = target;

	if (v->type != JSON_ARRAY)
		return err_set(
			e, ERR_INPUT, "expected an array, found %s", json_type_name(v->type));
	if (v->count == 0)
		return err_set(e, ERR_INPUT, "expected at least one step");
	if (v->count > LIMIT_STEPS)
		return err_set(
			e, ERR_LIMIT, "%zu steps, at most %d are allowed", v->count, LIMIT_STEPS);
	list->v = xcalloc(v->count, sizeof(*list->v));
	for (size_t i = 0; i < v->count; i++) {
		struct step_spec *s = &list->v[i];

		list->n = i + 1;
		if (json_decode(v->items[i], step_fields, ARRAY_LEN(step_fields), s, 0, e) < 0 ||
			check_step(s, e) < 0)
			return err_wrap(e, "[%zu]", i);
	}
	return 0;
}

static int check_job(const struct job_spec *s, struct err *e)
{
	if (s->head_sha && *s->head_sha && !is_hex_oid(s->head_sha))
		return err_set(e, ERR_INPUT,
			"head_sha \"%.60s\" is not an object id, expected 40 lower-case hex digits",
			s->head_sha);
	return check_env_names(&s->env, "env", e);
}

static int decode_job(const struct json_value *root, struct job_spec *s, struct err *e)
{
	const struct json_value *job = json_get(root, "job");
	const char *token = json_get_string(root, "token");

	if (!job_token_ok(token))
		return err_set(e, ERR_INPUT,
			"token: expected the job token, a string without blanks and control "
			"characters");
	s->token = xstrdup(token);
	if (!job || job->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "job: expected an object");
	if (json_decode(job, job_fields, ARRAY_LEN(job_fields), s, 0, e) < 0 || check_job(s, e) < 0)
		return err_wrap(e, "job");
	if (s->timeout_minutes == 0)
		s->timeout_minutes = 360;
	if (s->event_payload && s->event_payload->type == JSON_NULL)
		s->event_payload = NULL;
	return 0;
}

/* The supervisor reads the ids without a parser, and from them come the slot, the workspace and the
 * job's folder. A claim that tells the parser other ones would work in another job's. */
static int check_identity(const struct job_spec *s, const char *claim, size_t n, struct err *e)
{
	CLEANUP(claim_identity_release) struct claim_identity id = { 0 };

	claim_identity_scan(claim, n, &id);
	if (id.job_id != s->id || id.run_id != s->run_id || !str_eq(id.token, s->token))
		return err_set(e, ERR_INPUT, "job.id, job.run_id or token stands there twice");
	return 0;
}

struct job_spec *job_spec_parse(const char *claim, size_t n, struct err *e)
{
	struct job_spec *s = xcalloc(1, sizeof(*s));

	s->doc = json_parse(claim, n, &(struct json_limits){ .bytes = LIMIT_CLAIM_BYTES }, e);
	if (!s->doc || decode_job(json_root(s->doc), s, e) < 0 ||
		check_identity(s, claim, n, e) < 0) {
		err_wrap(e, "claim");
		job_spec_free(s);
		return NULL;
	}
	return s;
}

static void step_spec_release(struct step_spec *s)
{
	free(s->step_id);
	free(s->name);
	free(s->timeout_expression);
	free(s->continue_expression);
	free(s->condition);
	free(s->run);
	free(s->uses);
	free(s->working_directory);
	free(s->shell);
	pairs_release(&s->env);
	pairs_release(&s->with);
}

void job_spec_free(struct job_spec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->steps.n; i++)
		step_spec_release(&s->steps.v[i]);
	free(s->steps.v);
	free(s->workflow_file);
	free(s->workflow_name);
	free(s->checkout_url);
	wipe_free(s->checkout_token);
	free(s->head_sha);
	free(s->head_ref);
	free(s->event);
	free(s->job_key);
	free(s->job_name);
	free(s->condition);
	free(s->needs_status);
	free(s->actor);
	free(s->triggering_actor);
	free(s->trust);
	free(s->runner_name);
	pairs_release(&s->outputs);
	pairs_release(&s->secrets);
	pairs_release(&s->env);
	for (size_t i = 0; i < s->mask_values.n; i++)
		wipe(s->mask_values.v[i], strlen(s->mask_values.v[i]));
	strv_release(&s->mask_values);
	json_free(s->doc);
	wipe_free(s->token);
	free(s);
}
