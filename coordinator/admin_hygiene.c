#include "coordinator/admin_hygiene.h"

#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/row_json.h"

#define OUT_MAX MIB(256)

static int record_write(struct json_writer *w, const struct hygiene_row *r, struct err *e)
{
	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "key", r->key);
	json_kv_str(w, "host", r->host);
	json_kv_str(w, "action", r->action);
	json_kv_str(w, "status", r->status);
	json_key(w, "runner");
	if (r->runner) {
		json_begin_object(w);
		json_kv_int(w, "id", r->runner_id);
		json_kv_str(w, "name", r->runner);
		json_end_object(w);
	} else {
		json_null(w);
	}
	kv_time(w, "created_at", r->created_at);
	int rc = kv_json(w, "documents", r->documents, e);
	json_end_object(w);
	return rc;
}

static int print_json(const struct hygiene_list *l)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;
	struct err e = { 0 };
	int rc = 0;

	json_writer_init(&w, &out, true);
	json_begin_array(&w);
	for (size_t i = 0; i < l->n && rc == 0; i++)
		rc = record_write(&w, &l->v[i], &e);
	json_end_array(&w);
	if (rc == 0)
		return admin_print_json(&w, &out);
	return json_writer_finish(&w, NULL) || rc ? admin_fail(&e) : EXIT_OK;
}

static int print_text(const struct hygiene_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct hygiene_row *r = &l->v[i];
		char when[WALL_TEXT_MAX];
		printf("%lld\t%s\t%s\t%s\t%s\t%s\t%s\n", (long long)r->id,
			wall_format(r->created_at, when), r->host, r->action, r->status, r->key,
			r->runner ? r->runner : "-");
	}
	return EXIT_OK;
}

int admin_hygiene_history(int argc, char **argv)
{
	const char *data = NULL, *output = NULL, *host = NULL;
	CLEANUP(hygiene_list_release) struct hygiene_list l = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	int64_t limit = 25;
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "host", CLI_STRING, &host, "NAME", "default: all hosts" },
		{ "limit", CLI_INT, &limit, "N", "newest N, default 25", .min = 1, .max = 100 },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || store_hygiene_list(a.store, host, limit, &l, &e) < 0)
		return admin_fail(&e);
	return json ? print_json(&l) : print_text(&l);
}
