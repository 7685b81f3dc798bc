/*
 * Texts of the workflow become texts of this step. A script is code, so what came from outside or
 * is secret is never pasted into it: render_script puts a variable reference in its place, and the
 * value goes into the environment. That only works in shells that read ${NAME}; others are refused.
 */
#include "runner/context/text.h"

#include "base/fs.h"
#include "base/limits.h"
#include "runner/context/env.h"
#include "runner/context/facts.h"
#include "runner/context/files.h"

/* The context of a text that is read before the step runs. The step's own env counts in it, too;
 * that is rendered only for a text that may ask for it, since a step that is skipped needs none
 * of its secrets. */
static int context_with_own_env(struct job *j, size_t index, const char *text,
	enum expr_status status, struct flagged_env *own, struct expr_arena *a,
	struct expr_context *ret, struct err *e)
{
	const struct step_spec *s = &j->spec->steps.v[index];

	*ret = job_context(j, a, index, NULL, status);
	if (s->env.n == 0 || !text || !strcasestr(text, "env"))
		return 0;
	if (flagged_env_render(own, "env", &s->env, ret, e) < 0)
		return -1;
	*ret = job_context(j, a, index, own, status);
	return 0;
}

int step_condition(struct job *j, size_t index, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEANUP(flagged_env_release) struct flagged_env own = { 0 };
	const char *text = j->spec->steps.v[index].condition;
	enum expr_status status = job_status(j);
	/* what is skipped whatever its env says */
	bool asked = status == EXPR_SUCCESS || render_condition_asks_status(text);
	struct expr_context c;
	bool wanted = false;

	if (context_with_own_env(j, index, asked ? text : NULL, status, &own, a, &c, e) < 0)
		return -1;
	if (render_condition(text, &c, &wanted, e) < 0)
		return err_wrap(e, "if");
	return wanted;
}

static void to_buf(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

void step_name_render(struct job *j, size_t index)
{
	CLEAN_BUF struct buf text = BUF_INIT_SECRET(LIMIT_NAME), shown = BUF_INIT(LIMIT_NAME);
	struct step_spec *s = &j->spec->steps.v[index];
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEANUP(flagged_env_release) struct flagged_env own = { 0 };
	struct expr_context c;
	struct err ignored = { 0 };
	unsigned flags;

	if (str_empty(s->name) || !strstr(s->name, "${{") ||
		context_with_own_env(j, index, s->name, EXPR_NO_STATUS, &own, a, &c, &ignored) <
			0 ||
		render_text(s->name, strlen(s->name), &c, &text, &flags, &ignored) < 0)
		return;
	mask_feed(j->out.mask, text.data, text.len, to_buf, &shown);
	mask_end(j->out.mask, to_buf, &shown);
	if (!buf_ok(&shown) || shown.len == 0)
		return;
	free(s->name);
	s->name = buf_take(&shown);
}

int step_limits_render(struct job *j, size_t index, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEANUP(flagged_env_release) struct flagged_env own = { 0 };
	struct step_spec *s = &j->spec->steps.v[index];
	const char *time = s->timeout_expression, *goes_on = s->continue_expression;
	struct expr_context c;

	if (!time && !goes_on)
		return 0;
	CLEAN_STR char *both = xasprintf("%s %s", time ? time : "", goes_on ? goes_on : "");
	if (context_with_own_env(j, index, both, EXPR_NO_STATUS, &own, a, &c, e) < 0)
		return -1;
	if (time && render_number(time, &c, LIMIT_TIMEOUT_MINUTES, &s->timeout_minutes, e) < 0)
		return err_wrap(e, "timeout-minutes");
	if (goes_on && render_bool(goes_on, &c, &s->continue_on_error, e) < 0)
		return err_wrap(e, "continue-on-error");
	return 0;
}

/* How the jobs that this one needs went. */
static enum expr_status needs_status(const struct job_spec *s)
{
	return s->needs_status ? expr_status_of(s->needs_status) : EXPR_SUCCESS;
}

int job_condition(struct job *j, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = job_context(j, a, NO_STEP, NULL, needs_status(j->spec));
	bool wanted = false;

	if (render_condition(j->spec->condition, &c, &wanted, e) < 0)
		return err_wrap(e, "job if");
	return wanted;
}

int job_env_render(struct job *j, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = job_context(j, a, NO_STEP, NULL, EXPR_NO_STATUS);

	return flagged_env_render(&j->values.job_env, "env", &j->spec->env, &c, e);
}

/* Relative to the workspace; an absolute one is the container's. */
static int render_working_directory(
	const struct step_spec *s, const struct expr_context *c, char **ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_NAME);
	const char *dir;
	unsigned flags;

	if (!s->working_directory)
		return 0;
	if (render_text(s->working_directory, strlen(s->working_directory), c, &text, &flags, e) <
		0)
		return err_wrap(e, "working-directory");
	dir = buf_cstr(&text);
	if (!*dir) /* an expression without a value */
		return 0;
	if (*dir != '/' && !path_is_inside(dir))
		return err_set(e, ERR_INPUT,
			"working-directory \"%s\" leaves the workspace, expected a path inside it "
			"or an absolute one",
			dir);
	*ret = *dir == '/' ? xstrdup(dir) : xasprintf("%s/%s", BOX_WORKSPACE, dir);
	return 0;
}

/* Only these read ${NAME} in a script; named alone or by their path. */
static bool reads_variables(const char *shell)
{
	static const char *const shells[] = { "bash", "sh", "dash", "ksh", "zsh" };
	size_t n = shell ? strcspn(shell, " ") : 0;
	const char *slash = n ? memrchr(shell, '/', n) : NULL, *name = slash ? slash + 1 : shell;

	for (size_t i = 0; i < ARRAY_LEN(shells) && n; i++)
		if (strlen(shells[i]) == (size_t)(shell + n - name) &&
			memcmp(name, shells[i], strlen(shells[i])) == 0)
			return true;
	return n == 0;
}

static int render_run(const struct step_spec *s, const struct expr_context *c,
	struct render_inputs *in, struct step_text *ret, struct err *e)
{
	struct buf script = BUF_INIT(LIMIT_SCRIPT);
	const char *run = s->run ? s->run : "";

	in->shell = reads_variables(s->shell) ? NULL : s->shell;
	if (render_script(run, strlen(run), c, in, &script, e) < 0) {
		buf_release_wipe(&script);
		return err_wrap(e, "run");
	}
	ret->script = buf_take(&script);
	return 0;
}

static void bind_inputs(struct flagged_env *own, const struct render_inputs *in)
{
	for (size_t i = 0; i < in->env.n; i++)
		flagged_env_set(own, in->env.v[i].key, in->env.v[i].value, 0);
}

static void move_pairs(struct flagged_env *from, struct pairs *to)
{
	*to = from->pairs;
	from->pairs = (struct pairs){ 0 };
}

static int render_with(const struct step_spec *s, const struct expr_context *c,
	struct step_text *ret, struct err *e)
{
	CLEANUP(flagged_env_release) struct flagged_env with = { 0 };

	if (flagged_env_render(&with, "with", &s->with, c, e) < 0)
		return -1;
	move_pairs(&with, &ret->with);
	return 0;
}

/* A process starts with so much and no more; better said here than by exec. */
static int check_env_size(const struct strv *env, struct err *e)
{
	size_t bytes = 0;

	strv_each (entry, env) {
		size_t n = strlen(entry) + 1;

		if (n > LIMIT_ENV_ENTRY)
			return err_set(e, ERR_LIMIT,
				"env.%.*s: %zu bytes, one variable may have %zu at most",
				(int)strcspn(entry, "="), entry, n, LIMIT_ENV_ENTRY);
		bytes += n;
	}
	if (bytes > LIMIT_ENV_BYTES)
		return err_set(e, ERR_LIMIT,
			"the step's environment has %zu bytes, %zu are the most", bytes,
			LIMIT_ENV_BYTES);
	return 0;
}

int step_text_render(struct job *j, size_t index, struct step_text *ret, struct err *e)
{
	const struct step_spec *s = &j->spec->steps.v[index];
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEANUP(flagged_env_release) struct flagged_env own = { 0 };
	CLEAN_RENDER_INPUTS struct render_inputs in = { 0 };
	CLEANUP(job_facts_release) struct job_facts facts = { 0 };
	struct expr_context c = job_context(j, a, index, NULL, EXPR_NO_STATUS);

	if (flagged_env_render(&own, "env", &s->env, &c, e) < 0)
		return -1;
	c = job_context(j, a, index, &own, EXPR_NO_STATUS);
	if (render_run(s, &c, &in, ret, e) < 0 || render_with(s, &c, ret, e) < 0 ||
		render_working_directory(s, &c, &ret->working_directory, e) < 0)
		return -1;
	bind_inputs(&own, &in);
	if (!str_empty(s->run) && step_files_make(&j->place, index, e) < 0)
		return -1;
	job_facts_make(j->spec, index, &facts);
	step_env(&facts.of, &j->engine.image, &j->values, &own.pairs, &ret->env);
	return check_env_size(&ret->env, e);
}

void step_text_release(struct step_text *t)
{
	wipe_free(t->script);
	free(t->working_directory);
	pairs_release(&t->with);
	for (size_t i = 0; i < t->env.n; i++)
		wipe(t->env.v[i], strlen(t->env.v[i]));
	strv_release(&t->env);
	*t = (struct step_text){ 0 };
}
