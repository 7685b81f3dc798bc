/*
 * The table decides what a file may hold, so it also writes the file to begin with. Keys that
 * follow from others or from the machine have no default here; their meaning says so.
 */
#include "config/option_list.h"

#include <ctype.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"

static const char help[] =
	"Lists every key of the configuration with its default, range, flag and "
	"meaning.\nText is a configuration file in which every key is a comment.";

static char *variable_name(const struct option *opt, const struct option_names *names)
{
	bool home = str_eq(opt->section, names->home);
	char *name = xasprintf(
		"%s%s%s%s", names->prefix, home ? "" : opt->section, home ? "" : "__", opt->key);

	for (char *c = name; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return name;
}

static void write_option(
	struct json_writer *w, const struct option *opt, const struct option_names *names)
{
	CLEAN_STR char *expected = option_expectation(opt);
	CLEAN_STR char *variable = variable_name(opt, names);

	json_begin_object(w);
	json_kv_str(w, "section", opt->section);
	json_kv_str(w, "key", opt->key);
	json_kv_str(w, "default", opt->fallback);
	json_kv_str(w, "expected", expected);
	json_kv_str(w, "flag", opt->flag);
	json_kv_str(w, "variable", variable);
	json_kv_str(w, "help", opt->help);
	json_kv_bool(w, "sensitive", opt->sensitive);
	json_end_object(w);
}

/* As a file would hold it; without a default what it takes. */
static void add_value(struct buf *out, const struct option *opt)
{
	bool bare = opt->type == OPTION_INT || opt->type == OPTION_BOOL;
	const char *quote = bare ? "" : "\"";

	if (opt->type != OPTION_LIST) {
		buf_addf(out, "%s%s%s", quote, opt->fallback ? opt->fallback : "", quote);
		return;
	}
	CLEANUP(strv_release) struct strv items = { 0 };
	if (opt->fallback)
		strv_split(&items, opt->fallback, ',');
	buf_addc(out, '[');
	for (size_t i = 0; i < items.n; i++)
		buf_addf(out, "%s\"%s\"", i ? ", " : "", items.v[i]);
	buf_addc(out, ']');
}

static void add_option(struct buf *out, const struct option *opt, const struct option_names *names)
{
	CLEAN_STR char *expected = option_expectation(opt);
	CLEAN_STR char *variable = variable_name(opt, names);

	buf_addf(out, "# %s; %s. %s", opt->help ? opt->help : opt->key, expected, variable);
	if (opt->flag)
		buf_addf(out, ", --%s", opt->flag);
	buf_addf(out, "\n#%s = ", opt->key);
	add_value(out, opt);
	buf_addc(out, '\n');
}

int option_list_print(const struct option *table, size_t count, const struct option_names *names,
	enum cli_output output)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };

	if (output == OUTPUT_JSON) {
		json_writer_init(&w, &out, true);
		json_begin_array(&w);
		for (size_t i = 0; i < count; i++)
			write_option(&w, &table[i], names);
		json_end_array(&w);
		if (json_writer_finish(&w, &e) < 0)
			return cli_fail(EXIT_FINDINGS, "%s", e.text);
		buf_addc(&out, '\n');
	}
	for (size_t i = 0; output == OUTPUT_TEXT && i < count; i++) {
		if (i == 0 || !str_eq(table[i].section, table[i - 1].section))
			buf_addf(&out, "%s[%s]\n", i ? "\n" : "", table[i].section);
		add_option(&out, &table[i], names);
	}
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return EXIT_OK;
}

int option_list_verb(int argc, char **argv, const struct option *table, size_t count,
	const struct option_names *names)
{
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = { CLI_OUTPUT_FLAG(output) };
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), help, 0, NULL, NULL);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	return option_list_print(table, count, names, output);
}
