/*
 * Text: the first line names program, version, commit and date, one line a library follows. JSON,
 * stable: {"program","version","commit","build_date","libraries":{NAME:VERSION}}
 */
#include "base/version/verb.h"

#include <stdio.h>

#include "base/version/build_info.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/limits.h"

const char version_verb_help[] = "Prints version, commit and date of the source this program was "
				 "built from, and the versions\n"
				 "of the libraries that it runs with. The date is the commit's (or "
				 "SOURCE_DATE_EPOCH), not the\n"
				 "clock's.";

static void print_text(const struct pairs *libraries)
{
	printf("%s %s (commit %s, %s)\n", cli_program, build_version, build_commit, build_date);
	for (size_t i = 0; i < libraries->n; i++)
		printf("%s %s\n", libraries->v[i].key, libraries->v[i].value);
}

static int print_json(const struct pairs *libraries)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_str(&w, "program", cli_program);
	json_kv_str(&w, "version", build_version);
	json_kv_str(&w, "commit", build_commit);
	json_kv_str(&w, "build_date", build_date);
	json_key(&w, "libraries");
	json_begin_object(&w);
	for (size_t i = 0; i < libraries->n; i++)
		json_kv_str(&w, libraries->v[i].key, libraries->v[i].value);
	json_end_object(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	printf("%s%s", buf_cstr(&out), buf_cstr(&out)[out.len - 1] == '\n' ? "" : "\n");
	return EXIT_OK;
}

int version_verb(int argc, char **argv, const struct pairs *libraries)
{
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = { CLI_OUTPUT_FLAG(output) };
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), version_verb_help, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (output == OUTPUT_JSON)
		return print_json(libraries);
	print_text(libraries);
	return EXIT_OK;
}
