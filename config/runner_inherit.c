/*
 * One environment variable for each option, in the text form that the option table parses, so
 * there is no second format. The token's file stays behind with the token: who can read it has
 * the token.
 */
#include "config/runner_inherit.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/limits.h"

extern char **environ;

static char *variable_name(const struct option *opt)
{
	char *name = xasprintf("%s%s__%s", RUNNER_ENV_PREFIX, opt->section, opt->key);

	for (char *p = name; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return name;
}

static char *list_text(const struct strv *list)
{
	struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);

	for (size_t i = 0; i < list->n; i++)
		buf_addf(&text, "%s%s", i ? "," : "", list->v[i]);
	return buf_take(&text);
}

/* The token's file is as good as the token. */
static bool stays_here(const struct option *opt)
{
	return opt->sensitive || str_eq(opt->key, "token_file");
}

void runner_config_export(const struct options *o, struct strv *ret_env)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct option *opt = &o->table[i];
		CLEAN_STR char *name = variable_name(opt), *list = NULL;

		if (stays_here(opt))
			continue;
		if (opt->type == OPTION_LIST && o->values[i].origin == ORIGIN_DEFAULT)
			continue; /* theirs as well, and nobody chose it there either */
		if (opt->type == OPTION_LIST)
			list = list_text(&o->values[i].list);
		else if (!o->values[i].text)
			continue;
		strv_addf(ret_env, "%s=%s", name, list ? list : o->values[i].text);
	}
}

int runner_config_inherit(struct runner_config *ret, struct err *e)
{
	const struct option_names names = { RUNNER_ENV_PREFIX, "runner", NULL };
	CLEAN_OPTIONS struct options o = { 0 };

	*ret = (struct runner_config){ 0 };
	options_init(&o, runner_option_table, RUNNER_OPTION_COUNT);
	options_defaults(&o);
	options_environment(&o, &names, environ);
	if (options_apply(&o, ret) == 0) {
		runner_config_origins(&o, ret);
		return 0;
	}
	CLEAN_STR char *line = option_problem_line(&o.problems[0]);
	return err_set(e, ERR_INTERNAL, "inherited configuration: %s", line);
}
