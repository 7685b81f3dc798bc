/*
 * Text: one line `key = value  # origin` each, problems on stderr. JSON, stable:
 *   {"valid":true,"values":[{"key","value","origin","source"}…],"warnings":[…]}
 *   {"valid":false,"errors":[{"file","line","column","source","key","message"}…]}
 * A value is a number, a string, an array of strings, or null when unset; source is null for
 * defaults; file, line and column are null for what does not come from a place in the file.
 */
#include "runner/verbs/config.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "config/option_list.h"
#include "config/runner_options.h"

static const char REDACTED[] = "***";

static const char *shown_text(const struct option *opt, const struct option_value *v)
{
	return opt->sensitive && v->text ? REDACTED : v->text;
}

/* JSON */

static void write_value(
	struct json_writer *w, const struct option *opt, const struct option_value *v)
{
	int64_t number;

	json_begin_object(w);
	json_key(w, "key");
	CLEAN_STR char *key = xasprintf("%s.%s", opt->section, opt->key);
	json_str(w, key);
	if (opt->type == OPTION_LIST)
		json_kv_strv(w, "value", &v->list);
	else if (opt->type == OPTION_INT && parse_i64(v->text, INT64_MIN, INT64_MAX, &number))
		json_kv_int(w, "value", number);
	else
		json_kv_str(w, "value", shown_text(opt, v));
	json_kv_str(w, "origin", option_origin_name(v->origin));
	json_kv_str(w, "source", v->source);
	json_end_object(w);
}

static void write_problem(struct json_writer *w, const struct option_problem *p)
{
	json_begin_object(w);
	json_kv_str(w, "file", p->file);
	json_key(w, "line");
	if (p->line)
		json_int(w, p->line);
	else
		json_null(w);
	json_key(w, "column");
	if (p->column)
		json_int(w, p->column);
	else
		json_null(w);
	json_kv_str(w, "source", p->source);
	json_kv_str(w, "key", p->key);
	json_kv_str(w, "message", p->message);
	json_end_object(w);
}

static int print_json(const struct options *o, bool valid)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_bool(&w, "valid", valid);
	json_key(&w, valid ? "values" : "errors");
	json_begin_array(&w);
	for (size_t i = 0; valid && i < o->count; i++)
		write_value(&w, &o->table[i], &o->values[i]);
	for (size_t i = 0; i < o->n_problems; i++)
		write_problem(&w, &o->problems[i]);
	json_end_array(&w);
	if (valid)
		json_kv_strv(&w, "warnings", &o->warnings);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0 || buf_addc(&out, '\n') < 0 ||
		fd_write_all(STDOUT_FILENO, out.data, out.len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return valid ? EXIT_OK : EXIT_USAGE;
}

/* text */

static void add_quoted(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *text);
	}
	buf_addc(out, '"');
}

static void add_value(struct buf *out, const struct option *opt, const struct option_value *v)
{
	if (opt->type == OPTION_LIST) {
		buf_addc(out, '[');
		for (size_t i = 0; i < v->list.n; i++) {
			buf_adds(out, i ? ", " : "");
			add_quoted(out, v->list.v[i]);
		}
		buf_addc(out, ']');
	} else if (!v->text) {
		buf_adds(out, "(unset)");
	} else if (opt->type == OPTION_INT) {
		buf_adds(out, v->text);
	} else {
		add_quoted(out, shown_text(opt, v));
	}
}

static int print_text(const struct options *o, bool valid)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	struct err e = { 0 };

	if (!valid)
		return runner_config_report(o);
	for (size_t i = 0; i < o->count; i++) {
		const struct option_value *v = &o->values[i];

		buf_addf(&out, "%s.%s = ", o->table[i].section, o->table[i].key);
		add_value(&out, &o->table[i], v);
		buf_addf(&out, "  # %s%s%s\n", option_origin_name(v->origin), v->source ? " " : "",
			v->source ? v->source : "");
	}
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	strv_each (line, &o->warnings)
		fprintf(stderr, "warning: %s\n", line);
	return EXIT_OK;
}

int verb_config_check(int argc, char **argv)
{
	CLEANUP(runner_config_release) struct runner_config config = { 0 };
	CLEAN_OPTIONS struct options o = { 0 };
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag own[] = {
		CLI_OUTPUT_FLAG(output),
	};
	struct runner_args args;
	struct err e = { 0 };

	int rc = runner_args_parse(&args, argc, argv, own, ARRAY_LEN(own),
		"Resolves the configuration as run would and prints every value with its origin.");

	if (rc != 0)
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	bool valid = runner_config_load(&config, &o, &args, environ) == 0;
	if (valid && runner_config_require(&config, &e) < 0)
		strv_addf(&o.warnings, "run would stop: %s", e.text);
	return output == OUTPUT_JSON ? print_json(&o, valid) : print_text(&o, valid);
}

int verb_config_keys(int argc, char **argv)
{
	static const struct option_names names = { .prefix = RUNNER_ENV_PREFIX, .home = "runner" };

	return option_list_verb(argc, argv, runner_option_table, RUNNER_OPTION_COUNT, &names);
}
