/*
 * A reload builds complete new settings or none. Keys that are bound to open sockets, locks and
 * tokens keep their old value, and the report names them; everything else holds for jobs that
 * start from then on.
 */
#include "runner/supervisor/settings.h"

#include "config/runner_inherit.h"
#include "runner/ipc/role.h"

/* What is bound to open files, sockets and the token's owner. All are texts. */
static const struct {
	const char *section, *key;
} fixed_keys[] = {
	{ "server", "base_url" },
	{ "server", "ca_file" },
	{ "runner", "workspace_root" },
	{ "runner", "state_dir" },
	{ "metrics", "listen" },
};

void settings_report_release(struct settings_report *r)
{
	strv_release(&r->problems);
	strv_release(&r->warnings);
	strv_release(&r->fixed);
}

static void keep_fixed(struct options *o, struct runner_config *c,
	const struct runner_config *running, struct strv *ret_keys)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed_keys); i++) {
		int at = options_find(o, fixed_keys[i].section, fixed_keys[i].key);
		const struct option *opt = &o->table[at];
		char **now = (char **)((char *)c + opt->offset);
		const char *old = *(char *const *)((const char *)running + opt->offset);

		if (opt->type != OPTION_STRING)
			BUG("%s.%s is no text", opt->section, opt->key);
		if (str_eq(*now, old))
			continue;
		strv_addf(ret_keys, "%s.%s", opt->section, opt->key);
		free(*now);
		*now = xstrdup(old);
		free(o->values[at].text); /* what job processes inherit */
		o->values[at].text = xstrdup(old);
	}
}

static void take_problems(const struct options *o, struct strv *ret)
{
	for (size_t i = 0; i < o->n_problems; i++)
		strv_add_take(ret, option_problem_line(&o->problems[i]));
}

struct settings *settings_load(const struct settings_source *from, const struct settings *running,
	struct settings_report *report)
{
	struct settings *s = xcalloc(1, sizeof(*s));
	CLEAN_OPTIONS struct options o = { 0 };
	struct err e = { 0 };

	s->refs = 1;
	if (runner_config_load(&s->config, &o, from->args, from->environ) < 0) {
		take_problems(&o, &report->problems);
	} else if (runner_config_require(&s->config, &e) < 0) {
		strv_add(&report->problems, e.text);
	} else {
		strv_each (warning, &o.warnings)
			strv_add(&report->warnings, warning);
		if (running)
			keep_fixed(&o, &s->config, &running->config, &report->fixed);
		runner_config_export(&o, &s->job_env);
		role_pass_through(&s->job_env);
		return s;
	}
	settings_unref(s);
	return NULL;
}

struct settings *settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || --s->refs > 0)
		return;
	runner_config_release(&s->config);
	strv_release(&s->job_env);
	free(s);
}
