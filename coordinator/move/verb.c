/* `shithubd store copy`. */
#include "coordinator/move/verb.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/limits.h"
#include "coordinator/move/move.h"

#define RESULT_MAX MIB(1)

static void on_tell(void *data UNUSED, const char *line)
{
	fprintf(stderr, "%s: %s\n", cli_path(), line);
}

static int json_print(const struct move_done *d)
{
	CLEAN_BUF struct buf out = BUF_INIT(RESULT_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_int(&w, "rows", d->rows);
	json_kv_bool(&w, "resumed", d->resumed);
	json_key(&w, "tables");
	json_begin_array(&w);
	for (size_t i = 0; i < d->n; i++) {
		json_begin_object(&w);
		json_kv_str(&w, "name", d->v[i].name);
		json_kv_int(&w, "rows", d->v[i].rows);
		json_kv_str(&w, "sha256", d->v[i].digest);
		json_kv_int(&w, "last_id", d->v[i].counter);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	puts(buf_cstr(&out));
	return EXIT_OK;
}

static void text_print(const struct move_done *d, const char *to)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].rows)
			printf("%-24s %10" PRId64 " rows  %.16s\n", d->v[i].name, d->v[i].rows,
				d->v[i].digest);
	printf("%zu tables, %" PRId64 " rows, the same on both sides.\n"
	       "Not in a store, so not copied: the data folder with repositories, root.key and, "
	       "without a\nbucket, objects. Keep it, or take it along, and start\n"
	       "  shithubd serve --data FOLDER --store '%s'\n"
	       "The source is as it was; no serve may use it from now on.\n",
		d->n, d->rows, to);
}

int verb_store_copy(int argc, char **argv)
{
	enum cli_output output = OUTPUT_TEXT;
	struct move_options o = { .tell = on_tell };
	const struct cli_flag flags[] = {
		{ "from", CLI_STRING, &o.from, "STORE", "sqlite:/FOLDER or postgres://…",
			.required = true },
		{ "to", CLI_STRING, &o.to, "STORE", "the other engine, without rows of its own",
			.required = true },
		{ "page-rows", CLI_INT, &o.page, "N",
			"rows of a transaction, at most (default: 2000)", .min = 1, .max = 100000 },
		CLI_OUTPUT_FLAG(output),
	};
	struct move_done done;
	struct err e = { 0 };
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Stop serve first. A copy that was cut off goes on when it is started again. At "
		"the "
		"end counts\nand digests of every table are compared. Exit codes: 0 done, 1 failed "
		"(start it again), 2 usage,\nor a text that PostgreSQL cannot hold, 3 refused: a "
		"serve runs, the schema is older or newer, the\ndestination has rows of its own, "
		"or "
		"what an earlier copy left is not what the source has now.",
		0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (move_run(&o, &done, &e) < 0)
		rc = cli_fail(exit_code(&e), "%s", e.text);
	else if (output == OUTPUT_JSON)
		rc = json_print(&done);
	else
		text_print(&done, o.to);
	move_done_release(&done);
	return rc;
}
