/* See step_text.h. */
#include "runner/step_text.h"

#include "base/fs.h"
#include "runner/step_env.h"

/* ---- conditions ---- */

/* Strips `${{ … }}` and blanks. */
static char *bare_condition(const char *text)
{
	size_t n = strlen(text);

	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	while (n && strchr(" \t\r\n", *text))
		text++, n--;
	if (n >= 5 && str_starts(text, "${{") && memcmp(text + n - 2, "}}", 2) == 0) {
		CLEAN_STR char *inner = xmemdup0(text + 3, n - 5);

		return bare_condition(inner);
	}
	return xmemdup0(text, n);
}

int step_condition(struct job *j, size_t index, struct err *e)
{
	const char *condition = j->spec->steps.v[index].condition;
	bool fine = !j->failed && j->cause == CAUSE_NONE;
	const struct {
		const char *text;
		bool value;
	} known[] = {
		{ "", fine },
		{ "success()", fine },
		{ "true", fine },
		{ "always()", true },
		{ "failure()", j->failed && j->cause == CAUSE_NONE },
		{ "cancelled()", j->cause != CAUSE_NONE },
		{ "!cancelled()", j->cause == CAUSE_NONE },
		{ "false", false },
	};
	CLEAN_STR char *text = bare_condition(condition ? condition : "");

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(text, known[i].text))
			return known[i].value;
	return err_set(e, ERR_INPUT,
		"if: \"%s\" is not supported, expected one of success() failure() always() "
		"cancelled() true false",
		condition);
}

/* ---- texts ---- */

static int refuse(const char *field, const char *name, const char *text, struct err *e)
{
	if (!text || !strstr(text, "${{"))
		return 0;
	return err_set(e, ERR_INPUT, "%s%s%s: expressions (${{ … }}) are not supported", field,
		name ? "." : "", name ? name : "");
}

static int refuse_pairs(const char *field, const struct pairs *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (refuse(field, p->v[i].key, p->v[i].value, e) < 0)
			return -1;
	return 0;
}

int step_text_render(struct job *j, size_t index, struct step_text *ret, struct err *e)
{
	const struct step_spec *s = &j->spec->steps.v[index];

	if (refuse("run", NULL, s->run, e) < 0 || refuse_pairs("env", &s->env, e) < 0 ||
		refuse_pairs("with", &s->with, e) < 0)
		return -1;
	ret->script = xstrdup(s->run);
	ret->working_directory = xstrdup(s->working_directory);
	for (size_t i = 0; i < s->with.n; i++)
		pairs_set(&ret->with, s->with.v[i].key, s->with.v[i].value);
	step_env(j, &s->env, &ret->env);
	return 0;
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
